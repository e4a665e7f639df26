"""Chargers of the field on the network: what their documents and the field say they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from vevgw.chargers.devices.heidelberg import HeidelbergEnergyControl
from vevgw.chargers.devices.image import Raw
from vevgw.chargers.devices.profile_device import ProfileDevice, Watchdog
from vevgw.chargers.ev import Ev


class PhoenixEth(ProfileDevice):
    """Phoenix Contact EV-CC-AC1-M3 and what is built on it.

    The limit counts in 1 A, with Wallbe firmware in 0.1 A; only the latter has the energy at 2980.
    The local enable input clears coil 400 where it is wired and open. Coils with FC 5, registers
    with FC 6.

    Args:
        wallbe: Wallbe firmware.

    Attributes:
        enable_input: False: the open input takes the permission back.
    """

    model = "phoenix-ev-cc-ac1-m3"
    function_codes = frozenset({1, 2, 3, 4, 5, 6})
    enable = ("enable", 1, 0)
    defaults: ClassVar[Mapping[str, Raw]] = {"enable": 0, "card": "", "serial": "1234567"}
    # One letter, in the low byte.
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": "\0A"},
        "B": {"state": "\0B"},
        "C1": {"state": "\0B"},
        "C2": {"state": "\0C"},
        "E": {"state": "\0E", "error": 4},
        "F": {"state": "\0F", "error": 5},
        "error": {"state": "\0F", "error": 12},
    }

    def __init__(self, *, wallbe: bool = False) -> None:
        super().__init__(missing=() if wallbe else ("energy-wallbe",))
        self.wallbe = wallbe
        self.enable_input = True
        self._set_limit()

    def _set_limit(self) -> None:
        self.store("limit", 160 if self.wallbe else 16)

    def commanded_a(self) -> float:
        """In the unit of the firmware."""
        raw = self.stored("limit")
        assert isinstance(raw, int)
        return raw * (0.1 if self.wallbe else 1.0)

    def shown(self, name: str) -> Raw | None:
        """Wallbe's register 904 has 16 bits only."""
        if name == "energy-phoenix" and self.wallbe:
            return int(self.energy_total_vah) & 0xFFFF
        return None

    def reboot(self) -> None:
        """The limit is the installer's again."""
        super().reboot()
        self._set_limit()

    def _tick(self, dt_s: float) -> None:
        super()._tick(dt_s)
        if not self.enable_input:
            self.store("enable", 0)


class PhoenixEm(ProfileDevice):
    """Phoenix Contact EM-CP-PP-ETH, with a meter at it."""

    model = "phoenix-em-cp-pp-eth"
    function_codes = frozenset({1, 2, 3, 4, 5, 6})
    enable = ("enable", 1, 0)
    defaults: ClassVar[Mapping[str, Raw]] = {"enable": 0, "limit": 16}
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        **PhoenixEth.states,
        "E": {"state": "\0E"},
        "F": {"state": "\0F"},
        "error": {"state": "\0F"},
    }


class KebaP30(ProfileDevice):
    """KEBA KeContact P30 over Modbus TCP.

    Two registers per read and no more, FC 3 and 6. Current in mA, 6000 to 63000; it is enabled
    after its own start. Writing the failsafe time feeds the watchdog.

    Attributes:
        has_list: It lets charge by itself who is on its list of cards, and nobody else; only while
            it is enabled. Otherwise its reader only reads.
        is_authorized: A card of the list was held to it in this session.
    """

    model = "keba-p30"
    has_list = False
    is_authorized = False
    function_codes = frozenset({3, 6})
    enable = ("enable", 1, 0)
    phase_switch = ("phase-switch", 0, 1)
    max_read = 2
    blocks = "registers"
    defaults: ClassVar[Mapping[str, Raw]] = {
        "enable": 1,
        "limit": 16000,
        "model": 317201,
        "firmware": 30010,
        "serial": 17619300,
        "card": 0,
    }
    watchdog_facts = Watchdog(
        fed_by=("failsafe-timeout",),
        time="failsafe-timeout",
        default_s=0.0,
        failsafe="failsafe-current",
        failsafe_a=0.0,
    )
    # Cable: 3 locked at the station, 5 and the EV, 7 and locked.
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "boot": {"state": 0, "cable": 3},
        "A": {"state": 1, "cable": 3},
        "B1": {"state": 5, "cable": 7},
        "B2": {"state": 2, "cable": 7},
        "C1": {"state": 5, "cable": 7},
        "C2": {"state": 3, "cable": 7},
        "E": {"state": 4, "cable": 7, "error": 0x00020011},
        "error": {"state": 4, "cable": 7, "error": 0x00010003},
    }

    def hold_card(self, uid: str) -> None:
        """Holds a card, 8 hex digits, to its reader: with a list, it begins or ends a session."""
        self._stored["card"] = uid
        if self.has_list and self.ev is not None and super().is_enabled():
            self.is_authorized = not self.is_authorized

    def unplug(self) -> None:
        """The session is over."""
        super().unplug()
        self._stored["card"] = 0
        self.is_authorized = False

    def is_enabled(self) -> bool:
        """A list lets nobody charge who is not on it."""
        return super().is_enabled() and (self.is_authorized or not self.has_list)

    def accepts(self, name: str, raw: Raw) -> bool:
        """The ranges of its document."""
        assert not isinstance(raw, str)
        match name:
            case "limit":
                return 6000 <= raw <= 63000
            case "enable":
                return raw in (0, 1)
            case "phase-switch":
                return raw in (0, 1) and self.stored("phase-source") == 3
            case "failsafe-current":
                return raw == 0 or 6000 <= raw <= 63000
            case "failsafe-timeout":
                return raw == 0 or 10 <= raw <= 600
        return True

    def shown(self, name: str) -> Raw | None:
        """What was written shows elsewhere."""
        match name:
            case "offered-current":
                return self.stored("limit")
            case "phase-state":
                return 0 if self.used_phases == 1 else 1
            case "failsafe-current-now":
                return self.stored("failsafe-current")
            case "failsafe-timeout-now":
                return self.stored("failsafe-timeout")
        return None


