"""What a bench file says, what follows from it for the tests, and ports that cannot be used."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vevgw.errors import UserError
from vevgw.hil import bench_file, probe, selection
from vevgw.hil.bench_file import BenchFile, Commands, Limits, NextFirmware, PinPair
from vevgw.hil.switches import ShellSwitch

ROOT = Path(__file__).parents[2]
FULL = """\
[board]
port = "/dev/ttyUSB0"
name = "bench 1"

[network]
csms_host = "192.0.2.7"
wifi_ssid = "bench"
wifi_password = { env = "BENCH_WIFI" }

[wires]
rs485 = "/dev/ttyUSB1"
relay = { contactor = 27, feedback = 34 }
loop_back = { out = 32, in = 35 }
power_switch = { off = "switch off", on = "switch on", timeout_s = 5 }
firmware = { image = "next.bin", version = "0.2.0" }

[limits]
loop_busy_ms = 20
"""
BOARD = '[board]\nport = "/dev/ttyUSB0"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "next.bin").write_bytes(b"image")
    monkeypatch.setenv("BENCH_WIFI", "secret word")
    return tmp_path


def load(folder: Path, text: str) -> BenchFile:
    path = folder / "bench.toml"
    path.write_text(text, encoding="utf-8")
    return bench_file.load(path)


def test_everything_of_a_bench_file(folder: Path) -> None:
    bench = load(folder, FULL)
    assert bench == BenchFile(
        port="/dev/ttyUSB0",
        name="bench 1",
        csms_host="192.0.2.7",
        wifi_ssid="bench",
        wifi_password="secret word",
        rs485="/dev/ttyUSB1",
        relay=PinPair(27, 34),
        loop_back=PinPair(32, 35),
        power_switch=Commands("switch off", "switch on", 5.0),
        firmware=NextFirmware(folder / "next.bin", "0.2.0"),
        limits=Limits(loop_busy_ms=20),
    )
    assert bench.wires() == ["rs485", "power_switch", "firmware", "relay", "loop_back"]
    assert "secret" not in repr(bench)


def test_the_native_gateway_has_every_wire() -> None:
    assert BenchFile().wires() == list(bench_file.WIRES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[board\n", ":1: Expected ']' at the end of a table declaration."),
        (BOARD + "[wire]\n", ":3: there is no table [wire] in a bench file."),
        ("[wires]\n", ": [board] names no port"),
        ("[board]\nport = 7\n", ":2: board.port must be a text."),
        ('[board]\nport = "native"\n', ":2: the native gateway needs no bench file"),
        (BOARD + '[wires]\nrs232 = "x"\n', ":4: there is no 'rs232' in wires; it knows rs485,"),
        (BOARD + '[wires]\nrs485 = "/dev/ttyUSB0"\n', ":4: rs485 is the port of the board"),
        (BOARD + '\n[wires]\nwifi = { off = "x" }\n', ":5: wires.wifi lacks 'on'."),
        (BOARD + '[wires.wifi]\noff = "x"\non = "y"\ntimeout_s = 0\n', ":6: wires.wifi.timeout_s"),
        (BOARD + "[wires]\nrelay = { contactor = 27 }\n", ":4: wires.relay needs feedback"),
        (
            BOARD + "[wires]\nrelay = { contactor = 27, feedback = 34 }\ns0 = { out = 34, in = 1 }",
            ":5: GPIO34 is used by relay and s0.",
        ),
        (BOARD + "[wires]\ns0 = { out = 5, in = 5 }", ":4: GPIO5 is used by both ends of s0."),
        (
            BOARD + '[wires]\nfirmware = { image = "no.bin", version = "1" }\n',
            ":4: there is no file",
        ),
        (BOARD + 'build = "no-folder"\n', ":3: there is no folder"),
        (BOARD + "[limits]\nloop_late_ms = -1\n", ":4: limits.loop_late_ms must be a number above"),
        (
            BOARD + '[network]\nwifi_password = { env = "NO_SUCH" }\n',
            ":4: the variable NO_SUCH is not set.",
        ),
        (BOARD + "[network]\nwifi_password = 7\n", ":4: network.wifi_password must be a text, {"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(folder: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        load(folder, text)
    sentence = str(caught.value)
    assert sentence.startswith(f"{folder / 'bench.toml'}{expected}"), sentence
    assert sentence.count("\n") == 0


def test_a_bench_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"bench.toml cannot be read: No such file or directory"):
        bench_file.load(tmp_path / "bench.toml")


@pytest.mark.parametrize(
    ("fixtures", "marks", "why"),
    [
        (["dut", "csms"], ["board", "network"], None),
        (["dut", "csms", "charger"], ["board", "network", "rs485"], None),
        (["dut", "power"], ["board"], "needs the wire `power_switch` of the bench file"),
        (["dut", "wifi"], ["board"], "needs the wire `wifi` of the bench file"),
        (["relay"], ["relay"], "needs the wire `relay` of the bench file"),
        (["tmp_path"], [], None),
    ],
)
def test_markers_and_skips_follow_from_what_a_test_takes(
    fixtures: list[str], marks: list[str], why: str | None
) -> None:
    bench = BenchFile(port="/dev/ttyUSB0", rs485="/dev/ttyUSB1")
    assert selection.markers(fixtures) == marks
    assert selection.why_not(fixtures, bench, needs_process=False) == why
    assert selection.why_not(fixtures, BenchFile(), needs_process=False) is None
    assert selection.why_not([], bench, needs_process=True) == "needs the native gateway"


@pytest.fixture
def silent_port() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_port_that_does_not_exist_is_one_line_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "test/system", "--port", "/dev/nope", "--flash"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stdout == ""
    expected = "ERROR: The port /dev/nope (board.port) does not exist; is it plugged in?"
    assert done.stderr.strip() == expected


def test_a_port_in_use(silent_port: str) -> None:
    import serial

    with (
        serial.Serial(silent_port, exclusive=True),
        pytest.raises(UserError, match=r"^The port /dev/\S+ \(rs485\) is in use by another"),
    ):
        probe.require_port(silent_port, "rs485")


def test_a_port_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(UserError, match=r"\(board\.port\) is no serial port"):
        probe.require_port(str(path), "board.port")


def test_a_port_without_permission(silent_port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import serial

    def refuse(*_: object, **__: object) -> None:
        # As pyserial does it; root, who may open everything, cannot try it.
        try:
            raise PermissionError(13, "Permission denied")
        except PermissionError as error:
            raise serial.SerialException(error.errno, f"could not open port: {error}") from None

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(UserError, match=r"may not be opened by this user.*dialout\.$"):
        probe.require_port(silent_port, "board.port")


def test_a_silent_board(silent_port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_ANSWER_S", 0.2)
    with pytest.raises(UserError) as caught:
        probe.prepare_board(BenchFile(port=silent_port), is_flashed=False)
    assert str(caught.value).startswith(f"The board at {silent_port} is silent: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo 'no hub'; exit 3", "failed with exit code 3: no hub"),
        ("sleep 60", "did not end within 0.2 s."),
    ],
)
def test_a_switch_that_does_not_switch(command: str, expected: str) -> None:
    switch = ShellSwitch("power_switch", Commands(command, "true", 0.2))
    with pytest.raises(UserError) as caught:
        asyncio.run(switch.off())
    assert str(caught.value).startswith("The command 'off' of the wire `power_switch` (")
    assert str(caught.value).endswith(expected)
    asyncio.run(switch.on())
