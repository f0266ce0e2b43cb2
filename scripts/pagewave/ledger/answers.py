"""What batches brought: raw lines, attempts, stored answers, and the flags of answers."""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pagewave.ledger.connection import Shelf
from pagewave.ledger.failures import FailureRow, clear_failures, insert_failures, is_comparison
from pagewave.ledger.lines import packed, unpacked
from pagewave.ledger.outbox import add_log_rows


class Flag(NamedTuple):
    """A doubt: the guard that found it, and what it found."""

    what: str
    message: str


class FlaggedPage(NamedTuple):
    """A flag of the answer that a page's file holds."""

    key: str
    what: str
    message: str


class Served(NamedTuple):
    """Who answered, as the response says; None: it does not. `retires_at` is in Unix seconds.

    `stage` is such as STABLE or DEPRECATED, `tier` such as flex or standard.
    """

    model: str | None = None
    stage: str | None = None
    retires_at: float | None = None
    message: str | None = None
    tier: str | None = None


NOT_SAID = Served()


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
    served: Served = NOT_SAID


def insert_attempts(
    db: sqlite3.Connection, batch_id: int, attempts: Iterable[Attempt], now: float
) -> None:
    """Write attempts down, inside of a transaction.

    What was taken for an attempt without an answer may get one when the batch's results turn up.
    """
    db.executemany(
        "INSERT INTO attempt (batch_id, key, number, fingerprint, ok, page, finish_reason,"
        " prompt_tokens, output_tokens, thoughts_tokens, cached_tokens, usd, created_at,"
        " model_served, model_stage, model_retires_at, model_message, service_tier)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (batch_id, key) DO UPDATE SET ok = excluded.ok, page = excluded.page,"
        " finish_reason = excluded.finish_reason, prompt_tokens = excluded.prompt_tokens,"
        " output_tokens = excluded.output_tokens, thoughts_tokens = excluded.thoughts_tokens,"
        " cached_tokens = excluded.cached_tokens, usd = excluded.usd,"
        " created_at = excluded.created_at, model_served = excluded.model_served,"
        " model_stage = excluded.model_stage, model_retires_at = excluded.model_retires_at,"
        " model_message = excluded.model_message, service_tier = excluded.service_tier",
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
                *a.served,
            )
            for a in attempts
        ],
    )


def _remove_attempts(db: sqlite3.Connection, batch_id: int, keep: Sequence[str]) -> list[str]:
    """Remove a batch's attempts but for those at these keys, inside of a transaction; returns the
    keys of those that went."""
    rows = db.execute("SELECT key FROM attempt WHERE batch_id = ?", (batch_id,)).fetchall()
    gone = sorted({row[0] for row in rows} - set(keep))
    db.executemany(
        "DELETE FROM attempt WHERE batch_id = ? AND key = ?", [(batch_id, key) for key in gone]
    )
    return gone


def add_flags(
    db: sqlite3.Connection, batch_id: int, flags: Mapping[str, Iterable[Flag]], now: float
) -> None:
    """Write down the flags of a batch's attempts, by key, inside of a transaction."""
    db.executemany(
        "INSERT INTO flag (attempt_id, key, what, message, created_at)"
        " SELECT id, key, ?, ?, ? FROM attempt WHERE batch_id = ? AND key = ?",
        [(*flag, now, batch_id, key) for key, found in flags.items() for flag in found],
    )


