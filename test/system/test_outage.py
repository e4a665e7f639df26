"""The CSMS, the wallbox or the gateway is gone for a while."""

from __future__ import annotations

from itertools import pairwise

import pytest

from vevgw.chargers.ev import EvSpec
from vevgw.demo.session import sample_times
from vevgw.dut import NativeGateway
from vevgw.dut.bench import IDENTITY, SAMPLE_INTERVAL_S, TAG, Bench, flows


# Rules: R-3.7-2 FP-11
@pytest.mark.timeout(180)
async def test_csms_outage_in_a_session_loses_nothing(bench: Bench) -> None:
    """Purpose: the CSMS dies while the vehicle charges; the vehicle leaves during the outage.

    Pass criteria: every meter value and the stop arrive once it is back, once, with true energy.
    """
    begin_wh = bench.charger.energy_wh
    await bench.start_charging()
    await bench.cp.expect("MeterValues", timeout_s=10)
    await bench.csms.stop(hard=True)
    await bench.dut.expect_event("link_down", timeout_s=20)
    await bench.draw(25)
    bench.charger.unplug()
    await bench.dut.expect_event("tx_stopped", timeout_s=20)
    connections = bench.cp.connections
    await bench.csms.start()
    await bench.cp.wait_connected(timeout_s=90, after=connections)
    await bench.delivered(timeout_s=60)
    bench.check_books(begin_wh=begin_wh)
    frames = await bench.csms.log.read(lambda log: log.frames(action="MeterValues"))
    times = sample_times([frame.raw for frame in frames if frame.message_type == 2])
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert max(gaps) <= 2 * SAMPLE_INTERVAL_S, gaps


# Rules: R-3.5.4-4
@pytest.mark.timeout(180)
async def test_transaction_that_begins_offline_is_booked_later(bench: Bench) -> None:
    """Pass criteria: a tag the CSMS accepted before starts a session offline; both ends arrive."""
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    await bench.stop_remotely(transaction)
    bench.charger.unplug()
    await bench.status("Available")
    await bench.delivered()
    for key in ("LocalAuthorizeOffline", "AllowOfflineTxForUnknownId"):
        await bench.dut.command(f"config set {key} true")
    await bench.csms.stop(hard=True)
    await bench.dut.expect_event("link_down", timeout_s=20)
    bench.charger.plug()
    await bench.charger.wait_for(lambda sim: sim.state in ("B1", "B2"), 5, "state B")
    await bench.dut.expect_event("charger", match={"plug": "plugged"}, timeout_s=10)
    await bench.present_tag()
    await bench.dut.expect_event("tx_started", timeout_s=15)
    await bench.charger.wait_for(flows, 20, "a current")
    await bench.draw(10)
    bench.charger.unplug()
    await bench.dut.expect_event("tx_stopped", timeout_s=20)
    connections = bench.cp.connections
    await bench.csms.start()
    await bench.cp.wait_connected(timeout_s=90, after=connections)
    await bench.delivered(timeout_s=60)
    bench.check_books(begin_wh=begin_wh, transactions=2)


# Rules: R-3.5.2-1 R-3.5-1 R-5.15-1 R-5.10-1
@pytest.mark.timeout(180)
async def test_tag_of_the_local_list_charges_offline_also_after_a_power_cut(bench: Bench) -> None:
    """Purpose: the CSMS sends a local list and disappears; later the gateway loses power, too.

    Pass criteria: the listed tag starts a session before and after; an unknown tag does not.
    """
    begin_wh = bench.charger.energy_wh
    listed = {"idTag": TAG, "idTagInfo": {"status": "Accepted"}}
    update = {"listVersion": 7, "updateType": "Full", "localAuthorizationList": [listed]}
    answer = await bench.cp.call("SendLocalList", update, timeout_s=10)
    assert answer["status"] == "Accepted"
    await bench.csms.stop(hard=True)
    await bench.dut.expect_event("link_down", timeout_s=20)
    for is_after_power_cut in (False, True):
        if is_after_power_cut:
            await bench.dut.reset()
            await bench.dut.expect_event("ready", timeout_s=15)
        bench.charger.plug()
        await bench.dut.expect_event("charger", match={"plug": "plugged"}, timeout_s=20)
        await bench.present_tag("0A0B0C0D0E")
        await bench.dut.expect_event("tag_rejected", timeout_s=10)
        await bench.present_tag()
        await bench.dut.expect_event("tx_started", timeout_s=15)
        await bench.charger.wait_for(flows, 20, "a current")
        await bench.draw(5)
        bench.charger.unplug()
        await bench.dut.expect_event("tx_stopped", timeout_s=20)
    connections = bench.cp.connections
    await bench.csms.start()
    await bench.cp.wait_connected(timeout_s=90, after=connections)
    await bench.delivered(timeout_s=60)
    bench.check_books(begin_wh=begin_wh, transactions=2)
    answer = await bench.cp.call("GetLocalListVersion", {}, timeout_s=10)
    assert answer["listVersion"] == 7
    assert bench.cp.calls("Authorize") == []


