"""Faults on purpose: every kind on the wire, scope, scripts, and the command line."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from csms_command import vevgw
from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    NegotiationError,
)

from vevgw.csms import FAULT_KINDS, FORMS, Csms, CsmsError, Faults, WaitTimeout, read_fault_script
from vevgw.csms.history import Direction, FrameRecord
from vevgw.csms.raw_client import BOOT, RawClient

START = {
    "connectorId": 1,
    "idTag": "A1",
    "meterStart": 1000,
    "timestamp": "2026-11-22T10:00:00.000Z",
}


@pytest.fixture
async def csms(tmp_path):
    async with Csms(db=tmp_path / "csms.sqlite3", seed=1) as csms:
        yield csms


@pytest.fixture
async def client(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        yield client


def frame(action: str, charge_point: str = "CP1", kind: int = 2, out: bool = False) -> FrameRecord:
    """Returns a frame as far as faults look at it."""
    direction = Direction.OUT if out else Direction.IN
    return FrameRecord(1, charge_point, 1, direction, None, None, kind, action, "1", "", {})


async def faults_in_log(csms: Csms) -> list[tuple[str, str, str]]:
    """Returns direction, verdict and fault of all marked frames."""
    frames = await csms.log.read(lambda log: log.frames())
    return [(f.direction, f.verdict, f.fault) for f in frames if f.fault]


# -- on received frames ----------------------------------------------------------------------------


async def test_a_callerror_of_any_code_books_nothing_and_is_marked_in_the_log(csms, client):
    csms.faults.add({"what": "error", "code": "Teapot", "action": "StartTransaction", "count": 1})
    assert (await client.ask("StartTransaction", START))[2] == "Teapot"
    assert csms.books.transactions() == []
    assert (await client.ask("StartTransaction", START))[2]["transactionId"] == 1
    assert await faults_in_log(csms) == [("in", "ok", "F1 error"), ("out", "invalid", "F1 error")]


async def test_an_answer_can_be_changed_in_part(csms, client):
    patch = {"transactionId": -1, "idTagInfo": {"status": "Blocked"}}
    csms.faults.add({"what": "answer", "patch": patch, "action": "Start*"})
    assert (await client.ask("StartTransaction", START))[2] == patch
    csms.faults.add({"what": "answer", "patch": {"interval": None}, "action": "BootNotification"})
    assert (await client.ask("BootNotification", BOOT))[2].keys() == {"status", "currentTime"}


async def test_a_delayed_answer_lets_others_overtake(csms, client):
    csms.faults.add({"what": "delay", "delay_s": 0.2, "count": 1})
    await client.websocket.send('[2,"slow","Heartbeat",{}]')
    assert (await client.ask("Heartbeat", {}, "fast"))[1] == "fast"
    assert (await client.receive())[1] == "slow"


@pytest.mark.parametrize(("what", "booked"), [("drop", 0), ("never-answer", 1)])
async def test_a_call_without_an_answer_is_booked_or_not(csms, client, what, booked):
    csms.faults.add({"what": what, "action": "StartTransaction"})
    await client.websocket.send(json.dumps([2, "lost", "StartTransaction", START]))
    assert (await client.ask("Heartbeat", {}, "next"))[1] == "next"
    assert len(csms.books.transactions()) == booked


async def test_a_dropped_answer_of_a_charge_point_times_out(csms, client):
    csms.faults.add({"what": "drop", "direction": "in", "message": "answer"})
    calling = asyncio.create_task(csms.charge_point("CP1").call("ClearCache", timeout_s=0.1))
    await client.answer({"status": "Accepted"})
    with pytest.raises(WaitTimeout):
        await calling


async def test_many_calls_come_at_once_besides_the_answer(csms, client):
    calls = [["GetConfiguration", {}], ["ClearCache", {}]]
    csms.faults.add({"what": "burst", "direction": "in", "calls": calls, "times": 5, "count": 1})
    await client.websocket.send('[2,"hb","Heartbeat",{}]')
    frames = [await client.receive() for _ in range(11)]
    assert (
        sorted(f[2] for f in frames if f[0] == 2) == ["ClearCache"] * 5 + ["GetConfiguration"] * 5
    )
    assert [f[1] for f in frames if f[0] == 3] == ["hb"]


# -- on frames to send -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
async def test_every_malformed_form_is_sent_and_recorded_as_invalid(csms, client, form):
    csms.faults.add({"what": "malformed", "form": form, "message": "result", "count": 1})
    await client.websocket.send('[2,"a","Heartbeat",{}]')
    if form == "bad-utf8":
        with pytest.raises(ConnectionClosed) as caught:
            await client.websocket.recv()
        assert caught.value.sent.code == 1007
    else:
        got = await client.websocket.recv()
        assert isinstance(got, bytes) == (form == "binary")
    (entry,) = await faults_in_log(csms)
    expected = "ok" if form == "long" else "invalid"
    assert entry == ("out", expected, "F1 malformed")


async def test_any_text_can_replace_a_frame(csms, client):
    csms.faults.add({"what": "malformed", "text": '[3,"{id}",{"a":1},0]'})
    assert await client.ask("Heartbeat", {}, "m7") == [3, "m7", {"a": 1}, 0]


@pytest.mark.parametrize("wrong", ["other", 5, None, "x" * 37])
async def test_an_answer_carries_a_wrong_id(csms, client, wrong):
    csms.faults.add({"what": "wrong-id", "message_id": wrong})
    assert (await client.ask("Heartbeat", {}))[1] == wrong


async def test_an_answer_comes_twice(csms, client):
    csms.faults.add({"what": "duplicate", "copies": 2, "message": "result"})
    assert [(await client.ask("Heartbeat", {}, "a"))[1]] == ["a"]
    assert [(await client.receive())[1] for _ in range(2)] == ["a", "a"]
    assert await faults_in_log(csms) == [("out", "ok", "F1 duplicate")] * 3


async def test_a_frame_in_fragments_is_the_same_frame(csms, client):
    csms.faults.add({"what": "fragments", "size": 1})
    await client.websocket.send('[2,"a","Heartbeat",{}]')
    pieces = [piece async for piece in client.websocket.recv_streaming()]
    assert len(pieces) > 20
    assert json.loads("".join(pieces))[1] == "a"


async def test_a_frame_byte_by_byte_is_the_same_frame_and_holds_up_those_behind_it(csms, client):
    csms.faults.add({"what": "trickle", "pause_s": 0, "count": 2})
    for message_id in ("a", "b", "c"):
        await client.websocket.send(f'[2,"{message_id}","Heartbeat",{{}}]')
    pong = await client.websocket.ping()
    assert [(await client.receive())[1] for _ in range(3)] == ["a", "b", "c"]
    await pong


async def test_a_lost_call_of_the_csms_times_out_as_if_lost(csms, client):
    csms.faults.add({"what": "drop", "direction": "out", "message": "call"})
    with pytest.raises(WaitTimeout):
        await csms.charge_point("CP1").call("ClearCache", timeout_s=0.05)
    assert await faults_in_log(csms) == [("out", "unsent", "F1 drop")]


async def test_a_late_frame_is_recorded_when_it_leaves(csms, client):
    csms.faults.add({"what": "delay", "direction": "out", "delay_s": 0.2, "count": 1})
    await client.websocket.send('[2,"slow","Heartbeat",{}]')
    assert (await client.ask("Heartbeat", {}, "fast"))[1] == "fast"
    assert (await client.receive())[1] == "slow"


# -- connections -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503, 599])
async def test_a_handshake_is_refused_with_a_status(csms, status):
    csms.faults.add({"what": "http", "status": status, "retry_after_s": 7, "count": 1})
    with pytest.raises(InvalidStatus) as caught:
        async with RawClient(f"{csms.url}/CP1"):
            pass
    assert caught.value.response.status_code == status
    assert caught.value.response.headers["Retry-After"] == "7"
    async with RawClient(f"{csms.url}/CP1"):
        pass
    await csms.charge_point("CP1").wait_disconnected(timeout_s=5)
    refused, served = await csms.log.read(lambda log: log.connections("CP1"))
    assert (refused["close_code"], refused["close_reason"]) == (
        None,
        f"HTTP {status}, fault F1 http",
    )
    assert served["close_code"] == 1000


@pytest.mark.parametrize("name", [None, "ocpp2.0.1"])
async def test_a_handshake_echoes_no_or_a_wrong_subprotocol(csms, name):
    csms.faults.add({"what": "subprotocol", "name": name})
    if name is None:
        async with connect(f"{csms.url}/CP1", subprotocols=["ocpp1.6"], proxy=None) as websocket:
            assert websocket.subprotocol is None
    else:
        with pytest.raises((NegotiationError, InvalidHandshake)):
            async with RawClient(f"{csms.url}/CP1"):
                pass


async def test_a_handshake_is_never_answered_and_does_not_hold_up_the_end(csms):
    csms.faults.add({"what": "freeze", "direction": "connect"})
    with pytest.raises(TimeoutError):
        await connect(f"{csms.url}/CP1", open_timeout=0.1, proxy=None)
    hanging = asyncio.create_task(connect(f"{csms.url}/CP1", proxy=None).__aenter__())
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await csms.stop()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_a_handshake_is_torn_down_or_late(csms):
    csms.faults.add({"what": "close", "direction": "connect", "count": 1})
    csms.faults.add({"what": "delay", "direction": "connect", "delay_s": 0.05})
    with pytest.raises((OSError, InvalidHandshake, EOFError)):
        async with RawClient(f"{csms.url}/CP1"):
            pass
    async with RawClient(f"{csms.url}/CP1"):
        pass


async def test_a_connection_freezes_for_a_time(csms, client):
    csms.faults.add({"what": "freeze", "direction": "now", "for_s": 0.4})
    with pytest.raises(TimeoutError):
        await client.ask("Heartbeat", {}, timeout_s=0.1)
    assert (await client.receive())[0] == 3


async def test_a_close_at_its_time_hits_the_charge_points_meant(csms, client):
    async with RawClient(f"{csms.url}/XY1") as other:
        fault = {"what": "close", "direction": "now", "code": 1012, "from_s": 0.05}
        csms.faults.add(fault | {"charge_point": "CP?"})
        with pytest.raises(ConnectionClosed):
            await client.receive()
        assert client.websocket.close_code == 1012
        assert (await other.ask("Heartbeat", {}))[0] == 3


async def test_a_fault_that_acts_now_needs_a_running_csms(tmp_path):
    csms = Csms(db=tmp_path / "db")

    def add() -> None:
        csms.faults.add({"what": "close", "direction": "now"})

    with pytest.raises(CsmsError, match="needs a running CSMS"):
        await asyncio.to_thread(add)
    assert csms.faults.as_data() == []


# -- scope -----------------------------------------------------------------------------------------


def test_a_fault_acts_within_its_scope():
    now = [0.0]
    faults = Faults(seed=1, clock=lambda: now[0])
    scope = {"charge_point": "A*", "action": "*Values", "skip": 1, "count": 2, "from_s": 1}
    faults.add({"what": "drop", "to_s": 9, **scope})
    assert faults.on_frame(frame("MeterValues", "A1")) is None  # too early
    now[0] = 1.0
    hits = [faults.on_frame(frame("MeterValues", "A1")) is not None for _ in range(5)]
    assert hits == [False, True, True, False, False]
    assert faults.on_frame(frame("MeterValues", "B1")) is None
    assert faults.on_frame(frame("Heartbeat", "A2")) is None
    assert faults.on_frame(frame("MeterValues", "A2", kind=3)) is None
    assert faults.on_frame(frame("MeterValues", "A2", out=True)) is None
    assert faults.on_frame(frame("MeterValues", "A2")) is None  # skipped
    assert faults.on_frame(frame("MeterValues", "A2")) is not None
    now[0] = 9.0
    assert faults.on_frame(frame("MeterValues", "A2")) is None
    assert [f["fired"] for f in faults.as_data()] == [3]


def test_the_same_seed_draws_the_same_for_each_charge_point_whatever_others_do():
    def hits(others: int) -> list[bool]:
        faults = Faults(seed=7)
        faults.add({"what": "drop", "probability": 0.5})
        result = []
        for _ in range(30):
            result.append(faults.on_frame(frame("Heartbeat")) is not None)
            for _ in range(others):
                faults.on_frame(frame("Heartbeat", "CP2"))
        return result

    assert hits(0) == hits(3)
    assert 5 < sum(hits(0)) < 25


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_is_made_from_its_defaults_in_every_direction(kind):
    described = kind.describe()
    options = {name: option["default"] for name, option in described["options"].items()}
    for direction in described["directions"]:
        faults = Faults()
        fault = faults.add({"what": kind.name, "direction": direction, **options})
        assert fault.effect == kind.effect()
        json.dumps(faults.as_data())


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "A fault is wrong: it:"),
        ({"what": "explode"}, "There is no fault 'explode'; there are: delay, "),
        ({"what": "drop", "probability": 2}, "A fault is wrong: probability:"),
        ({"what": "drop", "delay_s": 2}, "its options are: none"),
        ({"what": "delay", "delay_s": "2"}, "Fault delay: delay_s:"),
        ({"what": "drop", "direction": "connect"}, "acts on in or out, not on connect"),
        ({"what": "drop", "id": "here"}, "There is already a fault 'here'"),
    ],
)
def test_a_wrong_fault_is_one_sentence(data, sentence):
    faults = Faults()
    faults.add({"what": "drop", "id": "here"})
    with pytest.raises(CsmsError) as caught:
        faults.add(data)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


# -- scripts and command line ----------------------------------------------------------------------


def test_a_script_is_read_from_yaml_and_toml(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "seed: 3\nfaults:\n  - {what: close, code: 1012, direction: now, from_s: 5}\n"
    )
    (tmp_path / "a.toml").write_text(
        'seed = 3\n[[faults]]\nwhat = "close"\ncode = 1012\ndirection = "now"\nfrom_s = 5\n'
    )
    expected: Any = [{"what": "close", "code": 1012, "direction": "now", "from_s": 5}], 3
    assert read_fault_script(tmp_path / "a.yaml") == expected
    assert read_fault_script(tmp_path / "a.toml") == expected


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.yaml", "faults: [", "are not YAML"),
        ("a.toml", "faults = [", "are not TOML"),
        ("a.yaml", "[]", "must hold a list 'faults'"),
        ("a.yaml", "faults: {}", "'faults' is no list"),
        ("a.yaml", "faults: [close]", "Fault 1 in"),
        ("a.yaml", "faults: [{what: drop}, {what: x}]", "Fault 2 in"),
        ("none/a.yaml", None, "cannot be read"),
    ],
)
def test_a_wrong_script_is_one_sentence(tmp_path, name, text, sentence):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(CsmsError) as caught:
        read_fault_script(tmp_path / name)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_faults_are_switched_from_the_command_line(csms, client, tmp_path):
    settings = ("charge_point=CP*", "action=Heartbeat", 'id="no heart"')
    assert await vevgw(csms, "fault", "add", "error", *settings) == (0, "no heart\n", "")
    assert (await client.ask("Heartbeat", {}))[0] == 4
    code, out, _ = await vevgw(csms, "fault", "list")
    assert code == 0
    assert out.splitlines()[0] == "seed 1"
    assert out.splitlines()[1].startswith("no heart  error  in  CP*  acted 1 times  action=Heartb")
    assert await vevgw(csms, "fault", "remove", "no heart") == (0, "", "")
    assert (await client.ask("Heartbeat", {}))[0] == 3
    (tmp_path / "faults.yaml").write_text("faults: [{what: drop}, {what: close, direction: now}]")
    assert (await vevgw(csms, "fault", "script", str(tmp_path / "faults.yaml")))[1] == "F2\nF3\n"
    assert await vevgw(csms, "fault", "remove", "--all") == (0, "", "")
    assert csms.faults.as_data() == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "explode"], "There is no fault 'explode'; there are: delay, "),
        (["add", "drop", "count"], "'count' is not KEY=VALUE."),
        (["remove", "F9"], "There is no fault 'F9'; there are: none."),
        (["remove"], "Give either the ids of faults or --all."),
    ],
)
async def test_a_wrong_fault_command_is_one_sentence(csms, arguments, sentence):
    code, out, err = await vevgw(csms, "fault", *arguments)
    assert code in (1, 2)
    assert out == ""
    assert sentence in err
    assert len(err.splitlines()) == 1
