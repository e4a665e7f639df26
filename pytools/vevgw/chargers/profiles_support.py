"""What the format can say and the firmware's driver cannot do yet."""

from __future__ import annotations

from typing import Any

from vevgw.chargers.profiles import Profile
from vevgw.chargers.profiles_units import TEXTS, scale_to_firmware

_ROW_KEYS = [
    "read_with",
    "write_with",
    "byte_order",
    "shift",
    "mask",
    "stride",
    "reversed",
    "read_along",
    "not_available",
    "zero_when",
    "offset",
    "valid",
    "exists_when",
    "variants",
    "readback",
    "overlaps",
]
_ROW_MEANINGS = [
    "power_export",
    "energy_export",
    "reactive_power",
    "reactive_energy",
    "power_factor",
    "soc",
    "plug_time",
]


def unsupported(profile: Profile) -> list[str]:
    """Returns what the driver cannot do yet of a profile without errors, one sentence each."""
    data = profile.data
    if profile.is_meter:
        return ["the firmware has no meters yet."]
    return [
        f"the firmware's driver does not know {what} yet."
        for what in (*_of_registers(data["registers"]), *_of_charger(data))
    ]


def _of_registers(registers: dict[str, dict[str, Any]]) -> list[str]:
    found: list[str] = []
    meanings: set[str] = set()
    for row in registers.values():
        found += [key for key in _ROW_KEYS if key in row]
        meaning = row.get("meaning")
        found += [f"meaning {meaning}"] if meaning in _ROW_MEANINGS or meaning in meanings else []
        meanings |= {meaning} if meaning else set()
        is_phases = meaning in ("current", "voltage") or row.get("elements", 1) == 1
        found += [] if is_phases else [f"elements of {meaning}"]
        if meaning and row.get("type") not in TEXTS and scale_to_firmware(row) < 0:
            found.append("negative scales")
    return found


def _of_charger(data: dict[str, Any]) -> list[str]:
    registers = data["registers"]
    found: list[str] = [
        key for key in ("connectors", "identity", "errors", "tag_reader") if key in data
    ]
    if "rtu" not in data["transport"]:
        found.append("this transport")
    found += [
        key
        for key in ("write_gap_ms", "first_request_lost_after_ms", "poll_every_ms")
        if key in data["transport"]
    ]
    for rule in data["state"]["rules"]:
        when = rule.get("when", {})
        if len(when) != 1 or not isinstance(next(iter(when.values())), int):
            found.append("such state rules")
        if any(registers[name].get("meaning") != "state" for name in when) or "code" in rule:
            found.append("such state rules")
        if "auth" in rule:
            found.append("auth")
    control, limit = data["control"], data["control"]["limit"]
    found += [key for key in control if key not in ("limit", "enable", "wake")]
    found += [
        key
        for key in ("also", "write_every_s", "again_after_enable", "three_phases_from_w")
        if key in limit
    ]
    if limit["zero_means"] == "autostart":
        found.append("zero_means: autostart")
    watchdog = data["watchdog"]
    if watchdog["fed_by"] not in ("none", "any_transaction") or "restart_register" in watchdog:
        found.append("this watchdog")
    if isinstance(watchdog.get("failsafe_register"), list):
        found.append("two failsafe registers")
    written = [limit["register"], *(row["register"] for row in data.get("init", []))]
    written += [control["enable"]["register"]] if "enable" in control else []
    found += [
        f"writing {registers[name]['type']}"
        for name in written
        if registers[name].get("type", "u16") != "u16"
    ]
    if registers[limit["register"]].get("unit") not in ("A", "mA"):
        found.append("limits in W")
    if any("mask" in row or "when" in row for row in data.get("init", [])):
        found.append("such settings")
    return found
