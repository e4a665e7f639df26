"""ChangeAvailability and Reset at chargers that have commands for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vevgw.chargers.devices.profile_device import ProfileDevice
from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Csms
from vevgw.dut.native import find_gateway
from vevgw.dut.site import open_site, start

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

SUNGROW, PHOENIX = "sungrow-ac", "phoenix-ev-cc-ac1-m-ser"


def in_service(sim: ChargerSim) -> bool:
    assert isinstance(sim.device, ProfileDevice)
    return sim.device.stored("available") == 1


async def test_availability_and_reset_reach_the_chargers(
    csms: Csms, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Purpose: two chargers, one idle, one charging, are made inoperative and operative again.

    Pass criteria: the idle one goes out of service at once, the other after its transaction; both
    stay so over restarts of the charger and of the gateway. A hard reset ends the transaction and
    restarts the charger that can.
    """
    program = pytestconfig.getoption("--gateway") or find_gateway(pytestconfig.rootpath)
    models = {SUNGROW: "tcp", PHOENIX: "line"}
    async with open_site(csms, tmp_path, program, models) as site:
        sungrow, phoenix = site.chargers[SUNGROW], site.chargers[PHOENIX]
        assert isinstance(phoenix.device, ProfileDevice)
        await start(site, 2, phoenix)
        mark = site.cp.mark()
        answer = await site.cp.call(
            "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, timeout_s=10
        )
        assert answer["status"] == "Scheduled"
        await site.status(1, "Unavailable", mark)
        await sungrow.wait_for(lambda s: not in_service(s), 5, "out of service")
        assert in_service(phoenix)
        assert phoenix.current_a > 1
        sungrow.reboot()
        assert in_service(sungrow)
        await sungrow.wait_for(lambda s: not in_service(s), 20, "out of service again")

        await site.dut.command("sim tag 04A1B2C302 2")
        await site.status(2, "Unavailable", mark)
        await phoenix.wait_for(lambda s: not in_service(s), 10, "out of service")
        mark = site.cp.mark()
        await site.dut.reset()
        await site.cp.expect("BootNotification", since=mark, timeout_s=30)
        await site.status(2, "Unavailable", mark, 30)
        await site.call("ChangeAvailability", {"connectorId": 0, "type": "Operative"})
        await sungrow.wait_for(in_service, 10, "in service")
        await phoenix.wait_for(in_service, 10, "in service")
        await site.status(1, "Available", mark)
        # It may be Available until the vehicle that is still plugged in has been noticed.
        await site.status(2, "Preparing", mark)
        mark = site.cp.mark()
        phoenix.unplug()
        await site.status(2, "Available", mark)

        await start(site, 2, phoenix)
        mark = site.cp.mark()
        await site.call("Reset", {"type": "Hard"})
        await site.cp.expect(
            "StopTransaction", match={"reason": "HardReset"}, since=mark, timeout_s=15
        )
        await site.cp.expect("BootNotification", since=mark, timeout_s=30)
        assert phoenix.device.writes["restart"] == 1
        await site.status(1, "Available", mark)
