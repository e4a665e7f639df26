"""The emulated CSMS and its connections: admission, replacement, TLS, faults, stop."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from vevgw.csms import (
    Access,
    Answer,
    Close,
    Csms,
    CsmsError,
    Drop,
    FaultOn,
    Freeze,
    NeverAnswer,
    RefuseWith,
    UnexpectedMessage,
    Verdict,
    WaitTimeout,
)
from vevgw.csms.raw_client import RawClient

START = {
    "connectorId": 1,
    "idTag": "A1",
    "meterStart": 1000,
    "timestamp": "2026-11-22T10:00:00.000Z",
}


@pytest.fixture
async def csms(tmp_path):
    async with Csms(db=tmp_path / "csms.sqlite3") as csms:
        yield csms


def basic(user: str, password: bytes) -> dict[str, str]:
    """Returns the header of HTTP Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}


# -- admission -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/CP1", "CP1"),
        ("/a/b/c/CP1", "CP1"),
        ("/ocpp/CP1?token=secret", "CP1"),
        ("/CP%201%3A%C3%A9", "CP 1:é"),
    ],
)
async def test_the_identity_is_the_last_segment_percent_decoded(csms, path, identity):
    async with RawClient(csms.url + path):
        charge_point = await csms.wait_for_charge_point(identity, timeout_s=5)
        await charge_point.expect("BootNotification", timeout_s=5)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 404), ("/ocpp/", 404), ("/a%2Fb", 400), ("/%FF", 400), ("/a%00", 400)],
)
async def test_a_url_without_a_usable_identity_is_refused(csms, path, status):
    with pytest.raises(InvalidStatus) as caught:
        async with RawClient(csms.url + path):
            pass
    assert caught.value.response.status_code == status
    assert caught.value.response.body.strip()


async def test_only_listed_charge_points_are_admitted(csms):
    csms.access = Access(only=["CP1"])
    async with RawClient(f"{csms.url}/CP1"):
        pass
    with pytest.raises(InvalidStatus) as caught:
        async with RawClient(f"{csms.url}/CP2"):
            pass
    assert caught.value.response.status_code == 404


@pytest.mark.parametrize("offered", [None, ["ocpp2.0.1"], ["OCPP1.6"]])
async def test_without_the_subprotocol_the_connection_is_closed_after_the_handshake(csms, offered):
    async with connect(f"{csms.url}/CP1", subprotocols=offered, proxy=None) as websocket:
        assert websocket.subprotocol is None
        with pytest.raises(ConnectionClosed):
            await websocket.recv()
        assert websocket.close_code == 1002
    assert not csms.charge_point("CP1").is_connected


@pytest.mark.parametrize("password", [b"secret-password-1", bytes(range(256))])
async def test_a_password_is_checked_and_never_logged(csms, caplog, password):
    caplog.set_level(logging.DEBUG)
    csms.access.set_password("CP:1", password)
    async with RawClient(f"{csms.url}/CP%3A1", headers=basic("CP:1", password)):
        pass
    wrong = (
        None,
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic !!"},
        basic("CP:1", b"secret-password-2"),
        basic("CP:2", password),
    )
    for headers in wrong:
        with pytest.raises(InvalidStatus) as caught:
            async with RawClient(f"{csms.url}/CP%3A1", headers=headers):
                pass
        response = caught.value.response
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("vevgw")]
    assert len(ours) == len(wrong)
    assert not any("secret-password" in text or "Basic Q1" in text for text in ours)
    async with RawClient(f"{csms.url}/CP2"):  # others need none
        pass


async def test_tls_with_a_throw_away_ca(tmp_path):
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    ca.configure_trust(client)
    async with Csms(db=tmp_path / "db", tls=server) as csms:
        assert csms.url.startswith("wss://")
        async with connect(
            f"{csms.url}/CP1", subprotocols=["ocpp1.6"], ssl=client, proxy=None
        ) as websocket:
            await websocket.send('[2,"a","Heartbeat",{}]')
            assert json.loads(await websocket.recv())[1] == "a"


async def test_a_second_connection_replaces_the_first(csms):
    charge_point = csms.charge_point("CP1")
    async with RawClient(f"{csms.url}/CP1") as first:
        async with RawClient(f"{csms.url}/CP1") as second:
            with pytest.raises(ConnectionClosed):
                await first.receive()
            assert charge_point.connections == 2
            _, call = await asyncio.gather(
                charge_point.call("ClearCache", timeout_s=5),
                second.answer({"status": "Accepted"}),
            )
            assert call[2] == "ClearCache"
        await charge_point.wait_disconnected(timeout_s=5)


