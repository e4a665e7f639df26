"""The database of the emulated CSMS: failures, kill -9, and files that are something else."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from vevgw.csms import Csms, DatabaseError, LogReader, store
from vevgw.csms.raw_client import BOOT, RawClient

START = {
    "connectorId": 1,
    "idTag": "A1",
    "meterStart": 1000,
    "timestamp": "2026-11-22T10:00:00.000Z",
}
STOP = {"transactionId": 1, "meterStop": 4500, "timestamp": "2026-11-22T11:00:00.000Z"}
METER_VALUES = {
    "connectorId": 1,
    "transactionId": 1,
    "meterValue": [{"timestamp": "2026-11-22T10:10:00Z", "sampledValue": [{"value": "2000"}]}],
}


class Process:
    """`vevgw csms run` as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url
        self.port = int(url.rpartition(":")[2])

    async def kill(self) -> None:
        """Kills it like a power cut of the process."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def running(db: Path, *options: str, file_limit: int | None = None) -> AsyncIterator[Process]:
    """Runs the CSMS; file_limit is the longest file it may write, in blocks of 512 bytes."""
    command = [sys.executable, "-m", "vevgw.cli", "csms", "run", "--db", str(db), "--no-dashboard"]
    command += options
    if file_limit is not None:
        command = ["/bin/sh", "-c", f'ulimit -f {file_limit}; exec "$@"', "sh", *command]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line.startswith("CSMS listens on ws://"), (await process.stderr.read()).decode()
        yield Process(process, line.split()[3].removesuffix("/<identity>,"))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_kill_9_loses_nothing_that_was_answered(tmp_path):
    """Purpose: books and log survive the death of the process.

    Given: a CSMS process in the middle of a transaction.
    Steps: kill -9 right after an answer; start it again on the same port; the charge point goes on.
    Pass criteria: every frame up to the answered one is there, the transaction goes on, its
    samples are booked once.
    """
    db = tmp_path / "csms.sqlite3"
    async with (
        running(db, "--port", "0", "--quiet") as csms,
        RawClient(f"{csms.url}/CP1") as client,
    ):
        await client.ask("StartTransaction", START)
        for _ in range(50):
            await client.ask("Heartbeat", {})
        await client.ask("MeterValues", METER_VALUES)
        await csms.kill()
    with LogReader(db) as log:
        assert log.messages_by_action() == {
            ("in", "BootNotification"): 1,
            ("in", "Heartbeat"): 50,
            ("in", "MeterValues"): 1,
            ("in", "StartTransaction"): 1,
        }
        assert [t["stop_utc"] for t in log.transactions()] == [None]

    async with (
        running(db, "--port", str(csms.port), "--quiet") as again,
        RawClient(f"{again.url}/CP1", boot=False) as client,
    ):
        await client.ask("MeterValues", METER_VALUES)
        assert (await client.ask("StartTransaction", START))[2]["transactionId"] == 1
        await client.ask("StopTransaction", STOP)
        # Nobody waits for these to be written: they must be there a second later all the same.
        for _ in range(50):
            await client.ask("Heartbeat", {})
        await asyncio.sleep(1)
        await again.kill()
    with LogReader(db) as log:
        assert log.messages_by_action()[("in", "Heartbeat")] == 100
        (transaction,) = log.transactions()
        assert (transaction["energy_wh"], transaction["start_repeats"]) == (3500, 1)
        assert len(log.samples(1)) == 1
        assert log.frames_by_verdict().keys() == {"ok", "repeat"}


async def test_the_options_of_run_reach_the_answers(tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text("# charge point = password\n\nCP1=open sesame\n")
    options = [
        *("--password-file", str(passwords), "--only", "CP1"),
        *("--heartbeat-interval", "7", "--boot", "pending", "--boot", "accepted"),
        *("--boot-retry-interval", "3", "--unknown-id-tags", "invalid"),
        *("--id-tag", "good,parent=FAMILY", "--id-tag", "bad=blocked", "--refuse-concurrent-tx"),
    ]
    credentials = base64.b64encode(b"CP1:open sesame").decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async with running(tmp_path / "db", "--port", "0", *options) as csms:
        for url in (f"{csms.url}/CP2", f"{csms.url}/CP1"):
            with pytest.raises(InvalidStatus):
                async with RawClient(url):
                    pass
        async with RawClient(f"{csms.url}/CP1", boot=False, headers=headers) as client:
            boots = [(await client.ask("BootNotification", BOOT))[2] for _ in range(2)]
            assert [(b["status"], b["interval"]) for b in boots] == [
                ("Pending", 3),
                ("Accepted", 7),
            ]
            tags = [await client.ask("Authorize", {"idTag": t}) for t in ("good", "bad", "who")]
            assert [tag[2]["idTagInfo"] for tag in tags] == [
                {"status": "Accepted", "parentIdTag": "FAMILY"},
                {"status": "Blocked"},
                {"status": "Invalid"},
            ]
        csms.process.terminate()
        output, errors = await csms.process.communicate()
    assert len(errors.decode().splitlines()) == 2  # the two refusals
    for text in (output, errors, (tmp_path / "db").read_bytes()):
        assert b"sesame" not in text
        assert credentials.encode() not in text


async def test_sigterm_ends_the_process_cleanly(tmp_path):
    async with running(tmp_path / "db", "--port", "0") as csms:
        async with RawClient(f"{csms.url}/CP1"):
            csms.process.terminate()
            assert await asyncio.wait_for(csms.process.wait(), 10) == 0
        assert await csms.process.stderr.read() == b""
        frames = (await csms.process.stdout.read()).decode().splitlines()
    assert [line.split()[1:3] for line in frames] == [["CP1", "<"], ["CP1", ">"]]


async def test_a_full_disk_is_one_error_and_charge_points_are_answered(tmp_path):
    async with (
        running(tmp_path / "db", "--port", "0", "--quiet", file_limit=400) as csms,
        RawClient(f"{csms.url}/CP1") as client,
    ):
        data = {"vendorId": "vev", "data": "x" * 20_000}
        for _ in range(30):  # 600 kB into a file of at most 200 kB
            assert (await client.ask("DataTransfer", data))[2] == {"status": "UnknownVendorId"}
        assert (await client.ask("StartTransaction", START))[2]["transactionId"] == 1
        await csms.kill()
        errors = (await csms.process.stderr.read()).decode().splitlines()
    assert len(errors) == 1, errors
    assert "cannot be written: " in errors[0]
    assert "Charge points are still answered" in errors[0]


async def test_a_locked_database_is_caught_up_when_it_is_free(tmp_path, caplog):
    db = tmp_path / "csms.sqlite3"
    async with Csms(db=db) as csms, RawClient(f"{csms.url}/CP1") as client:
        await csms.log.read(lambda log: log.frames())
        blocker = sqlite3.connect(db, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        assert (await client.ask("StartTransaction", START))[2]["transactionId"] == 1
        for _ in range(5):
            assert (await client.ask("Heartbeat", {}))[0] == 3
        assert "locked" in (csms.database_failure or "")
        with pytest.raises(DatabaseError, match="fails: database is locked"):
            await csms.log.read(lambda log: log.frames())
        blocker.execute("ROLLBACK")
        blocker.close()
        await csms.wait_database(timeout_s=10)
        counts = await csms.log.read(lambda log: log.messages_by_action())
        assert counts[("in", "Heartbeat")] == 5
        assert len(await csms.log.read(lambda log: log.transactions())) == 1
    messages = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert [("cannot be written" in m, "again" in m) for m in messages] == [
        (True, True),
        (False, True),
    ]


@pytest.mark.parametrize("how", ["delete", "replace", "truncate", "overwrite"])
async def test_a_database_damaged_from_outside_is_one_error_and_a_new_one_is_begun(
    tmp_path, caplog, how
):
    db = tmp_path / "csms.sqlite3"
    async with Csms(db=db) as csms, RawClient(f"{csms.url}/CP1") as client:
        await csms.log.read(lambda log: log.frames())
        match how:
            case "delete":
                db.unlink()
            case "replace":
                (tmp_path / "other").write_text("not a database " * 1000)
                (tmp_path / "other").rename(db)
            case "truncate":
                os.truncate(db, 0)
            case _:
                db.write_bytes(b"\xff" * db.stat().st_size)
        await client.ask("Heartbeat", {})
        await csms.wait_database(timeout_s=10, failing=True)
        assert (await client.ask("StartTransaction", START))[2]["transactionId"] == 1
        if how in ("replace", "overwrite"):
            db.unlink()
        await csms.wait_database(timeout_s=10)
        counts = await csms.log.read(lambda log: log.messages_by_action())
        counts.pop(("in", "BootNotification"), None)  # SQLite may still have it in its journal
        assert counts == {("in", "Heartbeat"): 1, ("in", "StartTransaction"): 1}
        assert len(await csms.log.read(lambda log: log.transactions())) == 1
    messages = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert [("deleted, replaced or" in m, "can be written" in m) for m in messages] == [
        (True, False),
        (False, True),
    ]


async def test_beyond_the_limit_frames_are_given_up_but_no_books(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(store, "KEPT_WRITES", 20)
    db = tmp_path / "csms.sqlite3"
    async with Csms(db=db) as csms, RawClient(f"{csms.url}/CP1") as client:
        await csms.log.read(lambda log: log.frames())
        blocker = sqlite3.connect(db, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        await client.ask("StartTransaction", START)
        for _ in range(50):
            await client.ask("Heartbeat", {})
        await client.ask("StopTransaction", STOP)
        await csms._store.wait_for(lambda store: store.lost_frames > 0, timeout_s=10)
        blocker.close()
        await csms.wait_database(timeout_s=10)
        (transaction,) = await csms.log.read(lambda log: log.transactions())
        assert transaction["energy_wh"] == 3500
    assert "frames were lost" in caplog.text


@pytest.mark.parametrize("kind", ["text", "other", "newer", "folder", "in no folder"])
async def test_an_unusable_database_is_one_sentence(tmp_path, kind):
    db = tmp_path / "csms.sqlite3"
    expected = {
        "text": "file is not a database",
        "other": "belongs to another program",
        "newer": "newer version of vevgw",
        "folder": "cannot be opened",
        "in no folder": "cannot be opened: No such file or directory",
    }[kind]
    match kind:
        case "text":
            db.write_text("This is a long enough text that is certainly no database. " * 20)
        case "other":
            connection = sqlite3.connect(db)
            connection.execute("CREATE TABLE t (x)")
            connection.close()
        case "newer":
            async with Csms(db=db):
                pass
            connection = sqlite3.connect(db)
            connection.execute("PRAGMA user_version = 99")
            connection.close()
        case "folder":
            db.mkdir()
        case _:
            db = tmp_path / "none" / "csms.sqlite3"
    with pytest.raises(DatabaseError) as caught:
        async with Csms(db=db):
            pass
    assert expected in str(caught.value)
    assert str(db) in str(caught.value)
    if kind == "text":
        assert db.read_text().startswith("This is")


async def test_a_database_of_an_earlier_version_is_brought_up_to_date(tmp_path):
    db = tmp_path / "csms.sqlite3"
    async with Csms(db=db) as csms, RawClient(f"{csms.url}/CP1"):
        pass
    connection = sqlite3.connect(db)
    connection.executescript("ALTER TABLE frames DROP COLUMN fault; PRAGMA user_version = 1;")
    connection.close()
    with pytest.raises(DatabaseError, match="written by an earlier version"):
        LogReader(db)
    async with Csms(db=db):
        pass
    with LogReader(db) as log:
        assert [frame.fault for frame in log.frames()] == ["", ""]


async def test_a_database_in_use_by_another_csms_is_refused(tmp_path):
    db = tmp_path / "csms.sqlite3"
    async with Csms(db=db):
        with pytest.raises(DatabaseError, match="in use by another CSMS process"):
            async with Csms(db=db):
                pass
    async with Csms(db=db):
        pass


async def test_a_read_only_database_is_refused(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    db = tmp_path / "csms.sqlite3"
    async with Csms(db=db):
        pass
    db.chmod(0o400)
    with pytest.raises(DatabaseError, match="readonly"):
        async with Csms(db=db):
            pass


async def test_a_lone_surrogate_does_not_lose_the_frame(tmp_path):
    async with Csms(db=tmp_path / "db") as csms, RawClient(f"{csms.url}/CP1") as client:
        text = r'[2,"\ud800","\udfff",{}]'
        assert (await client.ask_text(text))[2] == "NotImplemented"
        (frame,) = (await csms.log.read(lambda log: log.invalid_frames()))[:1]
        assert (frame.raw, frame.message_id, frame.action) == (text, r"\ud800", r"\udfff")
