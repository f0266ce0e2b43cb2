"""What was spent, what may yet be, and what was expected."""

import math
import time
from typing import NamedTuple

from pagewave.ledger.batches import DOUBT_SECONDS, DOUBTFUL_STATES, OPEN_STATUSES
from pagewave.ledger.connection import Shelf
from pagewave.ledger.runs import Purpose, RunOutcome, run_outcome


class Cost(NamedTuple):
    """Records of one model that cost alike; tokens as metered, output with thoughts.

    `metered`: the service said what they used. Else they are on their way, or it never said: they
    count as dear as they can be. `usd` is the price at the time they were read, `max_usd` what was
    held ready for them, both None where that is not known. `interactive`: asked at twice the price
    of a batch. `served` is the model that answered and `tier` the tier, where that was said, and
    `at` the beginning of the day on which they were read (Unix seconds; 0: not read yet).
    """

    model: str
    metered: bool
    records: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    usd: float | None
    max_usd: float | None
    interactive: bool = False
    served: str | None = None
    tier: str | None = None
    at: float = 0.0


class EstimateAndActual(NamedTuple):
    """Records that were metered and for which an estimate had been written down: both sides."""

    records: int
    expected_input_tokens: int
    expected_output_tokens: int
    expected_usd: float
    input_tokens: int
    output_tokens: int
    cached_tokens: int


class PageCost(NamedTuple):
    """What all attempts at a page took; output holds thoughts, `usd` is None: not all known."""

    attempts: int
    input_tokens: int
    output_tokens: int
    usd: float | None


class AnswerCost(NamedTuple):
    """What an answer took, attempts before it that failed included.

    `seconds`: of its batches, from their creation to their results, or of its calls; None where
    that is not known. `usd` is None: not all known. Output holds thoughts.
    """

    transport: str
    attempts: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    seconds: float | None


class RunCost(NamedTuple):
    """What all attempts of a run took; `usd` leaves out the `unpriced` ones.

    Cached tokens are among the input's; thoughts are not among the output's.
    """

    run_id: str
    purpose: Purpose
    outcome: RunOutcome | None
    engine: str
    model: str
    attempts: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    thoughts_tokens: int
    usd: float
    unpriced: int


class StepCost(NamedTuple):
    """Attempts that took one step of a ladder, how many read their page, and what all took.

    `usd` is None where a price was not known.
    """

    step: str
    engine: str
    model: str
    attempts: int
    read: int
    usd: float | None


class Measured(NamedTuple):
    """What reading a page took: means over pages read well, tokens of failed attempts included.

    Output holds thoughts; `output_spread` is its standard deviation.
    """

    pages: int
    input_tokens: float
    output_tokens: float
    output_spread: float