async def test_many_charge_points_are_served_at_once(csms):
    async def session(number: int) -> int:
        async with RawClient(f"{csms.url}/CP{number}") as client:
            answer = await client.ask("StartTransaction", START)
            for _ in range(5):
                await client.ask("Heartbeat", {})
            transaction_id: int = answer[2]["transactionId"]
            return transaction_id

    ids = await asyncio.gather(*(session(number) for number in range(40)))
    assert sorted(ids) == list(range(1, 41))
    assert await csms.log.read(lambda log: log.frames_by_verdict()) == {"ok": 40 * 7 * 2}


async def test_too_long_a_frame_ends_the_connection(tmp_path):
    async with (
        Csms(db=tmp_path / "db", max_frame_bytes=1000) as csms,
        RawClient(f"{csms.url}/CP1") as client,
    ):
        await client.websocket.send("x" * 1001)
        with pytest.raises(ConnectionClosed):
            await client.receive()
        assert client.websocket.close_code == 1009


# -- waiting ---------------------------------------------------------------------------------------


async def test_a_wait_for_a_charge_point_says_what_is_missing(csms):
    with pytest.raises(WaitTimeout, match=r"CP1: a connection did not come within 0.01 s"):
        await csms.wait_for_charge_point("CP1", timeout_s=0.01)


