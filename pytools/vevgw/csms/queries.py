"""Reading the message log: of a running CSMS, or from its database file at any time."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from vevgw.csms.database_file import APPLICATION_ID, SCHEMA_VERSION
from vevgw.csms.entries import SAMPLE_COLUMNS, Sample
from vevgw.csms.errors import DatabaseError
from vevgw.csms.history import format_frame
from vevgw.csms.store import Store

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LoggedFrame:
    """One row of the message log; see FrameRecord."""

    sequence: int
    charge_point: str
    connection: int
    direction: str
    utc: str
    latency_ms: float | None
    message_type: int | None
    action: str | None
    message_id: str | None
    raw: str
    verdict: str
    reason: str
    fault: str

    def line(self) -> str:
        """Returns one line for people."""
        return format_frame(
            self.utc,
            self.charge_point,
            self.direction,
            self.message_type,
            self.action,
            self.raw,
            self.verdict,
            self.reason,
            self.fault,
        )

    def json_line(self) -> str:
        """Returns one line for programs."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


_COLUMNS = (
    "sequence, charge_point, connection, direction, utc, latency_ms, message_type, action, "
    "message_id, raw, verdict, reason, fault"
)
_CONNECTION = (
    "id",
    "charge_point",
    "opened_utc",
    "remote",
    "closed_utc",
    "close_code",
    "close_reason",
)
_TRANSACTION = (
    "id",
    "charge_point",
    "connector_id",
    "id_tag",
    "id_tag_status",
    "start_utc",
    "stop_utc",
    "meter_start_wh",
    "meter_stop_wh",
    "reason",
    "start_repeats",
    "stop_repeats",
)


