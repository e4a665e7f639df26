"""A gateway whose flash is damaged goes on charging, and says what it has lost."""

from __future__ import annotations

import shutil

import pytest

from vevgw.dut import NativeGateway
from vevgw.dut.bench import Bench

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]


# Rules: FP-8
async def test_damaged_record_store_is_formatted_told_and_charging_goes_on(
    bench: Bench, gateway: NativeGateway
) -> None:
    """Purpose: at the start there is garbage where the transaction records should be.

    Pass criteria: only they are lost (the settings are as before); connector 0 is reported with
    InternalError; a session ends in the books as ever.
    """
    await gateway.terminate()
    records = gateway.folder / "data" / "records"
    shutil.rmtree(records)
    records.write_bytes(b"\xa5" * 4096)
    await gateway.start()
    status = await bench.dut.wait_ready(timeout_s=15)
    storage = status["storage"]
    assert (storage["files"]["state"], storage["files"]["formats"]) == ("formatted", 1)
    assert (storage["settings"]["state"], storage["settings"]["formats"]) == ("ready", 0)
    await bench.cp.expect(
        "StatusNotification",
        match={"connectorId": 0, "status": "Available", "errorCode": "InternalError"},
        timeout_s=20,
    )
    await bench.status("Available")
    begin_wh = bench.charger.energy_wh
    await bench.stop_remotely(await bench.start_charging())
    bench.charger.unplug()
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)
    written = (await bench.dut.command("status"))["storage"]["files"]
    assert written["writes"] > 0
    assert written["bytes"] > written["writes"]


# Rules: FP-8
async def test_records_that_cannot_be_read_are_a_fault_until_they_can(
    bench: Bench, gateway: NativeGateway
) -> None:
    """Purpose: the record file cannot be read at the start, and can a few seconds later.

    Pass criteria: connector 0 is Faulted with InternalError, CSMS and console work, no current
    flows; when the file can be read connector 0 is Available without an error, and a session works.
    """
    await gateway.terminate()
    file = gateway.folder / "data" / "records" / "transactions.log"
    file.unlink(missing_ok=True)
    file.mkdir()
    await gateway.start()
    status = await bench.dut.wait_ready(timeout_s=15)
    assert "not_started" not in status
    await bench.cp.expect(
        "StatusNotification",
        match={"connectorId": 0, "status": "Faulted", "errorCode": "InternalError"},
        timeout_s=20,
    )
    assert bench.charger.current_a == 0
    file.rmdir()
    await bench.cp.expect(
        "StatusNotification",
        match={"connectorId": 0, "status": "Available", "errorCode": "NoError"},
        timeout_s=20,
    )
    await bench.stop_remotely(await bench.start_charging())
