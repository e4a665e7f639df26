"""The firmware's tables of a profile, as plain rows: for C++ and for profile files."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from vevgw.chargers.profiles import Profile
from vevgw.chargers.profiles_units import (
    FLOATS,
    TEXTS,
    element_words,
    is_bit,
    scale_to_firmware,
    unit_factor,
)
from vevgw.errors import UserError

MAX_REGISTERS = 64
MAX_WATCHED = 16
NO_REGISTER = 0xFF
NOT_WATCHED = 0xFF


class Name(NamedTuple):
    """A value of an enumeration of lib/bridge/profile.hpp."""

    cpp: str
    value: int


def _names(kind: str, names: str) -> dict[str, Name]:
    return {
        name: Name(f"{kind}::k{''.join(part.capitalize() for part in name.split('_'))}", value)
        for value, name in enumerate(names.split())
    }


MEANINGS = _names(
    "Meaning",
    "none state current voltage power energy_total energy_session temperature frequency"
    " layout_version hardware_max hardware_min external_lock power_export energy_export"
    " reactive_power reactive_energy power_factor soc plug_time tag tag_counter tag_length"
    " serial",
)
SPACES = _names("Space", "input holding coil discrete")
TYPES = _names("WordType", "u16 s16 u32 s32 u64 s64 f32 f64 ascii utf16 hex")
POLLS = _names("Poll", "never once status meter")
EXTRAS = _names("ExtraKind", "offset valid read_along not_available zero_when variant exists_when")
STEPS = _names("StepKind", "write wait until_idle")
ZEROS = _names("ZeroMeans", "stop unlimited autostart")
HEARTBEATS = _names("Heartbeat", "none any_transaction rewrite_limit token write_timeout")
PARITIES = _names("platform::Parity", "none even odd")
_PILOT_NAMES = ["A", "B", "B1", "B2", "C", "C1", "C2", "E", "F", "X", "hold"]
PILOTS = {
    name: Name(f"Pilot::k{name[0].upper()}{name[1:]}", value)
    for value, name in enumerate(_PILOT_NAMES)
}
# For the firmware ventilation (D) is the same as C, and A1 the same as A2.
for _same, _as in (("A1", "A"), ("A2", "A"), ("D", "C"), ("D1", "C1"), ("D2", "C2")):
    PILOTS[_same] = PILOTS[_as]
_ERROR_NAMES = [
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
]
ERRORS = {
    name: Name(f"Error::k{name.replace('EV', 'Ev')}", value)
    for value, name in enumerate(_ERROR_NAMES, 1)
}
NO_ERROR = Name("Error::kNone", 0)

ACTIONS = [
    "one",
    "three",
    "wake",
    "unlock",
    "authorize",
    "deauthorize",
    "in_service",
    "out_of_service",
    "restart",
]
_ROW_FLAGS = {
    name: 1 << bit
    for bit, name in enumerate(
        [
            "low_word",
            "low_byte",
            "reversed",
            "read_other",
            "write_multiple",
            "retentive",
            "optional",
            "shared",
            "extra",
        ]
    )
}
_STATE_FLAGS = {"warning": 1, "boot": 2, "waiting": 4, "granted": 8, "ended": 16}
_CONDITION_NOT, _CONDITION_OR = 1, 2
_TRANSPORTS = {"rtu": 1, "ascii": 2, "tcp": 4}
_ALL_BITS = 2**32 - 1


@dataclass(slots=True)
class When:
    """Neighbouring rows of the conditions."""

    first: int = 0
    count: int = 0


# A cell of a table: a number, an enumeration, a text, conditions, or a nested row.
Cell = int | bool | str | Name | When | tuple["Cell", ...]
Row = tuple[Cell, ...]


@dataclass(slots=True)
class Tables:
    """One profile, in the order of the structs of lib/bridge/profile.hpp.

    Attributes:
        notes: What a row is about, by table and index.
    """

    registers: list[Row] = field(default_factory=list)
    extras: list[Row] = field(default_factory=list)
    conditions: list[Row] = field(default_factory=list)
    states: list[Row] = field(default_factory=list)
    errors: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    init: list[Row] = field(default_factory=list)
    head: Row = ()
    control: Row = ()
    watchdog: Row = ()
    names: list[str] = field(default_factory=list)


def tables(profile: Profile) -> Tables:
    """Returns the tables of a profile without mistakes.

    Raises:
        UserError: It is too large for the firmware.
    """
    return _Maker(profile).make()


def milli(value: float) -> int:
    """Returns a number of the profile in thousandths."""
    return int(Fraction(str(value)) * 1000)


class _Maker:
    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._data: dict[str, Any] = profile.data
        self._registers: dict[str, dict[str, Any]] = self._data["registers"]
        self._tables = Tables()
        self._tag = self._data.get("tag_reader", {})
        self._watched: list[str] = []
        self._used: set[str] = set()
        self._find_used()
        order = list(SPACES)
        self._tables.names = sorted(
            (name for name in self._registers if name in self._used),
            key=lambda name: (
                order.index(self._registers[name]["space"]),
                self._registers[name]["address"],
            ),
        )
        self._limit(len(self._tables.names), MAX_REGISTERS, "registers")
        self._limit(len(self._watched), MAX_WATCHED, "registers in conditions")

    def _limit(self, count: int, most: int, what: str) -> None:
        if count > most:
            raise UserError(
                f"{self._profile.path}:1: The profile uses {count} {what};"
                f" the firmware has room for {most}."
            )

    # --- which registers are used, which are watched

    def _watch(self, when: dict[str, Any]) -> None:
        for name in when:
            self._used.add(name)
            if name not in self._watched:
                self._watched.append(name)

    def _use(self, *names: str | None) -> None:
        self._used |= {name for name in names if name is not None}

    def _find_used(self) -> None:
        data = self._data
        for name, row in self._registers.items():
            if self._meaning(name, row) != "none":
                self._used.add(name)
            if "exists_when" in row:
                self._watch(row["exists_when"])
            for variant in row.get("variants", []):
                self._watch(variant["when"])
        self._watch(data.get("identity", {}))
        for rule in (*data.get("state", {}).get("rules", []), *data.get("errors", [])):
            self._watch(rule.get("when", {}))
        for row in data.get("init", []):
            self._use(row["register"])
            self._watch(row.get("when", {}))
        control = data.get("control", {})
        limit = control.get("limit", {})
        self._use(limit.get("register"), *limit.get("also", []))
        self._use(control.get("enable", {}).get("register"))
        if "register" in control.get("phases", {}):
            self._watch({control["phases"]["register"]: None})
        for steps in self._actions().values():
            for step in steps:
                self._use(step.get("write"))
                self._watch(step.get("when", {}))
        watchdog = data.get("watchdog", {})
        self._use(*(watchdog.get(key) for key in ("register", "timeout_register")))
        self._use(watchdog.get("restart_register"), *self._failsafe())
        for name in [name for name in self._used if name in self._registers]:
            self._use(self._registers[name].get("readback"))

    def _failsafe(self) -> list[str]:
        names = self._data.get("watchdog", {}).get("failsafe_register", [])
        return [names] if isinstance(names, str) else list(names)

    def _actions(self) -> dict[str, list[dict[str, Any]]]:
        control = self._data.get("control", {})
        phases = control.get("phases", {})
        return {
            "one": phases.get("one", []),
            "three": phases.get("three", []),
            "wake": control.get("wake", {}).get("steps", []),
            **{name: control.get(name, []) for name in ACTIONS[3:]},
        }

    def _meaning(self, name: str, row: dict[str, Any]) -> str:
        for key, meaning in (
            ("register", "tag"),
            ("counter", "tag_counter"),
            ("length", "tag_length"),
        ):
            if self._tag.get(key) == name:
                return meaning
        meaning = str(row.get("meaning", "none"))
        return "none" if meaning == "firmware" else meaning

    def _index(self, name: str | None) -> int:
        return NO_REGISTER if name is None else self._tables.names.index(name)

    # --- rows

    def make(self) -> Tables:
        made, data = self._tables, self._data
        for name in made.names:
            made.registers.append(self._register(name))
        for index, name in enumerate(made.names):
            made.extras += self._extras(index, self._registers[name])
        made.states = [self._rule(rule) for rule in data.get("state", {}).get("rules", [])]
        made.errors = [self._rule(rule) for rule in data.get("errors", [])]
        for row in data.get("init", []):
            register = self._registers[row["register"]]
            made.init.append(
                (
                    self._index(row["register"]),
                    _raw(register, row["value"]),
                    row.get("mask", 0),
                    bool(row.get("verify")),
                    self._when(row.get("when", {})),
                )
            )
        made.control = self._control()
        made.watchdog = self._watchdog()
        made.head = self._head()
        return made

    def _register(self, name: str) -> Row:
        row = self._registers[name]
        words = element_words(row)
        scale = Fraction(1) if row.get("type") in TEXTS else scale_to_firmware(row)
        transport = self._data["transport"]
        write_with = row.get("write_with", transport["write_with"])
        bits = 32 if row.get("type") in ("u32", "s32") else 16
        has_mask = "mask" in row or "shift" in row
        flags = {
            "low_word": row.get("word_order") == "low_first",
            "low_byte": row.get("byte_order") == "low_first",
            "reversed": bool(row.get("reversed")),
            "read_other": row.get("read_with", row["space"]) != row["space"],
            "write_multiple": write_with == "multiple",
            "retentive": bool(row.get("retentive")),
            "optional": bool(row.get("optional")),
            "shared": bool(row.get("shared")),
            "extra": bool(self._extras(0, row, is_dry=True)),
        }
        poll = row.get("poll", "never")
        # The read-back that chooses a scale.
        if poll == "never" and row.get("meaning") == "serial":
            poll = "once"
        if poll == "never" and any(name in v["when"] for v in row.get("variants", [])):
            poll = "once"
        access = row.get("access", "r")
        readback = row.get("readback", name if access == "rw" else None)
        return (
            MEANINGS[self._meaning(name, row)],
            SPACES[row["space"]],
            row["address"],
            TYPES["u16" if is_bit(row) else row.get("type", "u16")],
            words,
            row.get("elements", 1),
            row.get("stride", words),
            POLLS[poll],
            self._rank(name),
            self._watched.index(name) if name in self._watched else NOT_WATCHED,
            self._index(readback),
            sum(_ROW_FLAGS[key] for key, is_set in flags.items() if is_set),
            row.get("from_layout", 0),
            row.get("shift", 0),
            row.get("mask", 2**bits - 1) if has_mask else _ALL_BITS,
            scale.numerator,
            scale.denominator,
        )

    def _rank(self, name: str) -> int:
        meaning = self._registers[name].get("meaning")
        same = [key for key, row in self._registers.items() if row.get("meaning") == meaning]
        return 0 if meaning in (None, "state") else same.index(name)

    def _extras(self, index: int, row: dict[str, Any], *, is_dry: bool = False) -> list[Row]:
        factor = unit_factor(row)
        found: list[tuple[str, dict[str, Any], int, int]] = []
        if "offset" in row:
            found.append(("offset", {}, int(Fraction(str(row["offset"])) * factor), 0))
        if "valid" in row:
            low, high = (int(Fraction(str(value)) * factor) for value in row["valid"])
            found.append(("valid", {}, low, high))
        if "read_along" in row:
            along = row["read_along"]
            found.append(("read_along", {}, along.get("before", 0), along.get("after", 0)))
        for key in ("not_available", "zero_when"):
            found += [(key, {}, _signed64(value), 0) for value in row.get(key, [])]
        for variant in row.get("variants", []):
            scale = scale_to_firmware(row, variant["scale"])
            found.append(("variant", variant["when"], scale.numerator, scale.denominator))
        if "exists_when" in row:
            found.append(("exists_when", row["exists_when"], 0, 0))
        return [
            (index, EXTRAS[kind], When() if is_dry else self._when(when), a, b)
            for kind, when, a, b in found
        ]

    def _rule(self, rule: dict[str, Any]) -> Row:
        flags = _STATE_FLAGS["warning"] if "warning" in rule else 0
        flags |= _STATE_FLAGS["boot"] if rule.get("boot") else 0
        flags |= _STATE_FLAGS.get(rule.get("auth", ""), 0)
        name = rule.get("error", rule.get("warning"))
        when = rule.get("when", {})
        code = rule.get("code", "")
        first = next(iter(when.values()), None)
        if not code and isinstance(first, dict) and "bit" in first:
            code = str(first["bit"])
        state: Row = (
            0,
            PILOTS[rule.get("pilot", "hold")],
            ERRORS[name] if name else NO_ERROR,
            flags,
            rule.get("info", ""),
            code,
        )
        return (self._when(when), state)

    # --- conditions

    def _when(self, when: dict[str, Any]) -> When:
        rows: list[Row] = []
        for name, match in when.items():
            rows += self._match(name, match)
        if not rows:
            return When()
        known = self._tables.conditions
        for first in range(len(known) - len(rows) + 1):
            if known[first : first + len(rows)] == rows:
                return When(first, len(rows))
        first = len(known)
        known += rows
        return When(first, len(rows))

    def _match(self, name: str, match: Any) -> list[Row]:
        mask, is_not = _ALL_BITS, False
        if isinstance(match, dict):
            mask = 1 << match["bit"] if "bit" in match else match.get("mask", _ALL_BITS)
            if "bit" in match or "not" in match:
                is_not = True
                ranges = [(mask, match.get("not", 0), match.get("not", 0))]
            elif "min" in match or "max" in match:
                ranges = [(mask, match.get("min", 0), match.get("max", _ALL_BITS))]
            else:
                values = match["in"] if "in" in match else [match["equals"]]
                ranges = _merged(mask, values)
        else:
            literals = match if isinstance(match, list) else [match]
            texts = [_text_range(literal) for literal in literals if isinstance(literal, str)]
            numbers = [literal for literal in literals if not isinstance(literal, str)]
            ranges = [*texts, *_merged(mask, numbers)]
        return [
            (
                self._index(name),
                (_CONDITION_NOT if is_not else 0)
                | (_CONDITION_OR if index < len(ranges) - 1 else 0),
                bits,
                low,
                high,
            )
            for index, (bits, low, high) in enumerate(ranges)
        ]

    # --- control, watchdog, head

    def _steps(self, steps: list[dict[str, Any]]) -> tuple[Cell, ...]:
        rows: list[Row] = []
        for step in steps:
            when = self._when(step.get("when", {}))
            if "write" in step:
                value = _raw(self._registers[step["write"]], step["value"])
                index = self._index(step["write"])
                rows.append((STEPS["write"], index, when, value, step.get("mask", 0)))
            else:
                kind = "wait" if "wait_s" in step else "until_idle"
                ms = milli(step["wait_s" if kind == "wait" else "idle_s"])
                rows.append((STEPS[kind], NO_REGISTER, when, ms, 0))
        first = len(self._tables.steps)
        self._tables.steps += rows
        return (first if rows else 0, len(rows))

    def _control(self) -> Row:
        control = self._data.get("control")
        none: tuple[Cell, ...] = (0, 0)
        if control is None:
            also: tuple[Cell, ...] = (NO_REGISTER, NO_REGISTER)
            head = (NO_REGISTER, also, False, False, ZEROS["stop"], 0, 0, 0, 1, 0, 0, 0)
            tail = (NO_REGISTER, 0, 0, When(), False, False, 0, 0, tuple(none for _ in ACTIONS))
            return (*head, *tail)
        limit, enable = control["limit"], control.get("enable", {})
        phases, register = control.get("phases", {}), self._registers[limit["register"]]
        names = [*limit.get("also", []), None, None][:2]
        one = {phases["register"]: phases["one_when"]} if "register" in phases else {}
        actions = self._actions()
        return (
            self._index(limit["register"]),
            tuple(self._index(name) for name in names),
            register.get("unit") not in ("A", "mA"),
            bool(limit.get("again_after_enable")),
            ZEROS[limit["zero_means"]],
            _raw(register, limit["off"]),
            milli(limit["min_a"]),
            milli(limit["max_a"]),
            milli(limit["step_a"]),
            milli(limit.get("increase_every_s", 0)),
            milli(limit.get("write_every_s", 0)),
            limit.get("three_phases_from_w", 0),
            self._index(enable.get("register")),
            enable.get("on", 0),
            enable.get("off", 0),
            self._when(one),
            bool(phases.get("pause", True)),
            bool(phases.get("option")),
            milli(phases.get("dead_time_s", 5)),
            milli(control.get("wake", {}).get("back_within_s", 0)),
            tuple(self._steps(actions[name]) for name in ACTIONS),
        )

    def _watchdog(self) -> Row:
        watchdog = self._data.get("watchdog", {"fed_by": "none"})
        failsafe = [*self._failsafe(), None, None][:2]
        return (
            HEARTBEATS[watchdog["fed_by"]],
            self._index(watchdog.get("timeout_register")),
            self._index(watchdog.get("register")),
            watchdog.get("value", 0),
            watchdog.get("default_ms", 0),
            watchdog.get("min_ms", 0),
            watchdog.get("max_ms", 0),
            watchdog.get("divisor", 4),
            tuple(self._index(name) for name in failsafe),
            self._index(watchdog.get("restart_register")),
        )

    def _head(self) -> Row:
        data = self._data
        transport = data["transport"]
        line = transport.get("rtu", transport.get("ascii"))
        line = line or {"baud": 9600, "parity": "none", "stop_bits": 1}
        outlets = data.get("connectors", {})
        return (
            data["name"],
            data["title"],
            self._profile.is_meter,
            sum(bit for key, bit in _TRANSPORTS.items() if key in transport),
            (line["baud"], PARITIES[line["parity"]], line["stop_bits"]),
            transport.get("tcp", {}).get("port", 502),
            transport["unit"],
            transport["gap_ms"],
            transport.get("write_gap_ms", 0),
            transport.get("first_request_lost_after_ms", 0),
            transport["timeout_ms"],
            transport.get("poll_every_ms", 0),
            transport["max_registers"],
            transport["read_across_gaps"],
            data["phases"],
            outlets.get("count", 1),
            outlets.get("address_offset", 0),
            outlets.get("unit_offset", 0),
            outlets.get("port_offset", 0),
            bool(self._tag.get("reverse_bytes")),
            self._when(data.get("identity", {})),
        )


def _signed64(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _raw(register: dict[str, Any], value: float) -> int:
    """Returns the bits to write, as far as they fit 32."""
    kind = register.get("type", "u16")
    if kind in FLOATS:
        return int.from_bytes(struct.pack(">f", value), "big")
    return int(value) & _ALL_BITS


def _text_range(literal: str) -> tuple[int, int, int]:
    """Returns mask, low and high of a text: its first two characters as one number."""
    word = literal.removesuffix("*")
    number = int.from_bytes(word.encode()[:2].ljust(2, b"\0"), "big")
    if literal.endswith("*") and len(word) == 1:
        return 0xFF00, number, number
    return _ALL_BITS, number, number


def _merged(mask: int, values: list[int]) -> list[tuple[int, int, int]]:
    """Returns ranges that hold the values and nothing else."""
    ranges: list[tuple[int, int, int]] = []
    for value in sorted(set(values)):
        if ranges and ranges[-1][2] == value - 1:
            ranges[-1] = (mask, ranges[-1][1], value)
        else:
            ranges.append((mask, value, value))
    return ranges
