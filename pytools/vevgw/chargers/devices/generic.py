"""A charger or meter of which only its profile is known.

It shows in each situation what the profile's own rules read as that situation. So it tells whether
a profile is complete and does what its author meant, not whether the author is right about the
device: for that the models of field_rtu and field_tcp state what the documents say.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vevgw.chargers import profiles
from vevgw.chargers.devices.image import Raw
from vevgw.chargers.devices.profile_device import MEASURED, ProfileDevice, Watchdog
from vevgw.chargers.profiles_decode import Compared, holds, verdict
from vevgw.errors import UserError

# What shows a situation, the best first.
_PILOTS = {
    "A1": ("A1", "A", "A2"),
    "A2": ("A2", "A", "A1"),
    "B1": ("B1", "B", "B2"),
    "B2": ("B2", "B", "B1"),
    "C1": ("C1", "C", "B1", "B", "C2"),
    "C2": ("C2", "C"),
    "E": ("E", "X"),
    "F": ("F", "X"),
    "error": ("X", "E"),
}
_NEEDED = ("A1", "B1", "C2")
# Combinations of register values that are tried for one situation.
_MOST_TRIES = 20_000
_PAUSES = {"pause": "pause", "end_session": "end", "fault": "fault"}


def make(path: Path) -> ProfileDevice:
    """Returns the generic device of a profile.

    Raises:
        UserError: The file cannot be read or has mistakes, or no rule shows a state that every
            charger has.
    """
    profile, findings = profiles.check_file(profiles.find_file(str(path)))
    if profile is None:
        raise UserError(str(next(finding for finding in findings if finding.is_error)))
    data, name = profile.data, profile.name
    shown = _states(data)
    lacking = [state for state in _NEEDED if state not in shown]
    if lacking and not profile.is_meter:
        raise UserError(f"{path}: no state rule tells pilot {lacking[0][0]}.")
    limit = data.get("control", {}).get("limit", {})
    switch = data.get("control", {}).get("enable")
    starts = {limit["register"]: limit["off"]} if limit else {}
    if switch is not None:
        starts[switch["register"]] = switch["off"]
    for fixed, match in data.get("identity", {}).items():
        starts[fixed] = next(_candidates(match))

    class Generic(ProfileDevice):
        """The device that the profile describes."""

        model = name
        states = shown
        defaults = starts
        enable = None if switch is None else (switch["register"], switch["on"], switch["off"])
        watchdog_facts = _watchdog(data)
        max_read = data["transport"]["max_registers"]

        def profile(self) -> Mapping[str, Any]:
            return data

        def commanded_a(self) -> float:
            return _commanded_a(self, data)

    return Generic()


def _commanded_a(device: ProfileDevice, data: Mapping[str, Any]) -> float:
    """Current that the limit register asks for, A per phase; a meter stops nothing."""
    if "control" not in data:
        return device.hw_max_a
    limit = data["control"]["limit"]
    raw = device.stored(limit["register"])
    if raw == limit["off"] and "enable" not in data["control"]:
        return 0.0
    value = device.fields[limit["register"]].value(raw)
    is_power = data["registers"][limit["register"]]["unit"] in ("W", "kW", "VA", "kVA")
    return value / (230 * device.phases) if is_power else value


def _watchdog(data: Mapping[str, Any]) -> Watchdog | None:
    dog = data.get("watchdog", {"fed_by": "none"})
    if dog["fed_by"] == "none":
        return None
    limit = data["control"]["limit"]["register"]
    fed_by = {
        "any_transaction": (),
        "rewrite_limit": (limit,),
        "token": (dog.get("register", ""),),
        "write_timeout": (dog.get("timeout_register", ""),),
    }[dog["fed_by"]]
    failsafe = dog.get("failsafe_register")
    return Watchdog(
        fed_by=fed_by,
        token=dog.get("value") if dog["fed_by"] == "token" else None,
        time=dog.get("timeout_register"),
        default_s=dog["default_ms"] / 1000,
        failsafe=failsafe[0] if isinstance(failsafe, list) else failsafe,
        then=_PAUSES.get(dog.get("then", ""), "failsafe"),
    )


def _states(data: Mapping[str, Any]) -> dict[str, dict[str, Raw]]:
    """Values of the state registers in each situation."""
    rules = data.get("state", {}).get("rules", [])
    found: dict[str, dict[str, Raw]] = {}
    for situation, pilots in _PILOTS.items():
        for pilot in pilots:
            values = _values_for(data, rules, pilot)
            if values is not None:
                found[situation] = values
                break
    return found


def _values_for(
    data: Mapping[str, Any], rules: list[dict[str, Any]], pilot: str
) -> dict[str, Raw] | None:
    names = sorted({name for rule in rules for name in rule.get("when", {})})
    every = {
        name: _distinct(
            one for rule in rules for one in _candidates(rule.get("when", {}).get(name, 0))
        )
        for name in names
    }
    for rule in rules:
        if rule["pilot"] != pilot or rule.get("boot"):
            continue
        choices = [
            _distinct(_candidates(rule["when"][name]))
            if name in rule.get("when", {})
            else every[name]
            for name in names
        ]
        for values in itertools.islice(itertools.product(*choices), _MOST_TRIES):
            known: dict[str, Compared] = dict(zip(names, values, strict=True))
            said = verdict({"state": {"rules": rules}}, known)
            if holds(rule.get("when", {}), known) and said.rule == rules.index(rule) + 1:
                # What is measured is shown as it is.
                return {
                    name: value
                    for name, value in known.items()
                    if data["registers"][name].get("meaning") not in MEASURED
                }
    return None


def _candidates(match: Any) -> Iterator[Compared]:
    """Values that may fulfil a condition."""
    if isinstance(match, list):
        yield from itertools.chain.from_iterable(map(_candidates, match))
    elif isinstance(match, str):
        yield match.rstrip("*")
    elif isinstance(match, dict):
        yield from match.get("in", ())
        yield from (match[key] for key in ("equals", "min", "max") if key in match)
        if "bit" in match:
            yield 1 << match["bit"]
            yield 0
        # Others, for situations in which it must not hold.
        if "max" in match:
            yield match["max"] + 1
        if "mask" in match:
            yield match["mask"] ^ match.get("equals", 0)
        if "not" in match:
            yield from (value for value in (0, 1, match.get("mask", 2)) if value != match["not"])
    else:
        yield match
        yield match ^ 1


def _distinct(values: Iterator[Compared] | Any) -> list[Compared]:
    return list(dict.fromkeys(values))
