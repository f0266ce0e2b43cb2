"""Runs, what they are to read, and the waves that ended."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

from pagewave.errors import LedgerError, is_worse
from pagewave.ledger.connection import Connection, Shelf
from pagewave.ledger.failures import clear_failures

Purpose = Literal["workflow", "comparison", "trial", "probe"]

COMPARISON_MARK = "-compare"
"""How the name of a comparison's run ends, so that its purpose outlives the ledger."""


class RunOutcome(StrEnum):
    """How a run ended."""

    OK = "ok"
    FAILED = "failed"
    STOPPED = "stopped"
    ON_ITS_WAY = "on its way"
    """Nothing failed: batches are at the service, and a later run takes in what they bring."""
    OVER_BUDGET = "over budget"
    REBUILT = "rebuilt"
    """The ledger lost the run, and knows it again by what it had sent."""


def run_outcome(stored: str | None) -> RunOutcome | None:
    """The outcome in a row of run; None while the run goes on, or where it broke off."""
    return RunOutcome(stored) if stored else None


class Outcome(StrEnum):
    """What became of a page in a wave."""

    READ = "read"
    FAILED = "failed"
    """It rides again in the next wave."""
    DEAD = "dead"


class MemberOutcome(NamedTuple):
    """What became of one member of a wave; `free`: by a stored answer, without any cost."""

    key: str
    outcome: Outcome
    free: bool
    attempt_id: int | None


def member_outcome(row: sqlite3.Row) -> MemberOutcome:
    """A row of wave_page: key, outcome, free, attempt_id."""
    key, outcome, free, attempt_id = row
    return MemberOutcome(key, Outcome(outcome), bool(free), attempt_id)


class PlannedPage(NamedTuple):
    """A page that a run is to read: its lane, its chain in the run, its place in the chain."""

    key: str
    lane: int
    chain: int
    place: int


class Trouble(NamedTuple):
    """Why a job of a run failed: the exit code that it asks for, and what it said."""

    exit_code: int
    message: str


class RunRow(NamedTuple):
    """A run; times are Unix seconds.

    `outcome` is None while it goes on or where it broke off, `over_budget` why it sends nothing
    more, where that is its budget.
    """

    id: str
    engine: str
    model: str
    started_at: float
    ended_at: float | None
    outcome: RunOutcome | None
    over_budget: str | None


