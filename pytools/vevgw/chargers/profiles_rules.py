"""What a profile must be beyond its shape: the registers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from vevgw.chargers.profiles_rules_order import findings as order_findings
from vevgw.chargers.profiles_rules_use import Use
from vevgw.chargers.profiles_units import (
    FLOATS,
    PER_PHASE,
    QUANTITIES,
    TEXTS,
    UNITS,
    element_words,
    is_bit,
    largest_raw,
    register_words,
    request_words,
    scale_to_firmware,
)
from vevgw.chargers.profiles_yaml import Document, Finding, KeyPath, guess

INT32_MAX = 2**31 - 1
_CHARGER_ONLY = ("state", "control", "watchdog", "errors", "init", "tag_reader", "connectors")
_CHARGER_NEEDS = ("state", "control", "watchdog")


def findings(document: Document) -> Iterator[Finding]:
    """Returns what is wrong or doubtful in a profile that has the right shape."""
    data = document.data
    is_meter = data.get("kind") == "meter"
    for key in _CHARGER_ONLY if is_meter else ():
        if key in data:
            yield document.finding((key,), f"A meter has no '{key}'.")
    missing = [key for key in _CHARGER_NEEDS if key not in data and not is_meter]
    for key in missing:
        yield document.finding((), f"the profile lacks '{key}'.")
    if not {"rtu", "ascii", "tcp"} & set(data["transport"]):
        yield document.finding(("transport",), "transport lacks 'rtu', 'ascii' or 'tcp'.")
    yield from _Registers(document).findings()
    yield from order_findings(document)
    if not missing:
        yield from Use(document).findings()


class _Registers:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._data: dict[str, Any] = document.data
        self._registers: dict[str, dict[str, Any]] = self._data["registers"]

    def findings(self) -> Iterator[Finding]:
        yield from self._overlaps()
        for name, register in self._registers.items():
            path = ("registers", name)
            yield from self._place(name, register, path)
            yield from self._type(name, register, path)
            yield from self._scale(name, register, path)
            yield from self._access(name, register, path)
            yield from self._meaning(name, register, path)
            yield from self._origin(name, register, path)
        yield from self._measurements()

    def _error(self, path: KeyPath, message: str) -> Finding:
        return self._document.finding(path, message)

    def _overlaps(self) -> Iterator[Finding]:
        rows = sorted(
            (register["space"], register["address"], register_words(register), name)
            for name, register in self._registers.items()
            if not register.get("overlaps") and register.get("stride") is None
        )
        for (space, address, words, name), (space2, address2, _, name2) in itertools.pairwise(rows):
            if space == space2 and address2 < address + words:
                yield self._error(
                    ("registers", name2),
                    f"Register '{name2}' at {address2} overlaps '{name}', which covers"
                    f" {address} to {address + words - 1} of the {space} registers.",
                )

    def _place(self, name: str, register: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
        before = register.get("read_along", {}).get("before", 0)
        if register["address"] + register_words(register) > 0x10000:
            yield self._error(path, f"Register '{name}' goes beyond address 65535.")
        if register["address"] < before:
            yield self._error(path, f"Register '{name}' reads along from below address 0.")
        limit = self._data["transport"]["max_registers"]
        words = request_words(register)
        # Elements that lie apart can be asked for one by one.
        if "stride" in register and "read_along" not in register:
            words = element_words(register)
        if words > limit:
            yield self._error(
                path,
                f"Register '{name}' needs {words} registers, but max_registers is {limit}.",
            )
        if register.get("stride", 100) < element_words(register):
            yield self._error(
                (*path, "stride"),
                f"Register '{name}' has the stride {register['stride']}, but one element covers"
                f" {element_words(register)} registers.",
            )
        if "stride" in register and register.get("elements", 1) == 1:
            yield self._error((*path, "stride"), f"Register '{name}' has only one element.")
        if register.get("shared") and "address_offset" not in self._data.get("connectors", {}):
            yield self._error(
                (*path, "shared"), f"Register '{name}' is shared, but nothing moves the others."
            )
        if "from_layout" in register and not self._with_meaning("layout_version"):
            yield self._error(
                (*path, "from_layout"),
                f"Register '{name}' depends on the layout version, but no register has the"
                " meaning layout_version.",
            )

    def _type(self, name: str, register: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
        kind = register.get("type", "u16")
        numbers = ("scale", "offset", "mask", "shift", "not_available", "zero_when", "valid")
        if is_bit(register):
            for key in ("type", *numbers, "word_order", "byte_order", "read_with", "write_with"):
                if key in register:
                    yield self._error(
                        path, f"Register '{name}' is one bit: it has no type and no {key}."
                    )
            return
        if kind in TEXTS:
            for key in (*numbers, "unit", "elements", "word_order"):
                if key in register:
                    yield self._error((*path, key), f"Register '{name}' is a text: no {key}.")
            if "length" not in register:
                yield self._error(path, f"Register '{name}' is a text: it needs a length.")
            return
        if "length" in register:
            yield self._error((*path, "length"), f"Register '{name}' is a number: no length.")
        for key in ("mask", "shift"):
            if key in register and kind not in ("u16", "u32"):
                yield self._error(
                    (*path, key), f"Register '{name}' has a {key}: its type must be u16 or u32."
                )
        bits = 32 if kind == "u32" else 16
        mask = register.get("mask", 1)
        if kind in ("u16", "u32") and mask << register.get("shift", 0) >= 2**bits:
            yield self._error(path, f"Register '{name}': mask and shift reach beyond {bits} bits.")
        for key in ("not_available", "zero_when"):
            for index, value in enumerate(register.get(key, [])):
                if kind in FLOATS:
                    yield self._error((*path, key), f"Register '{name}' is a float: no {key}.")
                    break
                # Raw values are bit patterns: 0xFFFF of a s16 is -1.
                if value > 2 * largest_raw(register) + 1 or (
                    kind[0] == "u" and value > largest_raw(register)
                ):
                    yield self._error(
                        (*path, key, index), f"Register '{name}': {value} does not fit {kind}."
                    )

    def _scale(self, name: str, register: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
        if is_bit(register) or register.get("type") in TEXTS:
            return
        scales: list[tuple[KeyPath, float | str]] = [
            ((*path, "scale"), register.get("scale", 1)),
            *(
                ((*path, "variants", index, "scale"), row["scale"])
                for index, row in enumerate(register.get("variants", []))
            ),
        ]
        for place, scale in scales:
            try:
                exact = scale_to_firmware(register, scale)
            except (ValueError, ZeroDivisionError):
                yield self._error(place, f"Register '{name}' has the scale {scale}: no number.")
                continue
            if exact == 0:
                yield self._error(
                    place, f"Register '{name}' has the scale {scale}: it must not be 0."
                )
            elif abs(exact.numerator) > INT32_MAX or exact.denominator > INT32_MAX:
                yield self._error(
                    place, f"Register '{name}' has the scale {scale}, which no real register needs."
                )
        needs_unit = register.get("meaning") != "power_factor" and "unit" not in register
        for key in ("scale", "offset", "valid", "variants"):
            if key in register and needs_unit:
                yield self._error((*path, key), f"Register '{name}' has a {key} but no unit.")
        low, high = register.get("valid", (0, 1))
        if low >= high:
            yield self._error(
                (*path, "valid"), f"Register '{name}': valid must be [lowest, highest]."
            )

    def _access(self, name: str, register: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
        access = register.get("access", "r")
        if access != "r" and register["space"] in ("input", "discrete"):
            yield self._error(
                path,
                f"Register '{name}' is in the {register['space']} registers, which cannot be"
                " written: access must be r.",
            )
        for key in ("write_with", "retentive", "readback"):
            if key in register and access == "r":
                yield self._error((*path, key), f"Register '{name}' is never written: no {key}.")
        if register.get("write_with") == "single" and register_words(register) > 1:
            yield self._error(
                (*path, "write_with"),
                f"Register '{name}' has {register_words(register)} registers: function 6 writes"
                " one only.",
            )
        if register.get("poll") and access == "w":
            yield self._error((*path, "poll"), f"Register '{name}' cannot be read: access is w.")
        if register.get("retentive") and access == "w" and "readback" not in register:
            yield self._error(
                (*path, "retentive"),
                f"Register '{name}' is retentive but cannot be read back: it would wear out.",
            )
        other = register.get("readback")
        if other is None:
            return
        if other not in self._registers:
            yield self._error(
                (*path, "readback"),
                f"Register '{name}' is read back from '{other}', which the profile does not"
                f" have{guess(other, list(self._registers))}.",
            )
        elif self._registers[other].get("access", "r") == "w":
            yield self._error((*path, "readback"), f"Register '{other}' cannot be read.")
        else:
            quantities = [
                UNITS[row["unit"]][0] if "unit" in row else None
                for row in (register, self._registers[other])
            ]
            if quantities[0] != quantities[1]:
                yield self._error(
                    (*path, "readback"),
                    f"Register '{name}' is read back from '{other}', which has another unit.",
                )

    def _meaning(self, name: str, register: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
        meaning = register.get("meaning")
        if meaning is None:
            return
        kind, poll = register.get("type", "u16"), register.get("poll")
        quantity, unit = QUANTITIES[meaning], register.get("unit")
        said = meaning.replace("_", " ")
        if kind in TEXTS and meaning not in ("state", "serial", "firmware"):
            yield self._error(path, f"Register '{name}' ({said}) is a text.")
        if kind in TEXTS and meaning == "state" and kind != "ascii":
            yield self._error((*path, "type"), f"Register '{name}' (state): only ascii is a state.")
        if quantity is None and unit is not None:
            yield self._error((*path, "unit"), f"Register '{name}' ({said}) has no unit.")
        if quantity is not None and (unit is None or UNITS[unit][0] != quantity):
            units = ", ".join(key for key, (of, _) in UNITS.items() if of == quantity)
            having = "no unit" if unit is None else f"the unit {unit}"
            yield self._error(
                (*path, "unit"),
                f"Register '{name}' is a {said} with {having}; possible: {units}.",
            )
        if meaning not in PER_PHASE and register.get("elements", 1) != 1:
            yield self._error(path, f"Register '{name}' ({said}) can only have one element.")
        if meaning == "layout_version" and (kind != "u16" or is_bit(register)):
            yield self._error(path, f"Register '{name}' ({said}) must be one u16 register.")
        if register.get("access", "r") == "w":
            yield self._error(path, f"Register '{name}' ({said}) cannot be read: access is w.")
        if meaning not in ("layout_version", "serial", "firmware") and poll is None:
            yield self._error(path, f"Register '{name}' ({said}) is never read: poll is missing.")
        if meaning == "state" and poll not in (None, "status"):
            yield self._error((*path, "poll"), f"Register '{name}' (state) needs poll: status.")
        if meaning in ("hardware_max", "hardware_min", "serial") and poll not in (None, "once"):
            yield self._error((*path, "poll"), f"Register '{name}' ({said}) needs poll: once.")

    def _origin(self, name: str, register: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
        for index, source in enumerate(register.get("sources", [])):
            if source not in self._data["sources"]:
                options = list(self._data["sources"])
                yield self._error(
                    (*path, "sources", index),
                    f"Register '{name}' names the source '{source}', which the profile does not"
                    f" list{guess(source, options)}.",
                )
        if register["confidence"] == "l":
            what = "meter" if self._data.get("kind") == "meter" else "charger"
            yield self._document.finding(
                path,
                f"Register '{name}' is doubtful (confidence l): compare it with the {what}.",
                is_error=False,
            )

    def _with_meaning(self, meaning: str) -> list[str]:
        return [name for name, row in self._registers.items() if row.get("meaning") == meaning]

    def _measurements(self) -> Iterator[Finding]:
        single = ("layout_version", "state", "plug_time", "external_lock", "serial")
        for meaning in single:
            names = self._with_meaning(meaning)
            if len(names) > 1 and meaning != "state":
                yield self._error(
                    ("registers", names[1], "meaning"),
                    f"Registers '{names[0]}' and '{names[1]}' both mean {meaning}.",
                )
        is_meter = self._data.get("kind") == "meter"
        if is_meter and not self._with_meaning("energy_total"):
            yield self._error(("registers",), "The profile reads no energy: a meter must.")
        elif not self._with_meaning("energy_total") and not self._with_meaning("energy_session"):
            yield self._document.finding(
                ("registers",),
                "The profile reads no energy: the charger needs a meter of its own.",
                is_error=False,
            )
