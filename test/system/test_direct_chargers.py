"""Chargers without a register map: the native gateway runs a session against each.

The simulators are models of the devices (pytools/vevgw/chargers/devices), not of the drivers.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from vevgw.chargers import profiles
from vevgw.chargers.devices.gpio_box import GpioBox
from vevgw.chargers.devices.keba import Keba
from vevgw.chargers.devices.meter import ProfileMeter
from vevgw.chargers.devices.openevse import OpenEvse
from vevgw.chargers.direct_sim import DirectSim
from vevgw.chargers.ev import EvSpec
from vevgw.chargers.profiles_image import image
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.csms import Csms
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, TAG, Bench
from vevgw.dut.payloads import limit_request

pytestmark = [pytest.mark.native, pytest.mark.timeout(90)]


@contextlib.asynccontextmanager
async def bench_with(
    program: Path, csms: Csms, sim: DirectSim, folder: Path, options: GatewayOptions
) -> AsyncIterator[Bench]:
    """A registered gateway that drives the charger."""
    native = NativeGateway(program, folder, options)
    try:
        async with Dut(NativeTransport(native), log_path=folder / "console.log") as dut:
            await dut.expect_event("ready", timeout_s=30)
            bench = Bench(csms, cast(ChargerSim, sim), dut, None)
            await bench.wait_registered()
            yield bench
    finally:
        await native.kill9()


async def run_session(bench: Bench, sim: DirectSim, ev: EvSpec, lowered_a: float) -> None:
    """Plug, tag, charge, a lower limit, stop, unplug; the books must agree with the charger."""
    begin_wh = sim.energy_wh
    # Some chargers charge without permission until the gateway has found them.
    await sim.wait_for(lambda s: s.limit_a == 0, 10, "no offer")
    sim.plug(ev)
    await bench.status("Preparing")
    assert sim.current_a == 0
    await bench.present_tag(TAG)
    await bench.cp.expect("StartTransaction", match={"idTag": TAG}, timeout_s=15)
    await sim.wait_for(lambda s: s.current_a > 15, 20, "16 A")
    await bench.status("Charging")
    transaction = bench.open_transaction()
    answer = await bench.cp.call(
        "SetChargingProfile", limit_request(1, lowered_a, transaction=transaction), timeout_s=10
    )
    assert answer["status"] == "Accepted"
    await sim.wait_for(lambda s: 0 < s.current_a <= lowered_a, 12, f"{lowered_a:g} A")
    await bench.present_tag(TAG)
    await bench.cp.expect("StopTransaction", timeout_s=15)
    await sim.wait_for(lambda s: s.current_a == 0, 10, "no current")
    sim.unplug()
    await bench.status("Available")
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


async def test_a_box_on_the_boards_own_pins(program: Path, csms: Csms, tmp_path: Path) -> None:
    """Pass criteria: a session; the contactor never opens under load; the plug is locked in it."""
    box = GpioBox()
    async with DirectSim(box) as sim:
        options = GatewayOptions(
            csms_url=csms.url,
            identity=IDENTITY,
            profile="gpio",
            board=sim.port_path,
            settings={"c1.pins": GpioBox.PINS, "c1.max_ma": "16000", "tamper": "33"},
        )
        async with bench_with(program, csms, sim, tmp_path, options) as bench:
            assert (await bench.dut.command("status"))["lid"] == "closed"
            await run_session(bench, sim, EvSpec(phases=3), 10)
            box.is_lid_open = True
            await bench.cp.expect(
                "SecurityEventNotification",
                match={"type": "TamperDetectionActivated"},
                timeout_s=10,
            )
            assert (await bench.dut.command("status"))["lid"] == "open"
            shown = (await bench.dut.command("charger"))["chargers"][0]
            assert shown["contactor"] == 0
            assert 11_000 < shown["pilot_high_mv"] < 13_000
    assert box.opened_under_load == 0
    assert not box.is_locked


async def test_a_box_without_a_meter_has_one_beside_it(
    program: Path, csms: Csms, tmp_path: Path
) -> None:
    """Purpose: `c1.meter` for a box on the board's own pins; the meter's profile is a file.

    Pass criteria: a session; the books have what the meter counted.
    """
    records = tmp_path / "data" / "records"
    records.mkdir(parents=True)
    profile, _ = profiles.check_file(profiles.find_file("eastron-sdm630"))
    assert profile is not None
    (records / "meter.vevp").write_bytes(image(profile))
    box = GpioBox()
    meter = ProfileMeter("eastron-sdm630", box)
    async with (
        DirectSim(box) as sim,
        ChargerSim(meter, tcp=("127.0.0.1", 0), framing=Framing.RTU) as line,
    ):
        options = GatewayOptions(
            csms_url=csms.url,
            identity=IDENTITY,
            profile="gpio",
            board=sim.port_path,
            settings={
                "c1.pins": GpioBox.PINS.replace("s0=35 s0_per_kwh=1000 ", ""),
                "c1.max_ma": "16000",
                "c1.meter": "1",
                "m1.profile": "file:meter.vevp",
                "m1.host": "rtu+tcp://" + line.port_path,
            },
        )
        async with bench_with(program, csms, sim, tmp_path, options) as bench:
            await run_session(bench, sim, EvSpec(phases=3), 10)
            assert (await bench.dut.command("meter"))["meters"][0]["energy_wh"] > 0


async def test_an_openevse(program: Path, csms: Csms, tmp_path: Path) -> None:
    """Pass criteria: a session; no EEPROM writes; no heartbeat is missed."""
    evse = OpenEvse()
    async with DirectSim(evse) as sim:
        options = GatewayOptions(
            csms_url=csms.url,
            identity=IDENTITY,
            profile="openevse-rapi",
            buses={1: sim.port_path},
            settings={"c1.max_ma": "16000"},
        )
        async with bench_with(program, csms, sim, tmp_path, options) as bench:
            await run_session(bench, sim, EvSpec(phases=1), 10)
    assert evse.eeprom_writes == 0
    assert evse.missed_heartbeats == 0


async def test_a_keba(program: Path, csms: Csms, tmp_path: Path) -> None:
    """Pass criteria: a session; no command comes too early; nothing is written to EEPROM."""
    keba = Keba()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with DirectSim(keba, udp=("127.0.0.1", 0), reply_port=port) as sim:
        options = GatewayOptions(
            csms_url=csms.url,
            identity=IDENTITY,
            profile="keba-udp",
            settings={"c1.host": sim.port_path, "keba_port": str(port)},
        )
        async with bench_with(program, csms, sim, tmp_path, options) as bench:
            await run_session(bench, sim, EvSpec(phases=3), 10)
    assert keba.too_early == 0
    assert keba.eeprom_writes == 0
