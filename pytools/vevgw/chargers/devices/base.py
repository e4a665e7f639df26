"""What every simulated charger has: a register map, a power path, an energy meter, and a vehicle.

A device has no clock; `ChargerDevice.advance()` moves it. The bus in front of it is
`vevgw.chargers.sim_bus`, the object that users hold is `vevgw.chargers.sim.ChargerSim`.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from vevgw.chargers.ev import Ev, Pilot

# Steps longer than this are divided, so that ramps and delays stay smooth.
_STEP_S = 0.1


class Space(enum.Enum):
    """Address spaces of Modbus."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


class ExceptionCode(enum.IntEnum):
    """Exception codes of the Modbus application protocol."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3
    DEVICE_FAILURE = 4
    ACKNOWLEDGE = 5
    DEVICE_BUSY = 6


class RefusedError(Exception):
    """The device answers the request with an exception."""

    def __init__(self, code: ExceptionCode) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass(frozen=True, slots=True)
class Register:
    """One 16-bit register as the device implements it.

    Attributes:
        read: Returns the raw value 0..65535. None: reads are refused as an illegal address.
        write: Takes a raw value that `accepts` let pass. None: writes are refused as an illegal
            address.
        accepts: Whether a raw value may be written; false becomes "illegal value".
    """

    read: Callable[[], int] | None = None
    write: Callable[[int], None] | None = None
    accepts: Callable[[int], bool] = lambda raw: True


def u32_registers(address: int, read: Callable[[], float]) -> Iterator[tuple[int, Register]]:
    """Yields the two registers of a counter, high word first; the counter wraps at 2**32."""
    yield address, Register(lambda: (int(read()) >> 16) & 0xFFFF)
    yield address + 1, Register(lambda: int(read()) & 0xFFFF)


class ChargerDevice(ABC):
    """One charger on the device side.

    Attributes:
        ev: The vehicle that is plugged in, or None.
        voltages_v: Voltage of each phase, V. A phase that is not connected has 0.
        energy_total_vah: Meter reading since manufacture, VAh.
        energy_since_boot_vah: Meter reading since power-on, VAh.
        fault: None, `E` (short on the pilot or no mains) or `error` (internal).
        used_phases: Phases that its contactors connect, 1 or 3.
        phase_switches: Each change of them: phases, time without current before it, s.
        switched_under_power: Changes while more than 1 A flowed: they destroy it (`error`).
        energy_time_scale: Energy per real energy: meter and battery run this many times faster than
            current x voltage x time. Currents, delays and timeouts keep real time.
    """

    model: ClassVar[str]
    function_codes: ClassVar[frozenset[int]]
    default_unit: int = 1
    baudrate: int = 9600
    parity: str = "N"
    is_ascii: bool = False

    def __init__(self) -> None:
        self.ev: Ev | None = None
        self.fault: str | None = None
        self.voltages_v = [230.0, 230.0, 230.0]
        self.energy_total_vah = 0.0
        self.energy_since_boot_vah = 0.0
        self.energy_time_scale = 1.0
        self.used_phases = 3
        self.phase_switches: list[tuple[int, float]] = []
        self.switched_under_power = 0
        self._no_current_s = 0.0

    # -- what a model states -------------------------------------------------------------------

    @property
    @abstractmethod
    def registers(self) -> dict[Space, dict[int, Register]]:
        """The register map; it does not change while the device lives."""

    @property
    @abstractmethod
    def state(self) -> str:
        """What the device reports: `A1`..`F`, `boot`, `derating` or `error`."""

    @property
    @abstractmethod
    def limit_a(self) -> float:
        """Current limit that is in force now, A per phase; 0 = charging is not permitted."""

    @property
    @abstractmethod
    def is_listening(self) -> bool:
        """Whether the device takes part in the bus; false while it boots or sleeps."""

    def hears_request(self) -> bool:
        """Whether it takes the request that arrives now; called once for each."""
        return self.is_listening

    @abstractmethod
    def on_transaction(self) -> None:
        """A request was carried out and answered without an exception."""

    @abstractmethod
    def reboot(self) -> None:
        """Supply off and on again: volatile settings are lost, the total energy is kept."""

    @abstractmethod
    def _pilot(self) -> tuple[Pilot, float]:
        """Control pilot now and the current that it offers, A."""

    @abstractmethod
    def _tick(self, dt_s: float) -> None:
        """Timers of the model; called before the vehicle sees the new pilot."""

    def _is_power_on(self, pilot: Pilot, offered_a: float) -> bool:
        """Whether the contactor is closed; there is a vehicle."""
        wants_power = self.ev is not None and self.ev.wants_power
        return pilot is Pilot.PWM and offered_a > 0 and wants_power

    # -- what all have in common ---------------------------------------------------------------

    @property
    def currents_a(self) -> tuple[float, float, float]:
        """Current of each phase, A."""
        if self.ev is None:
            return (0.0, 0.0, 0.0)
        phases = min(self.ev.spec.phases, self.used_phases)
        amps = [self.ev.current_a if phase < phases else 0.0 for phase in range(3)]
        first, second, third = (
            amp if volt > 0 else 0.0 for amp, volt in zip(amps, self.voltages_v, strict=True)
        )
        return (first, second, third)

    @property
    def power_va(self) -> float:
        """Apparent power, VA."""
        return sum(a * v for a, v in zip(self.currents_a, self.voltages_v, strict=True))

    def plug(self, ev: Ev) -> None:
        """Connects a vehicle; one that is there already is replaced."""
        self.ev = ev

    def unplug(self) -> None:
        """Removes the vehicle."""
        self.ev = None

    def switch_phases(self, phases: int) -> None:
        """Moves the contactors to 1 or 3 phases."""
        if phases == self.used_phases:
            return
        if max(self.currents_a) > 1:
            self.switched_under_power += 1
            self.fault = "error"
        self.phase_switches.append((phases, self._no_current_s))
        self.used_phases = phases

    def advance(self, dt_s: float) -> None:
        """Moves the device and its vehicle through dt_s seconds, >= 0."""
        while dt_s > 0:
            step = min(dt_s, _STEP_S)
            dt_s -= step
            self._tick(step)
            self._no_current_s = 0.0 if max(self.currents_a) > 1 else self._no_current_s + step
            if self.ev is None:
                continue
            pilot, offered = self._pilot()
            self.ev.advance(step, pilot, offered, closed=self._is_power_on(pilot, offered))
            energy = self.power_va * step / 3600.0 * self.energy_time_scale
            self.energy_total_vah += energy
            self.energy_since_boot_vah += energy
            self.ev.take_energy(energy)

    def read(self, space: Space, address: int, count: int) -> list[int]:
        """Returns raw register values.

        Raises:
            RefusedError: An address does not exist or cannot be read.
        """
        found = self.registers.get(space, {})
        values = []
        for one in range(address, address + count):
            register = found.get(one)
            if register is None or register.read is None:
                raise RefusedError(ExceptionCode.ILLEGAL_ADDRESS)
            values.append(register.read() & 0xFFFF)
        return values

    def write(self, space: Space, address: int, values: Sequence[int]) -> None:
        """Writes raw register values: all of them or, when one is refused, none.

        Raises:
            RefusedError: An address cannot be written or a value is not allowed.
        """
        found = self.registers.get(space, {})
        writes = []
        for offset, raw in enumerate(values):
            register = found.get(address + offset)
            if register is None or register.write is None:
                raise RefusedError(ExceptionCode.ILLEGAL_ADDRESS)
            if not register.accepts(raw):
                raise RefusedError(ExceptionCode.ILLEGAL_VALUE)
            writes.append((register.write, raw))
        for write, raw in writes:
            write(raw)
