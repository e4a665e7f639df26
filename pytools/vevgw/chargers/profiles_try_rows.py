"""The registers of a profile that are tried, and what looks wrong about one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vevgw.chargers.profiles_decode import Reading, Value


@dataclass(slots=True)
class Row:
    """One register of the profile and what came of reading it.

    Attributes:
        role: Meaning, or what the profile uses it for.
        note: Why there is nothing to show; empty when there is.
    """

    name: str
    register: dict[str, Any]
    address: int
    role: str
    reading: Reading | None = None
    note: str = ""

    @property
    def words(self) -> str:
        """Raw words, hexadecimal."""
        return "" if self.reading is None else " ".join(f"{w:04X}" for w in self.reading.words)

    @property
    def shown(self) -> str:
        """Values with their unit, or why there is none."""
        if self.reading is None:
            return self.note
        said = ", ".join(map(_say, self.reading.values))
        unit = self.register.get("unit", "")
        return f"{said} {unit}".strip()

    def as_json(self) -> dict[str, Any]:
        """Returns what `--json` prints."""
        return {
            "name": self.name,
            "space": self.register["space"],
            "address": self.address,
            "words": None if self.reading is None else list(self.reading.words),
            "values": None if self.reading is None else list(self.reading.values),
            "unit": self.register.get("unit"),
            "meaning": self.role,
            "confidence": self.register["confidence"],
            "note": self.note or None,
        }


def roles(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Registers that are shown, and what the profile has them for; the last one counts."""
    for name, register in data["registers"].items():
        if "poll" in register or "meaning" in register:
            yield name, ""
    for name in _in_conditions(data):
        yield name, "in conditions"
    control, watchdog = data.get("control", {}), data.get("watchdog", {})
    if control:
        limit = control["limit"]["register"]
        yield limit, "limit"
        if "readback" in data["registers"][limit]:
            yield data["registers"][limit]["readback"], "limit, read back"
    if "enable" in control:
        yield control["enable"]["register"], "enable"
    if "timeout_register" in watchdog:
        yield watchdog["timeout_register"], "watchdog time-out"
    failsafe = watchdog.get("failsafe_register", [])
    for name in [failsafe] if isinstance(failsafe, str) else failsafe:
        yield name, "failsafe current"
    if "restart_register" in watchdog:
        yield watchdog["restart_register"], "current after restart"


def _in_conditions(data: dict[str, Any]) -> Iterator[str]:
    conditions = [data.get("identity", {})]
    conditions += [rule.get("when", {}) for rule in data.get("state", {}).get("rules", ())]
    conditions += [rule.get("when", {}) for rule in data.get("errors", ())]
    for register in data["registers"].values():
        conditions.append(register.get("exists_when", {}))
        conditions += [variant["when"] for variant in register.get("variants", ())]
    for when in conditions:
        yield from when


def _say(value: Value) -> str:
    if value is None:
        return "no value"
    return value if isinstance(value, str) else f"{value:.10g}"


def numbers(row: Row) -> list[float]:
    """Values in the unit without prefix; empty when one of them is none."""
    if row.reading is None:
        return []
    factor = {"m": 1e-3, "k": 1e3}.get(str(row.register.get("unit", " "))[0], 1.0)
    if row.register.get("unit") in (None, "ms"):
        factor = 1.0
    values = [value * factor for value in row.reading.values if isinstance(value, float)]
    return values if len(values) == len(row.reading.values) else []


def hints_of(row: Row) -> Iterator[str]:
    """Returns what looks wrong about a value."""
    for value in numbers(row):
        # A phase that is not connected has none, or some volts that it catches from its neighbours.
        is_open = value == 0 or 0.001 <= value <= 20
        if row.role == "voltage" and not is_open and not 180 <= value <= 265:
            yield f"'{row.name}' says {value:.4g} V: wrong scale or word order?"
            return
        if row.role == "frequency" and not 45 <= value <= 65:
            yield f"'{row.name}' says {value:.4g} Hz: wrong scale or word order?"
            return
        if row.role == "current" and not -200 <= value <= 200:
            yield f"'{row.name}' says {value:.4g} A: wrong scale or word order?"
            return
        if row.role == "temperature" and not -40 <= value <= 125:
            yield f"'{row.name}' says {value:.4g} degC: wrong scale or type?"
            return
