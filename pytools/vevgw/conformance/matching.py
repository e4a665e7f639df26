"""Whether a payload is as a case says.

A matcher is a literal value, or an object with one of these keys:

    {oneof: [a, b]}      one of them (matchers, too)
    {absent: true}       the field is not there
    {absent_or: a}       not there, or as the matcher says
    {any: true}          there, whatever its value
    {contains: text}     text with this in it
    {near: 10, by: 2}    a number that differs by 2 at most

Objects may hold more than the matcher names; a list matches when every wanted entry is found among
its entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MISSING: Final = object()
KEYWORDS: Final = frozenset({"oneof", "absent", "absent_or", "any", "contains", "near"})


def mismatch(value: Any, wanted: Any, path: str = "") -> str | None:
    """Returns what is wrong with a payload, as a part of a sentence; None if nothing."""
    if isinstance(wanted, Mapping) and not KEYWORDS & set(wanted):
        return _object_mismatch(value, wanted, path)
    where = path or "the payload"
    shown = "missing" if value is _MISSING else repr(value)
    if isinstance(wanted, Mapping):
        return None if _fits(value, wanted, path) else f"{where} is {shown}, not {say(wanted)}"
    if isinstance(wanted, list):
        if not isinstance(value, list):
            return f"{where} is {shown}, not a list"
        for part in wanted:
            if all(mismatch(one, part) is not None for one in value):
                return f"{where} has no entry like {say(part)}"
        if not wanted and value:
            return f"{where} is not empty"
        return None
    return None if _equal(value, wanted) else f"{where} is {shown}, not {say(wanted)}"


def matches(value: Any, wanted: Any) -> bool:
    """Whether a payload is as wanted."""
    return mismatch(value, wanted) is None


def say(wanted: Any) -> str:
    """Writes a matcher for people."""
    if not isinstance(wanted, Mapping):
        return repr(wanted)
    if "oneof" in wanted:
        return " or ".join(say(one) for one in wanted["oneof"])
    if "absent" in wanted:
        return "missing"
    if "absent_or" in wanted:
        return f"missing or {say(wanted['absent_or'])}"
    if "any" in wanted:
        return "there"
    if "contains" in wanted:
        return f"text with {wanted['contains']!r}"
    if "near" in wanted:
        return f"{wanted['near']} +- {wanted['by']}"
    return "{" + ", ".join(f"{name}: {say(part)}" for name, part in wanted.items()) + "}"


def _object_mismatch(value: Any, wanted: Mapping[str, Any], path: str) -> str | None:
    if not isinstance(value, Mapping):
        return f"{path or 'the payload'} is {'missing' if value is _MISSING else repr(value)}"
    for name, part in wanted.items():
        inner = f"{path}.{name}" if path else name
        wrong = mismatch(value.get(name, _MISSING), part, inner)
        if wrong is not None:
            return wrong
    return None


def _fits(value: Any, wanted: Mapping[str, Any], path: str) -> bool:
    if "oneof" in wanted:
        return any(mismatch(value, one, path) is None for one in wanted["oneof"])
    if "absent" in wanted:
        return value is _MISSING
    if "absent_or" in wanted:
        return value is _MISSING or mismatch(value, wanted["absent_or"], path) is None
    if value is _MISSING:
        return False
    if "contains" in wanted:
        return isinstance(value, str) and str(wanted["contains"]) in value
    if "near" in wanted:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and abs(value - wanted["near"]) <= wanted["by"]
    return True


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, int | float) and isinstance(value, int | float):
        return abs(value - wanted) < 1e-6
    if isinstance(value, str) and isinstance(wanted, int | float):
        # Values of configuration keys are text.
        return value == str(wanted)
    return bool(value == wanted)
