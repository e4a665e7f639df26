"""Keeps every frame: numbers it, writes it to the database and shows it to whoever listens."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from vevgw.csms.frames import Frame, MessageType
from vevgw.csms.history import Direction, FrameRecord, Verdict, iso_utc, mask_secrets
from vevgw.csms.store import Store


class Recorder:
    """Numbers and records frames and connections of one CSMS."""

    def __init__(self, store: Store) -> None:
        """Starts at 1; see load().

        Args:
            store: Where frames are written.
        """
        self._store = store
        self._sequence = 0
        self._connection = 0
        self.listeners: list[Callable[[FrameRecord], None]] = []

    def load(self, connection: sqlite3.Connection) -> None:
        """Goes on numbering where an earlier run ended, and closes its connections in the books.

        Raises:
            sqlite3.Error: The database cannot be read.
        """
        (self._sequence,) = connection.execute(
            "SELECT ifnull(max(sequence), 0) FROM frames"
        ).fetchone()
        (self._connection,) = connection.execute(
            "SELECT ifnull(max(id), 0) FROM connections"
        ).fetchone()
        self._store.write(
            "UPDATE connections SET closed_utc = ?, close_reason = 'the CSMS ended'"
            " WHERE closed_utc IS NULL",
            iso_utc(datetime.now(UTC)),
        )

    def connection_opened(self, charge_point: str, remote: str) -> int:
        """Records a new connection and returns its number."""
        self._connection += 1
        self._store.insert(
            "connections",
            id=self._connection,
            charge_point=charge_point,
            opened_utc=iso_utc(datetime.now(UTC)),
            remote=remote,
        )
        return self._connection

    def connection_closed(self, connection: int, code: int | None, reason: str) -> None:
        """Records the end of a connection."""
        self._store.write(
            "UPDATE connections SET closed_utc = ?, close_code = ?, close_reason = ? WHERE id = ?",
            iso_utc(datetime.now(UTC)),
            code,
            _storable(reason),
            connection,
        )

    def new_record(
        self,
        charge_point: str,
        connection: int,
        direction: Direction,
        raw: str,
        frame: Frame,
        *,
        action: str | None,
        latency_ms: float | None = None,
    ) -> FrameRecord:
        """Numbers a frame; record() must follow.

        Args:
            charge_point: Identity.
            connection: Number from connection_opened().
            direction: Seen from the CSMS.
            raw: Text of the frame.
            frame: What could be read of it.
            action: For an answer that of its CALL.
            latency_ms: For an answer the time since its CALL.
        """
        self._sequence += 1
        payload: Any = frame.payload
        if frame.message_type is MessageType.CALL_ERROR:
            payload = {
                "code": frame.error_code,
                "description": frame.description,
                "details": frame.payload,
            }
        message_id = frame.message_id
        return FrameRecord(
            sequence=self._sequence,
            charge_point=charge_point,
            connection=connection,
            direction=direction,
            utc=datetime.now(UTC),
            latency_ms=latency_ms,
            message_type=None if frame.message_type is None else int(frame.message_type),
            action=None if action is None else _storable(action),
            message_id=None if message_id is None else _storable(str(message_id)),
            raw=mask_secrets(raw),
            payload=payload,
            verdict=Verdict.OK if frame.fault is None else Verdict.INVALID,
            reason="" if frame.fault is None else _storable(frame.fault.reason),
        )

    def record(self, record: FrameRecord) -> None:
        """Writes a frame and shows it to the listeners."""
        self._store.insert(
            "frames",
            may_be_lost=True,
            sequence=record.sequence,
            charge_point=record.charge_point,
            connection=record.connection,
            direction=record.direction.value,
            utc=iso_utc(record.utc),
            latency_ms=record.latency_ms,
            message_type=record.message_type,
            action=record.action,
            message_id=record.message_id,
            raw=record.raw,
            verdict=record.verdict.value,
            reason=record.reason,
            fault=record.fault,
        )
        for listener in self.listeners:
            listener(record)

    def amend(self, record: FrameRecord, verdict: Verdict, reason: str) -> None:
        """Changes the verdict on a recorded frame."""
        record.verdict, record.reason = verdict, reason
        self._store.write(
            "UPDATE frames SET verdict = ?, reason = ? WHERE sequence = ?",
            verdict.value,
            reason,
            record.sequence,
        )


def _storable(text: str) -> str:
    """Escapes what JSON can express but UTF-8 cannot: lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()
