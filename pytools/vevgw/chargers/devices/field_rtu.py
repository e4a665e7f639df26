"""Chargers of the field on a serial line: what their documents and the field say they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from vevgw.chargers.devices.base import Space
from vevgw.chargers.devices.image import Raw
from vevgw.chargers.devices.profile_device import ProfileDevice, Watchdog


class EvseWbDin(ProfileDevice):
    """EVSE-WB and EVSE-DIN.

    Firmware 17 counts the limit in 0.01 A when bit 7 of register 2005 is set, else in 1 A; up to
    firmware 15 a read returns 7 registers at most. A limit of 0 stops. There is no watchdog, and
    after power-up the limit is that of register 2000.

    Args:
        firmware: Register 1005.
        fine: Bit 7 of register 2005.
    """

    model = "evse-wb-din"
    function_codes = frozenset({3, 16})
    retentive = frozenset({"default-current", "minimum-current", "config"})
    holes = ((Space.HOLDING, 1000, 1009), (Space.HOLDING, 2000, 2017))
    # 1006: 1 = steady 12 V, 2 = PWM, 3 = off. 1007: bit 0 = relay.
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 1, "pilot": 1, "flags": 0},
        "B1": {"state": 2, "pilot": 1, "flags": 0},
        "B2": {"state": 2, "pilot": 2, "flags": 0},
        "C1": {"state": 3, "pilot": 1, "flags": 0},
        "C2": {"state": 3, "pilot": 2, "flags": 1},
        "E": {"state": 5, "pilot": 3, "flags": 0},
        "error": {"state": 5, "pilot": 3, "flags": 1 << 5},
    }

    def __init__(self, *, firmware: int = 18, fine: bool = True) -> None:
        super().__init__(missing=() if firmware >= 17 else ("config",))
        self.firmware = firmware
        self.max_read = 7 if firmware <= 15 else 125
        self.store("config", 1 << 7 if fine else 0)
        self.store("default-current", 6)
        self._from_default()

    @property
    def _count_a(self) -> float:
        config = self.stored("config")
        assert isinstance(config, int)
        return 0.01 if self.firmware >= 17 and config & 1 << 7 else 1.0

    def _from_default(self) -> None:
        amps = self.stored("default-current")
        assert isinstance(amps, int)
        self.store("limit", round(amps / self._count_a))

    def commanded_a(self) -> float:
        """By the unit that firmware and configuration choose."""
        raw = self.stored("limit")
        assert isinstance(raw, int)
        return raw * self._count_a

    def shown(self, name: str) -> Raw | None:
        """Constants and what is derived."""
        match name:
            case "firmware":
                return self.firmware
            case "cable-current":
                return 32
            case "offered-current":
                return int(self.limit_a)
        return None

    def on_write(self, name: str, raw: Raw) -> None:
        """Bit 0 of the command register switches off at once."""
        if name == "command" and isinstance(raw, int) and raw & 1:
            self.store("limit", 0)

    def reboot(self) -> None:
        """The limit comes from register 2000."""
        super().reboot()
        self._from_default()


class PhoenixSerial(ProfileDevice):
    """Phoenix Contact EV Charge Control Basic, SER variants.

    Register 4000 chooses what enables charging: 0 always, 1 the input (factory), 3 coil 20000;
    with another value the coil does nothing. 4000 and up are retentive. The state is a letter in
    the high byte and a digit in the low one.

    Attributes:
        enable_input: The input EN.
    """

    model = "phoenix-ev-cc-ac1-m-ser"
    function_codes = frozenset({1, 2, 3, 4, 5, 6, 15, 16})
    defaults: ClassVar[Mapping[str, Raw]] = {
        "enable": 0,
        "available": 1,
        "limit": 16,
        "enable-mode": 1,
        "availability-mode": 0,
        "lock-mode": 0,
        "state-d": 0,
    }
    retentive = frozenset({"enable-mode", "availability-mode", "lock-mode", "state-d"})
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        **{state: {"state": state} for state in ("A1", "A2", "B1", "B2", "C1", "C2", "F")},
        "E": {"state": "E"},
        "error": {"state": "F"},
    }

    def __init__(self) -> None:
        super().__init__(hw_max_a=32.0)
        self.enable_input = False

    def is_enabled(self) -> bool:
        """By the mode of register 4000."""
        match self.stored("enable-mode"):
            case 0:
                return True
            case 3:
                return self.stored("enable") == 1
        return self.enable_input

    def pilot_is_off(self) -> bool:
        """Coil 20001 counts in mode 2."""
        return self.stored("availability-mode") == 2 and self.stored("available") == 0

    def accepts(self, name: str, raw: Raw) -> bool:
        """6 to 63 A."""
        return name != "limit" or (isinstance(raw, int) and 6 <= raw <= 63)

    def shown(self, name: str) -> Raw | None:
        """The plug's rating."""
        return 32 if name == "cable-current" else None

    def on_write(self, name: str, raw: Raw) -> None:
        """Coil 21000 restarts it."""
        if name == "restart" and raw == 1:
            self.reboot()