class Runs(Shelf):
    """Runs, the pages they are to read, and their waves.

    `begun` is the run that goes on in this process, if one does: only in its name is anything sent.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.begun: str | None = None

    def start(
        self,
        run_id: str,
        engine: str,
        model: str,
        pages: Sequence[PlannedPage],
        forced: Iterable[str],
        purpose: Purpose = "workflow",
    ) -> None:
        """Write down what a run is to read, and which pages it was told to read again."""
        now = time.time()
        forced = list(forced)
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO run (id, started_at, engine, model, purpose) VALUES (?, ?, ?, ?, ?)",
                (run_id, now, engine, model, purpose),
            )
            db.executemany(
                "INSERT INTO run_page VALUES (?, ?, ?, ?, ?)", [(run_id, *page) for page in pages]
            )
            db.executemany(
                "INSERT OR REPLACE INTO rebuild"
                " VALUES (?, (SELECT COALESCE(MAX(id), 0) FROM batch), ?)",
                [(key, run_id) for key in forced],
            )
            clear_failures(db, forced, now)
        self.begun = run_id

    def join(self, run_id: str) -> None:
        """Take part in a run that another process has begun, and that goes on.

        Raises:
            LedgerError: there is no such run, or it has ended.
        """
        sql = "SELECT 1 FROM run WHERE id = ? AND ended_at IS NULL"
        if not self._connection.query(sql, run_id):
            raise LedgerError(
                f"The ledger has no run {run_id} that goes on, so nothing is sent for it. Run the "
                "workflow itself, not one of its jobs."
            )
        self.begun = run_id

    def require_begun(self) -> None:
        """Whatever costs money asks this first.

        Raises:
            LedgerError: no run was begun that would have it on record.
        """
        if self.begun is None:
            raise LedgerError(
                "Nothing was sent: no run was begun in the ledger that would have it on record."
            )

    def add_past(self, run_id: str, engine: str, model: str, started_at: float) -> None:
        """A run that the ledger has lost, known by what it sent; one it knows stays as it is."""
        purpose: Purpose = "comparison" if run_id.endswith(COMPARISON_MARK) else "workflow"
        with self._connection.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO run"
                " (id, started_at, ended_at, outcome, engine, model, purpose)"
                " VALUES (?1, ?2, ?2, ?6, ?3, ?4, ?5)",
                (run_id, started_at, engine, model, purpose, RunOutcome.REBUILT),
            )

    def exists(self, run_id: str) -> bool:
        """Does the ledger know this run?"""
        return bool(self._connection.query("SELECT 1 FROM run WHERE id = ?", run_id))

    def note_trouble(self, run_id: str, exit_code: int, message: str) -> None:
        """Write down that a job of a run failed, and not for a dead letter; the worst one stays."""
        with self._connection.transaction() as db:
            db.execute("UPDATE run SET outcome = ? WHERE id = ?", (RunOutcome.FAILED, run_id))
            before = self.trouble(run_id)
            if before is None or is_worse(exit_code, before.exit_code):
                db.execute(
                    "UPDATE run SET exit_code = ?, trouble = ? WHERE id = ?",
                    (exit_code, message, run_id),
                )

    def trouble(self, run_id: str) -> Trouble | None:
        """What the job that failed worst ended with, if any did."""
        rows = self._connection.query(
            "SELECT exit_code, trouble FROM run WHERE id = ? AND exit_code IS NOT NULL", run_id
        )
        return Trouble(*rows[0]) if rows else None

    def has_trouble(self, run_id: str) -> bool:
        """Did a job of a run that goes on fail, and not for a dead letter?"""
        rows = self._connection.query(
            "SELECT 1 FROM run WHERE id = ? AND outcome = ?", run_id, RunOutcome.FAILED
        )
        return bool(rows)

    def end(self, run_id: str, outcome: RunOutcome) -> None:
        """Write down that a run ended, and how."""
        with self._connection.transaction() as db:
            db.execute(
                "UPDATE run SET ended_at = ?, outcome = ? WHERE id = ?",
                (time.time(), outcome, run_id),
            )
        self.begun = None

    def started_at(self, run_id: str) -> float | None:
        """When a run began (Unix seconds)."""
        rows = self._connection.query("SELECT started_at FROM run WHERE id = ?", run_id)
        return float(rows[0][0]) if rows else None

    def latest(self) -> RunRow | None:
        """The newest run of the workflow; None where there was none yet."""
        return self._row("purpose = 'workflow' ORDER BY started_at DESC, id DESC LIMIT 1")

    def get(self, run_id: str) -> RunRow | None:
        """A run, of whatever purpose; None where there is none of this name."""
        return self._row("id = ?", run_id)

    def _row(self, which: str, *values: str) -> RunRow | None:
        rows = self._connection.query(
            "SELECT id, engine, model, started_at, ended_at, outcome, over_budget FROM run"
            f" WHERE {which}",
            *values,
        )
        if not rows:
            return None
        return RunRow(*rows[0])._replace(outcome=run_outcome(rows[0]["outcome"]))

    def pages(self, run_id: str) -> list[PlannedPage]:
        """What the run is to read, chain by chain."""
        rows = self._connection.query(
            "SELECT key, lane, chain, place FROM run_page WHERE run_id = ? ORDER BY chain, place",
            run_id,
        )
        return [PlannedPage(*row) for row in rows]

    def lanes(self, run_id: str) -> int:
        """How many lanes the run has."""
        return int(
            self._connection.query(
                "SELECT COUNT(DISTINCT lane) FROM run_page WHERE run_id = ?", run_id
            )[0][0]
        )

    def find_keys(self, text: str, limit: int) -> list[str]:
        """Keys that hold a text (capitals count as small letters), of pages that any run read."""
        rows = self._connection.query(
            "SELECT DISTINCT key FROM run_page WHERE instr(lower(key), lower(?))"
            " ORDER BY key LIMIT ?",
            text,
            limit,
        )
        return [row[0] for row in rows]

    def known_keys(self) -> list[str]:
        """Keys of all pages that were ever to be read, were sent, or failed."""
        rows = self._connection.query(
            "SELECT key FROM run_page UNION SELECT key FROM record UNION SELECT key FROM failure"
        )
        return [row[0] for row in rows]

    def rebuilds(self) -> dict[str, int]:
        """Pages to be read again and not yet written: key to the last batch that does not count."""
        return {
            row[0]: row[1] for row in self._connection.query("SELECT key, after_batch FROM rebuild")
        }

    def latest_wave(self) -> int:
        """A number that grows whenever a wave ends."""
        return int(self._connection.query("SELECT COALESCE(MAX(id), 0) FROM wave")[0][0])

    def waves_since(self, run_id: str, wave_id: int) -> list[sqlite3.Row]:
        """Waves of the run that ended after `wave_id`: id, lane, number; oldest first."""
        return self._connection.query(
            "SELECT id, lane, number FROM wave WHERE run_id = ? AND id > ? ORDER BY id",
            run_id,
            wave_id,
        )

    def wave_outcomes(self, wave_id: int) -> list[MemberOutcome]:
        """What became of the members of a finished wave."""
        rows = self._connection.query(
            "SELECT key, outcome, free, attempt_id FROM wave_page WHERE wave_id = ?", wave_id
        )
        return [member_outcome(row) for row in rows]

    def close_wave(
        self,
        run_id: str,
        lane: int,
        number: int,
        started_at: float,
        outcomes: Sequence[MemberOutcome],
    ) -> None:
        """End a wave: from here on the schedule counts with its outcomes."""
        with self._connection.transaction() as db:
            wave_id = db.execute(
                "INSERT INTO wave (run_id, lane, number, started_at, ended_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (run_id, lane, number, started_at, time.time()),
            ).lastrowid
            db.executemany(
                "INSERT INTO wave_page VALUES (?, ?, ?, ?, ?)",
                [(wave_id, *outcome) for outcome in outcomes],
            )

    def answer(self, run_id: str, key: str) -> int | None:
        """The attempt that a run found for a page, if it did."""
        rows = self._connection.query(
            "SELECT p.attempt_id FROM wave_page p JOIN wave w ON w.id = p.wave_id"
            " WHERE w.run_id = ? AND p.key = ? AND p.outcome = 'read'",
            run_id,
            key,
        )
        return int(rows[0][0]) if rows else None

    def latest_answer(self, key: str) -> int | None:
        """The attempt that the latest run which read the page found for it."""
        rows = self._connection.query(
            "SELECT attempt_id FROM wave_page WHERE key = ? AND outcome = 'read'"
            " ORDER BY wave_id DESC LIMIT 1",
            key,
        )
        return int(rows[0][0]) if rows else None

    def unwritten_answers(self) -> dict[str, int]:
        """The latest answer of every page whose file isn't known to hold it: key to attempt."""
        rows = self._connection.query(
            "SELECT w.key, w.attempt_id FROM wave_page w WHERE w.outcome = 'read'"
            " AND w.wave_id = (SELECT MAX(wave_id) FROM wave_page"
            " WHERE key = w.key AND outcome = 'read')"
            " AND NOT EXISTS (SELECT 1 FROM page p"
            " WHERE p.key = w.key AND p.attempt_id = w.attempt_id)"
        )
        return {row[0]: row[1] for row in rows}

    def totals(self, run_id: str) -> tuple[int, int]:
        """Pages that a run read anew, and pages that it took from stored answers."""
        row = self._connection.query(
            "SELECT COALESCE(SUM(p.outcome = 'read' AND NOT p.free), 0),"
            " COALESCE(SUM(p.free), 0) FROM wave_page p JOIN wave w ON w.id = p.wave_id"
            " WHERE w.run_id = ?",
            run_id,
        )[0]
        return int(row[0]), int(row[1])

    def progress(self, run_id: str) -> tuple[int, int]:
        """Pages of a run that have their answer, and all pages that it is to read."""
        row = self._connection.query(
            "SELECT (SELECT COUNT(DISTINCT p.key) FROM wave_page p JOIN wave w ON w.id = p.wave_id"
            " WHERE w.run_id = ?1 AND p.outcome = 'read'),"
            " (SELECT COUNT(*) FROM run_page WHERE run_id = ?1)",
            run_id,
        )[0]
        return int(row[0]), int(row[1])
