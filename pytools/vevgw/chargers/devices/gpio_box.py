"""A wall box without a bus as the pins of a board see it (docs/gpio-charger.md).

Pilot: +-12 V behind 1 kohm; the vehicle has a diode (0.7 V) and 2.74 kohm, in state C 1.3 kohm
beside it (IEC 61851-1, annex A). The board measures it through a divider: 1.65 V at 0 V, 1 V per
7.273 V.
"""

from __future__ import annotations

from typing import ClassVar

from vevgw.chargers.devices.direct import LineDevice
from vevgw.chargers.ev import Pilot

_ALWAYS_HIGH = 10_000
_TELL_S = 0.5


class GpioBox(LineDevice):
    """One box: pilot, contactor with mirror contact, socket with a cable, S0 meter, lock.

    Attributes:
        cable_ohm: Resistor in the plug of the cable.
        is_welded: The contactor stays closed.
        is_shorted: The pilot is shorted to earth.
        is_lid_open: The contact of the lid, at GPIO33 (setting `tamper`).
        opened_under_load: How often the contactor opened while more than 1 A flowed.
    """

    model: ClassVar[str] = "gpio-box"
    # What goes into the setting c1.pins.
    PINS: ClassVar[str] = (
        "pilot=25 pilot_in=36 contactor=27 feedback=34 proximity=39 s0=35 s0_per_kwh=1000 lock=32 "
        "max_ma=32000"
    )
    PULSES_PER_KWH: ClassVar[int] = 1000

    def __init__(self) -> None:
        super().__init__()
        self.cable_ohm = 220.0
        self.is_welded = False
        self.is_shorted = False
        self.is_lid_open = False
        self.opened_under_load = 0
        self._buffer = b""
        self._duty = 0
        self._outputs = {27: 0, 32: 0}
        self._told: dict[str, str] = {}
        self._tell_in_s = 0.0
        self._pulses = 0

    @property
    def is_closed(self) -> bool:
        """Whether the contactor is closed."""
        return self._outputs[27] == 1 or self.is_welded

    @property
    def is_locked(self) -> bool:
        """Whether the plug is locked."""
        return self._outputs[32] == 1

    @property
    def state(self) -> str:
        if self.is_shorted:
            return "E"
        if self._duty == 0:
            return "F"
        if self.ev is None:
            return "A1" if self._duty == _ALWAYS_HIGH else "A2"
        letter = "C" if self.ev.wants_power else "B"
        return letter + ("1" if self._duty == _ALWAYS_HIGH else "2")

    @property
    def limit_a(self) -> float:
        percent = self._duty / 100
        if percent < 8 or percent > 97:
            return 0.0
        if percent < 10:
            return 6.0
        if percent <= 85:
            return percent * 0.6
        return min(80.0, (percent - 64) * 2.5)

    def reboot(self) -> None:
        """There is nothing in the box that could."""

    def receive(self, data: bytes) -> bytes:
        self._buffer += data
        while b"\n" in self._buffer:
            raw, self._buffer = self._buffer.split(b"\n", 1)
            match raw.decode("ascii", "replace").split():
                case ["H", *_]:
                    self._told.clear()
                case ["P", "25", duty]:
                    self._duty = int(duty)
                case ["O", pin, level] if int(pin) in self._outputs:
                    if pin == "27" and level == "0" and max(self.currents_a) > 1:
                        self.opened_under_load += 1
                    self._outputs[int(pin)] = int(level)
        return self._tell()

    def take_output(self) -> bytes:
        return self._tell()

    def _level_mv(self, *, is_high: bool) -> float:
        source = 12_000.0 if is_high else -12_000.0
        if self.is_shorted:
            return 0.0
        if self.ev is None or not is_high:
            return source
        ohm = 2740.0
        if self.ev.wants_power:
            ohm = ohm * 1300 / (ohm + 1300)
        return (source - 700) * ohm / (ohm + 1000) + 700

    def _tell(self) -> bytes:
        if self._tell_in_s <= 0:
            self._told.clear()
            self._tell_in_s = _TELL_S
        high, low = (
            round(1650 + self._level_mv(is_high=is_high) / 7.273) for is_high in (True, False)
        )
        cable_mv = (
            3300 if self.ev is None else round(3300 * self.cable_ohm / (self.cable_ohm + 330))
        )
        now = {
            "A 36": f"{high} {low} {self._duty}",
            "A 39": f"{cable_mv} {cable_mv} {_ALWAYS_HIGH}",
            "I 34": str(int(self.is_closed)),
            "I 33": str(int(self.is_lid_open)),
        }
        lines = [
            f"{name} {value}\n" for name, value in now.items() if self._told.get(name) != value
        ]
        self._told = now
        pulses = int(self.energy_total_vah * self.PULSES_PER_KWH / 1000)
        if pulses > self._pulses:
            lines.append(f"S 35 {pulses - self._pulses}\n")
            self._pulses = pulses
        return "".join(lines).encode()

    def _pilot(self) -> tuple[Pilot, float]:
        if self.is_shorted or self._duty == 0:
            return Pilot.OFF, 0.0
        return (Pilot.PWM, self.limit_a) if self.limit_a > 0 else (Pilot.STEADY, 0.0)

    def _is_power_on(self, pilot: Pilot, offered_a: float) -> bool:
        return self.is_closed and self.ev is not None and self.ev.wants_power

    def _tick(self, dt_s: float) -> None:
        self._tell_in_s -= dt_s
