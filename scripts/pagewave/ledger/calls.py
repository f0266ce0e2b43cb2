"""Calls that were asked and answered at once, without a batch: what trials and probes cost."""

import time

from pagewave.ledger.answers import NOT_SAID, Served
from pagewave.ledger.connection import Shelf
from pagewave.ledger.outbox import LogRow, add_call_row
from pagewave.ledger.runs import Purpose


class Calls(Shelf):
    """Single calls of runs that send no batches, on record before they are asked."""

    def add(
        self,
        run_id: str,
        key: str,
        model: str,
        prompt_sha256: str,
        fingerprint: str,
        max_usd: float | None,
    ) -> int:
        """Write down a call that is about to be asked; returns its number.

        `max_usd` is what it can't go beyond: a budget counts that until it is known what it cost.
        """
        with self._connection.transaction() as db:
            row = db.execute(
                "INSERT INTO call (run_id, key, model, prompt_sha256, fingerprint, asked_at,"
                " max_usd) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (run_id, key, model, prompt_sha256, fingerprint, time.time(), max_usd),
            )
        return int(row.lastrowid or 0)

    def refused(self, call_id: int) -> None:
        """The service said no: the call cost nothing."""
        self._settle("ok = 0, usd = 0.0, max_usd = 0.0", call_id)

    def answered(
        self,
        call_id: int,
        *,
        ok: bool,
        tokens: tuple[int, int, int, int] = (0, 0, 0, 0),
        usd: float | None,
        served: Served = NOT_SAID,
        told: LogRow | None = None,
    ) -> None:
        """What a call brought, who served it, and what the log service is to be told, if anything.

        `tokens`: of the prompt, answer and thoughts, and those cached.
        Where they are 0 the service did not meter it, and it goes on counting at its most.
        """
        with self._connection.transaction() as db:
            self._settle(
                "ok = ?, prompt_tokens = ?, output_tokens = ?, thoughts_tokens = ?,"
                " cached_tokens = ?, usd = ?, model_served = ?, service_tier = ?",
                call_id,
                *(ok, *tokens, usd, served.model, served.tier),
            )
            if told:
                add_call_row(db, call_id, told)

    def seconds(self, engine: str, model: str, purpose: Purpose, most: int) -> list[float]:
        """How long the newest calls took that were answered, in runs of a purpose."""
        rows = self._connection.query(
            "SELECT c.answered_at - c.asked_at FROM call c JOIN run r ON r.id = c.run_id"
            " WHERE r.engine = ? AND c.model = ? AND r.purpose = ? AND c.prompt_tokens > 0"
            " AND c.answered_at > c.asked_at ORDER BY c.id DESC LIMIT ?",
            *(engine, model, purpose, most),
        )
        return [float(row[0]) for row in rows]

    def _settle(self, changes: str, call_id: int, *values: object) -> None:
        with self._connection.transaction() as db:
            db.execute(
                f"UPDATE call SET {changes}, answered_at = ? WHERE id = ?",
                (*values, time.time(), call_id),
            )
