"""`vevgw profiles try`: all built-in profiles, every kind of setpoint, and the live view."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from profile_texts import METER, MINIMAL
from typer.testing import CliRunner

from vevgw.chargers import profiles, profiles_cli
from vevgw.chargers.devices import make_device, meter_names, model_names
from vevgw.chargers.devices.generic import make
from vevgw.chargers.devices.meter import ProfileMeter
from vevgw.chargers.ev import EvSpec
from vevgw.chargers.profiles_link import Framer, Link, Target
from vevgw.chargers.profiles_try import Round, Trial
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing

# The same device behind each kind of line.
LINES = {
    "rtu": (Framing.RTU, None, Framer.RTU),
    "ascii": (Framing.ASCII, None, Framer.ASCII),
    "tcp": (Framing.TCP, ("127.0.0.1", 0), Framer.TCP),
    "rtu-over-tcp": (Framing.RTU, ("127.0.0.1", 0), Framer.RTU_OVER_TCP),
}
# The device says that it has no value, or has none in this situation.
WITHOUT_VALUE = 0.5


async def try_once(path: Path | str, sim: ChargerSim, *more: str) -> dict[str, Any]:
    where = "--tcp" if ":" in sim.port_path else "--port"
    arguments = ["try", str(path), where, sim.port_path, "--once", "--json", *more]
    result = await asyncio.to_thread(CliRunner().invoke, profiles_cli.app, arguments)
    assert result.exit_code == 0, result.exception or result.stdout
    found: dict[str, Any] = json.loads(result.stdout)
    return found


async def read_once(name: str) -> Round:
    """Reads a built-in profile from its simulator, on the line that the profile has first."""
    profile, _ = profiles.check_file(profiles.find_file(name))
    assert profile is not None
    transport = profile.data["transport"]
    line = "rtu-over-tcp" if {"rtu", "ascii"} & transport.keys() else "tcp"
    framing, tcp, framer = LINES[line]
    device = ProfileMeter(name) if profile.is_meter else make_device(name)
    async with ChargerSim(device, tcp=tcp, framing=framing) as sim:
        host, port = sim.port_path.split(":")
        target = Target(framer, sim.unit, host=host, tcp_port=int(port))
        # Waiting for the device's sake is not the point here.
        link = Link(target, {**transport, "gap_ms": 0, "write_gap_ms": 0})
        async with link:
            return await Trial(profile, link).round()


async def test_every_built_in_profile_reads_its_device() -> None:
    chargers = [name for name in model_names() if ":" not in name]
    names = [*chargers, *meter_names()]
    assert sorted(names) == sorted(path.stem for path in profiles.profile_files())
    rounds = await asyncio.gather(*map(read_once, names))
    for name, found in zip(names, rounds, strict=True):
        refused = [
            f"{row.name}: {row.note}"
            for row in found.rows
            if row.note.startswith("refused") and not row.register.get("optional")
        ]
        assert not refused, (name, refused)
        assert "no answer" not in {row.note for row in found.rows}, name
        assert not [hint for hint in found.hints if "enabled" not in hint], (name, found.hints)
        if name in chargers:
            assert found.verdict is not None
            assert found.verdict.pilot[0] in "Ah", (name, found.verdict)
        shown = [row for row in found.rows if row.reading is not None and row.shown != "no value"]
        assert len(shown) > WITHOUT_VALUE * len(found.rows), name


@pytest.mark.parametrize("line", LINES)
async def test_a_limit_is_written_over_every_kind_of_line(line: str, tmp_path: Path) -> None:
    framing, tcp, framer = LINES[line]
    path = charger(tmp_path)
    async with ChargerSim(make(path), tcp=tcp, framing=framing) as sim:
        sim.plug(EvSpec(max_current_a=16))
        found = await try_once(path, sim, "--framer", framer.value, "--limit", "8", "--yes")
        assert found["limit"]["taken"], found["limit"]
        await sim.wait_for(lambda s: s.state == "C2", 5, "C")
        assert (await try_once(path, sim, "--framer", framer.value))["pilot"] == "C"
        assert sim.limit_a == 8


def charger(folder: Path, *changes: tuple[str, str]) -> Path:
    """The minimal profile with an enable coil, changed."""
    text = MINIMAL.replace("pilot: C}\n", "pilot: C}\n    - {when: {state: 3}, pilot: B}\n")
    text = text.replace("off: 0}\n", 'off: 0}\n  enable: {register: enable, "on": 1, "off": 0}\n')
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "box.yaml"
    path.write_text(text, encoding="utf-8")
    return path


SETPOINTS = {
    "amperes": (),
    "milliamperes": (("holding, unit: A", "holding, unit: mA"),),
    "tenths": (("holding, unit: A", "holding, scale: 0.1, unit: A"),),
    "float": (("holding, unit: A", "holding, type: f32, unit: A"),),
    "float with the low word first": (
        ("holding, unit: A", "holding, type: f32, word_order: low_first, unit: A"),
        ("enable: {address: 11", "enable: {address: 12"),
    ),
    "double": (("holding, unit: A", "holding, type: f64, unit: A"),),
    "watts": (("holding, unit: A", "holding, unit: W"),),
    "hectowatts": (("holding, unit: A", "holding, scale: 100, unit: W"),),
    "kilowatts as a float": (("holding, unit: A", "holding, type: f32, unit: kW"),),
    "function 16": (("write_with: single", "write_with: multiple"),),
    "no read-back": (("unit: A, access: rw", "unit: A, access: w"),),
    "enable register": (
        ("{address: 11, space: coil, access: rw", "{address: 50, space: holding, access: rw"),
        ('{register: enable, "on": 1, "off": 0}', '{register: enable, "on": 0, "off": 1}'),
    ),
    "0 A would be no limit": (("zero_means: stop, off: 0", "zero_means: unlimited, off: 6"),),
    "plug as a discrete input": (
        (
            "registers:\n",
            "registers:\n  plug: {address: 0, space: discrete, poll: status, confidence: h}\n",
        ),
        ("{state: 1}, pilot: A}", "{plug: 0}, pilot: A}"),
        ("{state: 2}, pilot: C}", "{plug: 1, state: 2}, pilot: C}"),
        ("{state: 3}, pilot: B}", "{plug: 1, state: 3}, pilot: B}"),
    ),
}


@pytest.mark.parametrize("kind", SETPOINTS)
async def test_a_setpoint_of_every_kind_is_carried_out(kind: str, tmp_path: Path) -> None:
    path = charger(tmp_path, *SETPOINTS[kind])
    async with ChargerSim(make(path), tcp=("127.0.0.1", 0), framing=Framing.RTU) as sim:
        over = ("--framer", "rtu-over-tcp")
        found = await try_once(path, sim, *over, "--limit", "10", "--yes")
        assert found["limit"]["taken"], found["limit"]
        sim.plug(EvSpec(max_current_a=16))
        # 100 W steps are 0.14 A of three phases.
        assert sim.limit_a == pytest.approx(10, abs=0.15)
        assert sim.limit_a < 10.001
        assert (await try_once(path, sim, *over))["pilot"] in ("B", "C")
        found = await try_once(path, sim, *over, "--limit", "0", "--yes")
        assert found["limit"]["taken"], found["limit"]
        assert sim.limit_a == 0


async def test_an_enable_that_is_not_taken_is_told(tmp_path: Path) -> None:
    path = charger(tmp_path)
    device = make(path)
    device.accepts = lambda name, raw: name != "enable"  # type: ignore[method-assign]
    async with ChargerSim(device) as sim:
        arguments = ["try", str(path), "--port", sim.port_path, "--once", "--limit", "9", "--yes"]
        result = await asyncio.to_thread(CliRunner().invoke, profiles_cli.app, arguments)
    assert result.exit_code == 1
    assert "Not taken: exception 3, illegal value when writing 'enable'." in result.stdout


async def test_outlets_differ_by_address(tmp_path: Path) -> None:
    """The second outlet's registers are 0x100 further; what is shared is not."""
    path = charger(
        tmp_path, ("phases: 3\n", "connectors: {count: 2, address_offset: 0x100}\nphases: 3\n")
    )
    moved = tmp_path / "second"
    moved.mkdir()
    second = charger(
        moved,
        ("{address: 1,", "{address: 0x101,"),
        ("{address: 2,", "{address: 0x102,"),
        ("{address: 10,", "{address: 0x10A,"),
        ("{address: 11,", "{address: 0x10B,"),
    )
    async with ChargerSim(make(second)) as sim:
        found = await try_once(path, sim, "--outlet", "2", "--limit", "7", "--yes")
        assert found["limit"]["taken"], found["limit"]
        assert [row["address"] for row in found["registers"]] == [0x101, 0x102, 0x10A, 0x10B]
        sim.plug(EvSpec(max_current_a=16))
        assert sim.limit_a == 7


