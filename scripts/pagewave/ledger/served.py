"""Which models answered, beside those that were asked for."""

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pagewave.ledger.answers import Flag, Served, add_flags
from pagewave.ledger.connection import Shelf
from pagewave.ledger.lines import unpacked

AT_ONCE = 500
"""Attempts whose raw lines are in memory together, and are written down together."""


class ServedCount(NamedTuple):
    """Attempts that asked for one model and were answered by one."""

    asked: str
    served: str
    attempts: int


class Unfilled(NamedTuple):
    """An attempt of which it is not known who answered, with the raw lines of its page."""

    attempt_id: int
    batch_id: int
    key: str
    engine: str
    asked: str
    answered_at: float
    prompt_tokens: int
    output_tokens: int
    cached_tokens: int
    lines: tuple[bytes, ...] = ()


class Filled(NamedTuple):
    """Who answered an attempt; `usd` None: its price stays as it is, `flag` None: so do those."""

    attempt: Unfilled
    served: Served
    usd: float | None
    flag: Flag | None


class WhoServed(Shelf):
    """The models that answered."""

    def in_run(self, run_id: str) -> list[ServedCount]:
        """What answered the attempts of a run, as far as it was said."""
        rows = self._connection.query(
            "SELECT b.model, a.model_served, COUNT(*) FROM attempt a JOIN batch b"
            " ON b.id = a.batch_id WHERE b.run_id = ? AND a.model_served IS NOT NULL"
            " GROUP BY b.model, a.model_served ORDER BY b.model, a.model_served",
            run_id,
        )
        return [ServedCount(*row) for row in rows]

    def newest(self, engine: str, asked: str) -> tuple[str, float] | None:
        """The model that last answered for one, and when (Unix seconds); None: it was not said."""
        rows = self._connection.query(
            "SELECT a.model_served, a.created_at FROM attempt a JOIN batch b ON b.id = a.batch_id"
            " WHERE b.engine = ? AND b.model = ? AND a.model_served IS NOT NULL"
            " ORDER BY a.id DESC LIMIT 1",
            engine,
            asked,
        )
        return (str(rows[0][0]), float(rows[0][1])) if rows else None

    def retires_at(self, engine: str, asked: str) -> float | None:
        """When a model ends (Unix seconds), as its newest answer that says so says; None: none."""
        rows = self._connection.query(
            "SELECT a.model_retires_at FROM attempt a JOIN batch b ON b.id = a.batch_id"
            " WHERE b.engine = ? AND b.model = ? AND a.model_retires_at IS NOT NULL"
            " ORDER BY a.id DESC LIMIT 1",
            engine,
            asked,
        )
        return float(rows[0][0]) if rows else None

    def unfilled(self) -> Iterator[Unfilled]:
        """Attempts with raw lines of which it is not known who answered, oldest first."""
        last = 0
        while True:
            rows = self._connection.query(
                "SELECT a.id, a.batch_id, a.key, b.engine, b.model, a.created_at, a.prompt_tokens,"
                " a.output_tokens + a.thoughts_tokens, a.cached_tokens FROM attempt a"
                " JOIN batch b ON b.id = a.batch_id WHERE a.id > ? AND a.model_served IS NULL"
                " AND EXISTS (SELECT 1 FROM response s WHERE s.batch_id = a.batch_id"
                " AND s.key = a.key) ORDER BY a.id LIMIT ?",
                last,
                AT_ONCE,
            )
            for row in rows:
                lines = self._connection.query(
                    "SELECT line FROM response WHERE key = ? AND batch_id = ? ORDER BY line_number",
                    row[2],
                    row[1],
                )
                attempt = Unfilled(*tuple(row))
                yield attempt._replace(lines=tuple(unpacked(line[0]) for line in lines))
            if len(rows) < AT_ONCE:
                return
            last = rows[-1][0]

    def fill(self, found: Iterable[Filled]) -> None:
        """Write down who answered, all or nothing."""
        with self._connection.transaction() as db:
            for each in found:
                db.execute(
                    "UPDATE attempt SET model_served = ?, model_stage = ?, model_retires_at = ?,"
                    " model_message = ?, service_tier = ?, usd = COALESCE(?, usd) WHERE id = ?",
                    (*each.served, each.usd, each.attempt.attempt_id),
                )
                if each.flag:
                    of_page = {each.attempt.key: [each.flag]}
                    add_flags(db, each.attempt.batch_id, of_page, time.time())
