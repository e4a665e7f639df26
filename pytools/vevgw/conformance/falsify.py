"""Wrong values in place of right ones: finds a field that a matcher looks at, and changes it."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from vevgw.conformance.matching import KEYWORDS, matches, mismatch

#: What the falsified text is when a schema names no values to choose from.
_LIE: Final = "MUTANT"


@cache
def _schema(name: str) -> Mapping[str, Any]:
    spec = importlib.util.find_spec("ocpp")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "v16" / "schemas"
    data: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8-sig"))
    return data


def falsified(payload: Any, wanted: Mapping[str, Any], schema: str) -> Any | None:
    """Returns a payload that no longer matches, as near to the right one as possible.

    Args:
        payload: It matches.
        wanted: The matcher, resolved.
        schema: Name of the payload's schema, `Reset` or `ResetResponse`: a wrong value is one that
            the field may have.

    Returns:
        None when nothing can be changed.
    """
    changed = copy.deepcopy(payload)
    if not isinstance(changed, dict) or not _change(changed, wanted, _schema(schema)):
        return None
    return changed if not matches(changed, wanted) else None


def _change(payload: dict[str, Any], wanted: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    """Changes one field in place; literals first, since they say the most."""
    names = sorted(wanted, key=lambda name: _rank(name, wanted[name]))
    for name in names:
        part = wanted[name]
        inner = schema.get("properties", {}).get(name, {})
        if isinstance(part, Mapping) and not KEYWORDS & set(part):
            if isinstance(payload.get(name), dict) and _change(payload[name], part, inner):
                return True
            continue
        if isinstance(part, list):
            if _change_list(payload, name, part, inner):
                return True
            continue
        if _change_value(payload, name, part, inner):
            return True
    return False


def _rank(name: str, wanted: Any) -> int:
    if name in ("connectorId", "chargePointVendor", "chargePointModel"):
        return 3  # another connector's message would be none of the case's business
    if name == "status":
        return 0
    return 1 if not isinstance(wanted, Mapping | list) else 2


def _change_list(
    payload: dict[str, Any], name: str, wanted: list[Any], schema: Mapping[str, Any]
) -> bool:
    values = payload.get(name)
    if not isinstance(values, list):
        return False
    if not wanted:
        payload[name] = [*values, _LIE]
        return True
    part = wanted[-1]
    kept = [one for one in values if mismatch(one, part) is not None]
    fitting = next((one for one in values if mismatch(one, part) is None), None)
    if isinstance(part, Mapping) and isinstance(fitting, dict):
        lie = copy.deepcopy(fitting)
        if _change(lie, part, schema.get("items", {})):
            payload[name] = [*kept, lie]
            return True
    payload[name] = kept
    return True


def _change_value(
    payload: dict[str, Any], name: str, wanted: Any, schema: Mapping[str, Any]
) -> bool:
    value = payload.get(name)
    options: list[Any] = list(schema.get("enum", []))
    if isinstance(value, bool):
        options.append(not value)
    elif isinstance(value, int | float):
        options += [value + 1, value + 1000]
    elif isinstance(value, str):
        options += [_LIE, ""]
    else:
        options += [_LIE, 1]
    for option in options:
        if option != value and not matches({name: option}, {name: wanted}):
            payload[name] = option
            return True
    if name in payload and not matches({}, {name: wanted}):
        del payload[name]
        return True
    return False
