"""What a profile makes of a real device: reads it over and over, and may set its limit once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vevgw.chargers.profiles import Profile
from vevgw.chargers.profiles_decode import (
    Compared,
    Reading,
    Verdict,
    decode,
    holds,
    in_amps,
    limit_words,
    raw_words,
    variant_scale,
    verdict,
)
from vevgw.chargers.profiles_link import DeclinedError, Framer, Link, SilentError
from vevgw.chargers.profiles_try_rows import Row, hints_of, numbers, roles
from vevgw.chargers.profiles_units import element_words, is_bit, register_words
from vevgw.errors import UserError

# As many requests without any answer, and nobody is there.
_GIVE_UP = 3
_READ_BACK_TRIES = 3
_READ_BACK_PAUSE_S = 1.0
_NAMES = {1: "illegal function", 2: "illegal address", 3: "illegal value", 6: "busy"}


@dataclass(frozen=True, slots=True)
class Round:
    """All registers, read once."""

    number: int
    rows: tuple[Row, ...]
    verdict: Verdict | None
    hints: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints."""
        said = self.verdict
        return {
            "round": self.number,
            "registers": [row.as_json() for row in self.rows],
            "pilot": None if said is None else said.pilot,
            "rule": None if said is None else said.rule,
            "error": None if said is None else said.error,
            "warning": None if said is None else said.warning,
            "info": None if said is None else said.info,
            "hints": list(self.hints),
        }


