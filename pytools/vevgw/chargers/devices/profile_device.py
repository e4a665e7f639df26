"""A charger whose registers lie where a profile says, and which behaves as its own class says.

The profile gives addresses, types and units. What the registers show in which situation, what a
write does, and when the device protects itself comes from its documentation: each class states it
anew, so that the driver's rules are not merely read backwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

from vevgw.chargers import profiles
from vevgw.chargers.devices.base import ChargerDevice, ExceptionCode, RefusedError, Register, Space
from vevgw.chargers.devices.image import Field, Raw
from vevgw.chargers.ev import Ev, Pilot
from vevgw.errors import UserError

_LOWEST_A = 6.0
MEASURED = ("current", "voltage", "power", "energy_total", "energy_session")
_TEMPERATURE_C = 31.0


@dataclass(slots=True)
class Watchdog:
    """How the device notices that its master is gone, and what it does then.

    Attributes:
        fed_by: Registers whose writing feeds it; empty: any answered request does.
        token: Only this raw value feeds it; None: any.
        time: Register with its time in s (after scale); None: `default_s` is fixed.
        default_s: Time from the factory, s; 0 = off.
        failsafe: Register with the current that holds then; None: `failsafe_a`.
        failsafe_a: That current from the factory, A.
        then: `failsafe` (that current), `pause`, `fault`, or `end` (the session is over: only a
            new plug starts another).
    """

    fed_by: tuple[str, ...] = ()
    token: int | None = None
    time: str | None = None
    default_s: float = 0.0
    failsafe: str | None = None
    failsafe_a: float = 0.0
    then: str = "failsafe"


class ProfileDevice(ChargerDevice):
    """The generic charger; subclasses state what is particular.

    Attributes:
        states: What state registers show, by what the charger does: `A1`..`D2`, `E`, `F`, `error`,
            `boot`, `ended`. A state that is not listed shows what its letter shows.
        defaults: Raw values after power-up of registers that can be written, and of fixed ones.
        retentive: Registers that keep what was written over a restart.
        enable: Register and raw values (name, on, off) that allow charging; None: the limit does.
        phase_switch: Register and raw values (name, one phase, three phases) of its contactors.
        max_read: Most registers that one request may read.
        blocks: The only requests for reading that are answered, (address, count); "registers" =
            one whole register each; None: anything that exists.
        holes: Address ranges that exist without being described (table, first, last); they read 0.
        missing: Registers that this unit does not have.
        hw_max_a: What the installation allows, A per phase.
        forced: Raw values that are shown in place of the true ones (glitches), by register.
        unavailable: Registers that show "no value".
        writes: Number of writes to each register.
        boot_silence_s: From power-on until it answers.
        lost_after_s: After so much silence on the bus it misses one request; None: never.
    """

    function_codes: ClassVar[frozenset[int]] = frozenset({1, 2, 3, 4, 5, 6, 16})
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {}
    defaults: ClassVar[Mapping[str, Raw]] = {}
    retentive: ClassVar[frozenset[str]] = frozenset()
    enable: ClassVar[tuple[str, int, int] | None] = None
    phase_switch: ClassVar[tuple[str, int, int] | None] = None
    max_read: int = 125
    blocks: ClassVar[tuple[tuple[int, int], ...] | str | None] = None
    holes: ClassVar[tuple[tuple[Space, int, int], ...]] = ()
    watchdog_facts: ClassVar[Watchdog | None] = None
    boot_silence_s: ClassVar[float] = 1.0
    lost_after_s: ClassVar[float | None] = None

    def __init__(self, *, hw_max_a: float = 16.0, missing: Sequence[str] = ()) -> None:
        super().__init__()
        profile = self.profile()
        transport = profile["transport"]
        line = transport.get("rtu", transport.get("ascii", {}))
        self.default_unit = int(transport["unit"])
        self.baudrate = int(line.get("baud", 9600))
        self.parity = str(line.get("parity", "none"))[0].upper()
        self.is_ascii = "ascii" in transport
        self.phases = int(profile["phases"])
        self.voltages_v = [230.0 if phase < self.phases else 0.0 for phase in range(3)]
        self.hw_max_a = hw_max_a
        self.missing = frozenset(missing)
        self.fields = {
            name: Field.of(name, entry)
            for name, entry in profile["registers"].items()
            if name not in self.missing
        }
        self.forced: dict[str, Raw] = {}
        self.unavailable: set[str] = set()
        self.writes: Counter[str] = Counter()
        self.watchdog_expiries = 0
        self._stored: dict[str, Raw] = {**self.defaults}
        # A new device has been on for a long time; reboot() makes it start.
        self._power_on_s = 1e9
        self._bus_quiet_s = 0.0
        self._session_from_vah = 0.0
        self._session_s = 0.0
        self.has_ended = False
        self._feed()
        self._set_up_watchdog()
        self._registers = self._make_registers()

    # -- what a subclass may state -------------------------------------------------------------

    def profile(self) -> Mapping[str, Any]:
        """The profile that says where the registers are."""
        return load(self.model)

    def shown(self, name: str) -> Raw | None:
        """Raw value that a register shows now, when neither state nor measurement decides it."""
        return None

    def accepts(self, name: str, raw: Raw) -> bool:
        """Whether a raw value may be written to a register; false is answered "illegal value"."""
        return True

    def on_write(self, name: str, raw: Raw) -> None:
        """A register was written."""

    def commanded_a(self) -> float:
        """Current that the limit register asks for, A per phase; below 6 A: charging stops."""
        return self.fields["limit"].value(self._stored.get("limit", 0))

    def is_enabled(self) -> bool:
        """Whether charging is allowed apart from the limit."""
        return self.enable is None or self._stored.get(self.enable[0]) == self.enable[1]

    def pilot_is_off(self) -> bool:
        """Whether the charger itself has taken the pilot away (state F)."""
        return False

    # -- watchdog ------------------------------------------------------------------------------

    def _set_up_watchdog(self) -> None:
        dog = self.watchdog_facts
        if dog is None:
            return
        if dog.time is not None and dog.time not in self.defaults:
            self._stored[dog.time] = self.fields[dog.time].raw(dog.default_s)
        if dog.failsafe is not None and dog.failsafe not in self.defaults:
            self._stored[dog.failsafe] = self.fields[dog.failsafe].raw(dog.failsafe_a)
        self._fixed_watchdog_s = dog.default_s

    @property
    def watchdog_s(self) -> float:
        """Its time now, s; 0 = off."""
        dog = self.watchdog_facts
        if dog is None:
            return 0.0
        if dog.time is None:
            return self._fixed_watchdog_s
        return self.fields[dog.time].value(self._stored[dog.time])

    @watchdog_s.setter
    def watchdog_s(self, seconds: float) -> None:
        dog = self.watchdog_facts
        assert dog is not None, "this device has no watchdog"
        self._fixed_watchdog_s = seconds
        if dog.time is not None:
            self._stored[dog.time] = self.fields[dog.time].raw(seconds)

    @property
    def failsafe_a(self) -> float:
        """Current that holds when the master is gone, A per phase."""
        dog = self.watchdog_facts
        if dog is None:
            return self.commanded_a()
        if dog.then != "failsafe":
            return 0.0
        if dog.failsafe is None:
            return dog.failsafe_a
        return self.fields[dog.failsafe].value(self._stored[dog.failsafe])

    def _feed(self) -> None:
        self._unfed_s = 0.0
        self.is_failsafe = False

    def on_transaction(self) -> None:
        """Feeds a watchdog that any request feeds."""
        if self.watchdog_facts is not None and not self.watchdog_facts.fed_by:
            self._feed()

    def _expire(self) -> None:
        assert self.watchdog_facts is not None
        self.is_failsafe = True
        self.watchdog_expiries += 1
        if self.watchdog_facts.then == "end" and self.ev is not None:
            self.has_ended = True

    # -- the contract of ChargerDevice ---------------------------------------------------------

    @property
    def registers(self) -> dict[Space, dict[int, Register]]:
        """The register map."""
        return self._registers

    @property
    def is_booting(self) -> bool:
        """Supply was just switched on."""
        return self._power_on_s < self.boot_silence_s

    @property
    def is_listening(self) -> bool:
        """False right after power-on."""
        return not self.is_booting

    @property
    def permitted_a(self) -> float:
        """Current that a vehicle may draw, A per phase; 0 = none."""
        if self.has_ended or not self.is_enabled():
            return 0.0
        limit = self.commanded_a()
        if self.is_failsafe:
            limit = min(self.failsafe_a, self.hw_max_a)
        limit = min(limit, self.hw_max_a)
        return limit if limit >= _LOWEST_A - 1e-6 else 0.0

    @property
    def limit_a(self) -> float:
        """Current that the pilot offers, A per phase."""
        return self._pilot()[1]

    @property
    def state(self) -> str:
        """What the charger does, in the words of IEC 61851."""
        if self.is_booting:
            return "boot"
        if self.fault is not None:
            return self.fault
        if self.is_failsafe and self.watchdog_facts and self.watchdog_facts.then == "fault":
            return "error"
        if self.pilot_is_off():
            return "F"
        if self.has_ended and self.ev is not None:
            return "ended"
        digit = "2" if self.permitted_a > 0 else "1"
        if self.ev is None:
            return "A" + digit
        return ("C" if self.ev.wants_power else "B") + digit

    def _pilot(self) -> tuple[Pilot, float]:
        if self.state in ("boot", "E", "F", "error"):
            return Pilot.OFF, 0.0
        limit = self.permitted_a
        return (Pilot.PWM, limit) if limit > 0 else (Pilot.STEADY, 0.0)

    def plug(self, ev: Ev) -> None:
        """Connects a vehicle: a new session."""
        super().plug(ev)
        self._session_from_vah = self.energy_total_vah
        self._session_s = 0.0
        self.has_ended = False

    def unplug(self) -> None:
        """Removes the vehicle."""
        super().unplug()
        self.has_ended = False

    def reboot(self) -> None:
        """Supply off and on: what was written is forgotten, except where it is retentive."""
        kept = {name: raw for name, raw in self._stored.items() if name in self.retentive}
        self._stored = {**self.defaults}
        self._set_up_watchdog()
        self._stored.update(kept)
        self.used_phases = 3
        self._power_on_s = 0.0
        self.energy_since_boot_vah = 0.0
        self._feed()

    def hears_request(self) -> bool:
        """Whether it takes the request that arrives now; some miss one after a silence."""
        missed = self.lost_after_s is not None and self._bus_quiet_s >= self.lost_after_s
        self._bus_quiet_s = 0.0
        return self.is_listening and not missed

    def _tick(self, dt_s: float) -> None:
        self._power_on_s += dt_s
        self._bus_quiet_s += dt_s
        if self.ev is not None:
            self._session_s += dt_s
        if self.is_booting:
            return
        self._unfed_s += dt_s
        limit_s = self.watchdog_s
        if limit_s > 0 and not self.is_failsafe and self._unfed_s >= limit_s:
            self._expire()

    # -- registers -----------------------------------------------------------------------------

    def stored(self, name: str) -> Raw:
        """Raw value that was written to a register."""
        return self._stored.get(name, 0)

    def store(self, name: str, raw: Raw) -> None:
        """Sets a register from inside, as the installer or the device's own web page does."""
        self._stored[name] = raw

    def _make_registers(self) -> dict[Space, dict[int, Register]]:
        made: dict[Space, dict[int, Register]] = {space: {} for space in Space}
        for space, first, last in self.holes:
            for address in range(first, last + 1):
                made[space][address] = Register(lambda: 0)
        fields = sorted(self.fields.values(), key=lambda field: not field.overlaps)
        for field in fields:
            before, after = field.around
            first, last = field.start(0) - before, field.start(field.elements - 1) + field.length
            if field.reading is not None:
                for address in (*range(first, field.start(0)), *range(last, last + after)):
                    made[field.reading].setdefault(address, Register(lambda: 0))
        # What another entry shows, too, comes first: the other one has its say.
        for field in fields:
            for element in range(field.elements):
                for word in range(field.length):
                    self._add(made, field, element, word)
        return {space: found for space, found in made.items() if found}

    def _add(
        self, made: dict[Space, dict[int, Register]], field: Field, element: int, word: int
    ) -> None:
        address = field.start(element) + word
        if field.reading is not None:
            read = partial(self._word, field, element, word)
            made[field.reading][address] = Register(
                read, made[field.reading].get(address, _NONE).write
            )
        if field.writing is not None:
            present = made[field.writing].get(address, _NONE)
            made[field.writing][address] = Register(present.read, lambda raw: None)

    def _word(self, field: Field, element: int, word: int) -> int:
        if field.name in self.unavailable:
            return field.no_value()[word]
        return field.words(self._raw(field, element))[word]

    def _raw(self, field: Field, element: int) -> Raw:
        name = field.name
        if name in self.forced:
            return self.forced[name]
        table = self.states.get(self.state, self.states.get(self.state[0], {}))
        if name in table:
            return table[name]
        own = self.shown(name)
        if own is not None:
            return own
        if field.meaning in MEASURED:
            return field.raw(self._measured(field, field.phase(element)))
        if name in self._stored:
            return self._stored[name]
        other = self._other(field)
        return 0 if other is None else field.raw(other)

    def _measured(self, field: Field, phase: int) -> float:
        one = field.elements == 1
        if field.meaning == "current":
            return max(self.currents_a) if one else self.currents_a[phase]
        if field.meaning == "voltage":
            return self.voltages_v[0 if one else phase]
        if field.meaning == "power":
            return self.power_va if one else self.currents_a[phase] * self.voltages_v[phase]
        energy = self.energy_total_vah
        if field.meaning == "energy_session":
            energy -= self._session_from_vah
        if one:
            return energy
        # Equal parts of a sum whose phases nobody counts apart.
        third = energy // 3
        return energy - 2 * third if phase == 0 else third

    def _other(self, field: Field) -> float | None:
        match field.meaning or field.name:
            case "hardware_max":
                return self.hw_max_a
            case "temperature":
                return _TEMPERATURE_C
            case "frequency":
                return 50.0
            case "power_factor":
                return 1.0
            case "plug_time" | "session-time":
                return self._session_s
            case "offered-current":
                return self.limit_a
            case "session-energy":
                return self.energy_total_vah - self._session_from_vah
        return None

    @property
    def currents_a(self) -> tuple[float, float, float]:
        """Current of each phase, A; a charger with one phase only feeds L1."""
        first, second, third = super().currents_a
        return (first, second if self.phases > 1 else 0.0, third if self.phases > 2 else 0.0)

    def read(self, space: Space, address: int, count: int) -> list[int]:
        """Returns raw words.

        Raises:
            RefusedError: The device does not answer such a request.
        """
        if space in (Space.HOLDING, Space.INPUT):
            if count > self.max_read:
                raise RefusedError(ExceptionCode.ILLEGAL_VALUE)
            if self.blocks is not None and (address, count) not in self._answered_blocks():
                raise RefusedError(ExceptionCode.ILLEGAL_ADDRESS)
        return super().read(space, address, count)

    def _answered_blocks(self) -> Sequence[tuple[int, int]] | set[tuple[int, int]]:
        if self.blocks == "registers":
            return {
                (field.start(element), field.length)
                for field in self.fields.values()
                for element in range(field.elements)
            }
        assert isinstance(self.blocks, tuple)
        return self.blocks

    def write(self, space: Space, address: int, values: Sequence[int]) -> None:
        """Writes raw words: all of them or, when one is refused, none.

        Raises:
            RefusedError: An address cannot be written or a value is not allowed.
        """
        found = self.registers.get(space, {})
        for one in range(address, address + len(values)):
            if one not in found or found[one].write is None:
                raise RefusedError(ExceptionCode.ILLEGAL_ADDRESS)
        taken: list[tuple[str, Raw]] = []
        covered = 0
        for name, raw, words in self._whole_writes(space, address, values):
            if not self.accepts(name, raw):
                raise RefusedError(ExceptionCode.ILLEGAL_VALUE)
            taken.append((name, raw))
            covered += words
        if covered < len(values):
            # A part of a wide number.
            raise RefusedError(ExceptionCode.ILLEGAL_VALUE)
        for name, raw in taken:
            self._stored[name] = raw
            self.writes[name] += 1
            dog = self.watchdog_facts
            if dog is not None and name in dog.fed_by and dog.token in (None, raw):
                self._feed()
            if self.phase_switch is not None and name == self.phase_switch[0]:
                self.switch_phases(1 if raw == self.phase_switch[1] else 3)
            self.on_write(name, raw)

    def _whole_writes(
        self, space: Space, address: int, values: Sequence[int]
    ) -> Iterator[tuple[str, Raw, int]]:
        for field in self.fields.values():
            if field.writing is not space or field.elements != 1:
                continue
            begin = field.address - address
            if begin >= 0 and begin + field.length <= len(values):
                yield field.name, field.raw_of(values[begin : begin + field.length]), field.length


_NONE = Register()


@cache
def load(name: str) -> dict[str, Any]:
    """Returns the content of a built-in profile.

    Raises:
        UserError: There is none of this name, or it has mistakes.
    """
    path = profiles.find_file(name)
    profile, findings = profiles.check_file(path)
    if profile is None:
        raise UserError(str(next(finding for finding in findings if finding.is_error)))
    return profile.data
