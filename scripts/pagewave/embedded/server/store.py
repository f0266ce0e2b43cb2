"""Files and jobs on disk: an SQLite database for what is known of them, a folder for their bytes.

The database is in WAL mode without a sync at every commit: a commit survives the server's death
(kill -9), not a power failure. Used by one thread, the server's event loop.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pagewave.embedded.server.answers import Outcome
from pagewave.embedded.server.entities import Batch, File, Result, new_id
from pagewave.embedded.server.wire import Json

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, display_name TEXT,
    mime_type TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, created REAL NOT NULL,
    active REAL NOT NULL, expires REAL NOT NULL, source TEXT NOT NULL, fate TEXT NOT NULL,
    undeletable INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, model TEXT NOT NULL,
    display_name TEXT NOT NULL, input TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    ended REAL, state TEXT NOT NULL, requests INTEGER NOT NULL, succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL, output TEXT, error TEXT, quirks TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS active_batches ON batches (number) WHERE ended IS NULL;
-- The lines of a batch's result file until it is written. A row here is what makes a record read.
CREATE TABLE IF NOT EXISTS results (
    batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE, line INTEGER NOT NULL,
    key TEXT NOT NULL, sha256 TEXT NOT NULL, lines TEXT NOT NULL, paid INTEGER NOT NULL,
    failed INTEGER NOT NULL, PRIMARY KEY (batch, line));
CREATE TABLE IF NOT EXISTS inferences (key TEXT PRIMARY KEY, times INTEGER NOT NULL);
"""


