"""The emulated CSMS against a charge point that is not ours: the class of the package `ocpp`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from ocpp.v16.enums import (
    ChargePointErrorCode,
    ChargePointStatus,
    ChargingProfileStatus,
    Reason,
    RegistrationStatus,
    RemoteStartStopStatus,
)
from websockets.asyncio.client import connect

from vevgw.csms import CallRefused, Csms


class IndependentChargePoint(OcppChargePoint):
    """Starts and stops a transaction when told."""

    limit_a: float | None = None

    @on("SetChargingProfile")
    def on_set_charging_profile(self, cs_charging_profiles: dict[str, Any], **_: Any) -> Any:
        schedule = cs_charging_profiles["charging_schedule"]
        self.limit_a = schedule["charging_schedule_period"][0]["limit"]
        return call_result.SetChargingProfile(ChargingProfileStatus.accepted)

    @on("RemoteStopTransaction")
    def on_remote_stop(self, transaction_id: int) -> Any:
        return call_result.RemoteStopTransaction(RemoteStartStopStatus.accepted)


def now() -> str:
    """Returns a timestamp."""
    return datetime.now(UTC).isoformat()


@pytest.fixture
async def csms(tmp_path):
    async with Csms(db=tmp_path / "csms.sqlite3") as csms:
        yield csms


@pytest.fixture
async def client(csms) -> AsyncIterator[IndependentChargePoint]:
    async with connect(f"{csms.url}/CP1", subprotocols=["ocpp1.6"], proxy=None) as websocket:
        client = IndependentChargePoint("CP1", websocket, response_timeout=10)
        task = asyncio.create_task(client.start())
        yield client
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_whole_session_of_an_independent_charge_point(csms, client):
    boot = await client.call(call.BootNotification("model", "vendor"))
    assert boot.status == RegistrationStatus.accepted
    await client.call(
        call.StatusNotification(1, ChargePointErrorCode.no_error, ChargePointStatus.preparing)
    )
    assert (await client.call(call.Authorize("TAG1"))).id_tag_info["status"] == "Accepted"
    start = await client.call(call.StartTransaction(1, "TAG1", 100, now()))

    charge_point = await csms.wait_for_charge_point("CP1", timeout_s=5)
    await charge_point.expect("StartTransaction", timeout_s=5, match={"idTag": "TAG1"})
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "transactionId": start.transaction_id,
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.3}],
        },
    }
    answer = await charge_point.call(
        "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}, timeout_s=10
    )
    assert answer == {"status": "Accepted"}
    assert float(client.limit_a) == 10.3

    value = {"timestamp": now(), "sampledValue": [{"value": "1100"}]}
    await client.call(call.MeterValues(1, [value], start.transaction_id))
    await charge_point.call(
        "RemoteStopTransaction", {"transactionId": start.transaction_id}, timeout_s=10
    )
    await client.call(
        call.StopTransaction(2100, now(), start.transaction_id, Reason.remote, "TAG1")
    )
    await client.call(call.Heartbeat())

    assert csms.books.energy_wh("CP1") == 2000
    assert csms.books.open_transactions() == []
    assert await csms.log.read(lambda log: log.frames_by_verdict()) == {"ok": 18}
    assert await csms.log.read(lambda log: log.unanswered_calls()) == []


async def test_an_operation_that_it_does_not_know_is_refused(csms, client):
    charge_point = await csms.wait_for_charge_point("CP1", timeout_s=5)
    with pytest.raises(CallRefused) as caught:
        await charge_point.call("ClearCache", timeout_s=10)
    assert caught.value.code in ("NotImplemented", "NotSupported")
