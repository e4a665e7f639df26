"""What the words of a device's registers say, by its profile.

The reference is docs/profile-format.md; neither the firmware nor the simulated devices share this
code, so that tests can compare them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from vevgw.chargers.profiles_units import FLOATS, TEXTS, UNITS, fraction, is_bit

Compared: TypeAlias = int | str
Value: TypeAlias = float | str | None

_FORMATS = {
    "u16": ">H",
    "s16": ">h",
    "u32": ">I",
    "s32": ">i",
    "u64": ">Q",
    "s64": ">q",
    "f32": ">f",
    "f64": ">d",
}
_NOMINAL_V = 230


@dataclass(frozen=True, slots=True)
class Reading:
    """One register row of a profile as a device has answered it.

    Attributes:
        words: As read, elements one after the other.
        compared: What conditions compare: the first element after shift and mask, without scale.
        values: In the row's unit, L1 first; None: the device says that it has no value.
    """

    words: tuple[int, ...]
    compared: Compared
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a profile's rules make of the registers.

    Attributes:
        pilot: IEC 61851 state, X = fault, hold = nothing is said about the plug.
        rule: Number of the state rule that holds, from 1; None: none does.
        error, warning: OCPP 1.6 error codes.
        info: The profile's sentence for it.
    """

    pilot: str
    rule: int | None
    error: str | None = None
    warning: str | None = None
    info: str | None = None
    boot: bool = False
    auth: str | None = None


def decode(
    row: Mapping[str, Any], elements: Sequence[Sequence[int]], scale: float | str | None = None
) -> Reading:
    """Returns what the words of a row say.

    Args:
        row: The register of the profile.
        elements: Words of each element as read; one 0 or 1 of a coil or discrete input.
        scale: That of the variant that holds; default: the row's own.
    """
    values = [_value(row, words, scale) for words in elements]
    if row.get("reversed"):
        values.reverse()
    words = tuple(word for element in elements for word in element)
    return Reading(words, _compared(row, elements[0]), tuple(values))


def variant_scale(row: Mapping[str, Any], known: Mapping[str, Compared]) -> float | str | None:
    """Returns the scale that replaces the row's own; None: none does."""
    for variant in row.get("variants", ()):
        if holds(variant["when"], known):
            scale: float | str = variant["scale"]
            return scale
    return None


def holds(when: Mapping[str, Any], known: Mapping[str, Compared]) -> bool:
    """Returns whether all conditions hold; an unknown register lets none hold."""
    return all(name in known and _matches(match, known[name]) for name, match in when.items())


def verdict(profile: Mapping[str, Any], known: Mapping[str, Compared]) -> Verdict:
    """Returns what the rules say: the first state rule and the first error that hold."""
    number, rule = _first(profile.get("state", {}).get("rules", ()), known)
    _, error = _first(profile.get("errors", ()), known)
    own: dict[str, Any] = {key: error[key] for key in ("error", "warning", "info") if key in error}
    said: dict[str, Any] = {**rule, **own}
    return Verdict(
        pilot=str(rule.get("pilot", "hold")),
        rule=number,
        error=said.get("error"),
        warning=said.get("warning"),
        info=said.get("info"),
        boot=bool(rule.get("boot", False)),
        auth=rule.get("auth"),
    )


