"""`vevgw gateway`: a charge point for people who build a CSMS, and a prompt for it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from vevgw.csms import Csms
from vevgw.dut.native import find_gateway

pytestmark = pytest.mark.native
PROJECT = Path(__file__).resolve().parents[2]


async def vevgw(*words: str, lines: str | None = None) -> tuple[int, str, str]:
    """Runs the command to its end; returns exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vevgw.cli",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate((lines or "").encode()), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_charge_point_runs_against_any_csms_and_obeys_its_shell(tmp_path: Path) -> None:
    folder = tmp_path / "cp"
    async with Csms() as csms:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vevgw.cli", "gateway", "run", "--json"),
            *("--csms", csms.url, "--identity", "VCP-7", "--folder", str(folder)),
            *("--charger", "sim", "--charger", "sim:keba-p30"),
            *("--program", str(find_gateway(PROJECT)), "--set", "c2.max_ma=10000"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            cp = await csms.wait_for_charge_point("VCP-7", timeout_s=30)
            for connector in (1, 2):
                match = {"connectorId": connector, "status": "Available"}
                await cp.expect("StatusNotification", match=match, since=0, timeout_s=30)

            at = ("--folder", str(folder))
            typed = 'plug 2 {"phases": 1}\ntag AB12CD34 2\nstatus\nnonsense\n'
            code, out, err = await vevgw("gateway", "shell", *at, lines=typed)
            plugged, tagged, status, nonsense = out.splitlines()
            assert (code, plugged, tagged) == (1, "ok", "ok"), err
            assert json.loads(status)["identity"] == "VCP-7"
            assert nonsense.startswith("error: unknown command")

            await cp.expect("StartTransaction", match={"connectorId": 2}, timeout_s=30)
            match = {"connectorId": 2, "status": "Charging"}
            await cp.expect("StatusNotification", match=match, since=0, timeout_s=30)
            wait = 'charger 2 wait {"field": "currents_a", "min": 9.5, "max": 10.1}'
            code, out, err = await vevgw("gateway", "shell", *at, "-c", wait)
            assert code == 0, out + err
            assert json.loads(out)["currents_a"][1:] == [0, 0]

            code, _, err = await vevgw("gateway", "run", "--csms", csms.url, *at)
            assert code != 0
            assert "runs in" in err

            code, out, err = await vevgw("gateway", "shell", *at, "-c", "unplug 2")
            assert (code, out) == (0, "ok\n"), err
            await cp.expect("StopTransaction", match={"reason": "EVDisconnected"}, timeout_s=30)
            stop = csms.books.transactions("VCP-7")[0]
            assert stop.energy_wh is not None
            assert stop.energy_wh > 0
        finally:
            process.terminate()
            out_bytes, _ = await asyncio.wait_for(process.communicate(), 30)
    events = [json.loads(line)["event"] for line in out_bytes.splitlines()]
    assert process.returncode == 0
    assert events[0] == "running"
    assert "tx_stopped" in events
    code, _, err = await vevgw("gateway", "shell", "--folder", str(folder), "-c", "status")
    assert code != 0
    assert "No charge point runs" in err