# Rules: FP-11
@pytest.mark.timeout(120)
async def test_power_cut_in_a_session_is_survived(bench: Bench) -> None:
    """Purpose: kill -9 (reset of a board) in the middle of charging, and a start on the same data.

    Pass criteria: the vehicle goes on charging; the same transaction goes on, is stopped once, and
    its energy includes what flowed while the gateway was away.
    """
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    await bench.cp.expect("MeterValues", timeout_s=10)
    mark = bench.cp.mark()
    await bench.dut.reset()
    await bench.dut.expect_event("ready", timeout_s=15)
    await bench.cp.expect("BootNotification", since=mark, timeout_s=30)
    mark = bench.cp.mark()
    await bench.cp.expect(
        "MeterValues", match={"transactionId": transaction}, since=mark, timeout_s=30
    )
    assert bench.charger.current_a > 5, "the charge was interrupted"
    (shown,) = (await bench.dut.command("tx"))["transactions"]
    assert shown["transaction_id"] == transaction
    assert bench.cp.calls("StopTransaction") == []
    await bench.draw(5)
    await bench.stop_remotely(transaction)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)
    assert len(bench.cp.calls("StartTransaction")) == 1
    assert len(bench.cp.calls("StopTransaction")) == 1


@pytest.mark.native
@pytest.mark.timeout(120)
async def test_long_absence_of_the_gateway_stops_the_current_and_not_the_transaction(
    bench: Bench, gateway: NativeGateway
) -> None:
    """Purpose: the failsafe drill: no gateway for longer than the wallbox's watchdog.

    Pass criteria: the wallbox falls to its failsafe current (0 here) by itself; the gateway comes
    back, unlocks it, and the same transaction goes on.
    """
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    timeout_s = bench.charger.device.watchdog_ms / 1000
    assert timeout_s > 0, "the gateway must leave the wallbox's watchdog on"
    assert timeout_s <= 60
    await gateway.kill9()
    await bench.charger.wait_for(
        lambda sim: sim.current_a == 0, timeout_s + 3, "its failsafe current"
    )
    await gateway.start()
    await bench.charger.wait_for(flows, 60, "a current again")
    assert bench.open_transaction() == transaction
    await bench.stop_remotely(transaction)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


async def test_power_cut_without_a_session_starts_afresh(bench: Bench) -> None:
    """Pass criteria: no transaction appears from nowhere, the connector is Available again."""
    mark = bench.cp.mark()
    await bench.dut.reset()
    await bench.cp.expect("BootNotification", since=mark, timeout_s=30)
    await bench.cp.expect(
        "StatusNotification",
        match={"connectorId": 1, "status": "Available"},
        since=mark,
        timeout_s=20,
    )
    assert bench.csms.books.transactions(IDENTITY) == []


@pytest.mark.timeout(120)
async def test_silent_wallbox_is_never_called_unplugged(bench: Bench) -> None:
    """Purpose: the bus is cut in a session and comes back.

    Pass criteria: no StopTransaction; the same transaction goes on; the energy that flowed in
    silence is counted.
    """
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    mark = bench.dut.mark()
    bench.charger.faults.silent = True
    await bench.dut.expect(
        lambda line: line.event == "charger" and line.data["health"] != "ok",
        since=mark,
        timeout_s=20,
    )
    assert bench.cp.calls("StopTransaction") == []
    bench.charger.faults.silent = False
    await bench.dut.expect_event("charger", match={"health": "ok"}, since=mark, timeout_s=20)
    await bench.charger.wait_for(flows, 30, "a current")
    assert bench.open_transaction() == transaction
    await bench.draw(5)
    await bench.stop_remotely(transaction)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


@pytest.mark.timeout(120)
async def test_bus_errors_are_repeated_and_not_believed(bench: Bench) -> None:
    """Pass criteria: bad CRCs, lost replies and exceptions change no state that the CSMS sees."""
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging(EvSpec())
    mark = bench.cp.mark()
    for name in ("corrupt_replies", "drop_replies", "exceptions"):
        setattr(bench.charger.faults, name, 2)
        before = bench.charger.statistics.requests
        await bench.charger.wait_for(
            lambda sim, count=before: sim.statistics.requests > count + 5, 20, "more requests"
        )
        assert getattr(bench.charger.faults, name) == 0
    assert bench.cp.calls("StatusNotification", since=mark) == []
    assert bench.charger.current_a > 5
    await bench.stop_remotely(transaction)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


@pytest.mark.timeout(120)
async def test_wallbox_that_restarts_in_a_session_is_set_up_again(bench: Bench) -> None:
    """Pass criteria: the volatile registers are written again; the same transaction goes on."""
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    bench.charger.reboot()
    await bench.charger.wait_for(lambda sim: sim.current_a == 0, 5, "no current")
    await bench.charger.wait_for(flows, 60, "a current again")
    assert bench.open_transaction() == transaction
    await bench.stop_remotely(transaction)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)