class LogReader:
    """Reads a database with a connection of its own; sees what is committed."""

    def __init__(self, path: Path) -> None:
        """Opens the database read-only.

        Raises:
            DatabaseError: It does not exist or is no message log.
        """
        self._path = path
        if not path.is_file():
            raise DatabaseError(f"There is no database {path}.")
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None
            )
        except sqlite3.Error as error:
            raise self._failed(error) from None
        ((owner,),) = self._query("PRAGMA application_id")
        ((version,),) = self._query("PRAGMA user_version")
        if owner == APPLICATION_ID and version < SCHEMA_VERSION:
            raise DatabaseError(
                f"The database {path} was written by an earlier version of vevgw; "
                "`vevgw csms run` with it once brings it up to date."
            )
        self._query(f"SELECT {_COLUMNS} FROM frames LIMIT 0")

    def close(self) -> None:
        """Closes the database."""
        self._connection.close()

    def __enter__(self) -> LogReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def frames(
        self,
        *,
        charge_point: str | None = None,
        action: str | None = None,
        verdict: str | None = None,
        after: int = 0,
        last: int | None = None,
        first: int | None = None,
    ) -> list[LoggedFrame]:
        """Returns frames in order.

        Args:
            charge_point: Only of this one.
            action: Only CALLs of this action and answers to them.
            verdict: Only with this verdict.
            after: Only with a greater sequence number.
            last: Only the latest so many.
            first: Only the first so many, unless ``last`` is given.
        """
        limit = "" if first is None else f" ORDER BY sequence LIMIT {int(first)}"
        if last is not None:
            limit = f" ORDER BY sequence DESC LIMIT {int(last)}"
        rows = self._query(
            f"SELECT * FROM (SELECT {_COLUMNS} FROM frames WHERE sequence > ?1"
            " AND (?2 IS NULL OR charge_point = ?2) AND (?3 IS NULL OR action = ?3)"
            f" AND (?4 IS NULL OR verdict = ?4){limit}) ORDER BY sequence",
            after,
            charge_point,
            action,
            verdict,
        )
        return [LoggedFrame(*row) for row in rows]

    def connections(self, charge_point: str | None = None) -> list[dict[str, Any]]:
        """Returns all connections as rows; a refused handshake is one that ended at once, without a
        close code."""
        rows = self._query(
            f"SELECT {', '.join(_CONNECTION)} FROM connections"
            " WHERE ?1 IS NULL OR charge_point = ?1 ORDER BY id",
            charge_point,
        )
        return [dict(zip(_CONNECTION, row, strict=True)) for row in rows]

    def search(
        self,
        *,
        before: int,
        limit: int,
        charge_point: str | None = None,
        direction: str | None = None,
        text: str = "",
        problems: bool = False,
    ) -> list[LoggedFrame]:
        """Returns the latest frames before another one that fit, newest first.

        Args:
            before: Only with a smaller sequence number.
            limit: At most so many.
            charge_point: Only of this one.
            direction: Only in or out.
            text: Only with this in identity, action, verdict, reason, fault or text; case does not
                matter.
            problems: Only with a verdict other than ok, a fault, or CALLERRORs.
        """
        pattern = re.sub(r"([%_!])", r"!\1", text)
        rows = self._query(
            f"SELECT {_COLUMNS} FROM frames WHERE sequence < ?1"
            " AND (?2 IS NULL OR charge_point = ?2) AND (?3 IS NULL OR direction = ?3)"
            " AND (charge_point || ' ' || ifnull(action, '') || ' ' || verdict || ' ' || reason"
            " || ' ' || fault || ' ' || raw) LIKE '%' || ?4 || '%' ESCAPE '!'"
            " AND (NOT ?5 OR verdict != 'ok' OR fault != '' OR message_type = 4)"
            " ORDER BY sequence DESC LIMIT ?6",
            before,
            charge_point,
            direction,
            pattern,
            problems,
            limit,
        )
        return [LoggedFrame(*row) for row in rows]

    def messages_by_action(self, charge_point: str | None = None) -> dict[tuple[str, str], int]:
        """Returns the number of CALLs by (direction, action)."""
        rows = self._query(
            "SELECT direction, ifnull(action, '?'), count(*) FROM frames WHERE message_type = 2"
            " AND (?1 IS NULL OR charge_point = ?1) GROUP BY 1, 2 ORDER BY 1, 2",
            charge_point,
        )
        return {(direction, action): count for direction, action, count in rows}

    def frames_by_verdict(self, charge_point: str | None = None) -> dict[str, int]:
        """Returns the number of frames by verdict."""
        rows = self._query(
            "SELECT verdict, count(*) FROM frames WHERE ?1 IS NULL OR charge_point = ?1"
            " GROUP BY 1 ORDER BY 1",
            charge_point,
        )
        return dict(rows)

    def invalid_frames(self, charge_point: str | None = None) -> list[LoggedFrame]:
        """Returns the frames that violate framing or schema."""
        return self.frames(charge_point=charge_point, verdict="invalid")

    def unanswered_calls(self, charge_point: str | None = None) -> list[LoggedFrame]:
        """Returns the CALLs, of either side, without an answer on their connection."""
        rows = self._query(
            f"SELECT {_COLUMNS} FROM frames AS call WHERE message_type = 2 AND verdict != 'unsent'"
            " AND (?1 IS NULL OR charge_point = ?1) AND NOT EXISTS (SELECT 1 FROM frames AS answer"
            " WHERE answer.message_id = call.message_id AND answer.connection = call.connection"
            " AND answer.direction != call.direction AND answer.message_type IN (3, 4)"
            " AND answer.verdict != 'unsent' AND answer.sequence > call.sequence)"
            " ORDER BY sequence",
            charge_point,
        )
        return [LoggedFrame(*row) for row in rows]

    def samples(self, transaction_id: int) -> list[Sample]:
        """Returns all samples of a transaction in the order of arrival."""
        rows = self._query(
            f"SELECT {', '.join(SAMPLE_COLUMNS)} FROM samples"
            " WHERE transaction_id = ? ORDER BY rowid",
            transaction_id,
        )
        return [Sample(*row) for row in rows]

    def transactions(self, charge_point: str | None = None) -> list[dict[str, Any]]:
        """Returns all transactions as rows, with ``energy_wh`` (None while open)."""
        rows = self._query(
            f"SELECT {', '.join(_TRANSACTION)}, meter_stop_wh - meter_start_wh"
            " FROM transactions WHERE ?1 IS NULL OR charge_point = ?1 ORDER BY id",
            charge_point,
        )
        return [dict(zip((*_TRANSACTION, "energy_wh"), row, strict=True)) for row in rows]

    def _query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def _failed(self, error: sqlite3.Error) -> DatabaseError:
        return DatabaseError(f"The database {self._path} cannot be read: {error}.")


class FrameLog:
    """The message log of a running CSMS, read off the event loop."""

    def __init__(self, store: Store) -> None:
        """Binds the log to a store.

        Args:
            store: Whose database is read.
        """
        self._store = store

    async def read(self, question: Callable[[LogReader], _T]) -> _T:
        """Asks a LogReader something, e.g. ``await csms.log.read(lambda log:
        log.invalid_frames())``.

        Raises:
            DatabaseError: The database cannot be read, or the latest frames could not be written.
        """
        if not await self._store.committed(5.0) and self._store.failure is not None:
            raise DatabaseError(f"The database {self._store.path} fails: {self._store.failure}.")
        return await asyncio.to_thread(self._ask, question)

    def _ask(self, question: Callable[[LogReader], _T]) -> _T:
        with LogReader(self._store.path) as reader:
            return question(reader)
