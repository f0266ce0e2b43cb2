"""Doubts about answers that were taken."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pagewave.ledger.connection import Connection


class Flag(NamedTuple):
    """A doubt: the guard that found it, and what it found."""

    what: str
    message: str


class FlaggedPage(NamedTuple):
    """A flag of the answer that a page's file holds."""

    key: str
    what: str
    message: str


def add_flags(
    db: sqlite3.Connection, batch_id: int, flags: Mapping[str, Iterable[Flag]], now: float
) -> None:
    """Write down the flags of a batch's attempts, by key, inside of a transaction."""
    db.executemany(
        "INSERT INTO flag (attempt_id, key, what, message, created_at)"
        " SELECT id, key, ?, ?, ? FROM attempt WHERE batch_id = ? AND key = ?",
        [(*flag, now, batch_id, key) for key, found in flags.items() for flag in found],
    )


class Flags(Connection):
    """What the ledger knows of flags."""

    def flags_of(self, attempt_id: int | None) -> list[Flag]:
        """The flags of an attempt; none of no attempt."""
        rows = self.query(
            "SELECT what, message FROM flag WHERE attempt_id = ? ORDER BY id", attempt_id
        )
        return [Flag(*row) for row in rows]

    def flagged_in_run(self, run_id: str) -> dict[str, int]:
        """How many of the pages that a run read or took have a flag, by guard."""
        rows = self.query(
            "SELECT f.what, COUNT(DISTINCT p.key) FROM flag f"
            " JOIN wave_page p ON p.attempt_id = f.attempt_id JOIN wave w ON w.id = p.wave_id"
            " WHERE w.run_id = ? GROUP BY f.what ORDER BY f.what",
            run_id,
        )
        return {row[0]: int(row[1]) for row in rows}

    def flagged_pages(self) -> list[FlaggedPage]:
        """The flags of all answers on file, by key."""
        rows = self.query(
            "SELECT p.key, f.what, f.message FROM flag f JOIN page p ON p.attempt_id = f.attempt_id"
            " ORDER BY p.key, f.id"
        )
        return [FlaggedPage(*row) for row in rows]
