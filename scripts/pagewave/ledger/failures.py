"""Why records failed, and how often since someone last forgave them."""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pagewave.ledger.connection import Shelf
from pagewave.redaction import hide_keys

NOBODYS = frozenset({"AccountLimited"})
"""Failures that say nothing of page or batch: they are on record, and count for nothing."""


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Why a record failed; `counted` failures use up its attempts, those not its own don't.

    `is_nobodys`: it is on record, and counts for nothing.
    """

    key: str
    attempt_number: int
    counted: bool
    error_type: str
    message: str
    traceback: str | None = None
    raw_text: str | None = None
    raw_json: str | None = None
    is_nobodys: bool = False


_COUNTS = (
    "SUM(counted), SUM(NOT counted AND error_type NOT IN"
    " ('ServiceTrouble', 'ServiceRefused', 'BadBatch')),"
    " MAX(error_type = 'BadBatch') AND MAX(error_type = 'BadRequest')"
)
"""A key's failures as a FailureCount."""


class FailureCount(NamedTuple):
    """Failures of one key that nothing has cleared yet.

    Trouble of the service counts for nothing, nor does a batch that failed for one of its requests,
    until this one stands alone. `is_bad`: it did, and its batch failed again.
    """

    counted: int
    of_batches: int
    is_bad: bool = False

    def are_too_many(self, max_retries: int, max_batch_failures: int) -> bool:
        """Is the page given up?"""
        if self.is_bad:
            return True
        return self.counted >= max_retries or self.of_batches >= max_batch_failures


class Setback(NamedTuple):
    """Failures of one key that call for a pause: how many, and the newest (Unix seconds).

    They are not the page's own: of batches, of uploads, of images that are gone, of the service.
    """

    times: int
    error_type: str
    message: str
    at: float


class ServiceTrouble(NamedTuple):
    """What one key met that only the service is to blame for, unanswered since.

    `since` and `at`: the first and the newest time (Unix seconds); `is_refusal`: the newest was one
    of the key or the account.
    """

    times: int
    since: float
    at: float
    message: str
    is_refusal: bool


def clear_failures(db: sqlite3.Connection, keys: Iterable[str], now: float) -> None:
    """Forgive the failures of these keys, inside of a transaction."""
    db.executemany(
        "UPDATE failure SET cleared_at = ? WHERE key = ? AND cleared_at IS NULL",
        [(now, key) for key in keys],
    )


class LoggedFailure(NamedTuple):
    """A failure as it is counted and grouped; times are Unix seconds."""

    id: int
    key: str
    engine: str
    error_type: str
    message: str
    counted: bool
    created_at: float
    cleared_at: float | None


def is_comparison(db: sqlite3.Connection, batch_id: int) -> bool:
    """Was the batch sent to compare prompts, rather than by the workflow?"""
    found = db.execute(
        "SELECT r.purpose = 'comparison' FROM batch b JOIN run r ON r.id = b.run_id WHERE b.id = ?",
        (batch_id,),
    ).fetchone()
    return bool(found and found[0])


def insert_failures(
    db: sqlite3.Connection,
    engine: str,
    batch_id: int | None,
    failures: Iterable[FailureRow],
    now: float,
    forgiven: Container[str] = (),
) -> None:
    """Write failures down, inside of a transaction; those of the keys in `forgiven` as cleared.

    Failures in a comparison of prompts count for nothing in the workflow: all are cleared. So are
    those that are nobody's.
    """
    nothing_counts = batch_id is not None and is_comparison(db, batch_id)

    def is_cleared(failure: FailureRow) -> bool:
        is_nobodys = failure.is_nobodys or failure.error_type in NOBODYS
        return nothing_counts or is_nobodys or failure.key in forgiven

    db.executemany(
        "INSERT INTO failure (key, batch_id, attempt_number, engine, counted, error_type,"
        " message, traceback, raw_text, raw_json, created_at, cleared_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                f.key,
                batch_id,
                f.attempt_number,
                engine,
                f.counted,
                f.error_type,
                hide_keys(f.message),
                f.traceback,
                f.raw_text,
                f.raw_json,
                now,
                now if is_cleared(f) else None,
            )
            for f in failures
        ],
    )


