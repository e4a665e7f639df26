"""A gateway that crashes over and over goes to safe mode."""

from __future__ import annotations

from contextlib import suppress

import pytest

from vevgw.dut import NativeGateway
from vevgw.dut.bench import Bench, flows
from vevgw.dut.errors import DutError

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]


# Rules: FP-9
async def test_crashes_in_a_session_stop_the_current_and_keep_the_transaction(
    bench: Bench, gateway: NativeGateway
) -> None:
    """Purpose: the gateway crashes three times while a vehicle charges.

    Pass criteria: in safe mode the charger is kept off and the CSMS sees the transaction suspended;
    `safe-mode leave` lets it go on; its one transaction is in the books.
    """
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    for crash in (1, 2, 3):
        with suppress(DutError):  # the answer leaves, or it does not
            await bench.dut.command("sim crash")
        await gateway.wait_exit(timeout_s=5)
        mark = bench.dut.mark()
        await gateway.start()
        await bench.dut.expect_event("ready", since=mark, timeout_s=15)
        status = await bench.dut.command("status")
        assert (status["reset_cause"], status["crashes"]) == ("watchdog", crash)
        assert status["mode"] == ("safe" if crash == 3 else "normal")
    await bench.charger.wait_for(lambda sim: sim.current_a == 0, 30, "no current")
    await bench.status("SuspendedEVSE", timeout_s=30)
    loop = status["loop_us"]
    assert loop["busy"]["min"] <= loop["busy"]["p99"] <= loop["busy"]["max"]
    assert (await bench.dut.command("safe-mode leave"))["mode"] == "normal"
    await bench.charger.wait_for(flows, 30, "a current")
    await bench.status("Charging")
    await bench.stop_remotely(transaction)
    bench.charger.unplug()
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)
