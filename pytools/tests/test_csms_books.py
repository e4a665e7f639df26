"""The books of the emulated CSMS: transactions, retries, energy, and what a restart keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vevgw.csms import Behaviour, Csms, IdTag, IdTags, NeverAnswer, Verdict
from vevgw.csms.effects import FaultOn
from vevgw.csms.raw_client import RawClient

START = {
    "connectorId": 1,
    "idTag": "A1",
    "meterStart": 1000,
    "timestamp": "2026-11-22T10:00:00.000Z",
}
STOP = {
    "transactionId": 1,
    "meterStop": 4500,
    "timestamp": "2026-11-22T11:00:00.000Z",
    "reason": "Remote",
}


def meter_values(register: str, minute: int, transaction_id: int | None = 1) -> dict[str, Any]:
    """Returns MeterValues with an energy register and a current."""
    values = [
        {"value": register},
        {"value": "9.8", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
    ]
    payload: dict[str, Any] = {
        "connectorId": 1,
        "meterValue": [
            {"timestamp": f"2026-11-22T10:{minute:02}:00Z", "sampledValue": values},
        ],
    }
    if transaction_id is not None:
        payload["transactionId"] = transaction_id
    return payload


@pytest.fixture
async def csms(tmp_path):
    async with Csms(db=tmp_path / "csms.sqlite3") as csms:
        yield csms


@pytest.fixture
async def client(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        yield client


async def test_a_transaction_is_booked_from_start_to_stop(csms, client):
    answer = await client.ask("StartTransaction", START)
    assert answer[2] == {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
    (transaction,) = csms.books.open_transactions("CP1")
    assert transaction.energy_wh == 0
    await client.ask("MeterValues", meter_values("2500.5", 10))
    assert transaction.energy_wh == 1500.5
    answer = await client.ask("StopTransaction", STOP)
    assert answer[2] == {}
    assert csms.books.open_transactions() == []
    assert (transaction.energy_wh, transaction.reason) == (3500, "Remote")
    assert csms.books.energy_wh("CP1") == 3500
    assert csms.books.energy_wh("CP2") == 0
    samples = await csms.log.read(lambda log: log.samples(1))
    assert [(s.measurand, s.value, s.phase) for s in samples] == [
        ("Energy.Active.Import.Register", "2500.5", ""),
        ("Current.Import", "9.8", "L1"),
    ]
    assert set(await csms.log.read(lambda log: log.frames_by_verdict())) == {"ok"}


async def test_a_repeated_start_gets_the_same_transaction(csms, client):
    for _ in range(3):
        answer = await client.ask("StartTransaction", START)
        assert answer[2]["transactionId"] == 1
    (transaction,) = csms.books.transactions()
    assert transaction.start_repeats == 2
    verdicts = [frame.verdict for frame in csms.charge_point("CP1").calls("StartTransaction")]
    assert verdicts == [Verdict.OK, Verdict.REPEAT, Verdict.REPEAT]


@pytest.mark.parametrize(
    "change",
    [
        {"connectorId": 2},
        {"idTag": "A2"},
        {"meterStart": 1001},
        {"timestamp": "2026-11-22T10:00:00.001Z"},
    ],
)
async def test_a_start_that_differs_is_another_transaction(csms, client, change):
    await client.ask("StartTransaction", START)
    answer = await client.ask("StartTransaction", START | change)
    assert answer[2]["transactionId"] == 2
    verdict = csms.charge_point("CP1").calls("StartTransaction")[-1].verdict
    assert verdict is (Verdict.OK if "connectorId" in change else Verdict.SUSPECT)


async def test_the_same_start_of_another_charge_point_is_another_transaction(csms, client):
    await client.ask("StartTransaction", START)
    async with RawClient(f"{csms.url}/CP2") as other:
        answer = await other.ask("StartTransaction", START)
        assert answer[2]["transactionId"] == 2
        answer = await other.ask("StopTransaction", STOP)
        assert answer[2] == {}
    assert len(csms.books.open_transactions()) == 2
    assert csms.charge_point("CP2").calls("StopTransaction")[0].verdict is Verdict.SUSPECT


async def test_a_repeated_stop_is_answered_but_booked_once(csms, client):
    await client.ask("StartTransaction", START)
    for _ in range(2):
        assert (await client.ask("StopTransaction", STOP))[0] == 3
    (transaction,) = csms.books.transactions()
    assert transaction.stop_repeats == 1
    verdicts = [frame.verdict for frame in csms.charge_point("CP1").calls("StopTransaction")]
    assert verdicts == [Verdict.OK, Verdict.REPEAT]


async def test_a_contradicting_stop_changes_nothing(csms, client):
    await client.ask("StartTransaction", START)
    await client.ask("StopTransaction", STOP)
    await client.ask("StopTransaction", STOP | {"meterStop": 9000})
    (transaction,) = csms.books.transactions()
    assert transaction.meter_stop_wh == 4500
    frame = csms.charge_point("CP1").calls("StopTransaction")[-1]
    assert (frame.verdict, "already stopped at 4500 Wh" in frame.reason) == (Verdict.SUSPECT, True)


@pytest.mark.parametrize(
    ("action", "payload", "reason"),
    [
        ("StopTransaction", STOP | {"transactionId": 7}, "transaction 7 is unknown"),
        ("StopTransaction", STOP | {"meterStop": 1999}, "below the last register, 2000 Wh"),
        ("MeterValues", meter_values("2100", 11, 7), "transaction 7 is unknown"),
        ("MeterValues", meter_values("1900", 11), "goes backwards"),
        ("MeterValues", meter_values("2100", 11) | {"connectorId": 2}, "runs on connector 1"),
        ("StartTransaction", START | {"connectorId": 0}, "connector 0 cannot charge"),
    ],
)
async def test_what_does_not_fit_the_books_is_suspect(csms, client, action, payload, reason):
    await client.ask("StartTransaction", START)
    await client.ask("MeterValues", meter_values("2000", 10))
    assert (await client.ask(action, payload))[0] == 3
    frame = csms.charge_point("CP1").calls(action)[-1]
    assert frame.verdict is Verdict.SUSPECT
    assert reason in frame.reason


async def test_meter_values_after_the_stop_are_suspect(csms, client):
    await client.ask("StartTransaction", START)
    await client.ask("StopTransaction", STOP)
    await client.ask("MeterValues", meter_values("2000", 10))
    frame = csms.charge_point("CP1").calls("MeterValues")[-1]
    assert frame.reason == "transaction 1 is already stopped"


async def test_repeated_meter_values_are_booked_once(csms, client):
    await client.ask("StartTransaction", START)
    for minute in (10, 10, 11):
        await client.ask("MeterValues", meter_values("2000", minute))
    verdicts = [frame.verdict for frame in csms.charge_point("CP1").calls("MeterValues")]
    assert verdicts == [Verdict.OK, Verdict.REPEAT, Verdict.OK]
    assert len(await csms.log.read(lambda log: log.samples(1))) == 4


async def test_kilowatt_hours_and_phases_are_told_apart(csms, client):
    await client.ask("StartTransaction", START)
    payload = meter_values("0", 10)
    payload["meterValue"][0]["sampledValue"] = [
        {"value": "3.25", "unit": "kWh"},
        {"value": "700", "phase": "L1"},
        {"value": "99", "location": "Inlet"},
        {"value": "88", "measurand": "Energy.Reactive.Import.Register", "unit": "varh"},
        {"value": "not a number"},
    ]
    await client.ask("MeterValues", payload)
    assert csms.books.transaction(1).energy_wh == 2250


async def test_the_status_of_connectors_is_kept(csms, client):
    for connector, status in ((0, "Available"), (1, "Preparing"), (1, "Charging")):
        payload = {"connectorId": connector, "errorCode": "NoError", "status": status}
        await client.ask("StatusNotification", payload)
    connectors = csms.books.charge_point("CP1").connectors
    assert {n: c.status for n, c in connectors.items()} == {0: "Available", 1: "Charging"}


async def test_tags_are_answered_from_the_table(tmp_path):
    tags = IdTags(unknown="Invalid")
    tags["good"] = IdTag(parent="FAMILY")
    tags["bad"] = IdTag("Blocked")
    tags["old"] = IdTag(expires=datetime(2020, 1, 1, tzinfo=UTC))
    tags["new"] = IdTag(expires=datetime(2099, 1, 1, tzinfo=UTC))
    async with (
        Csms(db=tmp_path / "db", behaviour=Behaviour(id_tags=tags)) as csms,
        RawClient(f"{csms.url}/CP1") as client,
    ):
        expected = {
            "GOOD": {"status": "Accepted", "parentIdTag": "FAMILY"},
            "bad": {"status": "Blocked"},
            "old": {"status": "Expired", "expiryDate": "2020-01-01T00:00:00.000Z"},
            "new": {"status": "Accepted", "expiryDate": "2099-01-01T00:00:00.000Z"},
            "who": {"status": "Invalid"},
        }
        for tag, info in expected.items():
            answer = await client.ask("Authorize", {"idTag": tag})
            assert answer[2]["idTagInfo"] == info
        answer = await client.ask("StartTransaction", START | {"idTag": "bad"})
        assert answer[2] == {"transactionId": 1, "idTagInfo": {"status": "Blocked"}}


async def test_a_concurrent_start_is_refused_if_wanted(tmp_path):
    behaviour = Behaviour(id_tags=IdTags(refuse_concurrent=True))
    async with (
        Csms(db=tmp_path / "db", behaviour=behaviour) as csms,
        RawClient(f"{csms.url}/CP1") as client,
    ):
        for _ in range(2):  # the retry is not concurrent with itself
            answer = await client.ask("StartTransaction", START)
            assert answer[2]["idTagInfo"]["status"] == "Accepted"
        answer = await client.ask("StartTransaction", START | {"connectorId": 2})
        assert answer[2]["idTagInfo"]["status"] == "ConcurrentTx"
        answer = await client.ask("Authorize", {"idTag": "A1"})
        assert answer[2]["idTagInfo"]["status"] == "Accepted"


async def test_data_transfer_goes_to_the_handler_of_its_vendor(csms, client):
    answer = await client.ask("DataTransfer", {"vendorId": "vev", "data": "ping"})
    assert answer[2] == {"status": "UnknownVendorId"}
    csms.behaviour.data_transfer["vev"] = lambda _, payload: {
        "status": "Accepted",
        "data": payload["data"].upper(),
    }
    answer = await client.ask("DataTransfer", {"vendorId": "vev", "data": "ping"})
    assert answer[2] == {"status": "Accepted", "data": "PING"}


async def test_a_failing_handler_is_an_internal_error(csms, client):
    csms.behaviour.data_transfer["vev"] = lambda _, payload: payload["missing"]
    answer = await client.ask("DataTransfer", {"vendorId": "vev"})
    assert answer[2] == "InternalError"
    assert (await client.ask("Heartbeat", {}))[0] == 3


async def test_the_books_survive_a_hard_stop(csms):
    """Purpose: a charge point that missed the answers finds its transaction again.

    Given: a CSMS that books, but whose answers to the start and to the last meter values are lost.
    Steps: hard stop; start again on the same port and database; the charge point retries and stops.
    Pass criteria: one transaction, every sample once, numbers go on.
    """
    port = csms.port
    async with RawClient(f"{csms.url}/CP1") as client:
        await client.ask("StartTransaction", START)
        await client.ask("MeterValues", meter_values("2000", 10))
        charge_point = csms.charge_point("CP1")
        charge_point.fault_policy = FaultOn("MeterValues", NeverAnswer())
        with pytest.raises(TimeoutError):
            await client.ask("MeterValues", meter_values("2100", 11), timeout_s=0.2)
        await csms.stop(hard=True)
        charge_point.fault_policy = None
    sequence = charge_point.calls()[-1].sequence

    await csms.start()
    assert csms.port == port
    (transaction,) = csms.books.open_transactions()
    assert transaction.energy_wh == 1100
    async with RawClient(f"{csms.url}/CP1", boot=False) as client:
        answer = await client.ask("StartTransaction", START)
        assert answer[2]["transactionId"] == 1
        await client.ask("MeterValues", meter_values("2100", 11))
        await client.ask("StopTransaction", STOP)
        answer = await client.ask("StartTransaction", START | {"meterStart": 4500})
        assert answer[2]["transactionId"] == 2
    assert len(await csms.log.read(lambda log: log.samples(1))) == 4
    assert csms.books.transaction(1).energy_wh == 3500
    verdicts = [frame.verdict for frame in charge_point.calls("MeterValues")]
    assert verdicts == [Verdict.OK, Verdict.OK, Verdict.REPEAT]
    assert charge_point.calls()[-1].sequence > sequence
    assert csms.books.charge_point("CP1").registration == "Accepted"