class Failures(Shelf):
    """Failures, cleared or not, and which pages are dead letters because of them."""

    def add(self, engine: str, failures: Iterable[FailureRow], batch_id: int | None = None) -> None:
        """Failures of records that were never put into a batch, or whose batch was not created."""
        if not (failures := list(failures)):
            return
        with self._connection.transaction() as db:
            insert_failures(db, engine, batch_id, failures, time.time())

    def leave_out(self, batch_id: int, failures: Sequence[FailureRow]) -> None:
        """Take records out of a batch that is not sent yet: they failed before they could be."""
        if not failures:
            return
        with self._connection.transaction() as db:
            engine = db.execute("SELECT engine FROM batch WHERE id = ?", (batch_id,)).fetchone()[0]
            db.executemany(
                "DELETE FROM record WHERE batch_id = ? AND key = ?",
                [(batch_id, failure.key) for failure in failures],
            )
            insert_failures(db, engine, batch_id, failures, time.time())

    def counts(self, engine: str) -> dict[str, FailureCount]:
        """Failures that nothing has cleared yet, by key."""
        rows = self._connection.query(
            f"SELECT key, {_COUNTS} FROM failure"
            " WHERE cleared_at IS NULL AND engine = ? GROUP BY key",
            engine,
        )
        return defaultdict(
            lambda: FailureCount(0, 0), {row[0]: FailureCount(*row[1:]) for row in rows}
        )

    def uncleared(self) -> dict[str, FailureCount]:
        """Failures of all engines that nothing has cleared yet, by key, in the keys' order."""
        rows = self._connection.query(
            f"SELECT key, {_COUNTS} FROM failure WHERE cleared_at IS NULL GROUP BY key ORDER BY key"
        )
        return {row[0]: FailureCount(*row[1:]) for row in rows}

    def dead_letters(self, engine: str, max_retries: int, max_batch_failures: int) -> set[str]:
        """Keys that failed so often, by themselves or with their batch, that they are given up."""
        return {
            key
            for key, failures in self.counts(engine).items()
            if failures.are_too_many(max_retries, max_batch_failures)
        }

    def setbacks(self, engine: str) -> dict[str, Setback]:
        """What calls for a pause before it is sent again, by key."""
        rows = self._connection.query(
            # SQLite takes the other columns from the row of the one maximum.
            "SELECT key, COUNT(*), MAX(id), error_type, message, created_at FROM failure"
            " WHERE cleared_at IS NULL AND engine = ? AND NOT counted"
            " AND error_type NOT IN ('ServiceRefused', 'BadBatch') GROUP BY key",
            engine,
        )
        return {
            row["key"]: Setback(row[1], row["error_type"], row["message"], row["created_at"])
            for row in rows
        }

    def bad_batches(self, engine: str) -> dict[str, tuple[int, int]]:
        """Of each key, the newest batch that failed for one of its requests, and how many failed
        in it."""
        rows = self._connection.query(
            "WITH newest AS (SELECT key, MAX(batch_id) AS batch_id FROM failure"
            " WHERE error_type = 'BadBatch' AND cleared_at IS NULL AND engine = ? GROUP BY key)"
            " SELECT n.key, n.batch_id, (SELECT COUNT(*) FROM failure f"
            " WHERE f.batch_id = n.batch_id AND f.error_type = 'BadBatch') FROM newest n",
            engine,
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def trouble(self, engine: str, run_id: str | None = None) -> dict[str, ServiceTrouble]:
        """What pages met (in a run) that only the service is to blame for, by key."""
        found: dict[str, ServiceTrouble] = {}
        for key, error_type, message, at in self._connection.query(
            "SELECT f.key, f.error_type, f.message, f.created_at FROM failure f"
            " JOIN batch b ON b.id = f.batch_id WHERE f.engine = ?1 AND f.cleared_at IS NULL"
            " AND (?2 IS NULL OR b.run_id = ?2)"
            " AND f.error_type IN ('ServiceTrouble', 'ServiceRefused') ORDER BY f.id",
            engine,
            run_id,
        ):
            times, since = (found[key].times, found[key].since) if key in found else (0, at)
            refused = error_type == "ServiceRefused"
            found[key] = ServiceTrouble(times + 1, since, at, message, refused)
        return found

    def all(self) -> list[LoggedFailure]:
        """All failures there ever were, cleared ones too, oldest first."""
        rows = self._connection.query(
            "SELECT id, key, engine, error_type, message, counted, created_at, cleared_at"
            " FROM failure ORDER BY id"
        )
        return [LoggedFailure(*row) for row in rows]

    def find(
        self, error_type: str, key: str, text: str, cleared: bool, limit: int
    ) -> tuple[int, list[LoggedFailure]]:
        """How many failures pass all filters, and the newest of them.

        An empty filter passes all; capital letters count as small ones.

        Args:
            key: part of the key.
            text: part of the message or of what the model wrote.
            cleared: also those that were forgiven.
        """
        which = (
            " FROM failure WHERE (?1 = '' OR error_type = ?1) AND instr(lower(key), lower(?2))"
            " AND (instr(lower(message), lower(?3)) OR instr(lower(raw_text), lower(?3)))"
            " AND (?4 OR cleared_at IS NULL)"
        )
        filters = (error_type, key, text, cleared)
        total = self._connection.query("SELECT COUNT(*)" + which, *filters)[0][0]
        rows = self._connection.query(
            "SELECT id, key, engine, error_type, message, counted, created_at, cleared_at"
            f"{which} ORDER BY id DESC LIMIT ?5",
            *filters,
            limit,
        )
        return int(total), [LoggedFailure(*row) for row in rows]

    def kinds(self, cleared: bool = True) -> dict[str, int]:
        """How many failures there are of each error type, the most frequent first.

        `cleared`: those that were forgiven too, so all that there ever were.
        """
        rows = self._connection.query(
            "SELECT error_type, COUNT(*) FROM failure WHERE ? OR cleared_at IS NULL"
            " GROUP BY error_type ORDER BY 2 DESC, 1",
            cleared,
        )
        return {row[0]: int(row[1]) for row in rows}

    def keys(self, cleared: bool = True) -> list[str]:
        """Keys of all pages that failed, `cleared`: also of those whose failures are forgiven."""
        rows = self._connection.query(
            "SELECT DISTINCT key FROM failure WHERE ? OR cleared_at IS NULL ORDER BY key", cleared
        )
        return [row[0] for row in rows]

    def totals(self) -> tuple[int, int]:
        """Failures there ever were, and those that nothing has cleared."""
        everything = self._connection.query("SELECT COUNT(*) FROM failure")[0][0]
        left = self._connection.query("SELECT COUNT(*) FROM failure WHERE cleared_at IS NULL")[0][0]
        return int(everything), int(left)

    def of_page(self, key: str) -> list[sqlite3.Row]:
        """All failures of a page, cleared ones too, oldest first."""
        return self._connection.query("SELECT * FROM failure WHERE key = ? ORDER BY id", key)

    def in_full(self, failure_id: int) -> dict[str, Any]:
        """All that is known of a failure: the columns of `failure_logs`, and what more there is."""
        rows = self._connection.query(
            "SELECT l.*, f.engine, f.counted, f.cleared_at, r.previous_context"
            " FROM failure_logs l JOIN failure f ON f.id = l.id"
            " LEFT JOIN record r ON r.batch_id = f.batch_id AND r.key = f.key WHERE l.id = ?",
            failure_id,
        )
        return dict(rows[0])

    def count(self, key: str, engine: str) -> FailureCount:
        """Failures of one key that nothing has cleared yet."""
        rows = self._connection.query(
            f"SELECT {_COUNTS} FROM failure WHERE cleared_at IS NULL AND key = ? AND engine = ?"
            " GROUP BY key",
            key,
            engine,
        )
        return FailureCount(*rows[0]) if rows else FailureCount(0, 0)

    def error_types(self, key: str, engine: str) -> list[str]:
        """What went wrong with a key since someone last forgave it, oldest first."""
        rows = self._connection.query(
            "SELECT error_type FROM failure WHERE key = ? AND engine = ? AND cleared_at IS NULL"
            " ORDER BY id",
            key,
            engine,
        )
        return [row[0] for row in rows]

    def last(self, key: str) -> sqlite3.Row | None:
        """The newest failure of a key that nothing has cleared yet."""
        rows = self._connection.query(
            "SELECT * FROM failure WHERE key = ? AND cleared_at IS NULL ORDER BY id DESC LIMIT 1",
            key,
        )
        return rows[0] if rows else None

    def since(self, engine: str, at: float) -> dict[str, int]:
        """How many failures of each error type there were from a time (Unix seconds) on."""
        rows = self._connection.query(
            "SELECT error_type, COUNT(*) FROM failure WHERE engine = ? AND created_at >= ?"
            " GROUP BY error_type",
            engine,
            at,
        )
        return {row[0]: row[1] for row in rows}

    def newest(self, engine: str, since: float) -> sqlite3.Row | None:
        """The newest failure of any key from a time (Unix seconds) on, cleared or not."""
        rows = self._connection.query(
            "SELECT * FROM failure WHERE engine = ? AND created_at >= ? ORDER BY id DESC LIMIT 1",
            engine,
            since,
        )
        return rows[0] if rows else None

    def of_lane(self, run_id: str, lane: int, wave: int | None = None) -> dict[str, sqlite3.Row]:
        """The newest failure of each key in a lane of a run, or in one wave of it; cleared too."""
        rows = self._connection.query(
            "SELECT f.* FROM failure f JOIN batch b ON b.id = f.batch_id"
            " WHERE b.run_id = ?1 AND b.lane = ?2 AND (?3 IS NULL OR b.wave = ?3) ORDER BY f.id",
            run_id,
            lane,
            wave,
        )
        return {row["key"]: row for row in rows}

    def of_run(self, run_id: str, most: int) -> list[sqlite3.Row]:
        """The newest failures during a run: created_at, key, attempt_number, error_type, message.

        Cleared ones too, and also of records that were never put into a batch.
        """
        return self._connection.query(
            "SELECT f.created_at, f.key, f.attempt_number, f.error_type, f.message FROM failure f"
            " JOIN run r ON r.id = ?1 WHERE f.created_at >= r.started_at"
            " AND f.created_at <= COALESCE(r.ended_at, f.created_at) ORDER BY f.id DESC LIMIT ?2",
            run_id,
            most,
        )

    def clear(self, keys: Iterable[str]) -> None:
        """Forgive the failures of these keys: their attempts are counted anew."""
        with self._connection.transaction() as db:
            clear_failures(db, keys, time.time())