class Store:
    """All that the server must not forget. `folder` is made when it does not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("files", "uploads"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "server.sqlite", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)
        self._sweep()

    def _sweep(self) -> None:
        """Removes what a killed server left unfinished: uploads, and files nobody knows."""
        for path in (self.folder / "uploads").iterdir():
            path.unlink()
        known = {row["id"] for row in self._db.execute("SELECT id FROM files")}
        for path in (self.folder / "files").iterdir():
            if path.name not in known:
                path.unlink()

    # ---- files

    def path(self, file_id: str) -> Path:
        """Where the bytes of a file are."""
        return self.folder / "files" / file_id

    def add_file(
        self,
        file_id: str,
        bytes_at: Path,
        *,
        display_name: str | None,
        mime_type: str,
        source: str,
        wait: float,
        lifetime: float,
        fate: str = "ACTIVE",
        undeletable: bool = False,
    ) -> File:
        """Takes in the file at `bytes_at` (moves it); `wait` and `lifetime` in seconds from now."""
        with bytes_at.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = bytes_at.stat().st_size
        now = time.time()
        bytes_at.rename(self.path(file_id))
        row = (file_id, display_name, mime_type, size, sha256, now, now + wait, now + lifetime)
        self._db.execute(
            "INSERT INTO files (id, display_name, mime_type, size, sha256, created, active,"
            " expires, source, fate, undeletable) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (*row, source, fate, undeletable),
        )
        return _file(self._db.execute("SELECT * FROM files WHERE id = ?", (file_id,)).fetchone())

    def file(self, file_id: str) -> File | None:
        """A file, unless it does not exist or has expired."""
        row = self._db.execute(
            "SELECT * FROM files WHERE id = ? AND expires > ?", (file_id, time.time())
        ).fetchone()
        return _file(row) if row else None

    def files(self, behind: int, limit: int, oldest_first: bool) -> list[File]:
        """Up to `limit` files behind number `behind` in a list of that order."""
        rows = self._db.execute(
            f"SELECT * FROM files WHERE expires > ? AND {_behind(oldest_first)}",
            (time.time(), behind, limit),
        )
        return [_file(row) for row in rows]

    def count_uploads(self) -> int:
        """How many uploaded files there are."""
        query = "SELECT count(*) FROM files WHERE source = 'UPLOADED' AND expires > ?"
        return int(self._db.execute(query, (time.time(),)).fetchone()[0])

    def delete_file(self, file_id: str) -> None:
        """Forgets a file and frees its place (also when it has expired)."""
        self._db.execute("DELETE FROM files WHERE id = ?", (file_id,))
        self.path(file_id).unlink(missing_ok=True)

    def drop_expired(self) -> None:
        """Frees the place of files whose time is over."""
        rows = self._db.execute(
            "SELECT id FROM files WHERE expires <= ?", (time.time(),)
        ).fetchall()
        for row in rows:
            self.delete_file(row["id"])

    # ---- batches

    def add_batch(
        self, model: str, display_name: str, input_id: str, requests: int, quirks: dict[str, float]
    ) -> Batch:
        """A new job, PENDING."""
        batch_id, now = new_id(36), time.time()
        self._db.execute(
            "INSERT INTO batches (id, model, display_name, input, created, updated, state,"
            " requests, succeeded, failed, quirks) VALUES (?,?,?,?,?,?,'PENDING',?,0,0,?)",
            (batch_id, model, display_name, input_id, now, now, requests, json.dumps(quirks)),
        )
        batch = self.batch(batch_id)
        assert batch is not None
        return batch

    def batch(self, batch_id: str) -> Batch | None:
        """A job, unless it does not exist."""
        row = self._db.execute("SELECT * FROM batches WHERE id = ?", (batch_id,)).fetchone()
        return _batch(row) if row else None

    def batches(self, behind: int, limit: int, oldest_first: bool) -> list[Batch]:
        """Up to `limit` jobs behind number `behind` in a list of that order."""
        rows = self._db.execute(
            f"SELECT * FROM batches WHERE {_behind(oldest_first)}", (behind, limit)
        )
        return [_batch(row) for row in rows]

    def active_batches(self) -> list[Batch]:
        """The jobs that have not ended, oldest first."""
        rows = self._db.execute("SELECT * FROM batches WHERE ended IS NULL ORDER BY number")
        return [_batch(row) for row in rows]

    def count(self, table: str) -> int:
        """How many `batches` or `files` there are."""
        return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def count_active(self) -> int:
        """How many jobs have not ended."""
        query = "SELECT count(*) FROM batches WHERE ended IS NULL"
        return int(self._db.execute(query).fetchone()[0])

    def set_state(self, batch_id: str, state: str) -> None:
        """The state of a job that goes on."""
        change = "UPDATE batches SET state = ?, updated = ? WHERE id = ?"
        self._db.execute(change, (state, time.time(), batch_id))

    def delete_batch(self, batch_id: str) -> None:
        """Forgets a job; its result file stays."""
        self._db.execute("DELETE FROM batches WHERE id = ?", (batch_id,))

    # ---- results

    def add_result(self, batch_id: str, line: int, key: str, sha256: str, outcome: Outcome) -> None:
        """Keeps what a record came to: from this commit on it is never read again."""
        lines = "\n".join(outcome.lines)
        with self._transaction():
            self._db.execute(
                "INSERT INTO results VALUES (?,?,?,?,?,?,?)",
                (batch_id, line, key, sha256, lines, outcome.paid, outcome.failed),
            )
            count = "failed" if outcome.failed else "succeeded"
            self._db.execute(
                f"UPDATE batches SET {count} = {count} + 1, updated = ? WHERE id = ?",
                (time.time(), batch_id),
            )
            if outcome.paid:
                self.count_inference(key)

    def results(self, batch_id: str) -> list[Result]:
        """What the records of a running job have come to so far, in the order of the input."""
        rows = self._db.execute("SELECT * FROM results WHERE batch = ? ORDER BY line", (batch_id,))
        return [
            Result(
                row["line"],
                row["key"],
                row["sha256"],
                tuple(row["lines"].split("\n")) if row["lines"] else (),
                bool(row["paid"]),
                bool(row["failed"]),
            )
            for row in rows
        ]

    def finish(
        self,
        batch: Batch,
        state: str,
        *,
        output: Iterable[str] | None,
        lifetime: float,
        succeeded: int = 0,
        failed: int = 0,
        error: Json | None = None,
    ) -> None:
        """Ends a job: its result file (when there is one) and its last state, at one stroke."""
        output_id = None
        now = time.time()
        with self._transaction():
            if output is not None:
                # "batch-" and 36 letters: longer than a name that files.delete takes
                # (python-genai#1759).
                output_id = f"batch-{batch.id}"
                part = self.folder / "uploads" / output_id
                part.write_bytes("".join(f"{line}\n" for line in output).encode())
                self.add_file(
                    output_id,
                    part,
                    display_name=None,
                    mime_type="jsonl",
                    source="GENERATED",
                    wait=0,
                    lifetime=lifetime,
                    undeletable=True,
                )
            self._db.execute("DELETE FROM results WHERE batch = ?", (batch.id,))
            self._db.execute(
                "UPDATE batches SET state = ?, updated = ?, ended = ?, succeeded = ?, failed = ?,"
                " output = ?, error = ? WHERE id = ?",
                (state, now, now, succeeded, failed, output_id, _text(error), batch.id),
            )

    def count_inference(self, key: str) -> None:
        """One more inference of the record with this key ('' for one without)."""
        self._db.execute(
            "INSERT INTO inferences VALUES (?, 1)"
            " ON CONFLICT (key) DO UPDATE SET times = times + 1",
            (key,),
        )

    def readings(self, key: str) -> int:
        """How often the record with this key has been read since the store was made."""
        row = self._db.execute("SELECT times FROM inferences WHERE key = ?", (key,)).fetchone()
        return int(row["times"]) if row else 0

    def inferences(self) -> dict[str, int]:
        """How often each record has been read since the store was made."""
        rows = self._db.execute("SELECT key, times FROM inferences ORDER BY key")
        return {row["key"]: row["times"] for row in rows}

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    """BEGIN … COMMIT, or ROLLBACK when the block raises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _behind(oldest_first: bool) -> str:
    """The end of a query for what stands behind a number (?) in a list, so many at most (?)."""
    sign, order = (">", "ASC") if oldest_first else ("<", "DESC")
    return f"number {sign} ? ORDER BY number {order} LIMIT ?"


def _file(row: sqlite3.Row) -> File:
    return File(**{**dict(row), "undeletable": bool(row["undeletable"])})


def _batch(row: sqlite3.Row) -> Batch:
    values: dict[str, Any] = dict(row)
    values["error"] = json.loads(values["error"]) if values["error"] else None
    values["quirks"] = json.loads(values["quirks"])
    return Batch(**values)


def _text(value: Json | None) -> str | None:
    return None if value is None else json.dumps(value)