async def test_expect_goes_through_the_history_in_order(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = await csms.wait_for_charge_point("CP1", timeout_s=5)
        for tag in ("A", "B", "A"):
            await client.ask("Authorize", {"idTag": tag})
        first = await charge_point.expect("Authorize", timeout_s=5, match={"idTag": "A"})
        second = await charge_point.expect("Authorize", timeout_s=5, match={"idTag": "A"})
        assert first.sequence < second.sequence
        with pytest.raises(WaitTimeout):
            await charge_point.expect("Authorize", timeout_s=0.01)
        again = await charge_point.expect("Authorize", timeout_s=5, since=0)
        assert again is first

        waiting = asyncio.create_task(
            charge_point.expect("Heartbeat", timeout_s=5, match=lambda payload: payload == {})
        )
        await client.ask("Heartbeat", {})
        assert (await waiting).action == "Heartbeat"


async def test_a_failed_wait_quotes_the_last_frames_and_the_log(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = csms.charge_point("CP1")
        await client.ask("Authorize", {"idTag": "A"})
        with pytest.raises(WaitTimeout) as caught:
            await charge_point.expect("StartTransaction", timeout_s=0.01, match={"connectorId": 1})
    text = str(caught.value)
    assert "StartTransaction matching {'connectorId': 1} did not come" in text
    assert '"Authorize",{"idTag":"A"}'.replace(" ", "") in text.replace(" ", "")
    assert str(csms.database) in text


async def test_positions_stay_valid_when_old_frames_are_forgotten(tmp_path):
    async with (
        Csms(db=tmp_path / "db", kept_frames=10) as csms,
        RawClient(f"{csms.url}/CP1") as client,
    ):
        charge_point = csms.charge_point("CP1")
        for number in range(40):
            mark = charge_point.mark()
            tag = {"idTag": f"T{number}"}
            await client.ask("Authorize", tag)
            await charge_point.expect("Authorize", timeout_s=5, match=tag, since=mark)
            await charge_point.expect("Authorize", timeout_s=5, match=tag)
        assert 5 <= len(charge_point.calls()) <= 10
        assert len(await csms.log.read(lambda log: log.frames())) == 82


async def test_a_forbidden_message_fails_the_wait_at_once(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = csms.charge_point("CP1")
        await client.ask("Authorize", {"idTag": "A"})
        with pytest.raises(UnexpectedMessage, match="sent Authorize before Heartbeat"):
            await charge_point.expect("Heartbeat", timeout_s=30, forbidden=["Authorize"])


# -- faults ----------------------------------------------------------------------------------------


async def test_never_answer_books_but_drop_does_not(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = csms.charge_point("CP1")
        charge_point.fault_policy = FaultOn("StartTransaction", Drop(), times=1)
        with pytest.raises(TimeoutError):
            await client.ask("StartTransaction", START, timeout_s=0.1)
        assert csms.books.transactions() == []
        charge_point.fault_policy = FaultOn("StartTransaction", NeverAnswer(), times=1)
        with pytest.raises(TimeoutError):
            await client.ask("StartTransaction", START, timeout_s=0.1)
        assert len(csms.books.transactions()) == 1
        answer = await client.ask("StartTransaction", START)
        assert answer[2]["transactionId"] == 1
        unanswered = await csms.log.read(lambda log: log.unanswered_calls())
        assert [frame.action for frame in unanswered] == ["StartTransaction"] * 2


async def test_a_callerror_on_purpose_books_nothing(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        policy = FaultOn(None, RefuseWith("GenericError", "later", {"a": 1}), times=1, skip=1)
        csms.charge_point("CP1").fault_policy = policy
        assert (await client.ask("Heartbeat", {}))[0] == 3
        answer = await client.ask("StartTransaction", START)
        assert answer[2:] == ["GenericError", "later", {"a": 1}]
        assert csms.books.transactions() == []
        assert (await client.ask("StartTransaction", START))[0] == 3


async def test_a_late_answer_does_not_hold_up_others(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = csms.charge_point("CP1")
        charge_point.fault_policy = FaultOn("Heartbeat", Answer(delay_s=0.2), times=1)
        await client.websocket.send('[2,"slow","Heartbeat",{}]')
        assert (await client.ask("Heartbeat", {}, "fast"))[1] == "fast"
        assert (await client.receive())[1] == "slow"


async def test_a_wrong_answer_on_purpose_is_recorded_as_invalid(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = csms.charge_point("CP1")
        charge_point.fault_policy = FaultOn("Heartbeat", Answer(payload={"currentTime": 5}))
        assert (await client.ask("Heartbeat", {}))[2] == {"currentTime": 5}
        (frame,) = await csms.log.read(lambda log: log.invalid_frames())
        assert (frame.direction, frame.action) == ("out", "Heartbeat")


@pytest.mark.parametrize(("code", "seen"), [(1012, 1012), (4000, 4000), (None, 1006)])
async def test_a_close_on_purpose(csms, code, seen):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = csms.charge_point("CP1")
        charge_point.fault_policy = FaultOn("Heartbeat", Close(code))
        with pytest.raises(ConnectionClosed):
            await client.ask("Heartbeat", {})
        assert client.websocket.protocol.close_code == seen
        await charge_point.wait_disconnected(timeout_s=5)


async def test_a_frozen_connection_stays_open_and_silent_until_thawed(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = csms.charge_point("CP1")
        charge_point.fault_policy = FaultOn("Heartbeat", Freeze(), times=1)
        with pytest.raises(TimeoutError):
            await client.ask("Heartbeat", {}, "lost", timeout_s=0.1)
        await client.websocket.send('[2,"kept","Heartbeat",{}]')
        with pytest.raises(TimeoutError):
            await client.receive(timeout_s=0.1)
        with pytest.raises(WaitTimeout):
            await charge_point.call("ClearCache", timeout_s=0.05)
        assert charge_point.is_connected
        charge_point.thaw()
        assert (await client.receive())[1] == "kept"


async def test_a_frozen_connection_is_replaced_by_a_new_one(csms):
    async with RawClient(f"{csms.url}/CP1") as first:
        charge_point = csms.charge_point("CP1")
        charge_point.freeze()
        async with RawClient(f"{csms.url}/CP1") as second:
            assert (await second.ask("Heartbeat", {}))[0] == 3
            with pytest.raises(ConnectionClosed):
                await first.receive()


async def test_any_text_can_be_sent_on_purpose(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        charge_point = csms.charge_point("CP1")
        record = await charge_point.send_text('[2,"a","Reset",{"type":"Warm"}]')
        assert record.verdict is Verdict.INVALID
        assert (await client.receive())[3] == {"type": "Warm"}


# -- start and stop --------------------------------------------------------------------------------


@pytest.mark.parametrize(("hard", "code"), [(False, 1001), (True, 1006)])
async def test_stop_ends_connections_with_or_without_a_close_frame(csms, hard, code):
    async with RawClient(f"{csms.url}/CP1") as client:
        await csms.stop(hard=hard)
        with pytest.raises(ConnectionClosed):
            await client.receive()
        assert client.websocket.protocol.close_code == code
    with pytest.raises(ConnectionRefusedError):
        async with RawClient(f"{csms.url}/CP1"):
            pass


async def test_a_reconnect_after_a_restart_can_be_awaited(csms):
    charge_point = csms.charge_point("CP1")
    async with RawClient(f"{csms.url}/CP1"):
        await csms.stop(hard=True)
    assert not charge_point.is_connected
    await csms.start()
    waiting = asyncio.create_task(charge_point.wait_connected(timeout_s=5, after=1))
    async with RawClient(f"{csms.url}/CP1", boot=False):
        await waiting


async def test_a_port_in_use_is_one_sentence(csms, tmp_path):
    other = Csms(port=csms.port, db=tmp_path / "other")
    with pytest.raises(CsmsError, match=rf"port {csms.port}: the port is in use\.$"):
        await other.start()
    assert not other.is_running


async def test_without_a_database_a_temporary_one_is_used_and_removed():
    async with Csms() as csms, RawClient(f"{csms.url}/CP1") as client:
        await client.ask("StartTransaction", START)
        assert csms.database.exists()
    assert not csms.database.exists()
