"""What those who look on ask for: all runs, what became of a batch's records, how pages stand."""

from typing import Literal, NamedTuple

from pagewave.ledger.batches import OPEN_STATUSES
from pagewave.ledger.connection import Shelf
from pagewave.ledger.runs import Purpose, RunOutcome, run_outcome

RecordOutcome = Literal["read", "failed", "in flight", "no answer"]


class RunHistory(NamedTuple):
    """A run and what it brought; times are Unix seconds.

    `outcome` is None while it goes on or where it broke off, `trouble` what the job said that ended
    it. `pages` it was to read (of a trial or a probe: it asked for), `read` and `free` are those it
    read and those it took from stored answers, `dead` those it gave up. `attempts` are inferences,
    `usd` what they cost; None: a price is not known.
    """

    id: str
    purpose: Purpose
    engine: str
    model: str
    started_at: float
    ended_at: float | None
    outcome: RunOutcome | None
    over_budget: str | None
    trouble: str | None
    pages: int
    read: int
    free: int
    dead: int
    batches: int
    attempts: int
    usd: float | None


class RecordHistory(NamedTuple):
    """A record of a batch and what became of it.

    `reason` is why it failed, or what is in doubt though it was read; `usd` None: not known, or
    nothing came.
    """

    key: str
    attempt: int
    outcome: RecordOutcome
    reason: str
    usd: float | None


class AttemptHistory(NamedTuple):
    """A record of a page, or a failure of it that no record had; `at` in Unix seconds."""

    at: float
    run_id: str | None
    batch: str | None
    attempt: int
    outcome: RecordOutcome
    reason: str
    usd: float | None


_RUNS = """
    WITH asked AS (
        SELECT b.run_id, r.key, a.id, a.ok, a.usd FROM batch b
            JOIN record r ON r.batch_id = b.id
            LEFT JOIN attempt a ON a.batch_id = r.batch_id AND a.key = r.key
        UNION ALL SELECT run_id, key, CASE WHEN answered_at IS NOT NULL THEN id END, ok, usd
            FROM call),
    spent AS (
        SELECT run_id, COUNT(DISTINCT key) AS pages, COUNT(id) AS attempts,
            COUNT(DISTINCT CASE WHEN ok THEN key END) AS good,
            CASE WHEN COUNT(id) > COUNT(usd) THEN NULL ELSE COALESCE(SUM(usd), 0.0) END AS usd
        FROM asked GROUP BY run_id),
    planned AS (SELECT run_id, COUNT(*) AS pages FROM run_page GROUP BY run_id),
    became AS (
        SELECT w.run_id, COUNT(DISTINCT CASE WHEN outcome = 'read' AND NOT free THEN key END)
            AS read, COUNT(DISTINCT CASE WHEN outcome = 'read' AND free THEN key END) AS free,
            COUNT(DISTINCT CASE WHEN outcome = 'dead' THEN key END) AS dead
        FROM wave w JOIN wave_page p ON p.wave_id = w.id GROUP BY w.run_id),
    sent AS (SELECT run_id, COUNT(*) AS batches FROM batch WHERE transport = 'batch'
        GROUP BY run_id)
    SELECT r.id, r.purpose, r.engine, r.model, r.started_at, r.ended_at, r.outcome, r.over_budget,
        r.trouble, COALESCE(planned.pages, spent.pages, 0),
        CASE r.purpose WHEN 'workflow' THEN COALESCE(became.read, 0)
            ELSE COALESCE(spent.good, 0) END,
        COALESCE(became.free, 0), COALESCE(became.dead, 0), COALESCE(sent.batches, 0),
        COALESCE(spent.attempts, 0), CASE WHEN spent.run_id IS NULL THEN 0.0 ELSE spent.usd END
    FROM run r LEFT JOIN spent ON spent.run_id = r.id LEFT JOIN planned ON planned.run_id = r.id
        LEFT JOIN became ON became.run_id = r.id LEFT JOIN sent ON sent.run_id = r.id
    ORDER BY r.started_at DESC, r.id DESC"""

