"""A native gateway with several simulated chargers, for system tests and tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from vevgw.chargers.devices.base import Space
from vevgw.chargers.devices.profile_device import ProfileDevice
from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.csms import ChargePoint, Csms
from vevgw.dut.bench import IDENTITY, flows
from vevgw.dut.device import Dut
from vevgw.dut.native import GatewayOptions, NativeGateway, NativeTransport

# Lifetime counter of each charger at the start, Wh: coarse ones take a step in a session.
COUNTER_WH = 4_321_095.0
# Failsafe current that the gateway sets in a drill, where the charger lets it.
SETTABLE_A = 8.0


@dataclass(slots=True)
class Site:
    """One gateway with its chargers, in the order of their connectors."""

    csms: Csms
    cp: ChargePoint
    dut: Dut
    gateway: NativeGateway
    chargers: dict[str, ChargerSim]
    csms_lock: asyncio.Lock

    async def call(self, action: str, payload: dict[str, object]) -> None:
        async with self.csms_lock:
            answer = await self.cp.call(action, payload, timeout_s=15)
        assert answer["status"] == "Accepted", f"{action} was answered {answer}"

    async def status(self, connector: int, status: str, since: int, timeout_s: float = 20) -> None:
        match = {"connectorId": connector, "status": status}
        await self.cp.expect("StatusNotification", match=match, since=since, timeout_s=timeout_s)


@asynccontextmanager
async def open_site(
    csms: Csms,
    folder: Path,
    program: Path,
    chargers: dict[str, str],
    *,
    drill: Mapping[str, tuple[str, float, float]] | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Site]:
    """Starts the chargers and a gateway that knows them, and waits until all are Available.

    Args:
        csms: Runs.
        folder: For data and logs of the gateway.
        program: The native gateway.
        chargers: How each simulated model is reached: line, converter or tcp.
        drill: Model -> (link, time of its watchdog in s, failsafe current in A).
        settings: Further settings of the gateway.
    """
    async with AsyncExitStack() as stack:
        sims: dict[str, ChargerSim] = {}
        buses: dict[int, str] = {}
        # A pause takes as long as the test wants it to.
        quick = {"t.pause_least": "0", "t.pause_end": "0"}
        all_settings = {"connectors": str(len(chargers)), **quick, **(settings or {})}
        for number, (model, link) in enumerate(chargers.items(), 1):
            if link == "line":
                sim = ChargerSim(model)
            else:
                framing = Framing.RTU if link == "converter" else Framing.TCP
                sim = ChargerSim(model, tcp=("127.0.0.1", 0), framing=framing)
            sim.device.energy_total_vah = COUNTER_WH
            if drill is not None:
                _, watchdog_s, failsafe_a = drill[model]
                set_watchdog(sim, watchdog_s)
                if failsafe_a == SETTABLE_A:
                    all_settings[f"c{number}.failsafe_ma"] = str(round(failsafe_a * 1000))
            sims[model] = await stack.enter_async_context(sim)
            all_settings[f"c{number}.profile"] = model.partition(":")[0]
            if link == "line":
                buses[len(buses) + 1] = sim.port_path
                all_settings[f"c{number}.bus"] = str(len(buses))
            else:
                scheme = "rtu+tcp://" if link == "converter" else ""
                all_settings[f"c{number}.host"] = scheme + sim.port_path
        yield await stack.enter_async_context(
            run_gateway(csms, folder, program, buses, all_settings, sims)
        )


@asynccontextmanager
async def run_gateway(
    csms: Csms,
    folder: Path,
    program: Path,
    buses: dict[int, str],
    settings: dict[str, str],
    chargers: dict[str, ChargerSim],
) -> AsyncIterator[Site]:
    """Starts a gateway and waits until all its connectors are Available."""
    options = GatewayOptions(csms_url=csms.url, identity=IDENTITY, buses=buses, settings=settings)
    gateway = NativeGateway(program, folder, options)
    dut = Dut(NativeTransport(gateway), log_path=folder / "console.log")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(gateway.kill9)
        await stack.enter_async_context(dut)
        site = Site(csms, csms.charge_point(IDENTITY), dut, gateway, chargers, asyncio.Lock())
        await site.cp.expect("BootNotification", timeout_s=30)
        for number in range(1, int(settings["connectors"]) + 1):
            await site.status(number, "Available", 0, 30)
        yield site


def set_watchdog(sim: ChargerSim, seconds: float) -> None:
    """As the installer sets it; the gateway keeps what it finds."""
    if isinstance(sim.device, ProfileDevice):
        sim.device.watchdog_s = seconds
    else:
        sim.device.write(Space.HOLDING, 257, [round(seconds * 1000)])


async def start(site: Site, connector: int, sim: ChargerSim) -> None:
    """Plug and authorize, until it charges; nothing flows before."""
    tag = f"04A1B2C3{connector:02X}"
    await sim.wait_for(lambda s: s.limit_a == 0, 15, "no offer")
    begin_wh = sim.energy_wh
    mark = site.cp.mark()
    sim.plug(EvSpec(phases=3, max_current_a=16, battery_wh=1e6))
    await site.status(connector, "Preparing", mark)
    assert sim.energy_wh == begin_wh, "it charged before it was permitted"
    await site.dut.command(f"sim tag {tag} {connector}")
    await site.cp.expect(
        "StartTransaction", match={"connectorId": connector}, since=mark, timeout_s=20
    )
    await sim.wait_for(flows, 30, "a current")
    await site.status(connector, "Charging", mark)