def limit_words(profile: Mapping[str, Any], row: Mapping[str, Any], amps: float) -> list[int]:
    """Returns the words of one element that limit the current; less than 6 A: the raw `off`.

    Args:
        profile: A charger's.
        row: Its limit register, with the scale that holds.
        amps: Limit, A per phase; within min_a..max_a, or 0.
    """
    limit = profile["control"]["limit"]
    kind = str(row.get("type", "u16"))
    if amps < limit["min_a"]:
        raw: int | float = limit["off"]
    else:
        step = fraction(limit["step_a"])
        value = (fraction(amps) // step) * step
        quantity, factor = UNITS[row["unit"]]
        value *= _NOMINAL_V * profile["phases"] if quantity == "power" else 1000
        exact = (value / factor - fraction(row.get("offset", 0))) / fraction(row.get("scale", 1))
        raw = float(exact) if kind in FLOATS else math.floor(exact)
    return raw_words(row, raw)


def raw_words(row: Mapping[str, Any], raw: float) -> list[int]:
    """Returns the words of one element that hold a raw number; of a coil, 0 or 1."""
    if is_bit(dict(row)):
        return [int(bool(raw))]
    kind = str(row.get("type", "u16"))
    if kind in FLOATS:
        return _ordered(row, _split(struct.pack(_FORMATS[kind], float(raw))))
    size = struct.calcsize(_FORMATS[kind])
    return _ordered(
        row, _split(((int(raw) << row.get("shift", 0)) % (1 << 8 * size)).to_bytes(size))
    )


def in_amps(profile: Mapping[str, Any], row: Mapping[str, Any], value: float) -> float:
    """Returns what a limit in the row's unit is in A per phase."""
    quantity, factor = UNITS[row["unit"]]
    whole = value * float(factor)
    return whole / (_NOMINAL_V * profile["phases"]) if quantity == "power" else whole / 1000


def _ordered(row: Mapping[str, Any], words: Sequence[int]) -> list[int]:
    """From the wire's order to the high word and the high byte first, and back."""
    ordered = list(words)
    if row.get("byte_order") == "low_first":
        ordered = [word >> 8 | (word & 0xFF) << 8 for word in ordered]
    return ordered[::-1] if row.get("word_order") == "low_first" else ordered


def _split(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


def _bytes(row: Mapping[str, Any], words: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(2) for word in _ordered(row, words))


def _text(row: Mapping[str, Any], words: Sequence[int]) -> str:
    data = _bytes(row, words)
    match row["type"]:
        case "hex":
            return data.hex().upper()
        case "utf16":
            text = data.decode("utf-16-be", errors="replace")
        case _:
            text = data.decode("latin-1")
    return text.lstrip("\0 ").partition("\0")[0].rstrip()


def _pattern(row: Mapping[str, Any], words: Sequence[int]) -> int:
    return words[0] if is_bit(dict(row)) else int.from_bytes(_bytes(row, words))


def _masked(row: Mapping[str, Any], pattern: int) -> int:
    return (pattern >> int(row.get("shift", 0))) & int(row.get("mask", -1))


def _compared(row: Mapping[str, Any], words: Sequence[int]) -> Compared:
    if row.get("type") in TEXTS:
        return _text(row, words)[:2]
    return _masked(row, _pattern(row, words))


def _value(row: Mapping[str, Any], words: Sequence[int], scale: float | str | None) -> Value:
    kind = str(row.get("type", "u16"))
    if kind in TEXTS and not is_bit(dict(row)):
        return _text(row, words)
    pattern = _pattern(row, words)
    if pattern in row.get("not_available", ()):
        return None
    if pattern in row.get("zero_when", ()):
        return 0.0
    factor = fraction(row.get("scale", 1) if scale is None else scale)
    offset = fraction(row.get("offset", 0))
    if kind in FLOATS:
        raw: float = struct.unpack(_FORMATS[kind], _bytes(row, words))[0]
        if not math.isfinite(raw):
            return None
        value = raw * float(factor) + float(offset)
    else:
        number = _masked(row, pattern)
        bits = 0 if is_bit(dict(row)) else 8 * struct.calcsize(_FORMATS[kind])
        if kind.startswith("s") and number >> (bits - 1):
            number -= 1 << bits
        value = float(Fraction(number) * factor + offset)
    low, high = row.get("valid", (-math.inf, math.inf))
    return value if low <= value <= high else None


def _first(
    rules: Sequence[dict[str, Any]], known: Mapping[str, Compared]
) -> tuple[int | None, dict[str, Any]]:
    for number, rule in enumerate(rules, 1):
        if holds(rule.get("when", {}), known):
            return number, rule
    return None, {}


def _matches(match: Any, value: Compared) -> bool:
    if isinstance(match, list):
        return any(_matches(one, value) for one in match)
    if isinstance(match, dict):
        return isinstance(value, int) and _compares(match, value)
    if isinstance(match, str):
        text = str(value)
        return text.startswith(match[:-1]) if match.endswith("*") else text == match
    return bool(match == value)


def _compares(match: Mapping[str, Any], value: int) -> bool:
    if "bit" in match and not value >> match["bit"] & 1:
        return False
    value &= match.get("mask", -1)
    return (
        value == match.get("equals", value)
        and value in match.get("in", (value,))
        and ("not" not in match or value != match["not"])
        and match.get("min", value) <= value <= match.get("max", value)
    )
