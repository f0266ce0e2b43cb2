"""What happened over time: what each batch carried and brought, how each wave ended."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pagewave.ledger.batches import BY_BATCH, OPEN_STATUSES, UNANSWERED
from pagewave.ledger.connection import Shelf
from pagewave.ledger.runs import MemberOutcome, member_outcome

_BATCHES = """
    SELECT b.id, b.run_id, b.engine, b.display_name, b.name, b.lane, b.wave, b.status, b.state,
        b.error, b.intent_at, b.submitted_at, b.collected_at,
        (SELECT COUNT(*) FROM record r WHERE r.batch_id = b.id) AS records,
        (SELECT COUNT(*) FROM record r WHERE r.batch_id = b.id AND EXISTS
            (SELECT 1 FROM response s WHERE s.batch_id = r.batch_id AND s.key = r.key)) AS answered,
        COALESCE(SUM(a.ok), 0) AS valid, COALESCE(SUM(a.usd), 0) AS usd,
        COUNT(a.id) - COUNT(a.usd) AS unpriced, COALESCE(SUM(a.prompt_tokens), 0) AS input_tokens,
        COALESCE(SUM(a.output_tokens + a.thoughts_tokens), 0) AS output_tokens,
        MAX(a.created_at) AS paid_at,
        (SELECT done FROM batch_progress p WHERE p.batch_id = b.id) AS done, b.transport
    FROM batch b LEFT JOIN attempt a ON a.batch_id = b.id
    WHERE b.id IN (SELECT value FROM json_each(?)) GROUP BY b.id"""


@dataclass(frozen=True, slots=True)
class BatchHistory:
    """A batch, what it carried and what it brought so far; times are Unix seconds.

    `answered`: records with at least one line. `usd` leaves out the `unpriced` attempts, whose
    model's price is unknown. Output tokens hold thoughts. `paid_at`: of its attempts. `done`: of
    its records, as the service last said while it went on; None where it did not.
    """

    id: int
    run_id: str
    engine: str
    display_name: str
    name: str | None
    lane: int
    wave: int
    status: str
    state: str | None
    error: str | None
    intent_at: float
    submitted_at: float | None
    collected_at: float | None
    records: int
    answered: int
    valid: int
    usd: float
    unpriced: int
    input_tokens: int
    output_tokens: int
    paid_at: float | None
    done: int | None = None
    transport: str = BY_BATCH

    @property
    def is_open(self) -> bool:
        """Was it intended or sent, and is not collected yet?"""
        return self.status in OPEN_STATUSES


RECENT = 20
"""How many of the last batches, or calls, say how long one takes."""


class RoadHistory(NamedTuple):
    """How many batches, or calls, went a road, and how long one takes (median of the last ones)."""

    number: int
    seconds: float | None


class WaveSeconds(NamedTuple):
    """How long a wave takes by itself, and from the end of its lane's wave before (or the run's
    beginning) to its own: that holds pauses, and waiting for a free batch."""

    own: float
    with_pauses: float


class WaveHistory(NamedTuple):
    """A wave that ended, and what became of its pages; times are Unix seconds.

    `read`: anew; `free`: pages taken from stored answers.
    """

    id: int
    lane: int
    number: int
    started_at: float
    ended_at: float
    read: int
    free: int
    failed: int
    dead: int

    @property
    def pages(self) -> int:
        """How many members it had."""
        return self.read + self.free + self.failed + self.dead


class History(Shelf):
    """The course of things, for those who look on."""

    def batch_marks(self) -> dict[int, tuple[str, str | None, str | None]]:
        """Status, state and name of every batch: a batch that is over changes with one of them."""
        rows = self._connection.query("SELECT id, status, state, name FROM batch ORDER BY id")
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    def batches_of(self, run_id: str) -> list[int]:
        """The numbers of a run's batches and calls, oldest first."""
        rows = self._connection.query("SELECT id FROM batch WHERE run_id = ? ORDER BY id", run_id)
        return [row[0] for row in rows]

    def batches(self, batch_ids: Iterable[int]) -> list[BatchHistory]:
        """What these batches carried and brought, oldest first."""
        return [
            BatchHistory(*row)
            for row in self._connection.query(_BATCHES, json.dumps(list(batch_ids)))
        ]

    def waves(self, run_id: str, after_wave: int = 0) -> list[WaveHistory]:
        """The waves of a run that ended after the wave with this number in the ledger."""
        rows = self._connection.query(
            "SELECT w.id, w.lane, w.number, w.started_at, w.ended_at,"
            " COALESCE(SUM(p.outcome = 'read' AND NOT p.free), 0),"
            " COALESCE(SUM(p.outcome = 'read' AND p.free), 0),"
            " COALESCE(SUM(p.outcome = 'failed'), 0), COALESCE(SUM(p.outcome = 'dead'), 0)"
            " FROM wave w LEFT JOIN wave_page p ON p.wave_id = w.id"
            " WHERE w.run_id = ? AND w.id > ? GROUP BY w.id ORDER BY w.id",
            run_id,
            after_wave,
        )
        return [WaveHistory(*row) for row in rows]

    def outcomes(self, run_id: str, after_wave: int = 0) -> dict[str, MemberOutcome]:
        """What became of each page in those waves, by key."""
        rows = self._connection.query(
            "SELECT p.key, p.outcome, p.free, p.attempt_id FROM wave w"
            " JOIN wave_page p ON p.wave_id = w.id WHERE w.run_id = ? AND w.id > ? ORDER BY w.id",
            run_id,
            after_wave,
        )
        return {row["key"]: member_outcome(row) for row in rows}

    def seconds(
        self,
        engine: str,
        model: str,
        transport: str,
        most: int,
        before: float | None = None,
    ) -> list[float]:
        """How long the newest batches took from their creation to their results; of calls, how
        long their answers took. The newest first.

        Args:
            transport: `batch`, or the tier that calls asked for.
            before: only what was created, or answered, before this time (Unix seconds).
        """
        rows = self._connection.query(
            "SELECT CASE transport WHEN 'batch' THEN collected_at - submitted_at"
            " ELSE submitted_at - creating_at END AS seconds FROM batch"
            " WHERE engine = ?1 AND model = ?2 AND transport = ?3"
            " AND (transport != 'batch' OR status = 'collected') AND seconds > 0"
            " AND (?5 IS NULL OR submitted_at < ?5) ORDER BY id DESC LIMIT ?4",
            *(engine, model, transport, most, before),
        )
        return [float(row[0]) for row in rows]

    def roads(self, engine: str, model: str) -> dict[str, "RoadHistory"]:
        """What is known of each transport that was ever taken with a model."""
        rows = self._connection.query(
            "SELECT transport, COUNT(*) FROM batch WHERE engine = ? AND model = ?"
            " AND submitted_at IS NOT NULL GROUP BY transport",
            engine,
            model,
        )
        found = {}
        for transport, number in rows:
            seconds = self.seconds(engine, model, transport, RECENT)
            median = statistics.median(seconds) if seconds else None
            found[transport] = RoadHistory(number, median)
        return found

    def calls_since(self, engine: str, model: str, since: float) -> int:
        """Calls that were asked since a time (Unix seconds); the service may count them."""
        rows = self._connection.query(
            # A page that was asked in halves is two calls.
            "SELECT COUNT(*) + TOTAL(generation_config LIKE '%\"halves\":true%') FROM batch b"
            " LEFT JOIN record ON batch_id = b.id WHERE engine = ?1 AND model = ?2"
            " AND transport != 'batch' AND creating_at >= ?3",
            *(engine, model, since),
        )
        # So do those of trials and probes.
        apart = self._connection.query(
            "SELECT COUNT(*) FROM call c JOIN run r ON r.id = c.run_id"
            " WHERE r.engine = ? AND c.model = ? AND c.asked_at >= ?",
            *(engine, model, since),
        )
        return int(rows[0][0]) + int(apart[0][0])

    def unanswered(self, run_id: str) -> list[str]:
        """Keys of calls whose answers were found to be lost since the run before this one ended,
        each as often as that happened. (Runs that broke off told nobody of theirs.)"""
        rows = self._connection.query(
            "SELECT f.key FROM failure f JOIN batch b ON b.id = f.batch_id WHERE b.state = ?"
            " AND f.created_at > (SELECT COALESCE(MAX(ended_at), 0) FROM run WHERE id != ?)"
            " ORDER BY f.id",
            UNANSWERED,
            run_id,
        )
        return [row[0] for row in rows]

    def wave_seconds(self, run_id: str, most: int) -> list[WaveSeconds]:
        """How many seconds the newest waves took that sent something, newest first.

        Of this run and of others with the same engine and model.
        """
        rows = self._connection.query(
            "SELECT own, with_pauses FROM (SELECT w.id, w.ended_at - w.started_at AS own,"
            " w.ended_at - COALESCE(LAG(w.ended_at) OVER"
            " (PARTITION BY w.run_id, w.lane ORDER BY w.id), r.started_at) AS with_pauses"
            " FROM wave w JOIN run r ON r.id = w.run_id"
            " JOIN run this ON this.id = ? AND this.engine = r.engine AND this.model = r.model) w"
            " WHERE EXISTS (SELECT 1 FROM wave_page p WHERE p.wave_id = w.id AND NOT p.free)"
            " ORDER BY w.id DESC LIMIT ?",
            run_id,
            most,
        )
        return [WaveSeconds(*row) for row in rows]

    def contents(self) -> dict[str, int | float | None]:
        """What the ledger holds: numbers of rows, and USD spent (None: some prices are unknown)."""
        row = self._connection.query(
            "SELECT (SELECT COUNT(*) FROM run) AS runs, (SELECT COUNT(*) FROM batch) AS batches,"
            " (SELECT COUNT(*) FROM attempt) AS attempts,"
            " (SELECT COUNT(*) FROM attempt WHERE ok) AS answers,"
            " (SELECT COUNT(*) FROM failure) AS failures,"
            " (SELECT COUNT(*) FROM failure WHERE cleared_at IS NULL) AS uncleared_failures,"
            " CASE WHEN EXISTS (SELECT 1 FROM attempt WHERE usd IS NULL) THEN NULL"
            " ELSE (SELECT COALESCE(SUM(usd), 0.0) FROM attempt) END AS usd"
        )[0]
        return dict(row)
