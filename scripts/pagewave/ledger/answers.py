"""What batches brought: raw lines, attempts, stored answers."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .connection import Connection
from .failures import FailureRow, clear_failures
from .flags import Flag, add_flags
from .outbox import add_log_rows


@dataclass(frozen=True, slots=True)
class Attempt:
    """One inference of one record; `page` is the validated answer's JSON, None where it failed."""

    key: str
    number: int
    fingerprint: str
    page: str | None
    finish_reason: str | None
    prompt_tokens: int
    output_tokens: int
    thoughts_tokens: int
    cached_tokens: int
    usd: float | None
    flags: Sequence[Flag] = ()


class Answers(Connection):
    """What the ledger knows of answers."""

    keeps_log_rows = True
    """Are attempts noted in the outbox? Off where nobody is to be told of them."""

    def store_lines(self, batch_id: int, lines: Iterable[tuple[str | None, bytes]]) -> None:
        """Keep the raw lines of a batch's result, with the key each one names."""
        with self.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO response VALUES (?, ?, ?, ?)",
                [(batch_id, number, key, line) for number, (key, line) in enumerate(lines)],
            )

    def commit_results(
        self,
        batch_id: int,
        state: str,
        error: str | None,
        attempts: Sequence[Attempt],
        failures: Sequence[FailureRow],
        at: float | None = None,
    ) -> None:
        """Everything a batch brought, at once: attempts, flags, failures, and that it is collected.

        A batch that is collected already stays as it is, so that collecting twice changes nothing.
        `at`: when, in Unix seconds; None is now.
        """
        now = time.time() if at is None else at
        with self.transaction() as db:
            changed = db.execute(
                "UPDATE batch SET status = 'collected', state = ?, error = ?, collected_at = ?"
                " WHERE id = ? AND status != 'collected'",
                (state, error, now, batch_id),
            ).rowcount
            if not changed:
                return
            db.executemany(
                "INSERT INTO attempt (batch_id, key, number, fingerprint, ok, page, finish_reason,"
                " prompt_tokens, output_tokens, thoughts_tokens, cached_tokens, usd, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        batch_id,
                        a.key,
                        a.number,
                        a.fingerprint,
                        a.page is not None,
                        a.page,
                        a.finish_reason,
                        a.prompt_tokens,
                        a.output_tokens,
                        a.thoughts_tokens,
                        a.cached_tokens,
                        a.usd,
                        now,
                    )
                    for a in attempts
                ],
            )
            add_flags(db, batch_id, {a.key: a.flags for a in attempts}, now)
            clear_failures(db, [a.key for a in attempts if a.page is not None], now)
            engine = db.execute("SELECT engine FROM batch WHERE id = ?", (batch_id,)).fetchone()[0]
            db.executemany(
                "INSERT INTO failure (key, batch_id, attempt_number, engine, counted, error_type,"
                " message, traceback, raw_text, raw_json, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        f.key,
                        batch_id,
                        f.attempt_number,
                        engine,
                        f.counted,
                        f.error_type,
                        f.message,
                        f.traceback,
                        f.raw_text,
                        f.raw_json,
                        now,
                    )
                    for f in failures
                ],
            )
            if self.keeps_log_rows:
                tried = {a.key for a in attempts} | {f.key for f in failures if f.counted}
                add_log_rows(db, batch_id, sorted(tried))

    def stored_answer(self, fingerprint: str, since: float = 0.0) -> int | None:
        """The newest good attempt with this fingerprint, not older than `since` (Unix seconds)."""
        rows = self.query(
            "SELECT MAX(id) FROM attempt WHERE fingerprint = ? AND ok AND created_at >= ?",
            fingerprint,
            since,
        )
        return rows[0][0] if rows else None

    def attempt_page(self, attempt_id: int) -> str:
        """The validated page (JSON) of a good attempt."""
        return str(self.query("SELECT page FROM attempt WHERE id = ?", attempt_id)[0][0])

    def answer_before(self, key: str, at: float) -> str | None:
        """The newest good answer (JSON) that a page had at a time in Unix seconds."""
        rows = self.query(
            "SELECT page FROM attempt WHERE key = ? AND ok AND created_at <= ?"
            " ORDER BY created_at DESC, id DESC LIMIT 1",
            key,
            at,
        )
        return str(rows[0][0]) if rows else None

    def attempt_with(self, key: str, page: str) -> int | None:
        """The newest good attempt of this page that brought this very answer (JSON)."""
        rows = self.query(
            "SELECT MAX(id) FROM attempt WHERE key = ? AND ok AND page = ?", key, page
        )
        return rows[0][0] if rows else None

    def attempted_keys(self) -> set[str]:
        """Keys with at least one good attempt, under whatever fingerprint."""
        return {row[0] for row in self.query("SELECT DISTINCT key FROM attempt WHERE ok")}

    def batch_totals(self, batch_id: int) -> dict[str, int | float | None]:
        """What a collected batch brought: answers, good ones, tokens, USD (None: price unknown)."""
        rows = self.query(
            "SELECT (SELECT COUNT(*) FROM response WHERE batch_id = ?1) AS lines_received,"
            " COUNT(*) AS records_attempted, COALESCE(SUM(ok), 0) AS records_valid,"
            " COALESCE(SUM(prompt_tokens), 0) AS prompt_tokens,"
            " COALESCE(SUM(output_tokens), 0) AS output_tokens,"
            " COALESCE(SUM(thoughts_tokens), 0) AS thoughts_tokens, SUM(usd) AS usd"
            " FROM attempt WHERE batch_id = ?1",
            batch_id,
        )
        return dict(rows[0])
