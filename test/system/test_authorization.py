"""Who lets charge: the modes of authorization beside the gateway's own reader, in one gateway.

Simulated chargers, one for each way; docs/authorization.md tells what they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from vevgw.chargers.devices import make_device
from vevgw.chargers.devices.field_tcp import KebaP30, MennekesHcc3
from vevgw.chargers.devices.profile_device import ProfileDevice
from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.csms import ChargePoint, Csms
from vevgw.dut import Dut, DutError, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, flows

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

READS, LIST, INVITED, FREE, REMOTE, STUBBORN = range(1, 7)
CHARGERS = {
    READS: ("keba-p30", "charger_reader"),
    LIST: ("mennekes-amtron-hcc3", "charger_list"),
    INVITED: ("keba-p30", "charger_list"),
    FREE: ("phoenix-ev-cc-ac1-m3", "free"),
    REMOTE: ("phoenix-ev-cc-ac1-m3", "remote"),
    STUBBORN: ("keba-p30", "reader"),
}


class StubbornKeba(KebaP30):
    """Lets charge although it was told not to."""

    is_stubborn = False

    def is_enabled(self) -> bool:
        return self.is_stubborn or super().is_enabled()


@dataclass(slots=True)
class Garage:
    """A gateway with a charger for each mode."""

    csms: Csms
    cp: ChargePoint
    dut: Dut
    sims: dict[int, ChargerSim]

    def device(self, connector: int) -> ProfileDevice:
        return cast(ProfileDevice, self.sims[connector].device)

    async def plug(self, connector: int) -> int:
        """Plugs a vehicle in; returns the mark before."""
        mark = self.cp.mark()
        self.sims[connector].plug(EvSpec(phases=3, max_current_a=16, battery_wh=1e6))
        await self.status(connector, "Preparing", mark)
        return mark

    async def status(self, connector: int, status: str, since: int) -> None:
        match = {"connectorId": connector, "status": status}
        await self.cp.expect("StatusNotification", match=match, since=since, timeout_s=20)

    async def started(self, connector: int, id_tag: str, since: int) -> int:
        """Waits for the transaction and its current; returns the id."""
        match = {"connectorId": connector, "idTag": id_tag}
        await self.cp.expect("StartTransaction", match=match, since=since, timeout_s=20)
        await self.sims[connector].wait_for(flows, 20, "a current")
        await self.sims[connector].wait_for(lambda s: s.limit_a > 15, 20, "the whole limit")
        (booked,) = (
            one
            for one in self.csms.books.open_transactions(IDENTITY)
            if one.connector_id == connector
        )
        return booked.id

    async def stopped(self, connector: int, transaction: int, reason: str, since: int) -> None:
        match = {"transactionId": transaction, "reason": reason}
        await self.cp.expect("StopTransaction", match=match, since=since, timeout_s=20)
        await self.sims[connector].wait_for(lambda s: s.current_a == 0, 10, "no current")

    async def unplug(self, connector: int) -> None:
        mark = self.cp.mark()
        self.sims[connector].unplug()
        await self.status(connector, "Available", mark)

    async def nothing_flows(self, connector: int, time_s: float) -> None:
        """Watches for a while."""
        begin_wh = self.sims[connector].energy_wh
        await asyncio.sleep(time_s)
        assert self.sims[connector].energy_wh == begin_wh, "it charged before it was permitted"


@pytest_asyncio.fixture
async def garage(csms: Csms, program: Path, tmp_path: Path) -> AsyncIterator[Garage]:
    settings = {
        "connectors": str(len(CHARGERS)),
        f"c{LIST}.id_tag": "LIST",
        f"c{STUBBORN}.id_tag": "UNPAID",
        f"c{STUBBORN}.unauthorised": "free_vend",
        "t.unauthorised": "2000",
        "t.unauth_retry": "1000",
    }
    async with AsyncExitStack() as stack:
        sims = {}
        for number, (model, mode) in CHARGERS.items():
            device = StubbornKeba() if number == STUBBORN else make_device(model)
            sim = ChargerSim(device, tcp=("127.0.0.1", 0), framing=Framing.TCP)
            sims[number] = await stack.enter_async_context(sim)
            settings |= {
                f"c{number}.profile": model,
                f"c{number}.host": sim.port_path,
                f"c{number}.auth": mode,
            }
        cast(KebaP30, sims[INVITED].device).has_list = True
        options = GatewayOptions(csms_url=csms.url, identity=IDENTITY, settings=settings)
        native = NativeGateway(program, tmp_path, options)
        stack.push_async_callback(native.kill9)
        transport = NativeTransport(native)
        dut = await stack.enter_async_context(Dut(transport, log_path=tmp_path / "console.log"))
        ready = Garage(csms, csms.charge_point(IDENTITY), dut, sims)
        await ready.cp.expect("BootNotification", timeout_s=30)
        for number in CHARGERS:
            await ready.status(number, "Available", 0)
        # These start enabled; until the gateway has told them otherwise, they would let charge.
        for number in (READS, INVITED, STUBBORN):
            keba = cast(KebaP30, sims[number].device)
            await sims[number].wait_for(lambda _, keba=keba: not keba.is_enabled(), 20, "a no")
        yield ready


async def charger_reader(garage: Garage) -> None:
    """The charger's reader only reads: the CSMS is asked."""
    device = cast(KebaP30, garage.device(READS))
    mark = await garage.plug(READS)
    await garage.nothing_flows(READS, 2)
    device.hold_card("04A1B2C3")
    await garage.cp.expect("Authorize", match={"idTag": "04A1B2C3"}, since=mark, timeout_s=10)
    transaction = await garage.started(READS, "04A1B2C3", mark)
    await garage.unplug(READS)
    await garage.stopped(READS, transaction, "EVDisconnected", mark)


