"""The emulated CSMS against a plain WebSocket client: framing, schemas, error codes, verdicts."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vevgw.csms import (
    Behaviour,
    Boot,
    CallRefused,
    Csms,
    Direction,
    InvalidAnswer,
    InvalidCall,
    NotConnected,
    Verdict,
    WaitTimeout,
)
from vevgw.csms.frames import parse_frame
from vevgw.csms.history import mask_secrets
from vevgw.csms.raw_client import BOOT, RawClient
from vevgw.csms.schemas import ERROR_CODES, ocpp16_schemas

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


@pytest.fixture
async def client(csms):
    async with RawClient(f"{csms.url}/CP1") as client:
        yield client


async def test_boot_is_accepted_with_time_and_interval(csms, client):
    boot = await (csms.charge_point("CP1")).expect("BootNotification", timeout_s=5)
    assert boot.payload == BOOT
    answer = await client.ask("BootNotification", BOOT)
    assert answer[2]["status"] == "Accepted"
    assert answer[2]["interval"] == 300
    assert csms.books.charge_point("CP1").registration == "Accepted"


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Fly", {}, "NotImplemented"),
        ("RemoteStartTransaction", {"idTag": "A"}, "NotSupported"),
        ("heartbeat", {}, "NotImplemented"),
        ("Heartbeat", {"extra": 1}, "FormationViolation"),
        ("Heartbeat", [], "FormationViolation"),
        ("Heartbeat", None, "FormationViolation"),
        ("Authorize", {}, "OccurenceConstraintViolation"),
        ("Authorize", {"idTag": 12}, "TypeConstraintViolation"),
        ("Authorize", {"idTag": None}, "TypeConstraintViolation"),
        ("Authorize", {"idTag": "x" * 21}, "PropertyConstraintViolation"),
        (
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Broken"},
            "PropertyConstraintViolation",
        ),
        ("StartTransaction", START | {"timestamp": "yesterday"}, "PropertyConstraintViolation"),
        ("StartTransaction", START | {"meterStart": 2**31}, "PropertyConstraintViolation"),
        ("StartTransaction", START | {"meterStart": 1.0}, "TypeConstraintViolation"),
        ("StartTransaction", START | {"meterStart": True}, "TypeConstraintViolation"),
        (
            "MeterValues",
            {
                "connectorId": 1,
                "meterValue": [{"timestamp": "2026-11-22T10:00:00Z", "sampledValue": [{}]}],
            },
            "OccurenceConstraintViolation",
        ),
    ],
)
async def test_a_wrong_call_is_refused_with_the_exact_code(csms, client, action, payload, code):
    answer = await client.ask(action, payload, "wrong")
    assert answer[:3] == [4, "wrong", code]
    assert answer[3]
    assert answer[4] == {}
    frame = csms.charge_point("CP1").calls()[-1]
    assert frame.verdict is Verdict.INVALID
    assert csms.books.transactions() == []


async def test_a_key_given_twice_violates_its_occurrence(client):
    answer = await client.ask_text('[2,"id1","Authorize",{"idTag":"A","idTag":"B"}]')
    assert answer[:3] == [4, "id1", "OccurenceConstraintViolation"]
    assert "idTag" in answer[3]


async def test_the_reason_names_the_field(client):
    answer = await client.ask(
        "MeterValues",
        {
            "connectorId": 1,
            "meterValue": [
                {
                    "timestamp": "2026-11-22T10:00:00Z",
                    "sampledValue": [{"value": "1"}, {"value": 2}],
                }
            ],
        },
    )
    assert "meterValue[0].sampledValue[1].value" in answer[3]


@pytest.mark.parametrize(
    ("text", "message_id"),
    [
        ('[2,"id1","Heartbeat",{}', "id1"),
        ('[2,"id1","Heartbeat",{"a":NaN}]', "id1"),
        ('[2,"id1","Heartbeat"]', "id1"),
        ('[2,"id1","Heartbeat",{},{}]', "id1"),
        ('[2,"id1",5,{}]', "id1"),
        ('[2,7,"Heartbeat",{}]', 7),
        (f'[2,"{"x" * 37}","Heartbeat",{{}}]', "x" * 37),
        ('[2,"","Heartbeat",{}]', ""),
        (f'[2,"id1","Heartbeat",{"[" * 5000}', "id1"),
        (r'[2,"\ud800","Heartbeat",{}', "\ud800"),
    ],
)
async def test_a_malformed_call_is_answered_if_its_id_can_be_read(csms, client, text, message_id):
    answer = await client.ask_text(text)
    assert answer[:3] == [4, message_id, "FormationViolation"]
    frames = await csms.log.read(lambda log: log.invalid_frames())
    assert [frame.raw for frame in frames] == [text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}",
        "[]",
        "[2]",
        '[5,"a",{}]',
        '["2","a","Heartbeat",{}]',
        '[true,"a"]',
        "\x00",
    ],
)
async def test_an_unreadable_frame_gets_no_answer_but_is_recorded(csms, client, text):
    await client.websocket.send(text)
    answer = await client.ask("Heartbeat", {}, "next")
    assert answer[1] == "next"
    frames = await csms.log.read(lambda log: log.invalid_frames())
    assert [frame.raw for frame in frames] == [text]
    assert frames[0].reason


async def test_a_binary_frame_is_recorded_as_invalid(csms, client):
    await client.websocket.send(b"\xff\x00")
    await client.ask("Heartbeat", {})
    (frame,) = await csms.log.read(lambda log: log.invalid_frames())
    assert frame.reason == "binary frame instead of text"
    assert frame.raw == "\\xff\x00"


@pytest.mark.parametrize("limit", [0.0, 0.3, 6.1, 16.0, 21.4, 99.9])
async def test_limits_with_one_decimal_are_valid(csms, client, limit):
    period = {"startPeriod": 0, "limit": limit}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    charge_point = csms.charge_point("CP1")
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    answer, _ = await asyncio.gather(
        charge_point.call("SetChargingProfile", payload, timeout_s=5),
        client.answer({"status": "Accepted"}),
    )
    assert answer == {"status": "Accepted"}
    period["limit"] = limit + 0.01
    with pytest.raises(InvalidCall, match="limit"):
        await charge_point.call("SetChargingProfile", payload, timeout_s=5)


async def test_a_callerror_is_an_exception_with_its_code(csms, client):
    with pytest.raises(CallRefused) as caught:
        await asyncio.gather(
            csms.charge_point("CP1").call("ClearCache", timeout_s=5), client.refuse("NotSupported")
        )
    assert (caught.value.code, caught.value.details) == ("NotSupported", {"a": 1})


async def test_an_invalid_answer_is_an_exception_unless_wanted(csms, client):
    charge_point = csms.charge_point("CP1")
    with pytest.raises(InvalidAnswer, match="status"):
        await asyncio.gather(
            charge_point.call("ClearCache", timeout_s=5), client.answer({"status": "Perhaps"})
        )
    answer, _ = await asyncio.gather(
        charge_point.call("ClearCache", timeout_s=5, validate=False),
        client.answer({"status": "Perhaps"}),
    )
    assert answer == {"status": "Perhaps"}
    verdicts = await csms.log.read(lambda log: log.frames_by_verdict())
    assert verdicts["invalid"] == 2


@pytest.mark.parametrize(
    ("action", "payload"),
    [("Fly", {}), ("Reset", {}), ("Reset", {"type": "Warm"}), ("Heartbeat", {})],
)
async def test_a_wrong_call_of_ours_is_not_sent(csms, client, action, payload):
    before = csms.charge_point("CP1").mark()
    with pytest.raises(InvalidCall):
        await csms.charge_point("CP1").call(action, payload, timeout_s=5)
    assert csms.charge_point("CP1").mark() == before


async def test_late_repeated_and_unsolicited_answers_are_told_apart(csms, client):
    charge_point = csms.charge_point("CP1")
    with pytest.raises(WaitTimeout, match="answer to ClearCache"):
        await charge_point.call("ClearCache", timeout_s=0.05, message_id="late")
    accepted = {"status": "Accepted"}
    for message_id in ("late", "late", "never"):
        await client.websocket.send(json.dumps([3, message_id, accepted]))
    await client.websocket.recv()
    await client.ask("Heartbeat", {})
    answers = [
        (record.message_id, record.verdict, record.action)
        for _, record in charge_point.history.since()
        if record.message_type == 3 and record.direction is Direction.IN
    ]
    assert answers == [
        ("late", Verdict.LATE, "ClearCache"),
        ("late", Verdict.DUPLICATE, "ClearCache"),
        ("never", Verdict.UNSOLICITED, None),
    ]


async def test_answers_carry_the_latency_and_the_action_of_their_call(csms, client):
    await asyncio.gather(
        csms.charge_point("CP1").call("ClearCache", timeout_s=5),
        client.answer({"status": "Accepted"}),
    )
    frames = await csms.log.read(lambda log: log.frames(action="ClearCache"))
    assert [(f.direction, f.message_type) for f in frames] == [("out", 2), ("in", 3)]
    assert frames[0].latency_ms is None
    assert frames[1].latency_ms > 0


async def test_a_used_message_id_is_suspect_but_answered(csms, client):
    for _ in range(2):
        answer = await client.ask("Heartbeat", {}, "same")
        assert answer[0] == 3
    calls = csms.charge_point("CP1").calls("Heartbeat")
    assert [frame.verdict for frame in calls] == [Verdict.OK, Verdict.SUSPECT]


async def test_unanswered_calls_of_both_sides_are_found(csms, client):
    with pytest.raises(WaitTimeout):
        await csms.charge_point("CP1").call("ClearCache", timeout_s=0.05)
    await client.ask("Heartbeat", {})
    unanswered = await csms.log.read(lambda log: log.unanswered_calls())
    assert [(f.direction, f.action) for f in unanswered] == [("out", "ClearCache")]
    counts = await csms.log.read(lambda log: log.messages_by_action())
    assert counts == {
        ("in", "BootNotification"): 1,
        ("in", "Heartbeat"): 1,
        ("out", "ClearCache"): 1,
    }


async def test_a_call_fails_at_once_when_the_connection_ends(csms, client):
    charge_point = csms.charge_point("CP1")
    call = asyncio.create_task(charge_point.call("ClearCache", timeout_s=30))
    await client.websocket.recv()
    client.websocket.transport.abort()
    with pytest.raises(NotConnected, match="ClearCache"):
        await call
    with pytest.raises(NotConnected, match="CP1 is not connected"):
        await charge_point.call("ClearCache", timeout_s=30)


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_calls_before_registration_are_refused(tmp_path, registration):
    behaviour = Behaviour(boot=Boot((registration, "Accepted"), retry_interval_s=7))
    async with (
        Csms(db=tmp_path / "csms.sqlite3", behaviour=behaviour) as csms,
        RawClient(f"{csms.url}/CP1", boot=False) as client,
    ):
        answer = await client.ask("BootNotification", BOOT)
        assert (answer[2]["status"], answer[2]["interval"]) == (registration, 7)
        answer = await client.ask("StartTransaction", START)
        assert answer[2] == "SecurityError"
        assert csms.books.transactions() == []
        answer = await client.ask("BootNotification", BOOT)
        assert answer[2]["status"] == "Accepted"
        answer = await client.ask("StartTransaction", START)
        assert answer[2]["transactionId"] == 1


async def test_a_triggered_message_is_answered_while_pending(tmp_path):
    async with (
        Csms(db=tmp_path / "db", behaviour=Behaviour(boot=Boot(("Pending",)))) as csms,
        RawClient(f"{csms.url}/CP1", boot=False) as client,
    ):
        await client.ask("BootNotification", BOOT)
        trigger = {"requestedMessage": "Heartbeat"}
        await asyncio.gather(
            csms.charge_point("CP1").call("TriggerMessage", trigger, timeout_s=5),
            client.answer({"status": "Accepted"}),
        )
        answer = await client.ask("Heartbeat", {})
        assert answer[0] == 3


async def test_the_authorization_key_is_masked_in_the_log(csms, client):
    charge_point = csms.charge_point("CP1")
    secret = 'se"c{ret'
    for payload in (
        {"key": "AuthorizationKey", "value": secret},
        {"value": secret, "key": "AuthorizationKey"},
    ):
        await asyncio.gather(
            charge_point.call("ChangeConfiguration", payload, timeout_s=5),
            client.answer({"status": "Accepted"}),
        )
    other = {"key": "HeartbeatInterval", "value": "60"}
    await asyncio.gather(
        charge_point.call("ChangeConfiguration", other, timeout_s=5),
        client.answer({"status": "Accepted"}),
    )
    frames = await csms.log.read(lambda log: log.frames(action="ChangeConfiguration"))
    sent = [json.loads(frame.raw)[3]["value"] for frame in frames if frame.direction == "out"]
    assert sent == ["***", "***", "60"]
    assert b"ret" not in csms.database.read_bytes()


@pytest.mark.parametrize("slash", ["/", "\\/"])
def test_passwords_in_urls_are_masked_in_the_log(slash):
    urls = ["ftp://cp:s%2Fec@host:21/x", "http://host/x?at=a:b@c", "https://cp@host/"]
    raw = json.dumps([2, "1", "GetLog", urls]).replace("/", slash)
    masked = json.loads(mask_secrets(raw))[3]
    assert masked == ["ftp://cp:***@host:21/x", *urls[1:]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@settings(deadline=None)
@given(
    st.text()
    | json_values.map(json.dumps)
    | st.tuples(st.sampled_from([2, 3, 4]), json_values, json_values, json_values).map(json.dumps)
)
def test_any_text_can_be_read(text):
    frame = parse_frame(text)
    if frame.fault is None:
        assert frame.message_type is not None
        assert isinstance(frame.message_id, str)
        assert 0 < len(frame.message_id) <= 36
    else:
        assert 0 < len(frame.fault.reason) <= 255


@settings(deadline=None)
@given(st.sampled_from(sorted(ocpp16_schemas().actions)), json_values)
def test_any_payload_gets_a_verdict(action, payload):
    for violation in (
        ocpp16_schemas().call_violation(action, payload),
        ocpp16_schemas().result_violation(action, payload),
    ):
        if violation is not None:
            assert violation.code in ERROR_CODES
            assert 0 < len(violation.reason) <= 255
        else:
            assert isinstance(payload, dict)
