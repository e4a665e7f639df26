"""The CSMS switches chargers between one and three phases in a transaction."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Csms
from vevgw.dut.bench import IDENTITY
from vevgw.dut.native import find_gateway
from vevgw.dut.payloads import limit_request
from vevgw.dut.site import COUNTER_WH, Site, open_site, start

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

# How each is reached. All of them may switch: for two of them the hardware is an option.
MODELS = {"sungrow-ac": "tcp", "mennekes-amtron-compact-2": "line", "keba-p30": "tcp"}
LEAST_S = 15


def profile(connector: int, phases: int) -> dict[str, object]:
    """At most 10 A on so many phases."""
    return limit_request(connector, 10, phases=phases)


def phases_in_use(sim: ChargerSim) -> int:
    return sum(amps > 5 for amps in sim.currents_a)


async def session(site: Site, connector: int, sim: ChargerSim) -> None:
    """Charges on three phases, on one, on three; the transaction goes on."""
    await start(site, connector, sim)
    assert phases_in_use(sim) == 3
    began = asyncio.get_running_loop().time()
    for phases in (1, 3):
        mark = site.cp.mark()
        await site.call("SetChargingProfile", profile(connector, phases))
        await sim.wait_for(lambda s: s.limit_a == 0 and s.current_a == 0, 20, "a pause")
        await site.status(connector, "SuspendedEVSE", mark)
        # The second order comes too early: it has to wait, and meanwhile one phase is what counts.
        await sim.wait_for(lambda s, n=phases: phases_in_use(s) == n, 40, f"{phases} phase(s)")
        assert sim.current_a <= 10
        await site.status(connector, "Charging", mark)
    assert asyncio.get_running_loop().time() - began > LEAST_S
    assert [change[0] for change in sim.device.phase_switches] == [1, 3]
    # Dead time: 5 s without current before each.
    assert min(change[1] for change in sim.device.phase_switches) >= 4.5
    assert sim.device.switched_under_power == 0
    mark = site.cp.mark()
    sim.unplug()
    await site.status(connector, "Available", mark)


async def test_phases_are_switched_in_a_transaction(
    csms: Csms, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Pass criteria: never under load, not too often, SuspendedEVSE meanwhile, one transaction."""
    program = pytestconfig.getoption("--gateway") or find_gateway(pytestconfig.rootpath)
    settings = {"t.phase_switch": str(LEAST_S * 1000)}
    settings |= {f"c{number}.phase_switch": "1" for number in (2, 3)}
    async with open_site(csms, tmp_path, program, MODELS, settings=settings) as site:
        sims = list(site.chargers.values())
        await asyncio.gather(*(session(site, number, sim) for number, sim in enumerate(sims, 1)))
        answer = await site.cp.call(
            "GetConfiguration", {"key": ["ConnectorSwitch3to1PhaseSupported"]}, timeout_s=10
        )
        assert answer["configurationKey"][0]["value"] == "true"
        mark = site.dut.mark()
        if (await site.dut.command("tx"))["pending_messages"]:
            await site.dut.expect_event("delivered", timeout_s=10, since=mark)
        assert not csms.books.open_transactions(IDENTITY)
        for number, sim in enumerate(sims, 1):
            booked = [
                one for one in csms.books.transactions(IDENTITY) if one.connector_id == number
            ]
            assert len(booked) == 1
            energy = (booked[0].meter_stop_wh or 0) - booked[0].meter_start_wh
            assert abs(energy - (sim.energy_wh - COUNTER_WH)) <= 1
