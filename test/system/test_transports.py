"""Chargers that are reached otherwise than over Modbus RTU on a serial line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.csms import Csms
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, PROFILE, Bench
from vevgw.dut.native import find_gateway

pytestmark = pytest.mark.native


def options(
    csms: Csms, settings: dict[str, str], buses: dict[int, str] | None = None
) -> GatewayOptions:
    return GatewayOptions(
        csms_url=csms.url,
        identity=IDENTITY,
        profile=PROFILE,
        buses=buses or {},
        settings=settings,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def charge(bench: Bench, *, disturb: bool) -> None:
    """A session; with `disturb` the charger garbles an answer and hangs up in the middle of one."""
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging(EvSpec(phases=3, max_current_a=16))
    await bench.draw(5)
    if disturb:
        for fault in ("hang_up_replies", "garbage_replies"):
            mark = bench.dut.mark()
            setattr(bench.charger.faults, fault, 1)
            await bench.dut.expect(r"W \(\d+\) modbus: 127.0.0.1", since=mark, timeout_s=10)
            await bench.dut.expect(r"I \(\d+\) modbus: .* answers", since=mark, timeout_s=10)
        await bench.draw(5)
    await bench.stop_remotely(transaction)
    bench.charger.unplug()
    await bench.status("Available")
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


@pytest.mark.parametrize("link", ["tcp", "ascii"])
async def test_session(link: str, csms: Csms, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Pass criteria: energy at the CSMS = energy at the wallbox, whatever the network does."""
    program = pytestconfig.getoption("--gateway") or find_gateway(pytestconfig.rootpath)
    if link == "tcp":
        charger = ChargerSim(PROFILE, tcp=("127.0.0.1", 0))
    else:
        charger = ChargerSim(PROFILE, port=tmp_path / "wallbox", framing=Framing.ASCII)
    async with charger:
        if link == "tcp":
            opts = options(csms, {"c1.host": charger.port_path})
        else:
            opts = options(csms, {"b1.line": "19200 8E1 ascii"}, {1: charger.port_path})
        gateway = NativeGateway(program, tmp_path, opts)
        async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
            bench = Bench(csms, charger, dut, None)
            await bench.wait_registered()
            await charge(bench, disturb=link == "tcp")
            shown = (await dut.command("charger 1"))["chargers"][0]
        await gateway.kill9()
    assert shown["timeouts"] == shown["crc_errors"] == 0
    assert shown["health"] == "ok"


async def test_hosts_that_cannot_be_reached_are_told_and_come_back(
    csms: Csms, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Pass criteria: one line names each mistake; Unavailable, and Available when it is there."""
    program = pytestconfig.getoption("--gateway") or find_gateway(pytestconfig.rootpath)
    port = free_port()
    settings = {
        "connectors": "2",
        "c1.host": f"127.0.0.1:{port}",
        "c2.host": "no-such-host.invalid",
        "c2.profile": PROFILE,
    }
    gateway = NativeGateway(program, tmp_path, options(csms, settings))
    async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
        cp = csms.charge_point(IDENTITY)
        await dut.expect(
            rf"W .* modbus: cannot connect to 127.0.0.1 port {port}: Connection refused; next try",
            timeout_s=20,
        )
        await dut.expect(
            r"W .* modbus: cannot resolve no-such-host.invalid port 502: .*; next try",
            timeout_s=20,
        )
        for connector in (1, 2):
            await cp.expect(
                "StatusNotification",
                match={"connectorId": connector, "status": "Unavailable"},
                timeout_s=30,
            )
        async with ChargerSim(PROFILE, tcp=("127.0.0.1", port)):
            await cp.expect(
                "StatusNotification",
                match={"connectorId": 1, "status": "Available"},
                timeout_s=30,
            )
    await gateway.kill9()