class Trial:
    """A profile and a connected device.

    Args:
        outlet: Outlet of the device, from 1.
    """

    def __init__(self, profile: Profile, link: Link, outlet: int = 1) -> None:
        self._data = profile.data
        self._link = link
        self._number = 0
        self._answers = 0
        self._unanswered = 0
        step = self._data.get("connectors", {}).get("address_offset", 0) * (outlet - 1)
        used = dict(roles(self._data))
        self.rows = [
            Row(
                name=name,
                register=register,
                address=register["address"] + (0 if register.get("shared") else step),
                role=str(register.get("meaning") or used.get(name, "")),
            )
            for name, register in self._data["registers"].items()
            if name in used and "r" in register.get("access", "r")
        ]
        self._by_name = {row.name: row for row in self.rows}
        self._step = step

    async def round(self) -> Round:
        """Reads every register; what is refused or unanswered is told in its row.

        Raises:
            UserError: Nobody has ever answered.
        """
        self._number += 1
        for row in sorted(self.rows, key=lambda row: not _is_fixed(row.register)):
            if _is_fixed(row.register) and row.reading is not None:
                continue
            if row.note.startswith("refused") or not self._exists(row):
                continue
            await self._read(row)
        known = self._known()
        said = verdict(self._data, known) if "state" in self._data else None
        return Round(self._number, tuple(self.rows), said, tuple(self._hints(said)))

    @property
    def switch(self) -> dict[str, Any] | None:
        """What allows charging apart from the limit (`control.enable`); None: nothing does."""
        found: dict[str, Any] | None = self._data.get("control", {}).get("enable")
        return found

    def check_limit(self, amps: float) -> None:
        """Looks at a limit before anything is asked or written.

        Raises:
            UserError: The profile does not allow writing it.
        """
        if "control" not in self._data:
            raise UserError("A meter has no limit to set.", exit_code=2)
        limit = self._data["control"]["limit"]
        if amps and not limit["min_a"] <= amps <= limit["max_a"]:
            raise UserError(
                f"The limit must be 0 or {limit['min_a']:g} to {limit['max_a']:g} A.", exit_code=2
            )
        switch = [] if self.switch is None else [str(self.switch["register"])]
        for name in (*limit.get("also", ()), limit["register"], *switch):
            if self._data["registers"][name].get("retentive"):
                raise UserError(
                    f"'{name}' is kept in the device's flash: it is never written here."
                )

    async def set_limit(self, amps: float) -> tuple[bool, str]:
        """Writes the limit once, then what allows or forbids charging, and reads both back.

        Returns:
            Whether it was taken, and that in one sentence.

        Raises:
            UserError: It is not allowed.
        """
        self.check_limit(amps)
        if self._is_other_model():
            return False, "Nothing was written: the device says that it is another model."
        taken, sentence = await self._set_current(amps)
        # Never current that the limit may not hold; but off is off.
        if self.switch is None or (amps > 0 and not taken):
            return taken, sentence
        is_set, said = await self._set_switch(self.switch, "off" if amps == 0 else "on")
        return taken and is_set, f"{sentence} {said}"

    async def _set_current(self, amps: float) -> tuple[bool, str]:
        limit = self._data["control"]["limit"]
        known = self._known()
        for name in (*limit.get("also", ()), limit["register"]):
            register = self._scaled(self._data["registers"][name], known)
            words = limit_words(self._data, register, amps)
            refused = await self._written(name, register, words)
            if refused:
                return False, refused
        register = self._scaled(self._data["registers"][limit["register"]], known)
        source = register.get("readback")
        if source is None and "r" not in register.get("access", "r"):
            return True, f"The device took {amps:g} A; there is nothing to read it back from."
        return await self._read_back(str(source or limit["register"]), register, words, amps)

    async def _set_switch(self, switch: dict[str, Any], to: str) -> tuple[bool, str]:
        name, raw = str(switch["register"]), int(switch[to])
        register = self._data["registers"][name]
        refused = await self._written(name, register, raw_words(register, raw))
        if refused:
            return False, refused
        row = self._by_name.get(str(register.get("readback", name)))
        if row is None:
            return True, f"'{name}' was set to {raw}; it cannot be read back."
        for attempt in range(_READ_BACK_TRIES):
            if attempt:
                await asyncio.sleep(_READ_BACK_PAUSE_S)
            await self._read(row)
            if row.reading is not None and row.reading.compared == raw:
                return True, f"'{row.name}' reads {row.shown}."
        return False, f"Not taken: '{row.name}' was set to {raw} and reads {row.shown}."

    async def _written(self, name: str, register: dict[str, Any], words: list[int]) -> str:
        """Writes a register; returns why not, or nothing."""
        try:
            await self._write(register, words)
        except DeclinedError as error:
            return f"Not taken: {_refusal(error.code)} when writing '{name}'."
        except SilentError:
            return f"Nobody answered when '{name}' was written; it may be set or not."
        return ""

    async def _read_back(
        self, name: str, register: dict[str, Any], words: list[int], amps: float
    ) -> tuple[bool, str]:
        row = self._by_name[name]
        wanted = self._amps(register, decode(register, [words]))
        count_a = in_amps(self._data, register, _count(register))
        for attempt in range(_READ_BACK_TRIES):
            if attempt:
                await asyncio.sleep(_READ_BACK_PAUSE_S)
            await self._read(row)
            got = None if row.reading is None else self._amps(row.register, row.reading)
            if got == wanted or (got and wanted and abs(got - wanted) <= 1.01 * count_a + 0.001):
                asked = "off" if amps == 0 else f"{amps:g} A"
                return True, f"Taken: {asked} was asked for, '{name}' reads {row.shown}."
        return False, f"Not taken: {amps:g} A was asked for, '{name}' reads {row.shown}."

    def _amps(self, register: dict[str, Any], reading: Reading) -> float | None:
        value = reading.values[0]
        if not isinstance(value, float) or "unit" not in register:
            return None
        return in_amps(self._data, register, value)

    async def _write(self, register: dict[str, Any], words: list[int]) -> None:
        with_ = register.get("write_with", self._data["transport"]["write_with"])
        address = register["address"] + (0 if register.get("shared") else self._step)
        elements = int(register.get("elements", 1))
        stride = int(register.get("stride", element_words(register)))
        for element in range(elements):
            await self._link.write(
                register["space"],
                address + element * stride,
                words,
                multiple=with_ == "multiple",
            )

    # -- reading -------------------------------------------------------------------------------

    def _exists(self, row: Row) -> bool:
        layout = next(
            (r.reading.compared for r in self.rows if r.role == "layout_version" and r.reading),
            None,
        )
        wanted = row.register.get("from_layout")
        if wanted is not None and isinstance(layout, int) and layout < wanted:
            row.note = f"not before layout 0x{wanted:04X}"
            return False
        if not holds(row.register.get("exists_when", {}), self._known()):
            row.note = "not in this model"
            return False
        return True

    async def _read(self, row: Row) -> None:
        row.reading = None
        try:
            words = await self._words(row)
        except DeclinedError as error:
            self._answers += 1
            is_gone = 1 <= error.code <= 3
            row.note = f"refused: {_refusal(error.code)}" if is_gone else _refusal(error.code)
            if row.register.get("optional") and is_gone:
                row.note += " (not every unit has it)"
        except SilentError:
            row.note = "no answer"
            self._unanswered += 1
            if self._answers == 0 and self._unanswered >= min(_GIVE_UP, len(self.rows)):
                raise self._nobody() from None
        else:
            self._answers += 1
            row.note = ""
            reading = decode(row.register, words)
            own = {**self._known(), row.name: reading.compared}
            scale = variant_scale(row.register, own)
            row.reading = reading if scale is None else decode(row.register, words, scale)

    async def _words(self, row: Row) -> list[list[int]]:
        register, transport = row.register, self._data["transport"]
        space = str(register.get("read_with", register["space"]))
        along = register.get("read_along", {})
        before, after = int(along.get("before", 0)), int(along.get("after", 0))
        each = element_words(register)
        elements = int(register.get("elements", 1))
        stride = int(register.get("stride", each))
        whole = before + register_words(register) + after
        has_holes = stride != each and not transport["read_across_gaps"]
        if elements > 1 and (whole > transport["max_registers"] or has_holes):
            found = []
            for element in range(elements):
                start = row.address + element * stride - before
                got = await self._link.read(space, start, before + each + after)
                found.append(got[before : before + each])
            return found
        got = await self._link.read(space, row.address - before, whole)
        starts = [before + element * stride for element in range(elements)]
        return [got[start : start + each] for start in starts]

    def _known(self) -> dict[str, Compared]:
        return {row.name: row.reading.compared for row in self.rows if row.reading is not None}

    def _scaled(self, register: dict[str, Any], known: dict[str, Compared]) -> dict[str, Any]:
        scale = variant_scale(register, known)
        return register if scale is None else {**register, "scale": scale}

    def _is_other_model(self) -> bool:
        identity, known = self._data.get("identity", {}), self._known()
        return identity.keys() <= known.keys() and not holds(identity, known)

    def _nobody(self) -> UserError:
        target = self._link.target
        said = f"Nobody answers as unit {target.unit} at {target}"
        if target.framer in (Framer.RTU, Framer.ASCII):
            return UserError(
                f"{said}: check the unit id, whether A and B are swapped, baud rate and parity,"
                " the termination, and that the device's Modbus is switched on."
            )
        return UserError(
            f"{said} although the connection is open: check the unit id, the framer, and that no"
            " other master has the device."
        )

    # -- hints ---------------------------------------------------------------------------------

    def _hints(self, said: Verdict | None) -> Iterator[str]:
        if self._is_other_model():
            yield "The device says that it is another model than the profile's (identity)."
        if said is not None and said.rule is None:
            yield "No state rule holds: the profile does not know what the state registers show."
        for row in self.rows:
            yield from hints_of(row)
        currents, voltages = self._sum("current"), self._sum("voltage")
        powers, total = self._powers()
        if total is not None and powers is not None and _differ(powers, total):
            yield (
                f"The phases' powers add up to {powers:.0f} W, the total says {total:.0f} W:"
                " wrong scale, or wrong register?"
            )
        power = total if total is not None else powers
        if currents and voltages and power is not None:
            apparent = sum(a * v for a, v in zip(currents, voltages, strict=False))
            if len(currents) == len(voltages) and abs(power) > 1.25 * apparent + 100:
                yield (
                    f"Power is {power:.0f} W, but currents and voltages make only"
                    f" {apparent:.0f} VA: wrong scale or word order?"
                )
        switch = self.switch
        row_of = self._by_name.get(switch["register"]) if switch else None
        if switch and row_of and row_of.reading and row_of.reading.compared == switch["off"]:
            yield f"Charging is not enabled: '{row_of.name}' is {switch['off']}."

    def _sum(self, meaning: str) -> list[float]:
        """Values of the first row with the meaning, in A or V; empty: there are none."""
        for row in self.rows:
            values = numbers(row)
            if row.role == meaning and values:
                return values
        return []

    def _powers(self) -> tuple[float | None, float | None]:
        """Sum of the phases' powers, and the total as the device says it, W."""
        found = [(row, numbers(row)) for row in self.rows if row.role == "power"]
        phases = next((sum(got) for _, got in found if len(got) > 1), None)
        total = next((got[0] for _, got in found if len(got) == 1), None)
        return phases, total


def _is_fixed(register: dict[str, Any]) -> bool:
    """Whether it is read once only, before the others."""
    return register.get("poll") == "once" or register.get("meaning") == "layout_version"


def _count(register: dict[str, Any]) -> float:
    """What one count of the raw number is worth, in the unit."""
    plain = {**register, "offset": 0, "valid": [-1e12, 1e12]}
    value = decode(plain, [_one(register)]).values[0]
    return abs(value) if isinstance(value, float) else 0.0


def _one(register: dict[str, Any]) -> list[int]:
    return [1] if is_bit(register) else [0] * (element_words(register) - 1) + [1]


def _refusal(code: int) -> str:
    return f"exception {code}, {_NAMES[code]}" if code in _NAMES else f"exception {code}"


def _differ(first: float, second: float) -> bool:
    return abs(first - second) > 0.05 * max(abs(first), abs(second)) + 50
