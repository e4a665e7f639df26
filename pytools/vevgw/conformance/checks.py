"""Checks that are more than a comparison of fields; a case names them: `check: required_keys`.

A check raises Deviation. It gets the walk (see runner.py) and the arguments of the step, resolved.
It may be a coroutine, to send CALLs itself. Those of a profile are in modules of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from vevgw.conformance.errors import Deviation
from vevgw.conformance.expressions import evaluate

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk

CheckFunction = Callable[["Walk", Mapping[str, Any]], Awaitable[None] | None]

CHECKS: Final[dict[str, CheckFunction]] = {}


def check(function: CheckFunction) -> CheckFunction:
    """Makes a function a check of its own name."""
    CHECKS[function.__name__] = function
    return function


@check
def one_upload(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """One file has arrived at $DIAG_URL, it is not empty, and has the name that was told.

    The name is that of the answer with the label `of`, where there is one.
    """
    assert walk.stage.files is not None
    found = list(walk.stage.files.uploads.iterdir())
    if len(found) != 1:
        raise Deviation(f"{len(found)} files were delivered instead of one")
    if found[0].stat().st_size == 0:
        raise Deviation(f"the file {found[0].name} is empty")
    if "of" in arguments:
        told = walk.seen[arguments["of"]][-1].payload["filename"]
        if found[0].name != told:
            raise Deviation(f"the file is {found[0].name}, but {told} was told")


@check
def equal(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """Two expressions, `first` and `second`, have the same value."""
    first, second = (evaluate(arguments[name], walk.name) for name in ("first", "second"))
    if first != second:
        raise Deviation(f"{arguments['first']} is {first!r}, {arguments['second']} is {second!r}")
