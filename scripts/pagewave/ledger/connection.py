"""One connection a process: how the ledger is opened, read, written and emptied."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from pagewave.errors import LedgerError
from pagewave.ledger.migrations import migrate, newest_version, refuse_version, version
from pagewave.ledger.soundness import back_up, check_content, check_files
from pagewave.ledger.trouble import damaged, explained

BUSY_TIMEOUT_SECONDS = 30.0


LARGEST = 2**63 - 1


def bounded(value: object) -> object:
    """A value as SQLite can hold it: numbers cut to what fits, NaN as NULL, text in valid Unicode.

    What a service or a model says is theirs: no number of it may stop a run, nor the next one.
    """
    if isinstance(value, float):
        return None if value != value else max(-float(LARGEST), min(float(LARGEST), value))
    if isinstance(value, int):
        return max(-LARGEST, min(LARGEST, value))
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    return value


class _Bounded(sqlite3.Connection):
    """A connection that binds only what SQLite can hold."""

    def execute(self, sql: str, values: Iterable[object] = (), /) -> sqlite3.Cursor:  # type: ignore[override]
        return super().execute(sql, tuple(map(bounded, values)))

    def executemany(self, sql: str, rows: Iterable[Iterable[object]], /) -> sqlite3.Cursor:  # type: ignore[override]
        return super().executemany(sql, (tuple(map(bounded, row)) for row in rows))


class Connection:
    """An open ledger, shared by the threads of its process.

    Raises:
        LedgerError: the file is damaged, can't be written, or was made by a newer pagewave; so do
            all methods.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._in_transaction = False

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing; the file and its tables are made or migrated as needed."""
        return cls(path, _connect_to_write(path))

    @classmethod
    def peek(cls, path: Path) -> Self:
        """Open without ever writing: for dry runs and reports. No file: an empty ledger."""
        return cls(path, _connect_to_read(path))

    @classmethod
    def absent(cls) -> Self:
        """An empty one in memory: for jobs on other machines, which do without the real one."""
        path = Path("no ledger")
        connection = _connect(":memory:", path)
        migrate(connection)
        return cls(path, connection)

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
            with self.transaction() as db:
                # A real write: a full disk or a file without permission is noticed only by one.
                db.execute(f"PRAGMA user_version = {version(db)}")

    def check(self) -> None:
        """Read all of it, to be sure that it is whole: once a run, not in each of its jobs."""
        with self._lock, explained(self._path):
            check_content(self._connection, self._path)

    def close(self) -> None:
        """Close the connection; the ledger can't be used afterwards."""
        with self._lock:
            self._connection.close()

    def query(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of one statement."""
        with self._lock, explained(self._path):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All queries inside see the ledger as it was at one moment, whatever is written to it."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            with explained(self._path):
                self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @property
    def is_copy(self) -> bool:
        """Is it a copy in memory, which later changes of the file do not reach?"""
        return not self.query("PRAGMA database_list")[0]["file"]

    def change_counter(self) -> int:
        """A number that changes whenever another process has changed the ledger."""
        return int(self.query("PRAGMA data_version")[0][0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; other threads of this process wait. Nested use joins the outer one."""
        with self._lock:
            if self._in_transaction:
                yield self._connection
                return
            self._in_transaction = True
            try:
                with explained(self._path), _transaction(self._connection):
                    yield self._connection
            finally:
                self._in_transaction = False

    def _latest_change(self) -> int:
        return int(self.query("SELECT COALESCE(MAX(id), 0) FROM wave")[0][0])


class Shelf:
    """One subject's part of the ledger; all shelves share its one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection


WRITTEN = "written_file"
"""The table of what files held when they were written (`page_files`)."""


def empty(path: Path, *, recreate_tables: bool) -> Path:
    """Copy the ledger to a dated name, which is returned, and empty it; the caller holds the lock.

    What pagewave wrote into files stays known: without it nobody could tell what a person changed.

    The file stays the same, so that whoever looks at it meanwhile comes to no harm.

    Args:
        recreate_tables: drop the tables and make them anew, instead of emptying them.

    Raises:
        sqlite3.Error, OSError: nothing was changed.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS)
    with closing(connection) as db:
        db.execute("BEGIN IMMEDIATE")  # from here on nobody else writes: the copy is complete
        backup = back_up(path)
        written = _written_files(db)
        for kind, name in db.execute(
            "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite_%' ORDER BY type DESC"  # views first: they name tables
        ).fetchall():
            if recreate_tables:
                db.execute(f'DROP {kind} "{name}"')
            elif kind == "table" and name != WRITTEN:
                db.execute(f'DELETE FROM "{name}"')
        if recreate_tables:
            db.execute("PRAGMA user_version = 0")
        db.execute("COMMIT")
        with suppress(sqlite3.OperationalError):
            db.execute("VACUUM")  # only for the space; somebody may be reading
    if recreate_tables:
        new = Connection.open(path)
        with closing(new), new.transaction() as db:
            db.executemany(f"INSERT INTO {WRITTEN} VALUES (?, ?, ?, ?)", written)
    return backup


def _written_files(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    """The hashes of what was written; none in a ledger that is older than they are."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (WRITTEN,)).fetchone():
        return []
    return db.execute(f"SELECT name, sha256, size_bytes, modified_ns FROM {WRITTEN}").fetchall()


def _quoted(path: Path) -> str:
    """A path as the path part of an SQLite URI."""
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        # Most of what a full disk refuses, it refuses here.
        connection.execute("COMMIT")
    except BaseException:
        # After some errors SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect_to_write(path: Path) -> sqlite3.Connection:
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        check_files(path)
        if not path.exists():
            _create(path)
        connection = _connect(f"file:{_quoted(path)}", path)
        try:
            found = version(connection)
            if found < newest_version():
                if found:
                    back_up(path, f"-v{found}")
                migrate(connection)
            # Kept in the file: readers and the one writer don't wait for each other.
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: what is about to cost money must survive a power cut, not only a crash.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def _create(path: Path) -> None:
    """Make an empty ledger under another name first: so a file without content is a damaged one."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)  # what is beside it later has the same mode
    connection = sqlite3.connect(partial, isolation_level=None)
    try:
        migrate(connection)
        connection.close()
        partial.replace(path)
    finally:
        connection.close()
        partial.unlink(missing_ok=True)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    with explained(path):
        check_files(path)
        if not path.exists():
            connection = _connect(":memory:", path)
            migrate(connection)
            return connection
        connection = _connect(f"file:{_quoted(path)}?mode=ro", path)
        if version(connection) < newest_version():
            with closing(connection) as older:
                connection = _connect(":memory:", path)
                older.backup(connection)
            migrate(connection)
    return connection


def glance(path: Path, sql: str) -> list[sqlite3.Row]:
    """The rows of a query over a ledger's file as it is; none where that can't be asked.

    It is neither checked nor migrated: who opens it says what is wrong with it.
    """
    with suppress(sqlite3.Error, LedgerError):
        if path.is_file():
            with closing(_connect(f"file:{_quoted(path)}?mode=ro", path)) as connection:
                return connection.execute(sql).fetchall()
    return []


def _connect(address: str, path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address,
        uri=True,
        check_same_thread=False,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_SECONDS,
        factory=_Bounded,
    )
    connection.row_factory = sqlite3.Row
    try:
        found = version(connection)
        refuse_version(path, found)
        if found == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise LedgerError(f"{path}: this database is no ledger of pagewave. {damaged()}")
    except BaseException:
        connection.close()
        raise
    return connection
