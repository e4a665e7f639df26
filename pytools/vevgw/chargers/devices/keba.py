"""KEBA KeContact P30 as its UDP commands show it (port 7090, ASCII, JSON reports)."""

from __future__ import annotations

import json
from typing import ClassVar

from vevgw.chargers.devices.direct import LineDevice
from vevgw.chargers.ev import Ev, Pilot

_COMMAND_GAP_S = 0.09
_AFTER_DISABLE_S = 1.9
_TAKE_OVER_S = 1.0


class Keba(LineDevice):
    """One wallbox.

    Attributes:
        hardware_ma: Limit by the DIP switches and the cable, mA.
        tag: UID at the charger's reader, 16 hex digits; zeros = none in this session.
        too_early: Commands that came while the charger did not listen; they got no answer.
        eeprom_writes: Settings that were stored for good.
        unlocks: How often the plug was let go.
    """

    model: ClassVar[str] = "keba"

    def __init__(self) -> None:
        super().__init__()
        self.hardware_ma = 16000
        self.tag = "0" * 16
        self.too_early = 0
        self.eeprom_writes = 0
        self.unlocks = 0
        self._session = 35
        self._now_s = 0.0
        self._deaf_until_s = 0.0
        self._is_enabled = True
        self._user_ma = 32000
        self._due: list[tuple[float, str, int]] = []
        self._failsafe_s = 0
        self._failsafe_ma = 0
        self._heard_s = 0.0
        self._has_tripped = False
        self._told: dict[str, int] = {}

    @property
    def code(self) -> int:
        """`State` of report 2."""
        if self.ev is None or self.limit_a == 0:
            return 1
        return 3 if self.ev.wants_power else 2

    @property
    def plug_code(self) -> int:
        """`Plug` of report 2."""
        return 3 if self.ev is None else 7

    @property
    def state(self) -> str:
        if self.ev is None:
            return "A1"
        return {1: "B1", 2: "B2", 3: "C2"}[self.code]

    @property
    def limit_a(self) -> float:
        limit_ma = min(self._failsafe_ma if self._has_tripped else self._user_ma, self.hardware_ma)
        return limit_ma / 1000 if self._is_enabled and limit_ma >= 6000 else 0.0

    def plug(self, ev: Ev) -> None:
        super().plug(ev)
        self._session += 1
        self.tag = "0" * 16

    def reboot(self) -> None:
        self._is_enabled = True
        self._user_ma = 32000
        self._failsafe_s = 0
        self._has_tripped = False
        self._now_s = self._deaf_until_s = 0.0

    def receive(self, data: bytes) -> bytes:
        if self._now_s < self._deaf_until_s:
            self.too_early += 1
            return b""
        self._deaf_until_s = self._now_s + _COMMAND_GAP_S
        self._heard_s = self._now_s
        match data.decode("ascii", "replace").split():
            case ["report", number]:
                return (json.dumps(self._report(int(number)), indent=0) + "\n").encode()
            case ["ena", value]:
                self._due.append((self._now_s + _TAKE_OVER_S, "ena", int(value)))
                if value == "0":
                    self._deaf_until_s = self._now_s + _AFTER_DISABLE_S
            case ["curr", value]:
                self.eeprom_writes += 1
                self._user_ma = int(value)
            case ["currtime", value, delay]:
                self._due.append((self._now_s + int(delay), "curr", int(value)))
                self._has_tripped = False
            case ["failsafe", seconds, milliamps, save]:
                self._failsafe_s, self._failsafe_ma = int(seconds), int(milliamps)
                self.eeprom_writes += int(save)
            case ["unlock"]:
                if self.code == 3:
                    return b"TCH-ERR :charging\n"
                self.unlocks += 1
            case _:
                return b"TCH-ERR :unknown\n"
        return b"TCH-OK :done\n"

    def _report(self, number: int) -> dict[str, object]:
        if number == 1:
            return {"ID": "1", "Product": "KC-P30-ES240022-E0R", "Serial": "17619300"}
        if number == 2:
            offers = int(self.limit_a > 0)
            return {
                "ID": "2",
                "State": self.code,
                "Error1": 0,
                "Error2": 0,
                "Plug": self.plug_code,
                "AuthON": 0,
                "Authreq": 0,
                "Enable sys": offers,
                "Enable user": int(self._is_enabled),
                "Max curr": round(self.limit_a * 1000),
                "Curr HW": self.hardware_ma,
                "Curr user": self._user_ma,
                "Curr FS": self._failsafe_ma,
                "Tmo FS": self._failsafe_s,
                "Sec": int(self._now_s),
            }
        if number == 3:
            currents = {f"I{i + 1}": round(1000 * amp) for i, amp in enumerate(self.currents_a)}
            return {
                "ID": "3",
                "U1": 230,
                "U2": 230,
                "U3": 230,
                **currents,
                "P": round(self.power_va * 1000),
                "PF": 1000,
                "E pres": 0,
                "E total": int(self.energy_total_vah * 10),
            }
        return {"ID": str(number), "Session ID": self._session, "RFID tag": self.tag}

    def _pilot(self) -> tuple[Pilot, float]:
        return (Pilot.PWM, self.limit_a) if self.limit_a > 0 else (Pilot.STEADY, 0.0)

    def _tick(self, dt_s: float) -> None:
        self._now_s += dt_s
        for due_s, what, value in list(self._due):
            if due_s > self._now_s:
                continue
            self._due.remove((due_s, what, value))
            if what == "ena":
                self._is_enabled = value == 1
            else:
                self._user_ma = value
        if 0 < self._failsafe_s < self._now_s - self._heard_s:
            self._has_tripped = True
        for name, value in (("State", self.code), ("Plug", self.plug_code)):
            if self._told.get(name) != value:
                self._told[name] = value
                self._output = json.dumps({name: value}).encode()
