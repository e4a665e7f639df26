"""Units, types and sizes of the registers of a profile."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

WORDS = {"u16": 1, "s16": 1, "u32": 2, "s32": 2, "f32": 2, "u64": 4, "s64": 4, "f64": 4}
FLOATS = ("f32", "f64")
TEXTS = ("ascii", "utf16", "hex")
# Unit -> (quantity, factor to the firmware's unit: mA, mV, W, var, Wh, varh, 0.1 degC, mHz, %, ms).
UNITS: dict[str, tuple[str, Fraction]] = {
    "A": ("current", Fraction(1000)),
    "mA": ("current", Fraction(1)),
    "V": ("voltage", Fraction(1000)),
    "mV": ("voltage", Fraction(1)),
    "W": ("power", Fraction(1)),
    "VA": ("power", Fraction(1)),
    "kW": ("power", Fraction(1000)),
    "kVA": ("power", Fraction(1000)),
    "var": ("reactive power", Fraction(1)),
    "kvar": ("reactive power", Fraction(1000)),
    "Wh": ("energy", Fraction(1)),
    "VAh": ("energy", Fraction(1)),
    "kWh": ("energy", Fraction(1000)),
    "kVAh": ("energy", Fraction(1000)),
    "varh": ("reactive energy", Fraction(1)),
    "kvarh": ("reactive energy", Fraction(1000)),
    "degC": ("temperature", Fraction(10)),
    "Hz": ("frequency", Fraction(1000)),
    "pct": ("share", Fraction(1)),
    "ms": ("time", Fraction(1)),
    "s": ("time", Fraction(1000)),
}
# Meaning -> quantity its unit must have; None: a number without unit, or a text.
QUANTITIES: dict[str, str | None] = {
    "state": None,
    "current": "current",
    "voltage": "voltage",
    "power": "power",
    "power_export": "power",
    "energy_total": "energy",
    "energy_session": "energy",
    "energy_export": "energy",
    "reactive_power": "reactive power",
    "reactive_energy": "reactive energy",
    "power_factor": None,
    "frequency": "frequency",
    "temperature": "temperature",
    "soc": "share",
    "plug_time": "time",
    "layout_version": None,
    "hardware_max": "current",
    "hardware_min": "current",
    "external_lock": None,
    "serial": None,
    "firmware": None,
}
# The firmware counts in thousandths.
_FACTORS = {"power_factor": Fraction(1000)}
PER_PHASE = ("current", "voltage", "power", "energy_total", "energy_session", "energy_export")


def fraction(scale: float | str) -> Fraction:
    """Returns a scale of a profile exactly: a number, or a fraction like "1/167".

    Raises:
        ValueError: It is neither.
        ZeroDivisionError: The fraction is by 0.
    """
    return Fraction(str(scale))


def unit_factor(register: dict[str, Any]) -> Fraction:
    """Returns by what a value in the register's unit is multiplied to get the firmware's unit."""
    unit = register.get("unit")
    if unit is not None:
        return UNITS[unit][1]
    return _FACTORS.get(register.get("meaning", ""), Fraction(1))


def scale_to_firmware(register: dict[str, Any], scale: float | str | None = None) -> Fraction:
    """Returns by what a raw value is multiplied to get the firmware's unit.

    Args:
        register: A row of the profile.
        scale: The scale of a variant; default: that of the row.
    """
    return fraction(register.get("scale", 1) if scale is None else scale) * unit_factor(register)


def is_bit(register: dict[str, Any]) -> bool:
    """Returns whether the register is a coil or a discrete input."""
    return register["space"] in ("coil", "discrete")


def element_words(register: dict[str, Any]) -> int:
    """Returns how many registers (or bits) one element covers."""
    if is_bit(register):
        return 1
    kind = register.get("type", "u16")
    return int(register.get("length", 1)) if kind in TEXTS else WORDS[kind]


def register_words(register: dict[str, Any]) -> int:
    """Returns how many registers (or bits) the register row covers."""
    words = element_words(register)
    return (int(register.get("elements", 1)) - 1) * int(register.get("stride", words)) + words


def request_words(register: dict[str, Any]) -> int:
    """Returns how many registers the shortest request for the row asks for."""
    along = register.get("read_along", {})
    return register_words(register) + int(along.get("before", 0)) + int(along.get("after", 0))


def largest_raw(register: dict[str, Any]) -> int:
    """Returns the largest raw value of an integer register."""
    if is_bit(register):
        return 1
    kind = str(register.get("type", "u16"))
    bits = 16 * WORDS[kind]
    return int(2 ** (bits - (kind[0] == "s")) - 1)
