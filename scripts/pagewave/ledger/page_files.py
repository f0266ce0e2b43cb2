"""What pagewave wrote into files that a person may change, and what a person made of pages.

A page file whose hash is not the one here was changed by somebody. The corrections themselves are
files (`pages/corrections.py`); what stands here of them is a copy, for rows of the log service.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pagewave.ledger.connection import Shelf
from pagewave.ledger.outbox import add_log_rows
from pagewave.ledger.runs import RunOutcome


class WrittenFile(NamedTuple):
    """A file's content hash, valid while size and time of change (Unix ns) are the same."""

    sha256: str
    size_bytes: int
    modified_ns: int


class Question(NamedTuple):
    """What was asked for the answer in a page's file; `previous_context` may not be known."""

    fingerprint: str
    previous_context: str | None


class PageFiles(Shelf):
    """Files as they were left, by name: a page's key, or `{book id}/book.json`."""

    def noted(self, names: Sequence[str]) -> dict[str, WrittenFile]:
        """What is known of these files, by name; of others nothing is."""
        rows = self._connection.query(
            "SELECT * FROM written_file WHERE name IN (SELECT value FROM json_each(?))",
            json.dumps(names),
        )
        return {row["name"]: WrittenFile(*row[1:]) for row in rows}

    def noted_of(self, name: str) -> WrittenFile | None:
        """The same of one file."""
        return self.noted([name]).get(name)

    def note(self, files: Mapping[str, WrittenFile]) -> None:
        """Remember files as they are now."""
        with self._connection.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO written_file VALUES (?, ?, ?, ?)",
                [(name, *file) for name, file in files.items()],
            )

    def forget(self, names: Iterable[str]) -> None:
        """These files are written elsewhere from now on: what they hold is not known."""
        with self._connection.transaction() as db:
            db.executemany("DELETE FROM written_file WHERE name = ?", [(name,) for name in names])

    def question(self, key: str) -> Question | None:
        """What was asked for the answer in a page's file; None where nothing was."""
        rows = self._connection.query(
            "SELECT a.fingerprint, r.previous_context FROM page p JOIN attempt a"
            " ON a.id = p.attempt_id JOIN record r ON r.batch_id = a.batch_id AND r.key = a.key"
            " WHERE p.key = ?",
            key,
        )
        return Question(*rows[0]) if rows else None

    def asked_keys(self) -> set[str]:
        """Keys of all pages that were ever asked for, or failed before they were."""
        rows = self._connection.query("SELECT key FROM record UNION SELECT key FROM failure")
        return {row[0] for row in rows}

    def first_run_at(self) -> float | None:
        """When the first run began that this ledger saw itself, in Unix seconds."""
        rows = self._connection.query(
            "SELECT MIN(started_at) FROM run WHERE outcome IS NULL OR outcome != ?",
            RunOutcome.REBUILT,
        )
        return None if rows[0][0] is None else float(rows[0][0])

    # Corrections

    def corrected(self) -> dict[str, str]:
        """The corrected pages (JSON) that rows of the log service are told of, by key."""
        return {
            row[0]: row[1] for row in self._connection.query("SELECT key, page FROM correction")
        }

    def correct(self, key: str, page: str) -> None:
        """Write down what a person made of a page (JSON), and have the log service told of it."""
        with self._connection.transaction() as db:
            db.execute("INSERT OR REPLACE INTO correction VALUES (?, ?)", (key, page))
            _tell_again(db, key)

    def withdraw(self, keys: Iterable[str]) -> None:
        """These pages are not corrected any more; the log service is told."""
        with self._connection.transaction() as db:
            for key in keys:
                db.execute("DELETE FROM correction WHERE key = ?", (key,))
                _tell_again(db, key)


def _tell_again(db: sqlite3.Connection, key: str) -> None:
    """Note all attempts at a page for the log service once more, if it was told of them."""
    for row in db.execute("SELECT batch_id FROM outbox WHERE key = ?", (key,)).fetchall():
        add_log_rows(db, row[0], [key])