class MennekesCompact(ProfileDevice):
    """Mennekes Amtron Compact 2.0s.

    A limit of 0 means no limit at all, 0.01 to 5.99 A means 0 A; pausing goes through the release
    register. 0x55AA to 0x0D00 at most 10 s apart keeps the master alive, then register 0x030E
    counts: 0 nothing happens, 1 pause, 6 to 32 A.
    """

    model = "mennekes-amtron-compact-2"
    function_codes = frozenset({3, 6, 16})
    enable = ("release", 1, 0)
    phase_switch = ("phase-switch", 1, 0)
    defaults: ClassVar[Mapping[str, Raw]] = {
        "map-version": 0x0103,
        "limit": 16.0,
        "release": 0,
        "fallback-setting": 6.0,
        "phase-option": 2,
        "phase-switch": 0,
        "firmware": "1.2.3",
    }
    retentive = frozenset({"fallback-setting"})
    watchdog_facts = Watchdog(fed_by=("heartbeat",), token=0x55AA, default_s=10.0)
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "boot": {"state": 0},
        "A1": {"state": 1, "pilot": 10},
        "A2": {"state": 1, "pilot": 26},
        "B1": {"state": 2, "pilot": 11},
        "B2": {"state": 4, "pilot": 27},
        "C1": {"state": 3, "pilot": 12},
        "C2": {"state": 5, "pilot": 28},
        "E": {"state": 6, "pilot": 14, "error": 7},
        "F": {"state": 7, "pilot": 15},
        "error": {"state": 6, "pilot": 15, "error": 10},
    }

    def commanded_a(self) -> float:
        """0 is no limit."""
        raw = self.stored("limit")
        assert not isinstance(raw, str)
        return self.hw_max_a if raw == 0 else float(raw)

    @property
    def failsafe_a(self) -> float:
        """Register 0x030E."""
        raw = self.stored("fallback-setting")
        assert not isinstance(raw, str)
        if raw == 0:
            return self.commanded_a()
        return float(raw) if raw >= 6 else 0.0

    def shown(self, name: str) -> Raw | None:
        """What is derived."""
        match name:
            case "fallback-current":
                return self.stored("fallback-setting")
            case "authorization":
                return 0
            case "power":
                return self.power_va
            case "powers":
                return None
        return None

    def accepts(self, name: str, raw: Raw) -> bool:
        """It restarts only while nothing is plugged in, and switches phases while not released."""
        if name == "phase-switch":
            return raw in (0, 1) and self.stored("release") == 0
        if name == "restart":
            return raw == 0xBB and self.ev is None
        return name != "release" or raw in (0, 1)

    def on_write(self, name: str, raw: Raw) -> None:
        """0xBB restarts it."""
        if name == "restart":
            self.reboot()


class AblEmh1(ProfileDevice):
    """ABL eMH1, Modbus ASCII.

    The limit is the pilot's duty in 0.1 %, 0.06 A each; 0x03E8 (100 %) switches off. It answers
    only some requests for reading, shows 1 in place of no current, counts the phases backwards,
    and misses the first request after a silence. Register 5 switches the outlet: 0xE0E0, 0xA1A1.
    """

    model = "abl-emh1"
    function_codes = frozenset({3, 16})
    blocks = ((0x01, 2), (0x04, 1), (0x0F, 5), (0x2E, 5))
    lost_after_s = 0.5
    defaults: ClassVar[Mapping[str, Raw]] = {"limit": 0x03E8, "outlet": 0xA1A1}
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 0xA1},
        "B1": {"state": 0xB1},
        "B2": {"state": 0xB2},
        "C1": {"state": 0xB1},
        "C2": {"state": 0xC2},
        "E": {"state": 0xF8},
        "F": {"state": 0xE0},
        "error": {"state": 0xF2},
    }

    def commanded_a(self) -> float:
        """Duty in 0.1 %; 100 % is no offer."""
        raw = self.stored("limit")
        assert isinstance(raw, int)
        return 0.0 if raw >= 0x03E8 else raw * 0.06

    def pilot_is_off(self) -> bool:
        """The outlet is switched off."""
        return self.stored("outlet") == 0xE0E0

    def shown(self, name: str) -> Raw | None:
        """The duty that is set, and its sensors' idea of zero."""
        if name == "duty":
            return self.stored("limit")
        if name == "currents" and max(self.currents_a) < 0.05:
            return 1
        return None


