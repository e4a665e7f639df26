"""Checks that are more than a comparison of fields; a case names them: `check: required_keys`.

A check raises Deviation. It gets the walk (see runner.py) and the arguments of the step, resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk

CheckFunction = Callable[["Walk", Mapping[str, Any]], None]

CHECKS: Final[dict[str, CheckFunction]] = {}


def check(function: CheckFunction) -> CheckFunction:
    """Makes a function a check of its own name."""
    CHECKS[function.__name__] = function
    return function