class _Heartbeat1(ProfileDevice):
    """What Vestel and Webasto share: 1 to register 6000 within the time in 2002, else 2000."""

    watchdog_facts = Watchdog(
        fed_by=("alive",),
        token=1,
        time="failsafe-timeout",
        default_s=20.0,
        failsafe="failsafe-current",
        failsafe_a=6.0,
    )

    def accepts(self, name: str, raw: Raw) -> bool:
        """A limit is 0 or 6 to 32 A."""
        assert not isinstance(raw, str)
        return name != "limit" or raw == 0 or 6 <= raw <= 32


class Vestel(_Heartbeat1):
    """Vestel EVC04 and Webasto Unite: no reads across registers that do not exist."""

    model = "vestel-evc04"
    function_codes = frozenset({3, 4, 6})
    defaults: ClassVar[Mapping[str, Raw]] = {
        "limit": 0,
        "serial": "7000123456",
        "model": "EVC04-AC11",
        "firmware": "v3.160.0",
        "card": "",
        "alive": 0,
    }
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"ocpp-status": 0, "state": 0, "cable": 1},
        "B1": {"ocpp-status": 3, "state": 0, "cable": 2},
        "B2": {"ocpp-status": 4, "state": 0, "cable": 3},
        "C1": {"ocpp-status": 3, "state": 0, "cable": 2},
        "C2": {"ocpp-status": 2, "state": 1, "cable": 3},
        "E": {"ocpp-status": 8, "state": 0, "cable": 2, "error": 1 << 4},
        "error": {"ocpp-status": 8, "state": 0, "cable": 2, "error": 1},
    }


class WebastoNext(_Heartbeat1):
    """Webasto NEXT: its state knows no difference between both kinds of waiting."""

    model = "webasto-next"
    function_codes = frozenset({3, 4, 6, 16})
    defaults: ClassVar[Mapping[str, Raw]] = {
        "limit": 0,
        "equipment-state": 1,
        "card": "",
        "alive": 0,
    }
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 0, "charging": 0, "cable": 1},
        "B1": {"state": 1, "charging": 0, "cable": 2},
        "B2": {"state": 4, "charging": 0, "cable": 3},
        "C1": {"state": 1, "charging": 0, "cable": 2},
        "C2": {"state": 3, "charging": 1, "cable": 3},
        "E": {"state": 7, "cable": 2, "error": 3},
        "error": {"state": 7, "cable": 2, "error": 1},
    }


