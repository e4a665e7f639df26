"""A charger without a watchdog, with a contactor of the installation on a pin of the gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from vevgw.chargers.devices import make_device
from vevgw.chargers.devices.contactor import Contactor
from vevgw.chargers.devices.meter import ProfileMeter
from vevgw.chargers.devices.profile_device import ProfileDevice
from vevgw.chargers.direct_sim import DirectSim
from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sessions import WITH_CONTACTOR
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.csms import Csms
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, Bench, flows

pytestmark = [pytest.mark.native, pytest.mark.timeout(90)]

METER_UNIT = 7
# Its own times are in test/unit/test_bridge_profiles/test_contactor.cpp; these are short.
OPEN_MS = 3000
SETTINGS = {
    "c1.profile": WITH_CONTACTOR,
    "c1.contactor": "27",
    "c1.max_ma": "16000",
    "c1.meter": "1",
    "m1.profile": "eastron-sdm630",
    "m1.unit": str(METER_UNIT),
    "t.unauthorised": "1000",
    "t.unauth_retry": "1000",
    "t.overrun_write": "1000",
    "t.overrun_stop": "2000",
    "t.overrun_open": str(OPEN_MS),
}


async def test_a_contactor_stops_a_charger_that_nothing_else_stops(
    program: Path, csms: Csms, tmp_path: Path
) -> None:
    """Purpose: the gateway is killed while the charger charges; later the charger does not stop.

    Pass criteria: the contactor is open without the gateway, and until it has heard the charger;
    the session goes on with the gateway; a charger that does not stop is cut off and Faulted.
    """
    device = make_device(WITH_CONTACTOR)
    assert isinstance(device, ProfileDevice)
    contactor = Contactor(device)
    sim = ChargerSim(
        device,
        tcp=("127.0.0.1", 0),
        framing=Framing.RTU,
        meters={METER_UNIT: ProfileMeter("eastron-sdm630", device)},
    )
    async with sim, DirectSim(contactor) as board:
        host = "rtu+tcp://" + sim.port_path
        options = GatewayOptions(
            csms_url=csms.url,
            identity=IDENTITY,
            board=board.port_path,
            settings={**SETTINGS, "c1.host": host, "m1.host": host},
        )
        gateway = NativeGateway(program, tmp_path, options)
        try:
            async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
                bench = Bench(csms, sim, dut, None)
                await bench.wait_registered()
                assert contactor.is_closed
                await bench.start_charging(EvSpec(phases=3, max_current_a=16))

                await gateway.kill9()
                contactor.release()  # What the pins of a chip without power do.
                await sim.wait_for(lambda s: s.current_a == 0, 5, "no current")
                assert sim.limit_a == 16, "it has no watchdog"

                sim.faults.silent = True
                await gateway.start()
                await dut.expect_event("ready", timeout_s=30)
                await asyncio.sleep(1)
                assert not contactor.is_closed, "the charger has not been heard"
                sim.faults.silent = False
                await sim.wait_for(flows, 20, "a current")
                bench.open_transaction()

                device.commanded_a = lambda: 16.0  # type: ignore[method-assign]
                transaction = bench.open_transaction()
                mark = bench.cp.mark()
                answer = await bench.cp.call(
                    "RemoteStopTransaction", {"transactionId": transaction}, timeout_s=10
                )
                assert answer["status"] == "Accepted"
                await sim.wait_for(lambda s: s.current_a == 0, 30, "no current")
                assert not contactor.is_closed
                fault = {"connectorId": 1, "status": "Faulted"}
                await bench.cp.expect("StatusNotification", match=fault, since=mark, timeout_s=15)
                shown = (await dut.command("charger"))["chargers"][0]
                assert shown["contactor_closed"] == 0
                await bench.delivered()
        finally:
            await gateway.kill9()
