"""A charger that is kept for one driver, and vendor messages from the console."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vevgw.dut.bench import TAG, Bench

OTHER_TAG = "0102030405"


# Rules: R-5.13-2 R-5.13-7 R-5.13-12
async def test_reserved_charger_takes_its_driver_only(bench: Bench) -> None:
    """Pass criteria: a stranger is refused at once; the driver's start carries the reservation."""
    expiry = datetime.now(UTC) + timedelta(hours=1)
    answer = await bench.cp.call(
        "ReserveNow",
        {
            "connectorId": 1,
            "expiryDate": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "idTag": TAG,
            "reservationId": 17,
        },
        timeout_s=10,
    )
    assert answer["status"] == "Accepted"
    await bench.status("Reserved")
    await bench.present_tag(OTHER_TAG)
    await bench.dut.expect_event("tag_rejected", timeout_s=10)
    assert not bench.cp.calls("Authorize")
    await bench.present_tag()
    await bench.status("Preparing")
    bench.charger.plug()
    start = await bench.cp.expect("StartTransaction", timeout_s=15)
    assert start.payload["reservationId"] == 17
    await bench.status("Charging")
    await bench.stop_remotely(bench.open_transaction())
    await bench.delivered()


# Rules: R-4.3-1
async def test_vendor_message_from_the_console(bench: Bench) -> None:
    """Pass criteria: the CSMS gets it; its answer comes as an event."""
    await bench.dut.command("ocpp data-transfer com.example Greeting hello world")
    call = await bench.cp.expect("DataTransfer", timeout_s=10)
    assert call.payload == {
        "vendorId": "com.example",
        "messageId": "Greeting",
        "data": "hello world",
    }
    event = await bench.dut.expect_event("data_transfer", timeout_s=10)
    assert event["status"]
    figures = await bench.dut.command("tx")
    assert figures["log_capacity_bytes"] > figures["log_bytes"]
    assert (await bench.dut.command("tx dead-letters"))["messages"] == []
