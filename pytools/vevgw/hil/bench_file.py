"""The bench file: which board, and what is wired to it.

[board]
port = "/dev/ttyUSB0"            # or rfc2217://HOST:PORT
name = "bench 1"                 # for the report
environment = "esp32dev-bench"   # what --flash builds
build = "../out/esp32dev-bench"  # what --flash writes instead: a folder with such a build

[network]
csms_host = "192.0.2.7"          # this computer as the board sees it
wifi_ssid = "bench"
wifi_password = { env = "BENCH_WIFI" }

[wires]
rs485 = "/dev/ttyUSB1"
relay = { contactor = 27, feedback = 34 }
loop_back = { out = 32, in = 36 }
s0 = { out = 33, in = 35 }
power_switch = { off = "uhubctl -l 1-1 -a off", on = "uhubctl -l 1-1 -a on", timeout_s = 10 }
wifi = { off = "nmcli radio wifi off", on = "nmcli radio wifi on", timeout_s = 30 }
firmware = { image = "next/firmware.bin", version = "0.2.0" }

[limits]
loop_busy_ms = 50                # docs/hil.md

A path is relative to the file. What is not there is not wired: its tests are skipped by name.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, NoReturn

from vevgw.errors import UserError

#: Everything that can be wired, in the order of reports.
WIRES: Final = ("rs485", "power_switch", "wifi", "firmware", "relay", "loop_back", "s0")
_MOST_PIN: Final = 39
_TIMEOUT_S: Final = 20.0
_ENVIRONMENT: Final = "esp32dev-bench"
_HEADER: Final = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+")
_KEY: Final = re.compile(r"\s*([\w.\-\"' ]+?)\s*=")


@dataclass(frozen=True, slots=True)
class Commands:
    """Shell commands that switch something; each must have ended within `timeout_s`."""

    off: str
    on: str
    timeout_s: float = _TIMEOUT_S


@dataclass(frozen=True, slots=True)
class PinPair:
    """A wire from an output of the board to an input of it, GPIO numbers."""

    out: int
    into: int


@dataclass(frozen=True, slots=True)
class NextFirmware:
    """An image for updates over the air: the firmware under test with another version.

    Attributes:
        image: For the second slot.
        version: What it reports.
    """

    image: Path
    version: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gateway must keep, see docs/hil.md; times of the control loop in ms."""

    loop_busy_ms: float = 50.0  # 99 of 100 turns
    loop_busy_worst_ms: float = 2000.0
    loop_late_ms: float = 100.0  # 99 of 100 turns
    heap_free_bytes: int = 20_000  # the least ever, where the device tells it
    heap_loss_bytes: int = 2_048  # what a session may not take away, in the long run


@dataclass(frozen=True, slots=True)
class BenchFile:
    """One bench. Wires that are None are not there.

    Attributes:
        port: The board's console; "native": the gateway as a process of this computer.
        name: For the report.
        environment: Of platformio.ini, built by --flash.
        build: Folder with such a build that --flash writes instead.
        csms_host: Address of this computer as the board sees it; None = that of the default route.
        wifi_ssid: Network that the board is given before the tests; None = it has one.
        wifi_password: Its password.
        rs485: Serial device of the adapter that plays the charger.
        power_switch: The board's supply.
        wifi: The access point.
        firmware: For updates over the air.
        relay: Output to a contactor, input from its auxiliary contact.
        loop_back: Two pins.
        s0: Output that plays a meter's pulses, input that counts them.
        limits: Of the soak test.
    """

    port: str = "native"
    name: str = ""
    environment: str = _ENVIRONMENT
    build: Path | None = None
    csms_host: str | None = None
    wifi_ssid: str | None = None
    wifi_password: str = field(default="", repr=False)
    rs485: str | None = None
    power_switch: Commands | None = None
    wifi: Commands | None = None
    firmware: NextFirmware | None = None
    relay: PinPair | None = None
    loop_back: PinPair | None = None
    s0: PinPair | None = None
    limits: Limits = Limits()

    @property
    def is_native(self) -> bool:
        """Whether the gateway is a process of this computer, which has every wire."""
        return self.port == "native"

    def wires(self) -> list[str]:
        """Returns the names of what is wired."""
        return [name for name in WIRES if self.is_native or getattr(self, name) is not None]


