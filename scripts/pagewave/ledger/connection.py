"""One connection a process: how the ledger is opened, read and written."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from ..errors import LedgerError
from .migrations import MIGRATIONS, migrate, version

BUSY_TIMEOUT_SECONDS = 30.0


class Connection:
    """An open ledger, shared by the threads of its process.

    Raises:
        LedgerError: the file is damaged, can't be written, or was made by a newer pagewave.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing; the file and its tables are made or migrated as needed."""
        return cls(path, _connect_to_write(path))

    @classmethod
    def peek(cls, path: Path) -> Self:
        """Open without ever writing: for dry runs and reports. No file: an empty ledger."""
        return cls(path, _connect_to_read(path))

    def start_writing(self) -> None:
        """Turn a ledger that was only looked at into one that is written.

        Raises:
            LedgerError: it can't be written, or another process changed it since the look.
        """
        with self._lock:
            seen = self._latest_change()
            self._connection.close()
            self._connection = _connect_to_write(self._path)
            if self._latest_change() != seen:
                raise LedgerError(
                    "Another run ended while this one began. Run the same command again."
                )

    def close(self) -> None:
        """Close the connection; the ledger can't be used afterwards."""
        with self._lock:
            self._connection.close()

    def query(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of one statement."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; other threads of this process wait. Nested use joins the outer one."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _latest_change(self) -> int:
        return int(self.query("SELECT COALESCE(MAX(id), 0) FROM wave")[0][0])


def _quoted(path: Path) -> str:
    """A path as the path part of an SQLite URI."""
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _connect_to_write(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(f"file:{_quoted(path)}", path)
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: what is about to cost money must survive a power cut, not only a crash.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"{path}: the ledger can't be opened for writing ({error}). Check the folder's "
            "permissions and free space; if the file is damaged, move it away and restore a copy."
        ) from error
    return connection


def _connect_to_read(path: Path) -> sqlite3.Connection:
    try:
        if not path.exists():
            connection = _connect(":memory:", path)
            migrate(connection)
            return connection
        connection = _connect(f"file:{_quoted(path)}?mode=ro", path)
        if version(connection) < len(MIGRATIONS):
            older, connection = connection, _connect(":memory:", path)
            older.backup(connection)
            older.close()
            migrate(connection)
    except sqlite3.Error as error:
        raise LedgerError(
            f"{path}: the ledger can't be read ({error}). If the file is damaged, move it away and "
            "restore a copy."
        ) from error
    return connection


def _connect(address: str, path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address,
        uri=True,
        check_same_thread=False,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_SECONDS,
    )
    connection.row_factory = sqlite3.Row
    if version(connection) > len(MIGRATIONS):
        raise LedgerError(
            f"{path}: this ledger was written by a newer pagewave. Update pagewave, or use another "
            "paths.state_dir."
        )
    return connection
