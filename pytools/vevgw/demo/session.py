"""The charging session, step by step; each step checks what it promises."""

from __future__ import annotations

import json
from datetime import datetime

from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.csms import ChargePoint, Transaction
from vevgw.demo.parts import IDENTITY, TAG, Parts
from vevgw.demo.timeline import Timeline
from vevgw.dut import DutError
from vevgw.dut.payloads import limit_request
from vevgw.errors import UserError

SAMPLE_INTERVAL_S = 3
LIMIT_A = 10.0
# Current may lie above the limit by the rounding of the wallbox's registers.
TOLERANCE_A = 0.2
OUTAGE_WH = 15.0


class BrokenPromiseError(UserError):
    """The session did not go as promised; the text is the sentence that says how."""


def promise(is_kept: bool, sentence: str) -> None:
    """Raises BrokenPromiseError with the sentence unless the promise is kept."""
    if not is_kept:
        raise BrokenPromiseError(sentence)


async def run_session(parts: Parts, timeline: Timeline) -> Transaction:
    """Runs the session and returns the transaction as the CSMS booked it.

    Raises:
        UserError: A promise was broken, or something did not happen in time.
    """
    charge_point = await boot(parts, timeline)
    await plug_and_authorize(parts, charge_point, timeline)
    transaction_id = await charge(parts, charge_point, timeline)
    await limit_current(parts, charge_point, timeline, transaction_id)
    await survive_outage(parts, charge_point, timeline)
    await stop_remotely(parts, charge_point, timeline, transaction_id)
    transaction = parts.csms.books.transaction(transaction_id)
    promise(transaction is not None, f"The CSMS has no transaction {transaction_id} in its books.")
    assert transaction is not None
    return transaction


async def boot(parts: Parts, timeline: Timeline) -> ChargePoint:
    """The gateway starts, connects, registers and reports an available connector."""
    timeline.add("demo", f"starting the gateway against {parts.csms.url}")
    await parts.dut.open()
    await parts.dut.expect_event("ready", timeout_s=10)
    charge_point = await parts.csms.wait_for_charge_point(IDENTITY, timeout_s=15)
    await charge_point.expect("BootNotification", timeout_s=10)
    await charge_point.expect(
        "StatusNotification", match={"connectorId": 1, "status": "Available"}, timeout_s=20
    )
    answer = await charge_point.call(
        "ChangeConfiguration",
        {"key": "MeterValueSampleInterval", "value": str(SAMPLE_INTERVAL_S)},
        timeout_s=10,
    )
    promise(
        answer["status"] == "Accepted",
        f"The gateway answered {answer['status']} to MeterValueSampleInterval.",
    )
    return charge_point


async def plug_and_authorize(parts: Parts, charge_point: ChargePoint, timeline: Timeline) -> None:
    """The EV is plugged and a tag presented; the transaction starts."""
    timeline.add("demo", "the EV is plugged in")
    parts.charger.plug(EvSpec(name="demo EV", phases=3, max_current_a=16))
    await charge_point.expect(
        "StatusNotification", match={"connectorId": 1, "status": "Preparing"}, timeout_s=10
    )
    promise(parts.charger.current_a == 0, "Current flowed before anybody was authorised.")
    timeline.add("demo", f"tag {TAG} is held to the reader")
    parts.reader.present(TAG)
    await charge_point.expect("Authorize", match={"idTag": TAG}, timeout_s=10)
    await charge_point.expect(
        "StartTransaction", match={"connectorId": 1, "idTag": TAG}, timeout_s=10
    )


async def charge(parts: Parts, charge_point: ChargePoint, timeline: Timeline) -> int:
    """The EV charges and meter values arrive. Returns the transaction id."""
    await parts.charger.wait_for(lambda sim: sim.current_a > 15, timeout_s=20)
    await charge_point.expect(
        "StatusNotification", match={"connectorId": 1, "status": "Charging"}, timeout_s=15
    )
    open_now = parts.csms.books.open_transactions(IDENTITY)
    promise(len(open_now) == 1, f"There are {len(open_now)} open transactions instead of one.")
    for _ in range(2):
        await charge_point.expect(
            "MeterValues", match={"transactionId": open_now[0].id}, timeout_s=4 * SAMPLE_INTERVAL_S
        )
    return open_now[0].id


