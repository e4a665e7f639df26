"""The file of the database: its tables, how it is opened, and whether it is still the same file.

SQLite keeps writing to a file that was deleted, and does not notice at once when somebody
overwrites one; both would lose frames without a word. So it is looked at before each commit.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

from vevgw.csms.errors import DatabaseError

#: Seconds that SQLite waits for another process's lock.
BUSY_TIMEOUT_S: Final = 0.5

APPLICATION_ID: Final = 0x56455643  # "VEVC"
SCHEMA_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE connections (
    id INTEGER PRIMARY KEY, charge_point TEXT NOT NULL, opened_utc TEXT NOT NULL, remote TEXT NOT
    NULL, closed_utc TEXT, close_code INTEGER, close_reason TEXT);
CREATE TABLE frames (
    sequence INTEGER PRIMARY KEY, charge_point TEXT NOT NULL, connection INTEGER NOT NULL,
    direction TEXT NOT NULL, utc TEXT NOT NULL, latency_ms REAL, message_type INTEGER, action TEXT,
    message_id TEXT, raw TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    fault TEXT NOT NULL DEFAULT '');
CREATE INDEX frames_by_charge_point ON frames (charge_point, sequence);
CREATE INDEX frames_by_message_id ON frames (message_id);
CREATE TABLE charge_points (
    identity TEXT PRIMARY KEY, registration TEXT, boot TEXT, boot_utc TEXT) WITHOUT ROWID;
CREATE TABLE connectors (
    charge_point TEXT NOT NULL, connector_id INTEGER NOT NULL, status TEXT NOT NULL, error_code
    TEXT NOT NULL, utc TEXT NOT NULL, PRIMARY KEY (charge_point, connector_id)) WITHOUT ROWID;
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY, charge_point TEXT NOT NULL, connector_id INTEGER NOT NULL, id_tag TEXT
    NOT NULL, id_tag_status TEXT NOT NULL, meter_start_wh INTEGER NOT NULL, start_utc TEXT NOT
    NULL, reservation_id INTEGER, meter_stop_wh INTEGER, stop_utc TEXT, stop_id_tag TEXT, reason
    TEXT, start_repeats INTEGER NOT NULL DEFAULT 0, stop_repeats INTEGER NOT NULL DEFAULT 0);
CREATE TABLE samples (
    charge_point TEXT NOT NULL, connector_id INTEGER NOT NULL, transaction_id INTEGER, utc TEXT NOT
    NULL, value TEXT NOT NULL, measurand TEXT NOT NULL, unit TEXT NOT NULL, phase TEXT NOT NULL,
    location TEXT NOT NULL, context TEXT NOT NULL, format TEXT NOT NULL);
CREATE INDEX samples_by_transaction ON samples (transaction_id);
"""
#: Steps from each earlier version to the next.
_MIGRATIONS: Final = {1: "ALTER TABLE frames ADD COLUMN fault TEXT NOT NULL DEFAULT '';"}
_MAGIC: Final = b"SQLite format 3\0"


class DatabaseFile:
    """The database as the writing thread sees it."""

    def __init__(self, path: Path) -> None:
        """Names the file.

        Args:
            path: Made by open() when absent.
        """
        self.path = path
        self._connection: sqlite3.Connection | None = None
        # Stays open as long as the connection: closing any descriptor of the file would drop the
        # locks that SQLite holds on it.
        self._descriptor: int | None = None

    def open(self) -> None:
        """Opens or creates the database.

        Raises:
            sqlite3.Error: It is no database or cannot be written.
            DatabaseError: It is of another program or of a newer version.
        """
        self._connection = self._connect()
        self._descriptor = os.open(self.path, os.O_RDONLY)

    def close(self) -> None:
        """Closes the database; does nothing when it is not open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def usable(self) -> sqlite3.Connection:
        """Returns the connection; opens the database again, or a new one, when it was damaged.

        Raises:
            sqlite3.Error: See open().
            DatabaseError: The file was deleted, replaced or overwritten since the last time; or see
                open().
        """
        if self._connection is None:
            self.open()
        elif not self._is_intact():
            self.close()
            raise DatabaseError("the file was deleted, replaced or overwritten")
        assert self._connection is not None
        return self._connection

    def _is_intact(self) -> bool:
        assert self._descriptor is not None
        try:
            mine, there = os.fstat(self._descriptor), self.path.stat()
            magic = os.pread(self._descriptor, len(_MAGIC), 0)
        except OSError:
            return False
        return os.path.samestat(mine, there) and magic == _MAGIC

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if owner == APPLICATION_ID and version > SCHEMA_VERSION:
                raise DatabaseError(
                    f"The database {self.path} was written by a newer version of vevgw."
                )
            if owner != APPLICATION_ID:
                if tables:
                    raise DatabaseError(f"The database {self.path} belongs to another program.")
                # One transaction: a process killed here leaves an empty file, not half a schema.
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id={APPLICATION_ID};"
                    f"PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
                )
            elif version < SCHEMA_VERSION:
                steps = " ".join(_MIGRATIONS[v] for v in range(version, SCHEMA_VERSION))
                connection.executescript(
                    f"BEGIN IMMEDIATE; {steps} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
                )
            # Shows a read-only file or directory now instead of at the first frame.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except BaseException:
            connection.close()
            raise
        return connection