class DaheimLaden(ProfileDevice):
    """DaheimLaden Smart: off is a limit of 1 (0.1 A); 0 starts charging by itself.

    After its own restart the limit reads 0. Any request feeds the watchdog. FC 16 only.
    """

    model = "daheimladen-smart"
    function_codes = frozenset({3, 16})
    defaults: ClassVar[Mapping[str, Raw]] = {"limit": 0, "serial": "DL123", "card": ""}
    watchdog_facts = Watchdog(
        time="failsafe-timeout", default_s=60.0, failsafe="failsafe-current", failsafe_a=6.0
    )
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 1, "cable": 0},
        "B1": {"state": 2, "cable": 1},
        "B2": {"state": 5, "cable": 1},
        "C1": {"state": 2, "cable": 1},
        "C2": {"state": 4, "cable": 1},
        "E": {"state": 6, "cable": 1, "error": 2},
        "error": {"state": 6, "cable": 1, "error": 1},
    }

    def commanded_a(self) -> float:
        """0 is free charging."""
        raw = self.stored("limit")
        assert isinstance(raw, int)
        return self.hw_max_a if raw == 0 else raw * 0.1

    def shown(self, name: str) -> Raw | None:
        """Session energy in 0.1 kWh."""
        return 320 if name == "cable-current" else None


class Em2Go(DaheimLaden):
    """EM2GO Pro Power: the same registers; 1 starts, 2 stops, and a start forgets the limit."""

    model = "em2go-pro-power"
    enable = ("command", 1, 2)
    defaults: ClassVar[Mapping[str, Raw]] = {**DaheimLaden.defaults, "command": 2}

    def on_write(self, name: str, raw: Raw) -> None:
        """Phases and current are to be sent again after a start."""
        if name == "command" and raw == 1:
            self.store("limit", round(self.hw_max_a * 10))


class Alfen(ProfileDevice):
    """Alfen Eve: the limit is valid for some time, then the safe current holds."""

    model = "alfen-eve"
    function_codes = frozenset({3, 6, 16})
    defaults: ClassVar[Mapping[str, Raw]] = {
        "limit": 0.0,
        "safe-current": 6.0,
        "available": 1,
        "phase-switch": 3,
    }
    watchdog_facts = Watchdog(fed_by=("limit",), default_s=300.0, failsafe_a=6.0)
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        **{state: {"state": state} for state in ("B1", "B2", "C1", "C2")},
        "A": {"state": "A"},
        "E": {"state": "E"},
        "F": {"state": "F"},
        "error": {"state": "F"},
    }

    def shown(self, name: str) -> Raw | None:
        """What became of the limit."""
        match name:
            case "applied-current":
                return self.permitted_a
            case "valid-for":
                return max(0, int(self.watchdog_s - self._unfed_s))
            case "accounted":
                return int(not self.is_failsafe)
        return None


class Bender(ProfileDevice):
    """Bender CC612: the limit in whole A; the failsafe current holds when it is not rewritten."""

    model = "bender-cc612"
    function_codes = frozenset({3, 6, 16})
    defaults: ClassVar[Mapping[str, Raw]] = {
        "limit": 0,
        "firmware": "5.22",
        "model": "CC612",
        "tag": "",
        "available": 1,
    }
    watchdog_facts = Watchdog(
        fed_by=("limit",),
        time="failsafe-timeout",
        default_s=60.0,
        failsafe="failsafe-current",
        failsafe_a=6.0,
    )
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 1, "ocpp-status": 0},
        "B1": {"state": 2, "ocpp-status": 7},
        "B2": {"state": 2, "ocpp-status": 8},
        "C1": {"state": 3, "ocpp-status": 7},
        "C2": {"state": 3, "ocpp-status": 6},
        "E": {"state": 5, "ocpp-status": 4, "error-4": 1 << 1},
        "error": {"state": 1, "ocpp-status": 4, "error-4": 1 << 6},
    }


class AbbTerra(ProfileDevice):
    """ABB Terra AC.

    The state is in bits 8 to 14 of a wide register. Below 6 A it pauses. A silent bus is an
    error for it: the session ends, and so it does when the lock is opened while charging.
    """

    model = "abb-terra-ac"
    function_codes = frozenset({3, 6, 16})
    defaults: ClassVar[Mapping[str, Raw]] = {"limit": 0, "serial": 0x1234, "firmware": 0x01060000}
    watchdog_facts = Watchdog(time="timeout", default_s=1200.0, then="end")
    # Lock: bit 0 cable in the station, bit 4 locked, bit 8 plugged in at the EV.
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": 0, "lock": 0},
        "B1": {"state": 1, "lock": 0x101},
        "B2": {"state": 2, "lock": 0x111},
        "C1": {"state": 3, "lock": 0x111},
        "C2": {"state": 4, "lock": 0x111},
        "E": {"state": 5, "lock": 0x101, "error": 1 << 2},
        "error": {"state": 5, "lock": 0, "error": 1},
        "ended": {"state": 5, "lock": 0x101},
    }

    def shown(self, name: str) -> Raw | None:
        """What was written shows elsewhere."""
        match name:
            case "limit-now":
                return round(self.permitted_a * 1000)
            case "timeout-now":
                return self.stored("timeout")
        return None

    def on_write(self, name: str, raw: Raw) -> None:
        """Unlocking while charging ends the session; so does stop."""
        if (name == "lock-mode" and raw == 0 and self.state == "C2") or (
            name == "session" and raw == 1
        ):
            self.has_ended = self.ev is not None