class Spending(Shelf):
    """Money spent, expected and held ready."""

    def costs(self, engine: str, run_id: str | None = None) -> list[Cost]:
        """All records of an engine (of one run), in groups whose price is known or not.

        Batches that were given up on and may have been paid for all the same count as on their
        way: for a week where the service never showed them, else for good.
        """
        open_marks, doubtful_marks = (
            ", ".join("?" * len(names)) for names in (OPEN_STATUSES, DOUBTFUL_STATES)
        )
        of_run = "AND b.run_id = ?" if run_id else ""
        rows = self._connection.query(
            "WITH part AS (SELECT b.model, b.transport = 'standard' AS interactive,"
            " COALESCE(a.prompt_tokens, 0) > 0 AS metered,"
            " a.id IS NOT NULL AS attempted, a.prompt_tokens, a.cached_tokens,"
            " a.output_tokens + a.thoughts_tokens AS output_tokens, a.usd, r.max_usd,"
            " a.model_served, a.service_tier, CAST(a.created_at / 86400 AS INTEGER) AS day,"
            f" b.status IN ({open_marks}) OR (b.status = 'abandoned' AND b.state IN"
            f" ({doubtful_marks}) AND (b.name IS NOT NULL OR b.intent_at > ?)) AS on_its_way"
            " FROM record r JOIN batch b ON b.id = r.batch_id"
            " LEFT JOIN attempt a ON a.batch_id = r.batch_id AND a.key = r.key"
            f" WHERE b.engine = ? {of_run})"
            " SELECT model, metered, COUNT(*), COALESCE(SUM(prompt_tokens), 0),"
            " COALESCE(SUM(output_tokens), 0), COALESCE(SUM(cached_tokens), 0), SUM(usd),"
            " SUM(max_usd), interactive, model_served, service_tier, COALESCE(day, 0) * 86400.0"
            " FROM part WHERE attempted OR on_its_way GROUP BY model, interactive, metered,"
            " usd IS NULL, max_usd IS NULL, model_served, service_tier, day",
            *OPEN_STATUSES,
            *DOUBTFUL_STATES,
            time.time() - DOUBT_SECONDS,
            engine,
            *([run_id] if run_id else []),
        )
        calls = self._connection.query(
            "SELECT c.model, c.prompt_tokens > 0 AS metered, COUNT(*), SUM(c.prompt_tokens),"
            " SUM(c.output_tokens + c.thoughts_tokens), SUM(c.cached_tokens), SUM(c.usd),"
            " SUM(c.max_usd), 1, NULL, NULL,"
            " COALESCE(CAST(c.answered_at / 86400 AS INTEGER), 0) * 86400.0 AS day"
            " FROM call c JOIN run r ON r.id = c.run_id"
            f" WHERE r.engine = ? {'AND r.id = ?' if run_id else ''}"
            " GROUP BY c.model, metered, c.usd IS NULL, c.max_usd IS NULL, day",
            engine,
            *([run_id] if run_id else []),
        )
        return [
            Cost(*row)._replace(metered=bool(row[1]), interactive=bool(row[8]))
            for row in map(tuple, [*rows, *calls])
        ]

    def of_run(self, run_id: str) -> float | None:
        """USD of all attempts that a run sent; None where a price was not known."""
        row = self._connection.query(
            "SELECT COALESCE(SUM(a.usd), 0), COALESCE(SUM(a.usd IS NULL), 0) FROM attempt a"
            " JOIN batch b ON b.id = a.batch_id WHERE b.run_id = ?",
            run_id,
        )[0]
        return None if row[1] else float(row[0])

    def by_page(self) -> dict[str, PageCost]:
        """What each page took in all runs of the workflow, by key."""
        rows = self._connection.query(
            "SELECT a.key, COUNT(*), SUM(a.prompt_tokens), SUM(a.output_tokens +"
            " a.thoughts_tokens), CASE WHEN SUM(a.usd IS NULL) THEN NULL ELSE SUM(a.usd) END"
            " FROM attempt a JOIN batch b ON b.id = a.batch_id JOIN run r ON r.id = b.run_id"
            " WHERE r.purpose = 'workflow' GROUP BY a.key"
        )
        return {row[0]: PageCost(*row[1:]) for row in rows}

    def of_answer(self, attempt_id: int) -> AnswerCost:
        """What a good attempt took, with those that failed since the one before it."""
        row = self._connection.query(
            "WITH answer AS (SELECT a.id, a.fingerprint, b.transport FROM attempt a"
            " JOIN batch b ON b.id = a.batch_id WHERE a.id = ?),"
            " tried AS (SELECT t.*, b.transport, CASE b.transport WHEN 'batch'"
            " THEN b.collected_at - b.submitted_at ELSE b.submitted_at - b.creating_at END"
            " AS seconds FROM answer JOIN attempt t ON t.fingerprint = answer.fingerprint"
            " JOIN batch b ON b.id = t.batch_id AND b.transport = answer.transport"
            " WHERE t.id <= answer.id)"
            " SELECT MAX(transport), COUNT(*), SUM(prompt_tokens),"
            " SUM(output_tokens + thoughts_tokens),"
            " CASE WHEN SUM(usd IS NULL) THEN NULL ELSE SUM(usd) END, SUM(seconds) FROM tried"
            " WHERE id > COALESCE((SELECT MAX(t.id) FROM tried t, answer"
            " WHERE t.ok AND t.id < answer.id), 0)",
            attempt_id,
        )[0]
        return AnswerCost(*row)

    def by_run(self) -> list[RunCost]:
        """What each run took, the first one first."""
        rows = self._connection.query(
            "SELECT r.id, r.purpose, r.outcome, r.engine, r.model,"
            " COUNT(a.id), COALESCE(SUM(a.prompt_tokens), 0), COALESCE(SUM(a.cached_tokens), 0),"
            " COALESCE(SUM(a.output_tokens), 0), COALESCE(SUM(a.thoughts_tokens), 0),"
            " COALESCE(SUM(a.usd), 0.0), COUNT(a.id) - COUNT(a.usd) FROM run r LEFT JOIN"
            " (SELECT b.run_id, t.id, t.prompt_tokens, t.cached_tokens, t.output_tokens,"
            " t.thoughts_tokens, t.usd FROM attempt t JOIN batch b ON b.id = t.batch_id"
            " UNION ALL SELECT run_id, id, prompt_tokens, cached_tokens, output_tokens,"
            " thoughts_tokens, usd FROM call WHERE answered_at IS NOT NULL) a ON a.run_id = r.id"
            " GROUP BY r.id ORDER BY r.started_at, r.id"
        )
        return [RunCost(*row)._replace(outcome=run_outcome(row["outcome"])) for row in rows]

    def by_step(self) -> list[StepCost]:
        """What first attempts and each step of retries brought and cost, in all runs."""
        rows = self._connection.query(
            "SELECT COALESCE(r.step, CASE WHEN r.attempt_number = 1 THEN 'first attempt'"
            " ELSE 'retry' END) AS step, b.engine, b.model, COUNT(*), SUM(a.ok),"
            " COALESCE(SUM(a.usd), 0.0), SUM(a.usd IS NULL), MIN(r.attempt_number)"
            " FROM attempt a JOIN record r ON r.batch_id = a.batch_id AND r.key = a.key"
            " JOIN batch b ON b.id = a.batch_id JOIN run u ON u.id = b.run_id"
            " WHERE u.purpose = 'workflow' GROUP BY step, b.engine, b.model"
            " ORDER BY MIN(r.attempt_number), step, b.engine, b.model"
        )
        found = []
        for step, engine, model, attempts, read, usd, unpriced, _ in rows:
            known = None if unpriced else float(usd)
            found.append(StepCost(step, engine, model, attempts, read, known))
        return found

    def enqueued_tokens(self, engine: str, model: str) -> dict[int, int]:
        """Input tokens that each open batch of a model was expected to take, by its number."""
        rows = self._connection.query(
            "SELECT b.id, COALESCE(SUM(r.expected_input_tokens), 0) FROM batch b"
            " JOIN record r ON r.batch_id = b.id WHERE b.engine = ? AND b.model = ?"
            " AND b.transport = 'batch' AND b.status IN (?, ?, ?) GROUP BY b.id ORDER BY b.id",
            engine,
            model,
            *OPEN_STATUSES,
        )
        return {row[0]: row[1] for row in rows}

    def mark_over_budget(self, run_id: str, why: str) -> None:
        """Write down why a run sends nothing more; the first reason stays."""
        with self._connection.transaction() as db:
            db.execute(
                "UPDATE run SET over_budget = COALESCE(over_budget, ?) WHERE id = ?", (why, run_id)
            )

    def over_budget(self, run_id: str) -> str | None:
        """Why a run sends nothing more, where that is its budget."""
        rows = self._connection.query("SELECT over_budget FROM run WHERE id = ?", run_id)
        return rows[0][0] if rows else None

    def estimate_and_actual(self, run_id: str) -> EstimateAndActual:
        """What a run's metered records were expected to use, beside what they used."""
        rows = self._connection.query(
            "SELECT COUNT(*), COALESCE(SUM(r.expected_input_tokens), 0),"
            " COALESCE(SUM(r.expected_output_tokens), 0), COALESCE(SUM(r.expected_usd), 0.0),"
            " COALESCE(SUM(a.prompt_tokens), 0),"
            " COALESCE(SUM(a.output_tokens + a.thoughts_tokens), 0),"
            " COALESCE(SUM(a.cached_tokens), 0)"
            " FROM record r JOIN attempt a ON a.batch_id = r.batch_id AND a.key = r.key"
            " JOIN batch b ON b.id = r.batch_id"
            " WHERE b.run_id = ? AND a.prompt_tokens > 0 AND r.expected_input_tokens IS NOT NULL",
            run_id,
        )
        return EstimateAndActual(*rows[0])

    def measured(self, engine: str, model: str, prompt_sha256: str) -> Measured:
        """What the attempts of a model with a prompt took, a page."""
        row = self._connection.query(
            "SELECT COALESCE(SUM(ok), 0), SUM(prompt_tokens), SUM(tokens), AVG(tokens),"
            " AVG(1.0 * tokens * tokens) FROM (SELECT a.ok, a.prompt_tokens,"
            " a.output_tokens + a.thoughts_tokens AS tokens FROM attempt a"
            " JOIN batch b ON b.id = a.batch_id WHERE b.engine = ? AND b.model = ?"
            " AND b.prompt_sha256 = ? AND a.prompt_tokens > 0)",
            engine,
            model,
            prompt_sha256,
        )[0]
        pages, input_tokens, output_tokens, mean, mean_square = row
        if not pages:
            return Measured(0, 0.0, 0.0, 0.0)
        spread = math.sqrt(max(0.0, mean_square - mean * mean))
        return Measured(pages, input_tokens / pages, output_tokens / pages, spread)

    def measured_images(
        self, engine: str, model: str, prompt_sha256: str
    ) -> dict[str, tuple[str, float | None]]:
        """Of each page that a model read well with a prompt, by key: its image, and which share of
        it is print, from 0 to 1, where that was seen."""
        rows = self._connection.query(
            "SELECT r.key, r.image, p.share_of_print FROM record r"
            " JOIN batch b ON b.id = r.batch_id"
            " JOIN attempt a ON a.batch_id = r.batch_id AND a.key = r.key"
            " LEFT JOIN picture p ON p.key = r.key AND p.image_sha256 = r.image_sha256"
            " WHERE b.engine = ? AND b.model = ? AND b.prompt_sha256 = ?"
            " AND a.ok AND a.prompt_tokens > 0 ORDER BY r.key",
            engine,
            model,
            prompt_sha256,
        )
        return {row[0]: (row[1], row[2]) for row in rows}