async def limit_current(
    parts: Parts, charge_point: ChargePoint, timeline: Timeline, transaction_id: int
) -> None:
    """The CSMS sets 10 A; the wallbox's register and the measured current follow."""
    timeline.add("demo", f"the CSMS limits the current to {LIMIT_A:g} A")
    profile = limit_request(1, LIMIT_A, transaction=transaction_id)
    answer = await charge_point.call("SetChargingProfile", profile, timeout_s=10)
    promise(
        answer["status"] == "Accepted",
        f"The gateway answered {answer['status']} to SetChargingProfile.",
    )
    await parts.charger.wait_for(lambda sim: sim.limit_a == LIMIT_A, timeout_s=5)
    await parts.charger.wait_for(
        lambda sim: LIMIT_A - 1 < sim.current_a <= LIMIT_A + TOLERANCE_A, timeout_s=5
    )
    limit = await parts.dut.expect_event(
        "charger", match={"limit_ma": int(LIMIT_A * 1000)}, timeout_s=10
    )
    timeline.add("gateway", f"reads back {limit['limit_ma'] / 1000:g} A from the wallbox")
    # The meter of the wallbox is read every few seconds: the second value is one under the limit.
    for _ in range(3):
        await charge_point.expect("MeterValues", timeout_s=4 * SAMPLE_INTERVAL_S)


async def survive_outage(parts: Parts, charge_point: ChargePoint, timeline: Timeline) -> None:
    """The CSMS dies for a while; charging goes on and every meter value arrives later."""
    connections = charge_point.connections
    timeline.add("demo", "the CSMS is killed")
    await parts.csms.stop(hard=True)
    await parts.dut.expect_event("link_down", timeout_s=20)
    before_wh = parts.charger.energy_wh
    await parts.charger.wait_for(lambda sim: sim.energy_wh >= before_wh + OUTAGE_WH, timeout_s=30)
    promise(
        parts.charger.current_a <= LIMIT_A + TOLERANCE_A,
        "The current rose above the limit while the CSMS was away.",
    )
    timeline.add(
        "demo", f"the CSMS comes back after {parts.charger.energy_wh - before_wh:.0f} Wh without it"
    )
    await parts.csms.start()
    await charge_point.wait_connected(timeout_s=60, after=connections)
    await wait_delivered(parts, timeout_s=30)


async def stop_remotely(
    parts: Parts, charge_point: ChargePoint, timeline: Timeline, transaction_id: int
) -> None:
    """The CSMS stops the transaction, the EV unplugs."""
    timeline.add("demo", "the CSMS stops the transaction")
    answer = await charge_point.call(
        "RemoteStopTransaction", {"transactionId": transaction_id}, timeout_s=10
    )
    promise(
        answer["status"] == "Accepted",
        f"The gateway answered {answer['status']} to RemoteStopTransaction.",
    )
    await charge_point.expect(
        "StopTransaction",
        match={"transactionId": transaction_id, "reason": "Remote"},
        timeout_s=30,
    )
    await parts.charger.wait_for(no_current, timeout_s=10)
    timeline.add("demo", "the EV is unplugged")
    parts.charger.unplug()
    await charge_point.expect(
        "StatusNotification", match={"connectorId": 1, "status": "Available"}, timeout_s=15
    )
    await wait_delivered(parts, timeout_s=20)


def no_current(sim: ChargerSim) -> bool:
    """No current flows."""
    return sim.current_a == 0


async def wait_delivered(parts: Parts, *, timeout_s: float) -> None:
    """Waits until the gateway holds nothing that the CSMS has not confirmed.

    Raises:
        BrokenPromiseError: Not in time.
    """
    mark = parts.dut.mark()
    waiting = (await parts.dut.command("tx"))["pending_messages"]
    if waiting == 0:
        return
    try:
        await parts.dut.expect_event("delivered", timeout_s=timeout_s, since=mark)
    except DutError:
        waiting = (await parts.dut.command("tx"))["pending_messages"]
        raise BrokenPromiseError(
            f"{waiting} transaction messages are still undelivered after {timeout_s:g} s."
        ) from None


def sample_times(raw_frames: list[str]) -> list[datetime]:
    """Returns the distinct timestamps of periodic samples in MeterValues CALLs, sorted."""
    times = set()
    for raw in raw_frames:
        for value in json.loads(raw)[3]["meterValue"]:
            contexts = {s.get("context", "Sample.Periodic") for s in value["sampledValue"]}
            if "Sample.Periodic" in contexts:
                times.add(datetime.fromisoformat(value["timestamp"]))
    return sorted(times)
