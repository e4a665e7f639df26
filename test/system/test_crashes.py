"""A gateway that crashes over and over goes to safe mode."""

from __future__ import annotations

import pytest

from vevgw.dut.bench import Bench, flows
from vevgw.hil.rig import CRASHED, Rig

pytestmark = pytest.mark.timeout(180)


# Rules: FP-9
async def test_crashes_in_a_session_stop_the_current_and_keep_the_transaction(
    bench: Bench, rig: Rig
) -> None:
    """Purpose: the gateway crashes three times while a vehicle charges.

    Pass criteria: in safe mode the charger is kept off and the CSMS sees the transaction suspended;
    `safe-mode leave` lets it go on; its one transaction is in the books.
    """
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    before = (await bench.dut.command("status"))["crashes"]
    for crash in (1, 2, 3):
        status = await rig.crash()
        assert status["reset_cause"] in CRASHED
        assert status["crashes"] == before + crash
        assert status["mode"] == ("safe" if crash == 3 else "normal")
        assert status["crash"]["cause"] == "signal ABRT" or rig.native is None
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
async def test_crashes_that_go_on_leave_the_console_alone(bench: Bench, rig: Rig) -> None:
    """Pass criteria: after six crashes the console answers; `safe-mode leave` restarts."""
    for _ in range(6):
        status = await rig.crash()
    assert (status["mode"], status["link"]) == ("console only", False)
    mark = bench.dut.mark()
    await bench.dut.command("safe-mode leave")
    await bench.dut.expect_event("ready", since=mark, timeout_s=15)
    await bench.status("Available")
    assert (await bench.dut.command("status"))["mode"] == "normal"
