"""`vevgw charger` as a process, and its control interface."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusSerialClient

from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_control import SimControl

MODEL = "heidelberg-energy-control"


class SimProcess:
    """`vevgw charger sim` with its stdout read as JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def event(self, name: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(15):
            while line := await self.process.stdout.readline():
                value = json.loads(line)
                if value.get("event") == name:
                    return dict(value)
        raise AssertionError(f"the process ended without the event {name}")

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(15):
            while line := await self.process.stdout.readline():
                value = json.loads(line)
                if "ok" in value:
                    return dict(value)
        raise AssertionError("the process ended without an answer")


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[SimProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vevgw.cli", "charger", "sim", "--model", MODEL, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield SimProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def vevgw(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vevgw.cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_process_is_controlled_by_stdin_and_ends_with_it(tmp_path: Path) -> None:
    link = tmp_path / "ttyWB"
    async with running("--port", str(link), "--control", "-") as sim:
        ready = await sim.event("ready")
        assert ready["port"] == str(link)
        bus = AsyncModbusSerialClient(str(link), timeout=1, retries=0)
        assert await bus.connect()
        assert (await sim.ask({"cmd": "plug", "start_delay_s": 0.05}))["ok"]
        assert not (await bus.write_register(261, 100)).isError()
        bus.close()
        shown = await sim.ask({"cmd": "wait", "field": "currents_a", "min": 9.9})
        assert shown["ok"]
        assert shown["state"] == "C2"
        assert sim.process.stdin is not None
        sim.process.stdin.close()
        assert await asyncio.wait_for(sim.process.wait(), 10) == 0
    assert not link.is_symlink()


async def test_process_is_controlled_by_ctl_and_ends_by_sigterm(tmp_path: Path) -> None:
    socket = tmp_path / "control"
    arguments = ("--control", str(socket), "--plug", '{"phases":1,"soc_percent":50}')
    async with running(*arguments) as sim:
        await sim.event("ready")
        code, out, _ = await vevgw("charger", "ctl", str(socket), "status")
        assert code == 0
        assert json.loads(out)["state"] == "B1"
        assert json.loads(out)["soc_percent"] == 50
        code, _, err = await vevgw("charger", "ctl", str(socket), "jump")
        assert code == 1
        assert "There is no command 'jump'" in err
        sim.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(sim.process.wait(), 10) == 0
    assert not socket.exists()


async def test_killed_process_is_restarted_behind_the_same_link_with_its_energy(
    tmp_path: Path,
) -> None:
    link, keep = tmp_path / "ttyWB", tmp_path / "energy"
    keep.write_text('{"energy_vah": 1234.5}')
    options = ("--port", str(link), "--energy-file", str(keep), "--control", "-")
    for _ in range(2):
        async with running(*options) as sim:
            await sim.event("ready")
            bus = AsyncModbusSerialClient(str(link), timeout=1, retries=0)
            assert await bus.connect()
            assert (await bus.read_input_registers(17, count=2)).registers == [0, 1234]
            bus.close()
            sim.process.kill()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--model", "toaster"], 1, "There is no charger model 'toaster'"),
        (["--model", MODEL, "--tcp", "here"], 2, "'here' is not an address"),
        (["--model", MODEL, "--framing", "tcp"], 1, "needs a socket"),
        (["--model", MODEL, "--tcp", ":1", "--port", "x"], 2, "not more"),
        (["--model", MODEL, "--serial", "/dev/ttyNONE"], 1, "/dev/ttyNONE cannot be opened"),
        (["--model", MODEL, "--plug", "{"], 2, "--plug is not JSON"),
        (["--model", MODEL, "--plug", '{"phases":2}'], 1, "phases must be 1 or 3"),
        (["--model", MODEL, "--port", "/nowhere/tty"], 1, "/nowhere/tty cannot be created"),
        (["--model", MODEL, "--unit", "0"], 1, "unit id 0 is outside"),
        (["--model", MODEL, "--energy-time-scale", "0"], 1, "must be above 0"),
    ],
)
async def test_bad_options_are_one_sentence(arguments: list[str], code: int, sentence: str) -> None:
    got, out, err = await vevgw("charger", "sim", *arguments)
    assert (got, out) == (code, "")
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


async def test_ctl_without_simulator_is_one_sentence(tmp_path: Path) -> None:
    code, _, err = await vevgw("charger", "ctl", str(tmp_path / "none"), "status")
    assert code == 1
    assert "No charger simulator answers at" in err


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("hello", "The line is not JSON"),
        ("[1]", 'A request is a JSON object with "cmd"'),
        ('{"cmd":"jump"}', "There is no command 'jump'"),
        ('{"cmd":"unplug","now":1}', "The command 'unplug' has no field 'now'"),
        ('{"cmd":"plug","phases":2}', "phases must be 1 or 3"),
        ('{"cmd":"suspend"}', "No vehicle is plugged in"),
        ('{"cmd":"fault","kind":"fire"}', "The kinds of fault are"),
        ('{"cmd":"bus","silent":1}', "must be of type bool"),
        ('{"cmd":"bus","exceptions":true}', "must be of type int"),
        ('{"cmd":"bus","exceptions":1,"exception_code":77}', "exception code must be"),
        ('{"cmd":"bus","reply_delay_s":-1}', "reply delay must be"),
        ('{"cmd":"wait","field":"mood"}', "There is no field 'mood'"),
        ('{"cmd":"wait","equals":"C2","timeout_s":0.05}', "did not reach state = C2"),
    ],
)
async def test_control_answers_bad_requests_and_changes_nothing(line: str, sentence: str) -> None:
    async with ChargerSim(MODEL) as sim:
        answer = await SimControl(sim).handle_line(line)
        assert answer["ok"] is False
        assert sentence in answer["error"]
        assert sim.state == "A1"
        assert sim.faults.exceptions == 0


async def test_control_sets_every_condition() -> None:
    async with ChargerSim(MODEL) as sim:
        control = SimControl(sim)

        async def ask(**request: object) -> dict[str, Any]:
            answer = await control.handle_line(json.dumps(request))
            assert answer["ok"], answer
            return answer

        await ask(cmd="plug", max_current_a=10)
        assert sim.ev is not None
        assert sim.ev.spec.max_current_a == 10
        await ask(cmd="suspend")
        assert sim.ev.suspended
        await ask(cmd="fault", kind="E")
        assert sim.state == "E"
        await ask(cmd="fault")
        await ask(cmd="derate")
        await ask(cmd="external_lock")
        assert sim.device.is_derating  # type: ignore[attr-defined]
        assert not sim.device.external_unlocked  # type: ignore[attr-defined]
        await ask(cmd="bus", silent=True, corrupt_replies=2, reply_delay_s=1)
        assert (sim.faults.silent, sim.faults.corrupt_replies) == (True, 2)
        await ask(cmd="unplug")
        assert (await ask(cmd="wait", equals="A1"))["plugged"] is False
        await ask(cmd="reboot")
        assert sim.state == "boot"
        await ask(cmd="quit")
        assert control.quit_asked.is_set()
