"""What never counts in a profile because something before it always does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vevgw.chargers.profiles_decode import holds
from vevgw.chargers.profiles_yaml import Document, Finding, KeyPath, dotted

# What makes the firmware look at the next register of the same meaning.
_MAY_BE_ABSENT = ("optional", "exists_when", "from_layout")
# Each outlet or table has its own, or they are joined.
_SEVERAL = ("state", "power")


def findings(document: Document) -> Iterator[Finding]:
    """Returns rules and registers that never count. The document has the right shape."""
    yield from _rules(document, ("state", "rules"), document.data.get("state", {}).get("rules", []))
    yield from _rules(document, ("errors",), document.data.get("errors", []))
    yield from _registers(document)


def _rules(document: Document, place: KeyPath, rules: list[dict[str, Any]]) -> Iterator[Finding]:
    for index, rule in enumerate(rules):
        when = rule.get("when", {})
        path = (*place, index)
        before = _before(rules[:index], when)
        if before is not None:
            line = document.line((*place, before))
            yield document.finding(
                path,
                f"{dotted(path)} never counts: the rule in line {line} holds whenever it does.",
            )
            continue
        for name, match in when.items():
            for value in match if isinstance(match, list) else ():
                before = _before(rules[:index], {**when, name: value})
                if before is not None:
                    line = document.line((*place, before))
                    yield document.finding(
                        (*path, "when", name),
                        f"{dotted(path)}: the rule in line {line} has '{name}' {value} already.",
                    )


def _before(rules: list[dict[str, Any]], when: Mapping[str, Any]) -> int | None:
    """Returns the first of these rules that holds whenever the conditions do."""
    for index, rule in enumerate(rules):
        # One without conditions is a mistake of its own.
        if rule.get("when") and _is_implied(rule["when"], when):
            return index
    return None


def _is_implied(when: Mapping[str, Any], by: Mapping[str, Any]) -> bool:
    """Whether `when` holds wherever `by` does, as far as single values tell."""
    return all(name in by and _covers(name, match, by[name]) for name, match in when.items())


def _covers(name: str, match: Any, other: Any) -> bool:
    if match == other:
        return True
    values = other if isinstance(other, list) else [other]
    if isinstance(other, dict):
        if "mask" in other or not {"equals", "in"} & other.keys():
            return False
        values = [*other.get("in", ()), *([other["equals"]] if "equals" in other else ())]
    if any(isinstance(value, str) and value.endswith("*") for value in values):
        return False
    return all(holds({name: match}, {name: value}) for value in values)


def _registers(document: Document) -> Iterator[Finding]:
    first: dict[tuple[str, int], str] = {}
    registers: dict[str, dict[str, Any]] = document.data["registers"]
    for name, row in registers.items():
        meaning = row.get("meaning")
        if meaning is None or meaning == "state":
            continue
        # Phases and their total go together.
        key = (meaning, row.get("elements", 1) if meaning in _SEVERAL else 0)
        known = first.setdefault(key, name)
        if known == name:
            continue
        if any(mark in registers[known] for mark in _MAY_BE_ABSENT):
            first[key] = name
            continue
        yield document.finding(
            ("registers", name),
            f"Registers '{known}' and '{name}' both mean {meaning}, and the first that answers"
            f" counts: mark '{known}' as optional, or drop the meaning of '{name}'.",
            is_error=False,
        )