_BECAME = """
        CASE WHEN a.ok THEN 'read' WHEN a.id IS NOT NULL OR f.id IS NOT NULL THEN 'failed'
            WHEN b.status IN (?2, ?3, ?4) THEN 'in flight' ELSE 'no answer' END AS outcome,
        COALESCE(CASE WHEN a.ok THEN (SELECT group_concat(what || ': ' || message, '; ') FROM flag
                WHERE attempt_id = a.id)
            ELSE COALESCE(f.error_type || ': ' || f.message, a.finish_reason, b.error) END, ''),
        a.usd
    FROM record r JOIN batch b ON b.id = r.batch_id
        LEFT JOIN attempt a ON a.batch_id = r.batch_id AND a.key = r.key
        LEFT JOIN failure f ON f.id =
            (SELECT MAX(id) FROM failure WHERE batch_id = r.batch_id AND key = r.key)"""
_RECORDS = f"""
    SELECT r.key, r.attempt_number, {_BECAME}
    WHERE r.batch_id = ?1 ORDER BY outcome = 'read', r.key"""
_ATTEMPTS = f"""
    SELECT COALESCE(a.created_at, f.created_at, b.submitted_at, b.intent_at) AS at, b.run_id,
        COALESCE(b.name, b.display_name), r.attempt_number, {_BECAME}
    WHERE r.key = ?1
    UNION ALL SELECT created_at, NULL, NULL, attempt_number, 'failed',
        error_type || ': ' || message, NULL FROM failure WHERE key = ?1 AND batch_id IS NULL
    ORDER BY at"""


class Overview(Shelf):
    """Sums and lists over the whole ledger."""

    def runs(self) -> list[RunHistory]:
        """All runs there ever were, the newest first; comparisons, trials and probes too."""
        return [
            RunHistory(*row)._replace(outcome=run_outcome(row["outcome"]))
            for row in self._connection.query(_RUNS)
        ]

    def records(self, batch_id: int) -> list[RecordHistory]:
        """The records of a batch by key, those that were not read first."""
        return [
            RecordHistory(*row)
            for row in self._connection.query(_RECORDS, batch_id, *OPEN_STATUSES)
        ]

    def attempts(self, key: str) -> list[AttemptHistory]:
        """All that was tried with a page, in all runs, the oldest first."""
        rows = self._connection.query(_ATTEMPTS, key, *OPEN_STATUSES)
        return [AttemptHistory(*row) for row in rows]

    def calls(self, run_id: str) -> list[RecordHistory]:
        """The calls of a trial or a probe, in the order in which they were asked."""
        rows = self._connection.query(
            "SELECT key, 1, CASE WHEN ok THEN 'read' WHEN answered_at IS NOT NULL THEN 'failed'"
            " ELSE 'no answer' END, '', usd FROM call WHERE run_id = ? ORDER BY id",
            run_id,
        )
        return [RecordHistory(*row) for row in rows]

    def find_batch(self, name: str) -> int | None:
        """The number of the batch with this name at the service, or this display name."""
        rows = self._connection.query(
            "SELECT id FROM batch WHERE name = ?1 OR display_name = ?1", name
        )
        return int(rows[0][0]) if rows else None

    def in_flight(self) -> set[str]:
        """Keys of the pages that are at the service or about to be, by batch or by call."""
        rows = self._connection.query(
            "SELECT DISTINCT r.key FROM record r JOIN batch b ON b.id = r.batch_id"
            " JOIN run u ON u.id = b.run_id"
            " WHERE u.purpose = 'workflow' AND b.status IN (?, ?, ?)",
            *OPEN_STATUSES,
        )
        return {row[0] for row in rows}

    def read(self) -> set[str]:
        """Keys of the pages that have an answer: it is in their file, or about to be."""
        rows = self._connection.query(
            "SELECT key FROM page UNION SELECT key FROM wave_page WHERE outcome = 'read'"
        )
        return {row[0] for row in rows}

    def in_doubt(self) -> set[str]:
        """Keys of the pages whose answer or picture is flagged, and that nobody corrected."""
        rows = self._connection.query(
            "SELECT p.key FROM flag f JOIN page p ON p.attempt_id = f.attempt_id"
            " UNION SELECT key FROM picture WHERE what != ''"
            " EXCEPT SELECT key FROM correction"
        )
        return {row[0] for row in rows}