def load(path: Path) -> BenchFile:
    """Returns the bench of a file.

    Raises:
        UserError: It cannot be read, or something in it is wrong: `FILE:LINE: what`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"The bench file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UserError(f"The bench file {path} is no text.") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        at = re.search(r" \(at line (\d+), column \d+\)$", reason)
        if at is None:
            raise UserError(f"{path}: {reason}.") from None
        raise UserError(f"{path}:{at.group(1)}: {reason[: at.start()]}.") from None
    return _Reader(path, _lines(text)).bench(content)


def _lines(text: str) -> dict[str, int]:
    """Line of each table and key; those within an inline table are on the line of its key."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header.group(1)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            name = key.group(1).strip("\"'")
            found.setdefault(f"{table}.{name}" if table else name, number)
    return found


class _Reader:
    """Checks one file."""

    def __init__(self, path: Path, lines: Mapping[str, int]) -> None:
        self._path = path
        self._lines = lines

    def bench(self, content: dict[str, Any]) -> BenchFile:
        board = self._table(content, "board", ("port", "name", "environment", "build"))
        network = self._table(content, "network", ("csms_host", "wifi_ssid", "wifi_password"))
        wires = self._table(content, "wires", WIRES)
        names = tuple(one.name for one in fields(Limits))
        limits = self._table(content, "limits", names)
        unknown = sorted(content.keys() - {"board", "network", "wires", "limits"})
        if unknown:
            self._refuse(unknown[0], f"there is no table [{unknown[0]}] in a bench file")
        if "port" not in board:
            self._refuse("board", '[board] names no port: port = "/dev/ttyUSB0"')
        port = self._text(board, "board.port")
        assert port is not None
        if port == "native":
            self._refuse("board.port", "the native gateway needs no bench file: leave --bench out")
        found = BenchFile(
            port=port,
            name=self._text(board, "board.name") or "",
            environment=self._text(board, "board.environment") or _ENVIRONMENT,
            build=self._path_of(board, "board.build", is_folder=True),
            csms_host=self._text(network, "network.csms_host"),
            wifi_ssid=self._text(network, "network.wifi_ssid"),
            wifi_password=self._secret(network, "network.wifi_password"),
            rs485=self._text(wires, "wires.rs485"),
            power_switch=self._commands(wires, "wires.power_switch"),
            wifi=self._commands(wires, "wires.wifi"),
            firmware=self._firmware(wires, "wires.firmware"),
            relay=self._pins(wires, "wires.relay", "contactor", "feedback"),
            loop_back=self._pins(wires, "wires.loop_back", "out", "in"),
            s0=self._pins(wires, "wires.s0", "out", "in"),
            limits=Limits(**{name: self._number(limits, f"limits.{name}") for name in limits}),
        )
        if found.rs485 == found.port:
            self._refuse("wires.rs485", "rs485 is the port of the board's console")
        self._check_pins(found)
        return found

    def _check_pins(self, bench: BenchFile) -> None:
        taken: dict[int, str] = {}
        for name in ("relay", "loop_back", "s0"):
            pair: PinPair | None = getattr(bench, name)
            for pin in () if pair is None else (pair.out, pair.into):
                if pin in taken:
                    both = (
                        f"{taken[pin]} and {name}" if taken[pin] != name else f"both ends of {name}"
                    )
                    self._refuse(f"wires.{name}", f"GPIO{pin} is used by {both}")
                taken[pin] = name

    # -- values --------------------------------------------------------------------------------

    def _table(
        self, content: dict[str, Any], name: str, known: tuple[str, ...], place: str = ""
    ) -> dict[str, Any]:
        value = content.get(name, {})
        place = place or name
        if not isinstance(value, dict):
            self._refuse(place, f"{place} must be a table with {', '.join(known)}")
        for key in value:
            if key not in known:
                self._refuse(
                    f"{place}.{key}", f"there is no '{key}' in {place}; it knows {', '.join(known)}"
                )
        return value

    def _value(
        self, table: dict[str, Any], place: str, what: str, fits: Callable[[Any], bool]
    ) -> Any:
        value = table.get(place.rpartition(".")[2])
        if value is not None and not fits(value):
            self._refuse(place, f"{place} must be {what}")
        return value

    def _text(self, table: dict[str, Any], place: str) -> str | None:
        value: str | None = self._value(
            table, place, "a text", lambda v: isinstance(v, str) and v.strip() != ""
        )
        return value

    def _number(self, table: dict[str, Any], place: str) -> Any:
        def fits(value: Any) -> bool:
            return isinstance(value, int | float) and not isinstance(value, bool) and value > 0

        return self._value(table, place, "a number above 0", fits)

    def _path_of(
        self, table: dict[str, Any], place: str, *, is_folder: bool = False
    ) -> Path | None:
        text = self._text(table, place)
        if text is None:
            return None
        path = self._path.parent / text
        if not (path.is_dir() if is_folder else path.is_file()):
            self._refuse(place, f"there is no {'folder' if is_folder else 'file'} {path}")
        return path

    def _secret(self, table: dict[str, Any], place: str) -> str:
        value = table.get(place.rpartition(".")[2], "")
        if isinstance(value, str):
            return value
        match value:
            case {"env": str(name)} if len(value) == 1:
                if name not in os.environ:
                    self._refuse(place, f"the variable {name} is not set")
                return os.environ[name]
            case {"file": str(name)} if len(value) == 1:
                path = self._path.parent / name
                if not path.is_file():
                    self._refuse(place, f"there is no file {path}")
                return path.read_text(encoding="utf-8").partition("\n")[0]
        self._refuse(place, f"{place} must be a text, {{ env = NAME }} or {{ file = NAME }}")

    def _commands(self, wires: dict[str, Any], place: str) -> Commands | None:
        name = place.rpartition(".")[2]
        if name not in wires:
            return None
        table = self._table(wires, name, ("off", "on", "timeout_s"), place)
        off, on = self._needed(table, place, "off"), self._needed(table, place, "on")
        limit = self._number({**table}, f"{place}.timeout_s")
        return Commands(off, on, _TIMEOUT_S if limit is None else float(limit))

    def _firmware(self, wires: dict[str, Any], place: str) -> NextFirmware | None:
        if "firmware" not in wires:
            return None
        table = self._table(wires, "firmware", ("image", "version"), place)
        version = self._needed(table, place, "version")
        self._needed(table, place, "image")
        image = self._path_of(table, f"{place}.image")
        assert image is not None
        return NextFirmware(image, version)

    def _needed(self, table: dict[str, Any], place: str, name: str) -> str:
        value = self._text(table, f"{place}.{name}")
        if value is None:
            self._refuse(place, f"{place} lacks '{name}'")
        return value

    def _pins(self, wires: dict[str, Any], place: str, out: str, into: str) -> PinPair | None:
        name = place.rpartition(".")[2]
        if name not in wires:
            return None
        table = self._table(wires, name, (out, into), place)
        pins = []
        for end in (out, into):
            pin = table.get(end)
            if type(pin) is not int or not 0 <= pin <= _MOST_PIN:
                self._refuse(f"{place}.{end}", f"{place} needs {end} = a GPIO, 0 to {_MOST_PIN}")
            pins.append(pin)
        return PinPair(*pins)

    def _refuse(self, place: str, sentence: str) -> NoReturn:
        """Names the line of the nearest thing that has one."""
        line = None
        while place and line is None:
            line = self._lines.get(place)
            place = place.rpartition(".")[0]
        where = f"{self._path}:{line}" if line is not None else str(self._path)
        raise UserError(f"{where}: {sentence}.")