class Solax(ProfileDevice):
    """Solax X1/X3-EVC, first generation: commands 3 stop and 4 start, limit in 0.01 A."""

    model = "solax-evc"
    function_codes = frozenset({3, 4, 6})
    enable = ("command", 4, 3)
    defaults: ClassVar[Mapping[str, Raw]] = {
        "command": 3,
        "limit": 1600,
        "mode": 1,
        "firmware": 700,
    }
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 0},
        "B1": {"state": 8},
        "B2": {"state": 7},
        "C1": {"state": 8},
        "C2": {"state": 2},
        "E": {"state": 4, "fault": 1 << 3},
        "F": {"state": 5},
        "error": {"state": 4, "fault": 1},
    }

    def accepts(self, name: str, raw: Raw) -> bool:
        """Unknown commands are refused."""
        return name != "command" or raw in (3, 4)


class SolaxHac(Solax):
    """Second generation: the energy's low word comes first."""

    model = "solax-hac"


class Viridian(ProfileDevice):
    """Viridian EPC and OBO Ion: one phase; any request feeds the watchdog (ms in register 28)."""

    model = "viridian-epc"
    function_codes = frozenset({3, 6})
    enable = ("enable", 1, 0)
    defaults: ClassVar[Mapping[str, Raw]] = {"enable": 0, "limit": 16, "lock": 0}
    watchdog_facts = Watchdog(
        time="timeout", default_s=30.0, failsafe="failsafe-current", failsafe_a=6.0
    )
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 0, "cable": 0},
        "B": {"state": 1, "cable": 32},
        "C1": {"state": 1, "cable": 32},
        "C2": {"state": 2, "cable": 32},
        "E": {"state": 4, "error": 2},
        "F": {"state": 4},
        "error": {"state": 4, "error": 1},
    }

    @property
    def watchdog_s(self) -> float:
        """Register 28 counts ms."""
        raw = self.stored("timeout")
        assert isinstance(raw, int)
        return raw / 1000.0

    @watchdog_s.setter
    def watchdog_s(self, seconds: float) -> None:
        self.store("timeout", round(seconds * 1000))

    def accepts(self, name: str, raw: Raw) -> bool:
        """0 or 1000 to 60000 ms."""
        return name != "timeout" or raw == 0 or (isinstance(raw, int) and 1000 <= raw <= 60000)


class Pracht(ProfileDevice):
    """Pracht Alpha: the lower of two limits counts, and it has no meter."""

    model = "pracht-alpha"
    function_codes = frozenset({3, 6})
    defaults: ClassVar[Mapping[str, Raw]] = {"limit": 0, "total-limit": 16, "lock": 255}
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 0},
        "B": {"state": 1},
        "C": {"state": 2},
        "E": {"state": 0},
        "error": {"state": 0},
    }

    def commanded_a(self) -> float:
        """The total limit and that of the outlet."""
        limits = [self.stored("limit"), self.stored("total-limit")]
        return min(float(raw) for raw in limits if not isinstance(raw, str))


class Sungrow(ProfileDevice):
    """Sungrow AC: 0 starts and 1 stops; it wants to be read at least every 30 s."""

    model = "sungrow-ac"
    function_codes = frozenset({3, 4, 6})
    enable = ("session", 0, 1)
    phase_switch = ("phase-switch", 1, 0)
    defaults: ClassVar[Mapping[str, Raw]] = {
        "session": 1,
        "limit": 160,
        "available": 1,
        "phase-switch": 0,
        "work-mode": 6,
        "phases": 3,
        "started-by": 1,
    }
    watchdog_facts = Watchdog(default_s=30.0, then="fault")
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 1},
        "B1": {"state": 2},
        "B2": {"state": 5},
        "C1": {"state": 4},
        "C2": {"state": 3},
        "E": {"state": 9},
        "F": {"state": 8},
        "error": {"state": 9},
    }

    def pilot_is_off(self) -> bool:
        """Out of service."""
        return self.stored("available") == 0

    def accepts(self, name: str, raw: Raw) -> bool:
        """Phases are switched only while it is stopped."""
        return name != "phase-switch" or self.stored("session") == 1

    def shown(self, name: str) -> Raw | None:
        """Phases in use."""
        return self.stored("phase-switch") if name == "phase-state" else None