async def test_outlets_differ_by_unit_id() -> None:
    async with ChargerSim("alfen-eve", unit=2, tcp=("127.0.0.1", 0)) as sim:
        found = await try_once("alfen-eve", sim, "--outlet", "2", "--limit", "10", "--yes")
        assert found["limit"]["taken"], found["limit"]
        sim.plug(EvSpec(max_current_a=16))
        assert sim.limit_a == 10


async def test_a_meter_has_no_limit(tmp_path: Path) -> None:
    path = tmp_path / "box.yaml"
    path.write_text(METER, encoding="utf-8")
    async with ChargerSim(make(path)) as sim:
        assert (await try_once(path, sim))["pilot"] is None
        arguments = ["try", str(path), "--port", sim.port_path, "--once", "--limit", "8", "--yes"]
        result = await asyncio.to_thread(CliRunner().invoke, profiles_cli.app, arguments)
        assert str(result.exception) == "A meter has no limit to set."


class Screen:
    """A program on a terminal of its own: what it prints, and keys for it."""

    def __init__(self, *command: str) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (50, 160))
        self._program = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        self.text = ""
        self.is_drawn_over = False

    async def wait_for(self, pattern: str, timeout_s: float = 20) -> None:
        """Waits until the pattern is in what was printed since the last call."""
        since = len(self.text)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not re.search(pattern, self.text[since:]):
                    with contextlib.suppress(BlockingIOError, OSError):
                        got = os.read(self._master, 65536).decode("utf-8", "replace")
                        self.is_drawn_over = self.is_drawn_over or "\x1b[1A" in got
                        self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", got)
                    await asyncio.sleep(0.02)
                return
        raise AssertionError(f"{pattern} did not come: {self.text[-2000:]}")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def close(self) -> int:
        """Ends the program if it still runs; returns its exit code."""
        try:
            return await asyncio.to_thread(self._program.wait, 10)
        except subprocess.TimeoutExpired:
            self._program.send_signal(signal.SIGKILL)
            return self._program.wait()
        finally:
            os.close(self._master)


async def test_the_live_view_follows_the_device_until_ctrl_c(tmp_path: Path) -> None:
    """One table that is drawn over, asks before it writes, and ends without a traceback."""
    path = charger(tmp_path)
    async with ChargerSim(make(path)) as sim:
        program = (sys.executable, "-m", "vevgw.cli", "profiles", "try", str(path))
        screen = Screen(*program, "--port", sim.port_path, "--every", "0.1", "--limit", "11")
        await screen.wait_for(r"Write a limit of 11 A and set 'enable' to 1 at .*\[y/N\]")
        assert sim.limit_a == 0
        screen.type("y\r")
        await screen.wait_for(r"round 3[\s\S]*Pilot A \(rule 1\)[\s\S]*Taken: 11 A was asked for")
        assert screen.is_drawn_over
        sim.plug(EvSpec(max_current_a=16))
        await screen.wait_for(r"Pilot C \(rule 2\)")
        assert sim.limit_a == 11
        screen.type("\x03")
        assert await screen.close() == 0
        assert "Traceback" not in screen.text
