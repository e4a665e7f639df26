"""Every built-in charger through a whole session: the real gateway against the simulated device."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from vevgw.chargers.devices import make_device, meter_names
from vevgw.chargers.devices.meter import ProfileMeter
from vevgw.chargers.sessions import DRILLS, GROUPS
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.csms import Csms
from vevgw.dut.bench import IDENTITY, flows
from vevgw.dut.native import find_gateway
from vevgw.dut.payloads import limit_request
from vevgw.dut.site import COUNTER_WH, Site, open_site, run_gateway, start

pytestmark = [pytest.mark.native, pytest.mark.timeout(240)]

# Wh that the register counts in, where that is not 1. None: nothing to compare, it has no meter.
RESOLUTION_WH: dict[str, int | None] = {
    "vestel-evc04": 100,
    "daheimladen-smart": 100,
    "em2go-pro-power": 100,
    "solax-evc": 100,
    "solax-hac": 100,
    "phoenix-em-cp-pp-eth": 10,
    "evse-wb-din": None,
    "phoenix-ev-cc-ac1-m-ser": None,
    "pracht-alpha": None,
    "abl-emh1": None,
}
# Power over time: the books follow what is read once a second. The others may differ by rounding.
TOLERANCE_WH = {"viridian-epc": 4}
DRAWN_WH = 6.0
METER_UNIT = 7


async def session(site: Site, connector: int, sim: ChargerSim) -> None:
    """Plug, authorize, charge, limit, pause, resume, unplug."""
    await start(site, connector, sim)
    begin_wh = sim.energy_wh
    await site.call("SetChargingProfile", limit_request(connector, 10))
    await sim.wait_for(lambda s: 9.5 <= s.limit_a <= 10, 20, "a limit of 10 A")
    await sim.wait_for(lambda s: s.current_a <= 10, 5, "10 A")
    await sim.wait_for(lambda s: s.energy_wh > begin_wh + DRAWN_WH, 15, "energy")

    mark = site.cp.mark()
    await site.call("SetChargingProfile", limit_request(connector, 0))
    await sim.wait_for(lambda s: s.limit_a == 0 and s.current_a == 0, 20, "a pause")
    await site.status(connector, "SuspendedEVSE", mark)
    mark = site.cp.mark()
    await site.call("ClearChargingProfile", {"id": connector})
    await sim.wait_for(flows, 80, "a current again")
    await site.status(connector, "Charging", mark)

    mark = site.cp.mark()
    sim.unplug()
    await site.status(connector, "Available", mark)
    await sim.wait_for(lambda s: s.limit_a == 0, 10, "no offer")


@pytest.mark.parametrize("group", sorted(GROUPS))
async def test_whole_session(
    group: str, csms: Csms, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Pass criteria: status, limit and current follow; the books have what the meter counted."""
    program = pytestconfig.getoption("--gateway") or find_gateway(pytestconfig.rootpath)
    async with open_site(csms, tmp_path, program, GROUPS[group]) as site:
        outcomes = await asyncio.gather(
            *(session(site, number, sim) for number, sim in enumerate(site.chargers.values(), 1)),
            return_exceptions=True,
        )
        wrong = [
            f"{model}: {outcome}"
            for model, outcome in zip(site.chargers, outcomes, strict=True)
            if outcome is not None
        ]
        await closed(csms)
        for number, (model, sim) in enumerate(site.chargers.items(), 1):
            booked = [
                one for one in csms.books.transactions(IDENTITY) if one.connector_id == number
            ]
            if len(booked) != 1 or booked[0].meter_stop_wh is None:
                wrong.append(f"{model}: one closed transaction expected: {booked}")
                continue
            step = RESOLUTION_WH.get(model, 1)
            energy = booked[0].meter_stop_wh - booked[0].meter_start_wh
            if step is None:
                continue
            counted = sim.energy_wh // step * step - COUNTER_WH // step * step
            if abs(energy - counted) > TOLERANCE_WH.get(model, 1):
                wrong.append(f"{model}: the books have {energy} Wh, its meter {counted:.0f} Wh")
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("drill", sorted(DRILLS))
async def test_gateway_that_is_gone(
    drill: str, csms: Csms, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Purpose: the gateway is killed while all charge.

    Pass criteria: no watchdog expires before; each charger then falls to its failsafe current in
    its own time.
    """
    program = pytestconfig.getoption("--gateway") or find_gateway(pytestconfig.rootpath)
    rows = DRILLS[drill]
    links = {model: row[0] for model, row in rows.items()}
    async with open_site(csms, tmp_path, program, links, drill=rows) as site:
        sims = site.chargers
        await asyncio.gather(
            *(start(site, number, sim) for number, sim in enumerate(sims.values(), 1))
        )
        await asyncio.sleep(1.2 * min(row[1] for row in rows.values()))
        for model, sim in sims.items():
            assert (sim.limit_a, sim.device.watchdog_expiries) == (16, 0), model
        await site.gateway.kill9()
        killed_at = asyncio.get_running_loop().time()
        for model, (_, time_s, failsafe_a) in sorted(rows.items(), key=lambda row: row[1][1]):
            left_s = killed_at + time_s + 1.5 - asyncio.get_running_loop().time()
            await sims[model].wait_for(
                lambda s, amps=failsafe_a: s.limit_a == pytest.approx(amps),
                max(left_s, 0.1),
                f"{failsafe_a:g} A of {model}",
            )
            assert sims[model].device.watchdog_expiries == 1, model


@pytest.mark.parametrize("part", range(3))
async def test_meter_beside_a_charger(
    part: int, csms: Csms, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Purpose: a charger without a meter shares its bus with one, seven pairs at a time.

    Pass criteria: the books have what the meter counted, in its own steps.
    """
    program = pytestconfig.getoption("--gateway") or find_gateway(pytestconfig.rootpath)
    names = meter_names()[part * 7 : part * 7 + 7]
    async with AsyncExitStack() as stack:
        settings = {"connectors": str(len(names))}
        pairs: list[tuple[ChargerSim, ProfileMeter]] = []
        for number, name in enumerate(names, 1):
            charger = make_device("evse-wb-din")
            charger.energy_total_vah = COUNTER_WH
            meter = ProfileMeter(name, charger)
            sim = ChargerSim(
                charger, tcp=("127.0.0.1", 0), framing=Framing.RTU, meters={METER_UNIT: meter}
            )
            await stack.enter_async_context(sim)
            pairs.append((sim, meter))
            host = "rtu+tcp://" + sim.port_path
            settings |= {
                f"c{number}.profile": "evse-wb-din",
                f"c{number}.host": host,
                f"c{number}.meter": str(number),
                f"m{number}.profile": name,
                f"m{number}.host": host,
                f"m{number}.unit": str(METER_UNIT),
            }
        site = await stack.enter_async_context(
            run_gateway(csms, tmp_path, program, {}, settings, {})
        )
        await asyncio.gather(*(charge(site, n, sim) for n, (sim, _) in enumerate(pairs, 1)))
        await closed(csms)
        wrong = []
        for number, (name, (sim, meter)) in enumerate(zip(names, pairs, strict=True), 1):
            booked = [
                one for one in csms.books.transactions(IDENTITY) if one.connector_id == number
            ]
            assert len(booked) == 1, name
            field = next(one for one in meter.fields.values() if one.meaning == "energy_total")
            step = max(1, int(field.scale)) if not field.kind.startswith("f") else 1
            energy = (booked[0].meter_stop_wh or 0) - booked[0].meter_start_wh
            counted = sim.energy_wh // step * step - COUNTER_WH // step * step
            if abs(energy - counted) > 2:
                wrong.append(f"{name}: the books have {energy} Wh, it counted {counted:.0f} Wh")
        assert not wrong, "\n".join(wrong)


async def charge(site: Site, connector: int, sim: ChargerSim) -> None:
    """A short session; at its end the meter is asked once more, not waited for."""
    begin_wh = sim.energy_wh
    await start(site, connector, sim)
    await sim.wait_for(lambda s: s.energy_wh > begin_wh + DRAWN_WH, 20, "energy")
    assert sim.ev is not None
    sim.ev.suspended = True
    await sim.wait_for(lambda s: s.current_a == 0, 5, "no current")
    mark = site.cp.mark()
    sim.unplug()
    await site.status(connector, "Available", mark)


async def closed(csms: Csms) -> None:
    """Waits until all transactions are booked."""
    for _ in range(100):
        if not csms.books.open_transactions(IDENTITY):
            return
        await asyncio.sleep(0.1)
