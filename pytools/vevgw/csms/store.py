"""The database of the emulated CSMS: a thread that writes SQLite; the event loop waits for no disk.

What is handed over gathers for FLUSH_INTERVAL_S, or until somebody waits for it, and is committed
in one transaction (write-ahead log): a killed process loses nothing older than that. A database
that fails while running is reported once per outage; what cannot be written is kept in memory and
written when it works again, the oldest frames being given up beyond KEPT_WRITES. The CSMS goes on
answering meanwhile.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import fcntl
import functools
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from vevgw.csms.database_file import BUSY_TIMEOUT_S, DatabaseFile
from vevgw.csms.errors import DatabaseError, WaitTimeout

_LOG = logging.getLogger(__name__)

#: Writes kept in memory while the database fails.
KEPT_WRITES: Final = 50_000
#: Longest time that records gather before the thread is woken, s. Waking it for each one costs more
#: than all the rest of the work on a message.
FLUSH_INTERVAL_S: Final = 0.02
#: Seconds between two attempts while the database fails.
RETRY_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Write:
    sql: str
    rows: Sequence[Sequence[object]]
    may_be_lost: bool = False


_Barrier = concurrent.futures.Future[bool]
_Batch = list[_Write | _Barrier]


class Store:
    """Owns the database file; one process at a time."""

    def __init__(self, path: Path) -> None:
        """Names the database.

        Args:
            path: SQLite file; created by open() when absent.
        """
        self.path = path
        self._file = DatabaseFile(path)
        self._lock_file: TextIO | None = None
        self._gathered: _Batch = []
        self._flush_timer: asyncio.TimerHandle | None = None
        self._batches: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failure: str | None = None
        self._lost_frames = 0
        self._tried = threading.Condition()

    @property
    def failure(self) -> str | None:
        """What is wrong with the database now; None while it works."""
        return self._failure

    @property
    def lost_frames(self) -> int:
        """Frames given up since the database fails; 0 while it works."""
        return self._lost_frames

    async def wait_for(self, condition: Callable[[Store], bool], *, timeout_s: float) -> None:
        """Waits until a condition on this store holds; it is looked at after each attempt to write.

        Raises:
            WaitTimeout: It did not hold in time.
        """

        def wait() -> bool:
            with self._tried:
                return self._tried.wait_for(lambda: condition(self), timeout_s)

        if not await asyncio.to_thread(wait):
            state = f"it fails: {self._failure}" if self._failure else "it works"
            raise WaitTimeout(
                f"The database {self.path} did not come into the state awaited within "
                f"{timeout_s:g} s; {state}."
            )

    def open(self) -> sqlite3.Connection:
        """Opens or creates the database and starts writing.

        Returns:
            A connection of its own for reading; the caller closes it.

        Raises:
            DatabaseError: Not a database, of another program, of a newer version, in use, or not
                writable.
        """
        self._lock()
        try:
            self._file.open()
            reader = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
        except sqlite3.Error as error:
            self._unlock()
            raise DatabaseError(f"The database {self.path} cannot be opened: {error}.") from None
        except DatabaseError:
            self._unlock()
            raise
        self._thread = threading.Thread(target=self._run, name="csms-store", daemon=True)
        self._thread.start()
        return reader

    def write(self, sql: str, *parameters: object, may_be_lost: bool = False) -> None:
        """Hands one statement over; returns at once.

        Args:
            sql: Statement with ``?`` placeholders.
            parameters: Their values.
            may_be_lost: Given up first when the database fails for long.
        """
        self._gather(_Write(sql, [parameters], may_be_lost))

    def _gather(self, write: _Write) -> None:
        self._gathered.append(write)
        if self._flush_timer is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self._flush()  # outside the event loop: at start
            else:
                self._flush_timer = loop.call_later(FLUSH_INTERVAL_S, self._flush)

    def insert(
        self, table: str, *, replace: bool = False, may_be_lost: bool = False, **values: object
    ) -> None:
        """Hands one row over; see write().

        Args:
            table: Name of the table.
            replace: Overwrite a row with the same key.
            may_be_lost: See write().
            values: By column.
        """
        sql = _insert_sql(table, tuple(values), replace)
        self.write(sql, *values.values(), may_be_lost=may_be_lost)

    def insert_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Hands many rows of one table over; see write()."""
        if rows:
            self._gather(_Write(_insert_sql(table, tuple(columns), False), rows))

    async def committed(self, timeout_s: float) -> bool:
        """Waits until everything handed over so far is in the database.

        Args:
            timeout_s: Seconds to wait at most. While the database fails nothing is waited for.

        Returns:
            False when it could not be written (yet).
        """
        if self._failure is not None or self._thread is None:
            return False
        barrier = _Barrier()
        self._gathered.append(barrier)
        # In the next round of the loop, so that those who wait at the same time share a commit.
        asyncio.get_running_loop().call_soon(self._flush)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(barrier), timeout_s)
        except TimeoutError:
            return False

    def close(self, timeout_s: float = 5.0) -> None:
        """Writes what is left and closes the database; a failing one gets one more attempt."""
        if self._thread is None:
            return
        self._flush()
        self._batches.put(None)
        self._thread.join(timeout_s)
        self._thread = None
        self._unlock()

    def _flush(self) -> None:
        """Hands what has gathered to the thread."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._gathered:
            self._batches.put(self._gathered)
            self._gathered = []

    def _lock(self) -> None:
        # A file of its own: closing any descriptor of the database itself would drop SQLite's
        # locks.
        lock_path = self.path.with_name(f"{self.path.name}-lock")
        try:
            self._lock_file = lock_path.open("a+", encoding="ascii")
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file = None
            raise DatabaseError(
                f"The database {self.path} is in use by another CSMS process."
            ) from None
        except OSError as error:
            self._lock_file = None
            raise DatabaseError(
                f"The database {self.path} cannot be opened: {error.strerror}."
            ) from None

    def _unlock(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _run(self) -> None:
        """The writing thread."""
        pending: list[_Write] = []
        running = True
        while running:
            barriers: list[_Barrier] = []
            running = self._take(pending, barriers)
            written = self._try_commit(pending)
            with self._tried:
                self._tried.notify_all()
            for barrier in barriers:
                if barrier.set_running_or_notify_cancel():
                    barrier.set_result(written)
        if pending:
            _LOG.error("%d records could not be written to %s.", len(pending), self.path)
        self._file.close()

    def _take(self, pending: list[_Write], barriers: list[_Barrier]) -> bool:
        """Takes what has been handed over, waiting for the first; returns False at the end."""
        try:
            batch = self._batches.get(timeout=RETRY_INTERVAL_S if pending else None)
            while True:
                if batch is None:
                    return False
                for item in batch:
                    if isinstance(item, _Write):
                        pending.append(item)
                    else:
                        barriers.append(item)
                batch = self._batches.get_nowait()
        except queue.Empty:
            return True

    def _try_commit(self, pending: list[_Write]) -> bool:
        """Writes all of ``pending`` in one transaction and empties it, or reports why not."""
        connection: sqlite3.Connection | None = None
        try:
            connection = self._file.usable()
            if pending:
                connection.execute("BEGIN IMMEDIATE")
                for write in pending:
                    self._execute(connection, write)
                connection.execute("COMMIT")
        except (sqlite3.Error, DatabaseError) as error:
            if connection is not None and connection.in_transaction:
                try:
                    connection.execute("ROLLBACK")
                except sqlite3.Error:
                    _LOG.debug("rollback failed", exc_info=True)
            self._on_failure(str(error).rstrip("."), pending)
            return False
        pending.clear()
        if self._failure is not None:
            lost = f"; {self._lost_frames} frames were lost" if self._lost_frames else ""
            _LOG.warning("The database %s can be written again%s.", self.path, lost)
            self._failure = None
            self._lost_frames = 0
        return True

    def _execute(self, connection: sqlite3.Connection, write: _Write) -> None:
        try:
            connection.executemany(write.sql, write.rows)
        except (
            sqlite3.IntegrityError,
            sqlite3.ProgrammingError,
            UnicodeError,
            OverflowError,
        ) as error:
            # This one record can never be written; do not let it block all others.
            _LOG.error(
                "A record does not fit the database %s and is left out: %s.", self.path, error
            )

    def _on_failure(self, error: str, pending: list[_Write]) -> None:
        if self._failure is None:
            _LOG.error(
                "The database %s cannot be written: %s. Charge points are still answered; "
                "frames are kept in memory until it works again.",
                self.path,
                error,
            )
        self._failure = error
        excess = len(pending) - KEPT_WRITES
        if excess > 0:
            kept: list[_Write] = []
            for write in pending:
                if write.may_be_lost and excess > 0:
                    excess -= 1
                    self._lost_frames += 1
                else:
                    kept.append(write)
            pending[:] = kept


@functools.cache
def _insert_sql(table: str, columns: tuple[str, ...], replace: bool) -> str:
    verb = "INSERT OR REPLACE" if replace else "INSERT"
    marks = ", ".join("?" * len(columns))
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({marks})"