class Answers(Shelf):
    """Result lines, the attempts made of them, and the flags of those that were taken."""

    keeps_log_rows = True
    """Are attempts noted in the outbox? Off where nobody is to be told of them."""

    def store_lines(self, batch_id: int, lines: Iterable[tuple[str | None, bytes]]) -> None:
        """Keep the raw lines of a batch's result, with the key each one names."""
        with self._connection.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO response VALUES (?, ?, ?, ?)",
                [(batch_id, number, key, packed(line)) for number, (key, line) in enumerate(lines)],
            )

    def lines(self, batch_id: int) -> list[bytes]:
        """The raw lines of a batch's result as they were stored: all or none."""
        rows = self._connection.query(
            "SELECT line FROM response WHERE batch_id = ? ORDER BY line_number", batch_id
        )
        return [unpacked(row[0]) for row in rows]

    def half_before(self, batch_id: int, key: str) -> bytes | None:
        """The line of a page's last call before this one, where it asked the very same, was not
        followed by a forced rebuild, and got a single line."""
        rows = self._connection.query(
            "SELECT MAX(s.line) FROM record r JOIN record p ON p.key = r.key"
            " AND p.fingerprint = r.fingerprint AND p.generation_config = r.generation_config"
            " JOIN batch b ON b.id = p.batch_id AND b.transport != 'batch'"
            " JOIN response s ON s.batch_id = p.batch_id"
            " WHERE r.batch_id = ?1 AND r.key = ?2 AND p.batch_id ="
            " (SELECT MAX(batch_id) FROM record WHERE key = ?2 AND batch_id < ?1)"
            " AND p.batch_id > COALESCE((SELECT after_batch FROM rebuild WHERE key = ?2), 0)"
            " HAVING COUNT(*) = 1",
            *(batch_id, key),
        )
        return unpacked(rows[0][0]) if rows else None

    def commit(
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
        What was taken for an attempt when it was given up, and is none of these, was none.
        Failures in a comparison of prompts are on record but count for nothing.
        `at`: when, in Unix seconds; None is now.
        """
        now = time.time() if at is None else at
        with self._connection.transaction() as db:
            changed = db.execute(
                "UPDATE batch SET status = 'collected', state = ?, error = ?, collected_at = ?"
                " WHERE id = ? AND status != 'collected'",
                (state, error, now, batch_id),
            ).rowcount
            if not changed:
                return
            disproved = _remove_attempts(db, batch_id, keep=[a.key for a in attempts])
            insert_attempts(db, batch_id, attempts, now)
            add_flags(db, batch_id, {a.key: a.flags for a in attempts}, now)
            if not is_comparison(db, batch_id):
                clear_failures(db, [a.key for a in attempts if a.page is not None], now)
            engine, intent_at = db.execute(
                "SELECT engine, intent_at FROM batch WHERE id = ?", (batch_id,)
            ).fetchone()
            # A batch may come late, when another one has answered already.
            answered = {
                row[0]
                for row in db.execute(
                    "SELECT key FROM attempt WHERE ok AND created_at >= ? AND fingerprint IN"
                    " (SELECT fingerprint FROM record WHERE batch_id = ?)",
                    (intent_at, batch_id),
                )
            }
            insert_failures(db, engine, batch_id, failures, now, forgiven=answered)
            self._log(db, batch_id, attempts, failures, disproved)

    def give_up(
        self,
        batch_id: int,
        state: str,
        error: str | None,
        attempts: Sequence[Attempt],
        failures: Sequence[FailureRow],
    ) -> None:
        """Wait no longer for a batch: its records may be sent again, and it is looked for later.

        Args:
            state: one of the doubtful states of `batches`, or UNANSWERED of a call, which nobody
                can look for.
            attempts: what is paid for in all likelihood.
        """
        now = time.time()
        with self._connection.transaction() as db:
            rows = db.execute(
                "UPDATE batch SET status = 'abandoned', state = ?, error = ?"
                " WHERE id = ? AND status IN ('creating', 'submitted') RETURNING engine",
                (state, error, batch_id),
            ).fetchall()
            if rows:
                insert_attempts(db, batch_id, attempts, now)
                insert_failures(db, rows[0]["engine"], batch_id, failures, now)
                self._log(db, batch_id, attempts, failures)

    def _log(
        self,
        db: sqlite3.Connection,
        batch_id: int,
        attempts: Iterable[Attempt],
        failures: Iterable[FailureRow],
        disproved: Iterable[str] = (),
    ) -> None:
        """Have the log service told of what was tried, inside of a transaction, and of what it was
        told of and was not."""
        if self.keeps_log_rows:
            tried = {a.key for a in attempts} | {f.key for f in failures if f.counted}
            add_log_rows(db, batch_id, sorted(tried.union(disproved)))

    def stored(
        self, fingerprint: str, after_batch: int = 0, transport: str | None = None
    ) -> int | None:
        """The newest good attempt with this fingerprint, of a batch after `after_batch`.

        `transport`: only what came by it counts; None: whichever road it took.
        """
        rows = self._connection.query(
            "SELECT MAX(id) FROM attempt WHERE fingerprint = ?1 AND ok AND batch_id > ?2 AND"
            " (?3 IS NULL OR (SELECT transport FROM batch WHERE id = batch_id) = ?3)",
            *(fingerprint, after_batch, transport),
        )
        return rows[0][0] if rows else None

    def untaken(
        self,
        key: str,
        image_sha256: str,
        engine: str,
        prompt_name: str,
        after_batch: int = 0,
        names: str = "%",
    ) -> int | None:
        """The newest good attempt at a page that no wave took yet, however it was asked; `names` is
        a pattern (SQL) of the display names of batches that count.

        So a batch that was in flight when settings changed is left once it is collected. None
        where the page had an answer of a batch after `after_batch` already.
        """
        rows = self._connection.query(
            "SELECT MAX(a.id) FROM attempt a JOIN batch b ON b.id = a.batch_id"
            " JOIN record r ON r.batch_id = a.batch_id AND r.key = a.key"
            " JOIN run u ON u.id = b.run_id JOIN prompt p ON p.sha256 = b.prompt_sha256"
            " WHERE a.key = ?1 AND a.ok AND r.image_sha256 = ?2 AND b.engine = ?3 AND p.name = ?4"
            " AND b.id > ?5 AND u.purpose = 'workflow' AND b.display_name LIKE ?6"
            " AND NOT EXISTS (SELECT 1 FROM attempt t"
            " WHERE t.batch_id > ?5 AND t.id IN (SELECT attempt_id FROM page WHERE key = ?1"
            " UNION SELECT attempt_id FROM wave_page WHERE key = ?1))",
            *(key, image_sha256, engine, prompt_name, after_batch, names),
        )
        return rows[0][0] if rows else None

    def newest(self) -> int:
        """The number of the newest attempt; 0 before the first one."""
        return int(self._connection.query("SELECT COALESCE(MAX(id), 0) FROM attempt")[0][0])

    def newest_good(self) -> int:
        """The same of the newest good one: it never gets smaller."""
        return int(
            self._connection.query("SELECT COALESCE(MAX(id), 0) FROM attempt WHERE ok")[0][0]
        )

    def attempt(self, attempt_id: int) -> Attempt:
        """One attempt by its number in the ledger."""
        rows = self._connection.query(
            "SELECT key, number, fingerprint, page, finish_reason, prompt_tokens, output_tokens,"
            " thoughts_tokens, cached_tokens, usd, model_served, model_stage, model_retires_at,"
            " model_message, service_tier FROM attempt WHERE id = ?",
            attempt_id,
        )
        row = tuple(rows[0])
        return replace(Attempt(*row[:10]), served=Served(*row[10:]))

    def page(self, attempt_id: int) -> str:
        """The validated page (JSON) of a good attempt."""
        return str(
            self._connection.query("SELECT page FROM attempt WHERE id = ?", attempt_id)[0][0]
        )

    def before(self, key: str, at: float) -> str | None:
        """The newest good answer (JSON) that a page had at a time in Unix seconds."""
        rows = self._connection.query(
            "SELECT page FROM attempt WHERE key = ? AND ok AND created_at <= ?"
            " ORDER BY created_at DESC, id DESC LIMIT 1",
            key,
            at,
        )
        return str(rows[0][0]) if rows else None

    def attempt_with(self, key: str, page: str) -> int | None:
        """The newest good attempt of this page that brought this very answer (JSON)."""
        rows = self._connection.query(
            "SELECT MAX(id) FROM attempt WHERE key = ? AND ok AND page = ?", key, page
        )
        return rows[0][0] if rows else None

    def newest_of(self, key: str) -> int | None:
        """The newest good attempt of this page, whether or not its wave has ended."""
        rows = self._connection.query("SELECT MAX(id) FROM attempt WHERE key = ? AND ok", key)
        return rows[0][0] if rows else None

    def keys(self) -> set[str]:
        """Keys with at least one good attempt, under whatever fingerprint."""
        return {
            row[0] for row in self._connection.query("SELECT DISTINCT key FROM attempt WHERE ok")
        }

    def totals(self, batch_id: int) -> dict[str, int | float | None]:
        """What a collected batch brought: answers, good ones, tokens, USD (None: price unknown)."""
        rows = self._connection.query("SELECT * FROM batch_totals WHERE batch_id = ?", batch_id)
        return {name: rows[0][name] for name in rows[0].keys() if name != "batch_id"}  # noqa: SIM118

    # Flags

    def flags(self, attempt_id: int | None) -> list[Flag]:
        """The flags of an attempt; none of no attempt."""
        rows = self._connection.query(
            "SELECT what, message FROM flag WHERE attempt_id = ? ORDER BY id", attempt_id
        )
        return [Flag(*row) for row in rows]

    def flagged_in_run(self, run_id: str) -> dict[str, int]:
        """How many of the pages that a run read or took have a flag, by guard."""
        rows = self._connection.query(
            "SELECT f.what, COUNT(DISTINCT p.key) FROM flag f"
            " JOIN wave_page p ON p.attempt_id = f.attempt_id JOIN wave w ON w.id = p.wave_id"
            " WHERE w.run_id = ? GROUP BY f.what ORDER BY f.what",
            run_id,
        )
        return {row[0]: int(row[1]) for row in rows}

    def flagged_pages(self) -> list[FlaggedPage]:
        """The flags of all answers on file, by key."""
        rows = self._connection.query(
            "SELECT p.key, f.what, f.message FROM flag f JOIN page p ON p.attempt_id = f.attempt_id"
            " ORDER BY p.key, f.id"
        )
        return [FlaggedPage(*row) for row in rows]