async def charger_list(garage: Garage) -> None:
    """The charger decides and tells; the gateway's limit follows."""
    device = cast(MennekesHcc3, garage.device(LIST))
    mark = await garage.plug(LIST)
    await garage.nothing_flows(LIST, 2)
    device.hold_card()
    transaction = await garage.started(LIST, "LIST", mark)
    device.hold_card()
    await garage.stopped(LIST, transaction, "Local", mark)
    await garage.unplug(LIST)


async def charger_list_invited(garage: Garage) -> None:
    """The charger decides only while it may charge."""
    device = cast(KebaP30, garage.device(INVITED))
    mark = await garage.plug(INVITED)
    await garage.nothing_flows(INVITED, 2)
    device.hold_card("0BADCAFE")
    transaction = await garage.started(INVITED, "0BADCAFE", mark)
    device.hold_card("0BADCAFE")
    await garage.stopped(INVITED, transaction, "Local", mark)
    await garage.unplug(INVITED)


async def free(garage: Garage) -> None:
    """Plugging in is enough, once."""
    mark = garage.cp.mark()
    garage.sims[FREE].plug(EvSpec(phases=3, max_current_a=16, battery_wh=1e6))
    transaction = await garage.started(FREE, "FREEVEND", mark)
    answer = await garage.cp.call(
        "RemoteStopTransaction", {"transactionId": transaction}, timeout_s=10
    )
    assert answer["status"] == "Accepted"
    await garage.stopped(FREE, transaction, "Remote", mark)
    await garage.nothing_flows(FREE, 2)
    await garage.unplug(FREE)


async def remote(garage: Garage) -> None:
    """Tags mean nothing; the CSMS starts."""
    mark = await garage.plug(REMOTE)
    seen = garage.dut.mark()
    garage.device(REMOTE).forced["card"] = "04FFEE11"
    await garage.dut.expect_event(
        "tag_ignored", match={"connector": REMOTE}, since=seen, timeout_s=10
    )
    await garage.nothing_flows(REMOTE, 1)
    await garage.cp.call(
        "RemoteStartTransaction", {"connectorId": REMOTE, "idTag": "BACKEND"}, timeout_s=10
    )
    transaction = await garage.started(REMOTE, "BACKEND", mark)
    await garage.unplug(REMOTE)
    await garage.stopped(REMOTE, transaction, "EVDisconnected", mark)


async def stubborn(garage: Garage) -> None:
    """What flows without permission, and cannot be stopped, is booked."""
    mark = await garage.plug(STUBBORN)
    await garage.nothing_flows(STUBBORN, 1)
    cast(StubbornKeba, garage.device(STUBBORN)).is_stubborn = True
    transaction = await garage.started(STUBBORN, "UNPAID", mark)
    await garage.unplug(STUBBORN)
    await garage.stopped(STUBBORN, transaction, "EVDisconnected", mark)


async def test_every_mode_lets_charge_whom_it_should(garage: Garage, csms: Csms) -> None:
    """Pass criteria: nothing flows before, the right tag and reason, one transaction each."""
    ways = (charger_reader, charger_list, charger_list_invited, free, remote, stubborn)
    outcomes = await asyncio.gather(*(way(garage) for way in ways), return_exceptions=True)
    wrong = [
        f"{way.__name__}: {outcome}"
        for way, outcome in zip(ways, outcomes, strict=True)
        if outcome is not None
    ]
    assert not wrong, "\n".join(wrong)
    booked = csms.books.transactions(IDENTITY)
    assert sorted(one.connector_id for one in booked) == sorted(CHARGERS)
    assert all(one.meter_stop_wh is not None for one in booked)
    # A mode that the charger cannot do is refused when it is set.
    with pytest.raises(DutError, match="connector 4: auth charger_list: the charger has no auth"):
        await garage.dut.command("setting set c4.auth charger_list")
