"""`vevgw provision` on the console of a real gateway."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vevgw.board.fleet import BoardPlan
from vevgw.board.provision import provision
from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Csms
from vevgw.dut import GatewayOptions, NativeGateway
from vevgw.dut.bench import PROFILE

pytestmark = pytest.mark.native
SECRET = "a key that nobody may see"


async def test_a_new_board_is_set_up_once_and_then_left_alone(
    program: Path, csms: Csms, charger: ChargerSim, tmp_path: Path
) -> None:
    settings = {
        "wifi_ssid": "depot 7",
        "wifi_password": SECRET,
        "csms_url": csms.url,
        "identity": "CP-0001",
        "c1.profile": PROFILE,
        "c1.max_ma": "16000",
    }
    plan = BoardPlan(None, None, settings, {"MeterValueSampleInterval": "77"})
    log = tmp_path / "provision.log"
    words = [str(program), "--on-error=stay"]
    options = GatewayOptions(buses={1: charger.port_path})
    async with NativeGateway(words, tmp_path, options) as gateway:
        port = str(gateway.console_link)

        half = {name: settings[name] for name in ("wifi_ssid", "csms_url")}
        unfinished = await provision(BoardPlan(None, None, half), port, log_path=log)
        assert "connector 1 has no charger: set c1.profile" in unfinished.error

        first = await provision(plan, port, log_path=log, csms_s=15)
        assert first.error == ""
        assert first.changed == [
            *(n for n in settings if n not in half),
            "MeterValueSampleInterval",
        ]
        assert (first.identity, first.registration) == ("CP-0001", "accepted")

        again = await provision(plan, port, log_path=log)
        assert (again.error, again.changed, again.same) == ("", [], 7)

        moved = replace(plan, settings={**settings, "wifi_password": f"{SECRET}!"})
        assert (await provision(moved, port, log_path=log)).changed == ["wifi_password"]

        wrong = BoardPlan(None, None, {"c1.max_ma": "many"})
        refused = await provision(wrong, port, log_path=log)
        assert "c?.max_ma must be a whole number" in refused.error

        other = replace(plan, serial_number="246222AABBCC", settings={"identity": "CP-0002"})
        assert "nothing was changed" in (await provision(other, port, log_path=log)).error
    assert SECRET not in log.read_text()
    assert SECRET not in gateway.log_path.read_text()
