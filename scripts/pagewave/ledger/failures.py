"""Why records failed, and how often since someone last forgave them."""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from .connection import Connection


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Why a record failed; `counted` failures use up its attempts, those of a whole batch don't."""

    key: str
    attempt_number: int
    counted: bool
    error_type: str
    message: str
    traceback: str | None = None
    raw_text: str | None = None
    raw_json: str | None = None


class FailureCount(NamedTuple):
    """Failures of one key that nothing has cleared yet."""

    counted: int
    of_batches: int


def clear_failures(db: sqlite3.Connection, keys: Iterable[str], now: float) -> None:
    """Forgive the failures of these keys, inside of a transaction."""
    db.executemany(
        "UPDATE failure SET cleared_at = ? WHERE key = ? AND cleared_at IS NULL",
        [(now, key) for key in keys],
    )


class Failures(Connection):
    """What the ledger knows of failures."""

    def failure_counts(self, engine: str) -> dict[str, FailureCount]:
        """Failures that nothing has cleared yet, by key."""
        rows = self.query(
            "SELECT key, SUM(counted), SUM(1 - counted) FROM failure"
            " WHERE cleared_at IS NULL AND engine = ? GROUP BY key",
            engine,
        )
        return defaultdict(
            lambda: FailureCount(0, 0), {row[0]: FailureCount(row[1], row[2]) for row in rows}
        )

    def last_failure(self, key: str) -> sqlite3.Row | None:
        """The newest failure of a key that nothing has cleared yet."""
        rows = self.query(
            "SELECT * FROM failure WHERE key = ? AND cleared_at IS NULL ORDER BY id DESC LIMIT 1",
            key,
        )
        return rows[0] if rows else None

    def clear_failures(self, keys: Iterable[str]) -> None:
        """Forgive the failures of these keys: their attempts are counted anew."""
        with self.transaction() as db:
            clear_failures(db, keys, time.time())
