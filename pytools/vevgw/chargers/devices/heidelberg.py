"""Heidelberg Wallbox Energy Control, register layout 1.0.8, as the device behaves.

Sold also as Amperfied Wallbox Energy Control, SENEC Wallbox pro s and Walther Werke Basic Evo Pro.
Modbus RTU, 19200 baud 8E1, unit id 1..15 by DIP switch; functions 3, 4, 6 and 16.

Where the sources are silent this model assumes: the watchdog runs from power-on and rests in
standby; when it expires with a failsafe current of 0 the remote lock (259) reads 0 until it is
written 1; standby begins after 12 minutes without a vehicle and ends when one is plugged in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from vevgw.chargers.devices.base import ChargerDevice, Register, Space, u32_registers
from vevgw.chargers.ev import Ev, Pilot

_STATE_CODES = {
    "boot": 1,
    "A1": 2,
    "A2": 3,
    "B1": 4,
    "B2": 5,
    "C1": 6,
    "C2": 7,
    "derating": 8,
    "E": 9,
    "F": 10,
    "error": 11,
}
_STANDBY_ENABLED = 0
_STANDBY_DISABLED = 4
_LOCKED = 0
_UNLOCKED = 1


@dataclass(slots=True)
class HeidelbergTiming:
    """Delays of the device, s.

    Attributes:
        boot_silence_s: From power-on until it answers on the bus.
        boot_state_s: From its first answer until the state is no longer "undefined".
        standby_after_s: Without a vehicle, until it falls silent when standby is enabled.
        unlock_s: From the end of the remote lock until the pilot is back.
    """

    boot_silence_s: float = 1.0
    boot_state_s: float = 1.0
    standby_after_s: float = 720.0
    unlock_s: float = 3.0


class HeidelbergEnergyControl(ChargerDevice):
    """One wallbox. See the module text for the sources and assumptions.

    Attributes:
        timing: Delays; change them before the device is used.
        layout_version: 0x0108 = 1.0.8. 0x0104 and 0x0107 leave out what came later.
        external_unlocked: The lock input: false = the installation forbids charging.
        is_derating: Too hot: the current is reduced to `derated_a` and the state says so.
        derated_a: Current while derating, A per phase.
        hw_max_a: Limit by the rotary switch, A per phase, 6..16.
    """

    model: ClassVar[str] = "heidelberg-energy-control"
    function_codes: ClassVar[frozenset[int]] = frozenset({3, 4, 6, 16})
    baudrate = 19200
    parity = "E"

    HW_MIN_A: ClassVar[int] = 6
    DEFAULT_WATCHDOG_MS: ClassVar[int] = 15_000

    def __init__(self, *, layout_version: int = 0x0108, hw_max_a: int = 16) -> None:
        super().__init__()
        self.timing = HeidelbergTiming()
        self.layout_version = layout_version
        self.hw_max_a = hw_max_a
        self.external_unlocked = True
        self.is_derating = False
        self.derated_a = 10.0
        self.watchdog_expiries = 0
        self._temperature_c = 25.0
        # A new device has been on for a long time; reboot() makes it start.
        self._power_on_s = math.inf
        self._set_volatile_defaults()
        self._registers = self._make_registers()

    def _set_volatile_defaults(self) -> None:
        self._watchdog_ms = self.DEFAULT_WATCHDOG_MS
        self._standby = _STANDBY_ENABLED
        self._remote_lock = _UNLOCKED
        self._command_deci_a = 0
        self._failsafe_deci_a = 0
        self._quiet_s = 0.0
        self._expired = False
        self._idle_s = 0.0
        self._unlocking_s = 0.0

    def _make_registers(self) -> dict[Space, dict[int, Register]]:
        since_1_0_7 = self.layout_version >= 0x0107
        since_1_0_8 = self.layout_version >= 0x0108
        inputs: dict[int, Register] = {
            4: Register(lambda: self.layout_version),
            5: Register(lambda: _STATE_CODES[self.state]),
            9: Register(lambda: round(self._temperature_c * 10) & 0xFFFF),
            13: Register(lambda: _UNLOCKED if self.external_unlocked else _LOCKED),
            14: Register(lambda: round(self.power_va)),
            100: Register(lambda: self.hw_max_a),
            101: Register(lambda: self.HW_MIN_A),
            200: Register(lambda: 1),
            203: Register(lambda: 1),
        }
        for phase in range(3):
            inputs[6 + phase] = Register(partial(self._deci_a, phase))
            inputs[10 + phase] = Register(partial(self._volts, phase))
        inputs.update(u32_registers(15, lambda: self.energy_since_boot_vah))
        holdings: dict[int, Register] = {}
        if since_1_0_7:
            inputs.update(u32_registers(17, lambda: self.energy_total_vah))
            holdings[261] = Register(
                lambda: self._command_deci_a, self._write_command, self._is_current
            )
        if since_1_0_8:
            holdings[257] = Register(lambda: self._watchdog_ms, self._write_watchdog)
            holdings[262] = Register(
                lambda: self._failsafe_deci_a, self._write_failsafe, self._is_current
            )
        if since_1_0_7:
            # Firmware of layout 1.0.7 takes writes to 258 and 259 but cannot read them back.
            holdings[258] = Register(
                (lambda: self._standby) if since_1_0_8 else None,
                self._write_standby,
                lambda raw: raw in (_STANDBY_ENABLED, _STANDBY_DISABLED),
            )
            holdings[259] = Register(
                (lambda: self._remote_lock) if since_1_0_8 else None,
                self._write_remote_lock,
                lambda raw: raw in (_LOCKED, _UNLOCKED),
            )
        return {Space.INPUT: inputs, Space.HOLDING: holdings}

    # -- the contract of ChargerDevice ---------------------------------------------------------

    @property
    def registers(self) -> dict[Space, dict[int, Register]]:
        """The register map of this layout version."""
        return self._registers

    @property
    def state(self) -> str:
        """Register 5 in words."""
        if self._power_on_s < self.timing.boot_silence_s + self.timing.boot_state_s:
            return "boot"
        if self.fault is not None:
            return self.fault
        if self._remote_lock == _LOCKED or self._unlocking_s > 0:
            return "F"
        permitted = self._permitted_a() > 0
        if self.ev is None:
            return "A2" if permitted else "A1"
        if not self.ev.wants_power:
            return "B2" if permitted else "B1"
        if not permitted:
            return "C1"
        return "derating" if self.is_derating else "C2"

    @property
    def limit_a(self) -> float:
        """Current that the pilot offers now, A per phase; 0 = no offer."""
        return self._pilot()[1]

    def _permitted_a(self) -> float:
        if not self.external_unlocked:
            return 0.0
        limit = min(self._command_deci_a / 10.0, float(self.hw_max_a))
        if self.is_derating:
            limit = min(limit, self.derated_a)
        return limit if limit >= self.HW_MIN_A else 0.0

    @property
    def in_standby(self) -> bool:
        """Whether the device sleeps and ignores the bus."""
        return (
            self._standby == _STANDBY_ENABLED
            and self.ev is None
            and self._idle_s >= self.timing.standby_after_s
        )

    @property
    def is_listening(self) -> bool:
        """False in standby and right after power-on."""
        return self._power_on_s >= self.timing.boot_silence_s and not self.in_standby

    @property
    def failsafe_a(self) -> float:
        """Failsafe current, A per phase."""
        return self._failsafe_deci_a / 10.0

    @property
    def watchdog_ms(self) -> int:
        """Watchdog timeout, ms; 0 = off."""
        return self._watchdog_ms

    def on_transaction(self) -> None:
        """Feeds the watchdog."""
        self._quiet_s = 0.0
        self._expired = False

    def plug(self, ev: Ev) -> None:
        """Connects a vehicle; this wakes the device from standby."""
        super().plug(ev)
        self._wake()

    def unplug(self) -> None:
        """Removes the vehicle; the time to standby starts anew."""
        super().unplug()
        self._idle_s = 0.0

    def reboot(self) -> None:
        """Supply off and on: registers 257..262 and the energy since power-on are reset."""
        self._power_on_s = 0.0
        self.energy_since_boot_vah = 0.0
        self._set_volatile_defaults()

    def _pilot(self) -> tuple[Pilot, float]:
        state = self.state
        if state in ("boot", "E", "F", "error"):
            return Pilot.OFF, 0.0
        limit = self._permitted_a()
        return (Pilot.PWM, limit) if limit > 0 else (Pilot.STEADY, 0.0)

    def _tick(self, dt_s: float) -> None:
        self._power_on_s += dt_s
        self._unlocking_s = max(0.0, self._unlocking_s - dt_s)
        self._warm(dt_s)
        if self.ev is None:
            self._idle_s += dt_s
        if self.in_standby or self._power_on_s < self.timing.boot_silence_s:
            return
        self._quiet_s += dt_s
        limit_ms = self._watchdog_ms
        if limit_ms and not self._expired and self._quiet_s * 1000.0 >= limit_ms:
            self._expired = True
            self.watchdog_expiries += 1
            self._command_deci_a = self._failsafe_deci_a
            if self._failsafe_deci_a == 0:
                self._remote_lock = _LOCKED

    def _warm(self, dt_s: float) -> None:
        # First order towards ambient plus 20 K at full current; 80 degC while derating.
        target = 25.0 + 20.0 * (max(self.currents_a) / 16.0) ** 2
        if self.is_derating:
            target = 80.0
            self._temperature_c = max(self._temperature_c, 78.0)
        self._temperature_c += (target - self._temperature_c) * min(1.0, dt_s / 60.0)

    def _deci_a(self, phase: int) -> int:
        return round(self.currents_a[phase] * 10)

    def _volts(self, phase: int) -> int:
        return round(self.voltages_v[phase])

    def _wake(self) -> None:
        self._idle_s = 0.0
        self._quiet_s = 0.0

    # -- holding registers ---------------------------------------------------------------------

    def _is_current(self, raw: int) -> bool:
        return raw == 0 or 60 <= raw <= 160

    def _write_command(self, raw: int) -> None:
        self._command_deci_a = raw

    def _write_failsafe(self, raw: int) -> None:
        self._failsafe_deci_a = raw

    def _write_watchdog(self, raw: int) -> None:
        self._watchdog_ms = raw

    def _write_standby(self, raw: int) -> None:
        self._standby = raw

    def _write_remote_lock(self, raw: int) -> None:
        if raw == _UNLOCKED and self._remote_lock == _LOCKED:
            self._unlocking_s = self.timing.unlock_s
        self._remote_lock = raw
