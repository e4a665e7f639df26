"""A gateway with everything around it: CSMS, simulated charger, tag reader; and common steps.

The system tests stand on it (test/system/conftest.py makes one per test).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.tag_reader import TagReaderSim
from vevgw.csms import ChargePoint, Csms
from vevgw.dut.device import Dut
from vevgw.errors import UserError

IDENTITY: Final = "CP-1"
PROFILE: Final = "heidelberg-energy-control"
TAG: Final = "04A1B2C3D4"
SAMPLE_INTERVAL_S: Final = 2


class BenchError(UserError):
    """Something on the bench is not as it must be; the text says what."""


@dataclass(slots=True)
class Bench:
    """The parts. All waits raise a UserError that says what was seen instead.

    Attributes:
        csms: Runs.
        charger: Runs, without a vehicle.
        dut: The gateway's console.
        reader: Its tag reader; None = it has none, and tags go through the test hook `sim tag`.
        cp: The gateway as the CSMS sees it.
    """

    csms: Csms
    charger: ChargerSim
    dut: Dut
    reader: TagReaderSim | None
    cp: ChargePoint = field(init=False)

    def __post_init__(self) -> None:
        self.cp = self.csms.charge_point(IDENTITY)

    async def wait_registered(self) -> None:
        """Waits until the gateway is registered and idle, and has it sample its meter often."""
        await self.cp.expect("BootNotification", timeout_s=30)
        await self.status("Available", timeout_s=20)
        await self.dut.command(f"config set MeterValueSampleInterval {SAMPLE_INTERVAL_S}")

    async def present_tag(self, tag: str = TAG) -> None:
        """Holds a tag to the reader; a board needs a build with test hooks for this."""
        if self.reader is not None:
            self.reader.present(tag)
        else:
            await self.dut.command(f"sim tag {tag}")

    async def status(self, status: str, *, timeout_s: float = 15) -> None:
        """Waits for the status of connector 1."""
        await self.cp.expect(
            "StatusNotification",
            match={"connectorId": 1, "status": status},
            timeout_s=timeout_s,
        )

    async def start_charging(self, ev: EvSpec | None = None) -> int:
        """Plugs a vehicle in, presents a tag, waits for current; returns the transaction id."""
        self.charger.plug(ev or EvSpec())
        await self.status("Preparing")
        await self.present_tag()
        await self.cp.expect("StartTransaction", match={"connectorId": 1}, timeout_s=15)
        await self.charger.wait_for(flows, timeout_s=30, what="a current")
        await self.status("Charging")
        return self.open_transaction()

    def open_transaction(self) -> int:
        """The id of the only open transaction."""
        open_now = self.csms.books.open_transactions(IDENTITY)
        if len(open_now) != 1:
            raise BenchError(f"There must be one open transaction, but there are: {open_now}.")
        return open_now[0].id

    async def draw(self, energy_wh: float, *, timeout_s: float = 30) -> None:
        """Waits until the vehicle has taken this much more energy."""
        goal = self.charger.energy_wh + energy_wh
        await self.charger.wait_for(
            lambda sim: sim.energy_wh >= goal, timeout_s, f"{energy_wh:g} Wh more"
        )

    async def delivered(self, *, timeout_s: float = 30) -> None:
        """Waits until the gateway holds nothing that the CSMS has not confirmed."""
        mark = self.dut.mark()
        if (await self.dut.command("tx"))["pending_messages"]:
            await self.dut.expect_event("delivered", timeout_s=timeout_s, since=mark)

    async def stop_remotely(self, transaction: int) -> None:
        """RemoteStopTransaction, until the stop is booked and no current flows."""
        answer = await self.cp.call(
            "RemoteStopTransaction", {"transactionId": transaction}, timeout_s=10
        )
        if answer["status"] != "Accepted":
            raise BenchError(f"RemoteStopTransaction was answered {answer['status']}.")
        await self.cp.expect("StopTransaction", match={"transactionId": transaction}, timeout_s=30)
        await self.charger.wait_for(lambda sim: sim.current_a == 0, 10, "no current")

    def check_books(self, *, begin_wh: float, transactions: int = 1) -> None:
        """Checks that all transactions are closed and their energy is that of the wallbox's meter.

        Args:
            begin_wh: The wallbox's register before the first of them.
            transactions: How many there must be.

        Raises:
            BenchError: It is not so.
        """
        booked = self.csms.books.transactions(IDENTITY)
        if len(booked) != transactions:
            raise BenchError(f"There must be {transactions} transactions, but there are: {booked}.")
        left_open = self.csms.books.open_transactions(IDENTITY)
        if left_open:
            raise BenchError(f"These transactions were never stopped: {left_open}.")
        counted_wh = int(self.charger.energy_wh) - int(begin_wh)
        booked_wh = self.csms.books.energy_wh(IDENTITY)
        if abs(booked_wh - counted_wh) > 1:
            raise BenchError(
                f"The wallbox counted {counted_wh} Wh, the CSMS booked {booked_wh:g} Wh."
            )


def flows(sim: ChargerSim) -> bool:
    """Whether the vehicle draws current."""
    return sim.current_a > 5
