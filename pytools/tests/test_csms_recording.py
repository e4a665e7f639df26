"""What was recorded: exports, and the replay of a charge point towards another CSMS."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from csms_command import vevgw_csms as vevgw

from vevgw.csms import Behaviour, Csms, CsmsError, LogReader
from vevgw.csms.behaviour import TransactionIds
from vevgw.csms.export import capture_text, json_lines
from vevgw.csms.raw_client import RawClient
from vevgw.csms.replay import Replay, read_recording

START = {
    "connectorId": 1,
    "idTag": "A1",
    "meterStart": 1000,
    "timestamp": "2026-11-22T10:00:00.000Z",
}
STOP = {"transactionId": 1, "meterStop": 4500, "timestamp": "2026-11-22T11:00:00.000Z"}


@pytest.fixture
async def recording(tmp_path) -> Path:
    """Records two connections of CP1: a boot, a transaction, a CALL, and a broken frame."""
    db = tmp_path / "recorded.sqlite3"
    async with Csms(db=db) as csms:
        async with RawClient(f"{csms.url}/CP1") as client:
            await client.ask("StartTransaction", START)
            calling = asyncio.create_task(
                csms.charge_point("CP1").call("Reset", {"type": "Soft"}, timeout_s=5)
            )
            await client.answer({"status": "Rejected"})
            await calling
        async with RawClient(f"{csms.url}/CP1", boot=False) as client:
            await client.ask("StopTransaction", STOP, "é")
            await client.websocket.send("[2,")
            await client.ask("Heartbeat", {})
    return db


async def test_json_lines_hold_frames_verbatim_and_what_is_derived(recording):
    with LogReader(recording) as log:
        rows = [json.loads(line) for line in json_lines(log.frames())]
    boot, answer = rows[0], rows[1]
    assert (boot["type"], boot["action"], boot["direction"]) == ("CALL", "BootNotification", "in")
    assert json.loads(boot["raw"])[3] == boot["payload"]
    assert (answer["type"], answer["action"]) == ("CALLRESULT", "BootNotification")
    assert answer["latency_ms"] > 0
    broken = next(row for row in rows if row["raw"] == "[2,")
    assert (broken["type"], broken["verdict"]) == (None, "invalid")


async def test_the_dump_holds_every_byte_behind_its_offset(recording):
    with LogReader(recording) as log:
        frames = log.frames(action="StopTransaction")
    lines = list(capture_text(frames))
    head = lines[0]
    assert head.startswith(f"I {frames[0].utc} CP1 connection 2 CALL StopTransaction id é ")
    dump = lines[1 : lines.index("")]
    assert [line[:6] for line in dump[:2]] == ["000000", "000010"]
    raw = bytes.fromhex("".join(line[8:55] for line in dump).replace(" ", ""))
    assert raw.decode() == frames[0].raw


async def test_a_replay_repeats_the_session_with_new_ids(recording, tmp_path):
    behaviour = Behaviour(transaction_ids=TransactionIds((77,)))
    async with Csms(db=tmp_path / "other.sqlite3", behaviour=behaviour) as csms:
        frames = read_recording(recording, "CP1")
        replay = Replay(frames, csms.url, speed=1000, identity="CP9")
        running = asyncio.create_task(replay.run())
        charge_point = csms.charge_point("CP9")
        await charge_point.expect("BootNotification", timeout_s=5)
        report = await running
        (transaction,) = csms.books.transactions()
        assert (transaction.id, transaction.charge_point) == (77, "CP9")
        assert transaction.energy_wh == 3500
        assert transaction.start_utc != START["timestamp"]
        assert charge_point.connections == 2
        broken = [f.raw for f in await csms.log.read(lambda log: log.invalid_frames())]
        assert broken == ["[2,"]
    assert (report.sent, report.answered, report.differences) == (5, 4, [])


async def test_a_replay_answers_calls_as_recorded_and_tells_differences(recording, tmp_path):
    behaviour = Behaviour()
    behaviour.after_boot = (("Reset", {"type": "Hard"}), ("ClearCache", {}))
    behaviour.id_tags.unknown = "Blocked"
    async with Csms(db=tmp_path / "other.sqlite3", behaviour=behaviour) as csms:
        frames = read_recording(recording, "CP1")
        report = await Replay(frames, csms.url, keep_times=True).run()
        answers = [
            (f.action, f.message_type, f.payload)
            for _, f in csms.charge_point("CP1").history.since()
            if f.direction == "in" and f.message_type != 2 and f.action
        ]
        assert answers[0] == ("Reset", 3, {"status": "Rejected"})
        assert answers[1][:2] == ("ClearCache", 4)
        (transaction,) = csms.books.transactions()
        assert transaction.start_utc == START["timestamp"]
    assert report.calls == 2
    assert report.differences == [
        "StartTransaction: CALLRESULT Blocked instead of CALLRESULT Accepted"
    ]


async def test_an_export_is_replayed_from_the_command_line(recording, tmp_path):
    export = tmp_path / "export.jsonl"
    code, _, _ = await asyncio.to_thread(
        vevgw, "export", "--db", str(recording), "--charge-point", "CP1", "--out", str(export)
    )
    assert code == 0
    async with Csms(db=tmp_path / "other.sqlite3") as csms:
        arguments = ("replay", str(export), "--charge-point", "CP1", "--url", csms.url)
        code, out, err = await asyncio.to_thread(vevgw, *arguments, "--speed", "100", "--quiet")
    assert (code, err) == (0, "")
    assert out == "5 frames sent, 4 CALLs answered, 0 CALLs of the CSMS, 0 differences\n"


@pytest.mark.parametrize(
    ("text", "charge_point", "sentence"),
    [
        (None, "CP1", "cannot be read"),
        ("{}\n", "CP1", "Line 1 of the recording"),
        ("", "CP1", "has no frame of charge point 'CP1'"),
    ],
)
def test_a_wrong_recording_is_one_sentence(tmp_path, text, charge_point, sentence):
    file = tmp_path / "recording"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CsmsError) as caught:
        read_recording(file, charge_point)
    assert sentence in str(caught.value)


async def test_a_csms_that_cannot_be_reached_is_one_sentence(recording):
    frames = read_recording(recording, "CP1")
    with pytest.raises(CsmsError, match=r"The CSMS at ws://127\.0\.0\.1:1/CP1 cannot be reached"):
        await Replay(frames, "ws://127.0.0.1:1").run()
