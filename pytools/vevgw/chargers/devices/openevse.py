"""OpenEVSE behind its serial port: the RAPI protocol as the firmware's documentation describes it.

Lines are `$` words `^` two hex digits (XOR of all before the caret) carriage return, at 115200 8N1.
"""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

from vevgw.chargers.devices.direct import LineDevice
from vevgw.chargers.ev import Ev, Pilot

_STATE_NAMES = {1: "A2", 2: "B2", 3: "C2", 0xFE: "B1", 0xFF: "F"}


class OpenEvse(LineDevice):
    """One station.

    Attributes:
        error: State code of a fault, 5..0xE; 0 = none.
        eeprom_writes: Currents that were stored for good: each wears the EEPROM.
        missed_heartbeats: How often the supervision fell back.
    """

    model: ClassVar[str] = "openevse"
    LOWEST_A: ClassVar[int] = 6
    HIGHEST_A: ClassVar[int] = 32

    def __init__(self) -> None:
        super().__init__()
        self.voltages_v = [240.0, 0.0, 0.0]
        self.error = 0
        self.eeprom_writes = 0
        self.missed_heartbeats = 0
        self._buffer = b""
        self._capacity_a = self.HIGHEST_A
        self._is_sleeping = False
        self._is_disabled = False
        self._heartbeat_s = 0
        self._fallback_a = 0
        self._quiet_s = 0.0
        self._is_missed = False
        self._told_state = -1
        self._session_start_vah = 0.0

    @property
    def code(self) -> int:
        """State code of `$GS`."""
        if self.error:
            return self.error
        if self._is_disabled:
            return 0xFF
        if self._is_sleeping:
            return 0xFE
        if self.ev is None:
            return 1
        return 3 if self.ev.wants_power and self._capacity_a >= self.LOWEST_A else 2

    @property
    def state(self) -> str:
        if self.code == 0xFE and self.ev is None:
            return "A1"
        return _STATE_NAMES.get(self.code, "error")

    @property
    def limit_a(self) -> float:
        is_off = self._is_sleeping or self._is_disabled or self.error
        return float(self._capacity_a) if not is_off and self._capacity_a >= self.LOWEST_A else 0.0

    def plug(self, ev: Ev) -> None:
        super().plug(ev)
        self._session_start_vah = self.energy_total_vah

    def reboot(self) -> None:
        self._is_sleeping = self._is_disabled = False
        self._capacity_a = self.HIGHEST_A
        self._heartbeat_s = 0
        self._is_missed = False
        self._session_start_vah = self.energy_total_vah
        self._output += _line("AB 00 8.2.1")

    def receive(self, data: bytes) -> bytes:
        self._buffer += data
        answers = b""
        while b"\r" in self._buffer:
            raw, self._buffer = self._buffer.split(b"\r", 1)
            text = raw.decode("ascii", "replace")
            if not text.startswith("$") or _line(text[1:-3]) != raw + b"\r":
                continue
            answers += _line(self._answer(text[1:-3].split()))
        return answers

    def _answer(self, words: list[str]) -> str:
        match words:
            case ["GV"]:
                return "OK 8.2.1 5.1.0"
            case ["GS"]:
                return f"OK {self.code:02X} 5 {self._pilot_code:02X} {self._flags:04X}"
            case ["GG"]:
                return f"OK {round(1000 * self.currents_a[0])} 240000"
            case ["GU"]:
                session_wh = self.energy_total_vah - self._session_start_vah
                return f"OK {int(session_wh * 3600)} {int(self._session_start_vah)}"
            case ["GP"]:
                return "OK 251 -2560 -2560"
            case ["GC"]:
                return f"OK {self.LOWEST_A} 80 {self._capacity_a} {self.HIGHEST_A}"
            case ["SC", amperes, *rest]:
                if rest != ["V"]:
                    self.eeprom_writes += 1
                self._capacity_a = min(max(int(amperes), self.LOWEST_A), self.HIGHEST_A)
                verdict = "OK" if self._capacity_a == int(amperes) else "NK"
                return f"{verdict} {self._capacity_a}"
            case ["FE"]:
                self._is_sleeping = self._is_disabled = False
                return "OK"
            case ["FS"]:
                self._is_sleeping, self._is_disabled = True, False
                return "OK"
            case ["FD"]:
                self._is_sleeping, self._is_disabled = False, True
                return "OK"
            case ["SY", *rest]:
                return self._supervise(rest)
            case _:
                return "NK"

    def _supervise(self, words: list[str]) -> str:
        self._quiet_s = 0.0
        was_missed = self._is_missed
        if len(words) == 2:
            self._heartbeat_s, self._fallback_a = int(words[0]), int(words[1])
            self._is_missed = False
        elif words == ["165"]:
            self._is_missed = False
            self._capacity_a = self.HIGHEST_A
        verdict = "NK" if self._is_missed else "OK"
        trigger = 2 if self._is_missed else int(was_missed)
        return f"{verdict} {self._heartbeat_s} {self._fallback_a} {trigger}"

    @property
    def _pilot_code(self) -> int:
        if self.ev is None:
            return 1
        return 3 if self.ev.wants_power else 2

    @property
    def _flags(self) -> int:
        return (0x40 if self.code == 3 else 0) | (0x100 if self.ev is not None else 0)

    def _pilot(self) -> tuple[Pilot, float]:
        if self._is_disabled:
            return Pilot.OFF, 0.0
        return (Pilot.PWM, self.limit_a) if self.limit_a > 0 else (Pilot.STEADY, 0.0)

    def _tick(self, dt_s: float) -> None:
        self._quiet_s += dt_s
        if 0 < self._heartbeat_s < self._quiet_s and not self._is_missed:
            self._is_missed = True
            self.missed_heartbeats += 1
            self._capacity_a = self._fallback_a
        if self.code != self._told_state:
            self._told_state = self.code
            self._output += _line(
                f"AT {self.code:02X} {self._pilot_code:02X} {self._capacity_a} {self._flags:04X}"
            )


def _line(words: str) -> bytes:
    text = f"${words}"
    checksum = reduce(lambda left, right: left ^ right, text.encode(), 0)
    return f"{text}^{checksum:02X}\r".encode()
