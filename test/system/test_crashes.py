"""A gateway that crashes over and over goes to safe mode."""

from __future__ import annotations

from contextlib import suppress

import pytest

from vevgw.dut import NativeGateway
from vevgw.dut.bench import Bench, flows
from vevgw.dut.errors import DutError

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]


async def crash_and_start(bench: Bench, gateway: NativeGateway) -> None:
    """Ends the gateway as a bug would, and starts it again as a supervisor does."""
    with suppress(DutError):  # the answer leaves, or it does not
        await bench.dut.command("sim crash")
    await gateway.wait_exit(timeout_s=5)
    await gateway.start()


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
        await crash_and_start(bench, gateway)
        status = await bench.dut.wait_ready(timeout_s=15)
        assert (status["reset_cause"], status["crashes"]) == ("watchdog", crash)
        assert status["mode"] == ("safe" if crash == 3 else "normal")
        assert status["crash"]["cause"] == "signal ABRT"
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


# Rules: FP-9
async def test_crashes_that_go_on_leave_the_console_alone(
    bench: Bench, gateway: NativeGateway
) -> None:
    """Pass criteria: after six crashes the console answers; `safe-mode leave` restarts."""
    for _ in range(6):
        await crash_and_start(bench, gateway)
        status = await bench.dut.wait_ready(timeout_s=15)
    assert (status["mode"], status["link"]) == ("console only", False)
    mark = bench.dut.mark()
    await bench.dut.command("safe-mode leave")
    await bench.dut.expect_event("ready", since=mark, timeout_s=15)
    await bench.status("Available")
    assert (await bench.dut.command("status"))["mode"] == "normal"
