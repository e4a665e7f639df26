"""docs/new-charger.md, followed to its end: a new charger on the real gateway, without any code."""

from __future__ import annotations

import asyncio
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import guide
import pytest

from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Csms
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, TAG, Bench, flows
from vevgw.dut.payloads import limit_request

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]


async def test_the_guide_ends_with_a_session(
    program: Path, csms: Csms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pass criteria: every command of the page works; the books have what the box counted."""
    monkeypatch.chdir(tmp_path)
    example = str(guide.write_example(tmp_path))
    line, network = ChargerSim(example), ChargerSim(example, tcp=("127.0.0.1", 0))
    async with line as sim, network:
        sim.device.energy_total_vah = 70_000.0
        options = GatewayOptions(
            csms_url=csms.url,
            identity=IDENTITY,
            buses={1: sim.port_path},
            settings={"t.increase": "500", "t.pause_least": "0", "t.pause_end": "0"},
        )
        gateway = await new_gateway(program, tmp_path, options)
        stands_for = {
            "/dev/ttyUSB0": sim.port_path,
            "192.168.1.50": network.port_path,
            "/tmp/ttyBox": str(tmp_path / "ttyBox"),
            "/dev/ttyUSB1": str(gateway.console_link),
        }
        simulator = None
        mark = 0
        try:
            for words in guide.commands():
                if words[:2] == ["charger", "sim"]:
                    here = [stands_for.get(word, word) for word in words]
                    simulator = await simulate(here, tmp_path / "ttyBox")
                    continue
                if words[:2] == ["dut", "put"]:
                    await gateway.start()
                if words[-1] == "reboot":
                    mark = csms.charge_point(IDENTITY).mark()
                said = await guide.run(words, stands_for)
                if "--limit" in words:
                    assert "Taken: 10 A" in said
            assert (tmp_path / "example-box.vevp").stat().st_size > 100
            await session(csms, gateway, sim, mark)
        finally:
            await gateway.kill9()
            if simulator is not None:
                simulator.terminate()
                await simulator.wait()


async def new_gateway(program: Path, folder: Path, options: GatewayOptions) -> NativeGateway:
    """A gateway that has run with another charger; not started."""
    first = NativeGateway(program, folder, replace(options, profile="heidelberg-energy-control"))
    async with Dut(NativeTransport(first), log_path=folder / "first.log") as dut:
        await dut.expect_event("ready", timeout_s=30)
        await dut.command("setting set c1.profile heidelberg-energy-control")
    await first.kill9()
    return NativeGateway(program, folder, options)


async def simulate(words: list[str], link: Path) -> asyncio.subprocess.Process:
    """Runs the page's simulator until its port is there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vevgw.cli", *words, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while not link.exists():  # noqa: ASYNC240
            assert await process.stdout.readline(), shlex.join(words)
    return process


async def session(csms: Csms, gateway: NativeGateway, sim: ChargerSim, mark: int) -> None:
    """Plug, authorize, charge, a lower limit, pause, resume, unplug."""
    async with Dut(NativeTransport(gateway), log_path=gateway.folder / "console.log") as dut:
        bench = Bench(csms, sim, dut, None)
        cp = bench.cp
        await cp.expect("BootNotification", since=mark, timeout_s=30)
        await expect_status(bench, "Available", mark)
        begin_wh = sim.energy_wh
        sim.plug(EvSpec(phases=3, max_current_a=16, battery_wh=1e6))
        await expect_status(bench, "Preparing", mark)
        assert sim.current_a == 0
        await dut.command(f"sim tag {TAG}")
        await cp.expect("StartTransaction", since=mark, timeout_s=20)
        await sim.wait_for(flows, 20, "a current")
        await expect_status(bench, "Charging", mark)
        transaction = bench.open_transaction()
        for limit_a, status in ((10, None), (0, "SuspendedEVSE"), (16, "Charging")):
            mark = cp.mark()
            answer = await cp.call(
                "SetChargingProfile",
                limit_request(1, limit_a, transaction=transaction),
                timeout_s=10,
            )
            assert answer["status"] == "Accepted"
            await sim.wait_for(
                lambda s, amps=limit_a: s.limit_a == amps, 20, f"a limit of {limit_a} A"
            )
            if status is not None:
                await expect_status(bench, status, mark)
        await bench.draw(5)
        assert (await dut.command("charger"))["chargers"][0]["profile"] == "file:example-box.vevp"
        mark = cp.mark()
        sim.unplug()
        await cp.expect("StopTransaction", since=mark, timeout_s=20)
        await expect_status(bench, "Available", mark)
        await bench.delivered()
        bench.check_books(begin_wh=begin_wh)


async def expect_status(bench: Bench, status: str, since: int) -> None:
    match = {"connectorId": 1, "status": status}
    await bench.cp.expect("StatusNotification", match=match, since=since, timeout_s=30)
