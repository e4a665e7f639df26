"""A charging session from the plug to the books of the CSMS."""

from __future__ import annotations

import asyncio

import pytest

from vevgw.chargers.ev import EvSpec
from vevgw.dut.bench import IDENTITY, TAG, Bench, flows
from vevgw.dut.payloads import limit_request
from vevgw.hil.soak import Sample, judge


# Rules: R-4.8-1 R-4.10-1 R-4.1-1 FP-14
async def test_full_session_with_a_tag(bench: Bench) -> None:
    """Purpose: plug, authorize, charge, meter values, stop by the same tag, unplug.

    Pass criteria: no current before the transaction; energy at the CSMS = energy at the wallbox.
    """
    begin_wh = bench.charger.energy_wh
    bench.charger.plug(EvSpec(phases=3, max_current_a=16))
    await bench.status("Preparing")
    assert bench.charger.energy_wh == begin_wh
    await bench.present_tag()
    await bench.cp.expect("Authorize", match={"idTag": TAG}, timeout_s=10)
    await bench.cp.expect("StartTransaction", match={"idTag": TAG}, timeout_s=10)
    await bench.dut.expect_event("tx_started", match={"connector": 1}, timeout_s=5)
    await bench.charger.wait_for(lambda sim: sim.current_a > 15, 20, "16 A")
    await bench.status("Charging")
    transaction = bench.open_transaction()
    for _ in range(3):
        await bench.cp.expect("MeterValues", match={"transactionId": transaction}, timeout_s=10)
    await bench.present_tag()
    stop = await bench.cp.expect("StopTransaction", timeout_s=15)
    assert stop.payload["transactionId"] == transaction
    assert stop.payload.get("reason", "Local") == "Local"
    await bench.charger.wait_for(lambda sim: sim.current_a == 0, 10, "no current")
    bench.charger.unplug()
    await bench.status("Available")
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)
    # The wallbox wants 100 ms of silence before each request; clocks here count whole ms.
    assert bench.charger.statistics.shortest_gap_s >= 0.095


# Rules: R-5.11-4 R-5.12-2
async def test_remote_start_and_stop(bench: Bench) -> None:
    """Pass criteria: the transaction starts with the tag of the request and stops as Remote."""
    begin_wh = bench.charger.energy_wh
    bench.charger.plug()
    await bench.status("Preparing")
    answer = await bench.cp.call(
        "RemoteStartTransaction", {"connectorId": 1, "idTag": TAG}, timeout_s=10
    )
    assert answer["status"] == "Accepted"
    await bench.cp.expect("StartTransaction", match={"idTag": TAG}, timeout_s=15)
    await bench.charger.wait_for(flows, 20, "a current")
    await bench.draw(10)
    transaction = bench.open_transaction()
    await bench.stop_remotely(transaction)
    bench.charger.unplug()
    await bench.status("Available")
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)
    assert bench.csms.books.transaction(transaction).reason == "Remote"


async def test_unplugging_ends_the_transaction(bench: Bench) -> None:
    """Pass criteria: StopTransaction with reason EVDisconnected and the energy of the wallbox."""
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    await bench.draw(10)
    mark = bench.cp.mark()
    bench.charger.unplug()
    # The status may come before the stop: only transaction messages keep their order.
    stop = await bench.cp.expect("StopTransaction", since=mark, timeout_s=20)
    assert stop.payload["transactionId"] == transaction
    assert stop.payload["reason"] == "EVDisconnected"
    await bench.status("Available")
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


# Rules: R-7.2-1
async def test_refused_tag_starts_nothing(bench: Bench) -> None:
    """Pass criteria: the CSMS says Blocked; no transaction, no current."""
    bench.csms.behaviour.id_tags.unknown = "Blocked"
    begin_wh = bench.charger.energy_wh
    bench.charger.plug()
    await bench.status("Preparing")
    await bench.present_tag()
    await bench.cp.expect("Authorize", timeout_s=10, forbidden=["StartTransaction"])
    await bench.dut.expect_event("tag_rejected", timeout_s=10)
    assert bench.csms.books.transactions(IDENTITY) == []
    assert bench.charger.limit_a == 0
    assert bench.charger.energy_wh == begin_wh


# Rules: FP-17
@pytest.mark.timeout(120)
async def test_limit_of_the_csms_is_followed(bench: Bench) -> None:
    """Purpose: SetChargingProfile lowers the limit twice and pauses; clearing it resumes.

    Pass criteria: register and current follow within 5 s and never exceed the limit afterwards.
    """
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging(EvSpec(max_current_a=16))
    await bench.charger.wait_for(lambda sim: sim.current_a > 15, 20, "16 A")
    for limit_a in (10.0, 7.5, 0.0):
        answer = await bench.cp.call(
            "SetChargingProfile", limit_request(1, limit_a, transaction=transaction), timeout_s=10
        )
        assert answer["status"] == "Accepted"
        await bench.charger.wait_for(
            lambda sim, limit=limit_a: sim.limit_a == limit and sim.current_a <= limit,
            5,
            f"{limit_a:g} A",
        )
        if limit_a:
            await bench.dut.expect_event(
                "charger", match={"limit_ma": int(limit_a * 1000)}, timeout_s=10
            )
    await bench.status("SuspendedEVSE", timeout_s=20)
    answer = await bench.cp.call("ClearChargingProfile", {"id": 1}, timeout_s=10)
    assert answer["status"] == "Accepted"
    # A pause lasts for a while, so that relays and vehicles are not worn out.
    await bench.charger.wait_for(flows, 75, "a current again")
    await bench.stop_remotely(transaction)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


# Rules: R-7.7-3
async def test_vehicle_that_pauses_is_suspended_ev(bench: Bench) -> None:
    """Pass criteria: SuspendedEV while it pauses, Charging afterwards, one transaction."""
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    assert bench.charger.ev is not None
    bench.charger.ev.suspended = True
    await bench.status("SuspendedEV")
    bench.charger.ev.suspended = False
    await bench.status("Charging")
    await bench.stop_remotely(transaction)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


async def test_csms_and_console_are_served_at_the_same_time(bench: Bench, target: object) -> None:
    """Pass criteria: 20 commands and 10 CALLs at once are all answered; the loop turns in time."""
    commands = [bench.dut.command("status", timeout_s=5) for _ in range(20)]
    calls = [bench.cp.call("GetConfiguration", {}, timeout_s=20) for _ in range(10)]
    answers = await asyncio.gather(*commands, *calls)
    assert len(answers) == 30
    sample = Sample.of(await bench.dut.command("status"), 0)
    assert judge([sample], target.bench.limits) == []
