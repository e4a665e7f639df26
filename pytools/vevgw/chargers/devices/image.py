"""Registers as a device shows them: numbers and texts, laid out in 16-bit words."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from vevgw.chargers.devices.base import Space

Raw: TypeAlias = int | float | str

_FORMATS = {
    "u16": "H",
    "s16": "h",
    "u32": "I",
    "s32": "i",
    "u64": "Q",
    "s64": "q",
    "f32": "f",
    "f64": "d",
}
_TEXTS = ("ascii", "utf16", "hex")
_TO_BASE = {"m": Fraction(1, 1000), "k": Fraction(1000)}
_BASE_UNITS = ("A", "V", "W", "VA", "var", "Wh", "VAh", "varh", "s", "degC", "Hz", "pct")
_COUNTED = ("energy_total", "energy_session", "energy_export", "plug_time")


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a device's register map.

    Attributes:
        name: Its name in the map.
        address: Of the first element.
        kind: Type of one element; `bit` for coils and discrete inputs.
        length: 16-bit words of one element (addresses, of bits).
        elements: How many, one per phase.
        stride: Addresses from one element to the next.
        scale, offset: Value in A, V, W, Wh, degC, Hz, s, % = raw * scale + offset.
        not_available: Raw pattern for "no value"; None: the device knows none.
        shift: Bits below the value, in a register that holds more.
        reading, writing: Tables in which it can be read and written; None: it cannot.
        overlaps: It is another view of registers that another entry describes.
        around: Addresses before and after that the device answers along with it.
    """

    name: str
    address: int
    kind: str
    length: int
    elements: int
    stride: int
    words_low_first: bool
    bytes_low_first: bool
    is_reversed: bool
    scale: Fraction
    offset: Fraction
    meaning: str
    not_available: int | None
    shift: int
    reading: Space | None
    writing: Space | None
    overlaps: bool
    around: tuple[int, int]

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> Field:
        """Returns the entry that a register of a profile describes."""
        space = Space(entry["space"])
        is_bit = space in (Space.COIL, Space.DISCRETE)
        kind = "bit" if is_bit else str(entry.get("type", "u16"))
        if is_bit:
            length = 1
        elif kind in _TEXTS:
            length = int(entry["length"])
        else:
            length = struct.calcsize("=" + _FORMATS[kind]) // 2
        access = entry.get("access", "r")
        reading = Space(entry.get("read_with", space.value)) if "r" in access else None
        patterns = entry.get("not_available") or [None]
        along = entry.get("read_along", {})
        factor = _base_factor(entry.get("unit"))
        return cls(
            name=name,
            address=int(entry["address"]),
            kind=kind,
            length=length,
            elements=int(entry.get("elements", 1)),
            stride=int(entry.get("stride", length)),
            words_low_first=entry.get("word_order") == "low_first",
            bytes_low_first=entry.get("byte_order") == "low_first",
            is_reversed=bool(entry.get("reversed", False)),
            scale=Fraction(str(entry.get("scale", 1))) * factor,
            offset=Fraction(str(entry.get("offset", 0))) * factor,
            meaning=str(entry.get("meaning", "")),
            not_available=patterns[0],
            shift=int(entry.get("shift", 0)),
            reading=reading,
            writing=space if "w" in access else None,
            overlaps=bool(entry.get("overlaps", False)),
            around=(int(along.get("before", 0)), int(along.get("after", 0))),
        )

    def start(self, element: int) -> int:
        """Address of an element as the map counts them."""
        return self.address + element * self.stride

    def phase(self, element: int) -> int:
        """Phase of an element, 0 = L1."""
        return self.elements - 1 - element if self.is_reversed else element

    def raw(self, value: float) -> Raw:
        """Returns the raw number for a value in A, V, W, Wh, degC, Hz, s or %."""
        if self.kind in ("f32", "f64"):
            return (value - float(self.offset)) / float(self.scale)
        exact = (Fraction(value) - self.offset) / self.scale
        # Counters count what is complete; measurements are rounded.
        return math.floor(exact + Fraction(1, 10**6)) if self.meaning in _COUNTED else round(exact)

    def value(self, raw: Raw) -> float:
        """Returns what a raw number is worth."""
        assert not isinstance(raw, str)
        return raw * float(self.scale) + float(self.offset)

    def words(self, raw: Raw) -> list[int]:
        """Returns the words of one element; what does not fit is cut off as a device would."""
        if self.kind == "bit":
            return [int(bool(raw))]
        if isinstance(raw, str):
            data = self._text(raw)
        elif self.kind in _TEXTS:
            data = int(raw).to_bytes(2 * self.length, "big")
        elif self.kind in ("f32", "f64"):
            data = struct.pack(">" + _FORMATS[self.kind], float(raw))
        else:
            size = 2 * self.length
            data = ((int(raw) << self.shift) % (1 << 8 * size)).to_bytes(size, "big")
        words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
        if self.bytes_low_first:
            words = [word >> 8 | (word & 0xFF) << 8 for word in words]
        return words[::-1] if self.words_low_first else words

    def no_value(self) -> list[int]:
        """Returns the words with which the device says that it has no value."""
        if self.not_available is not None:
            size = 2 * self.length
            data = (self.not_available % (1 << 8 * size)).to_bytes(size, "big")
            words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, size, 2)]
            return words[::-1] if self.words_low_first else words
        return self.words(math.nan if self.kind in ("f32", "f64") else 0)

    def raw_of(self, words: Sequence[int]) -> Raw:
        """Returns the raw number of words that a client wrote."""
        if self.kind == "bit":
            return int(bool(words[0]))
        ordered = list(words[::-1] if self.words_low_first else words)
        if self.bytes_low_first:
            ordered = [word >> 8 | (word & 0xFF) << 8 for word in ordered]
        data = b"".join(word.to_bytes(2, "big") for word in ordered)
        if self.kind in _TEXTS:
            return data.decode("latin-1")
        number: int | float = struct.unpack(">" + _FORMATS[self.kind], data)[0]
        return number

    def _text(self, text: str) -> bytes:
        if self.kind == "hex":
            data = bytes.fromhex(text)
        else:
            data = text.encode("utf-16-be" if self.kind == "utf16" else "latin-1")
        size = 2 * self.length
        return data[:size].ljust(size, b"\0")


def _base_factor(unit: str | None) -> Fraction:
    """What a value is multiplied by to be in a unit without prefix."""
    if unit is None or unit in _BASE_UNITS:
        return Fraction(1)
    return _TO_BASE[unit[0]]