class MennekesHcc3(ProfileDevice):
    """Mennekes Amtron Xtra and Premium: a session is started and ended by command.

    Register 0x0305: 0 idle, 1 waits for authorization, 2 for the EV, 3 charging, 4 paused, 5 ended.
    """

    model = "mennekes-amtron-hcc3"
    function_codes = frozenset({3, 4, 6, 16})
    defaults: ClassVar[Mapping[str, Raw]] = {"limit": 0, "cable": 4, "phase-state": 7}
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A1": {"state": 1},
        "A2": {"state": 2},
        "B1": {"state": 3},
        "B2": {"state": 4},
        "C1": {"state": 5},
        "C2": {"state": 6},
        "E": {"state": 3, "error": 52},
        "error": {"state": 3, "error": 11},
        "ended": {"state": 3},
    }

    def __init__(self) -> None:
        super().__init__()
        self._session = 0

    def is_enabled(self) -> bool:
        """Only in a session that is not paused."""
        return self._session in (2, 3)

    def plug(self, ev: Ev) -> None:
        """It waits for authorization."""
        super().plug(ev)
        self._session = 1

    def unplug(self) -> None:
        """The session is over."""
        super().unplug()
        self._session = 0

    def hold_card(self) -> None:
        """Holds a card of its list to its reader: it begins or ends a session."""
        if self.ev is not None:
            self._session = 5 if self._session in (2, 3, 4) else 3

    def shown(self, name: str) -> Raw | None:
        """The session."""
        if name != "session-state":
            return None
        if self._session == 3 and self.permitted_a == 0:
            return 4
        return self._session

    def on_write(self, name: str, raw: Raw) -> None:
        """1 pause, 2 continue, 3 terminate, 4 start."""
        if name != "session" or self.ev is None:
            return
        wanted = {1: 4, 2: 3, 3: 5, 4: 3}.get(raw if isinstance(raw, int) else 0)
        if wanted == 3 and raw == 2 and self._session != 4:
            return
        self._session = wanted or self._session


class Siemens(ProfileDevice):
    """Siemens VersiCharge Gen3: limit in 0.01 A, a letter padded with a blank as state."""

    model = "siemens-versicharge-gen3"
    function_codes = frozenset({3, 6})
    defaults: ClassVar[Mapping[str, Raw]] = {
        "limit": 0,
        "serial": "SIE123",
        "model": "8EM1310",
        "firmware": "2.135",
    }
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A": {"state": "A "},
        "B": {"state": "B "},
        "C1": {"state": "B "},
        "C2": {"state": "C "},
        "E": {"state": "E ", "error": 3},
        "F": {"state": "F "},
        "error": {"state": "F ", "error": 1},
    }


class EvLink(ProfileDevice):
    """Schneider EVlink Pro AC: 1 to register 4000 every 2 s, else the degraded set-points count.

    4005 counts with one phase, 4006 with three. 2 to register 4000 switches the supervision off.
    """

    model = "schneider-evlink-pro-ac"
    function_codes = frozenset({3, 6})
    defaults: ClassVar[Mapping[str, Raw]] = {
        "limit": 0,
        "failsafe-one": 6,
        "failsafe-three": 6,
        "life-bit": 0,
    }
    watchdog_facts = Watchdog(
        fed_by=("life-bit",), token=1, default_s=4.0, failsafe="failsafe-three"
    )
    states: ClassVar[Mapping[str, Mapping[str, Raw]]] = {
        "A1": {"state": 2, "cable": 0},
        "A2": {"state": 6, "cable": 0},
        "B1": {"state": 4, "cable": 1},
        "B2": {"state": 7, "cable": 1},
        "C1": {"state": 4, "cable": 1},
        "C2": {"state": 8, "cable": 1},
        "E": {"state": 10, "error": 1 << 3},
        "F": {"state": 0, "cable": 0},
        "error": {"state": 11, "error": 1},
    }

    def on_write(self, name: str, raw: Raw) -> None:
        """Commands: 9 reboots."""
        if name == "life-bit" and raw == 2:
            self.watchdog_s = 0.0
        if name == "command" and raw == 9:
            self.reboot()


class Amperfied(HeidelbergEnergyControl):
    """Amperfied connect: the registers of the Energy Control over TCP."""

    model = "amperfied-connect"
    default_unit = 255
