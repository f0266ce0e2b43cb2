"""The outbox: attempts that a log service is to be told of, and how far that has got.

A row names an attempt and no more: what there is to tell is in the ledger already, and is put
together when the row is sent. So a row costs the transaction of its attempt next to nothing.

Calls that were asked by hand have a table of their own (`call_row`), with all there is to tell: no
batch or attempt has it. Here their numbers are negative.
"""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import NamedTuple

from pagewave.ledger.connection import Shelf
from pagewave.ledger.lines import unpacked
from pagewave.redaction import hide_keys

# {rows}: id, batch_id, key and refusals of the attempts to tell of.
_TOLD = """
    SELECT o.id, o.batch_id, o.key, b.display_name, b.name AS batch_name, b.engine, b.model,
        b.run_id, b.lane, b.wave, COALESCE(b.submitted_at, b.creating_at, b.intent_at) AS sent_at,
        COALESCE(a.created_at, f.created_at) AS answered_at,
        p.name AS prompt_name, p.template_file, p.template, p.sha256 AS prompt_sha256,
        r.attempt_number, r.fingerprint, r.previous_context, r.generation_config, r.image,
        r.image_sha256, a.page, a.finish_reason, a.prompt_tokens, a.output_tokens,
        a.thoughts_tokens, a.cached_tokens, a.usd, a.model_served, a.model_stage,
        a.service_tier, f.error_type, f.message AS error_message,
        f.traceback, f.raw_text, f.raw_json,
        (SELECT json_group_array(what || ': ' || message) FROM flag WHERE attempt_id = a.id)
        AS flags, (SELECT page FROM correction WHERE key = o.key) AS corrected
    FROM ({rows}) o
    JOIN batch b ON b.id = o.batch_id
    JOIN record r ON r.batch_id = o.batch_id AND r.key = o.key
    JOIN prompt p ON p.sha256 = b.prompt_sha256
    LEFT JOIN attempt a ON a.batch_id = o.batch_id AND a.key = o.key
    LEFT JOIN failure f ON f.id =
        (SELECT MAX(id) FROM failure WHERE batch_id = o.batch_id AND key = o.key)
    ORDER BY o.refusals, o.id, o.batch_id"""
_WAITING = "SELECT * FROM outbox WHERE status = 'waiting' ORDER BY refusals, id LIMIT ?"
_CALLS_WAITING = (
    "SELECT -call_id, told FROM call_row WHERE status = 'waiting' ORDER BY refusals, call_id"
    " LIMIT ?"
)
_OF_PAGE = "SELECT 0 AS id, batch_id, key, 0 AS refusals FROM record WHERE key = ?"


@dataclass(frozen=True, slots=True)
class LogRow:
    """An attempt with all that is known of it.

    Times are Unix seconds, `lines` the raw results, `flags` a JSON list of texts. Where no attempt
    could be made of the result (an error line), tokens and USD are None. Of a batch that is not
    collected yet there is no `answered_at` either. `corrected` is what a person made of the page,
    JSON.
    """

    id: int
    batch_id: int
    key: str
    display_name: str
    batch_name: str | None
    engine: str
    model: str
    run_id: str
    lane: int
    wave: int
    sent_at: float
    answered_at: float | None
    prompt_name: str
    template_file: str
    template: str
    prompt_sha256: str
    attempt_number: int
    fingerprint: str
    previous_context: str | None
    generation_config: str
    image: str
    image_sha256: str
    page: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    thoughts_tokens: int | None
    cached_tokens: int | None
    usd: float | None
    model_served: str | None
    model_stage: str | None
    service_tier: str | None
    error_type: str | None
    error_message: str | None
    traceback: str | None
    raw_text: str | None
    raw_json: str | None
    flags: str
    corrected: str | None = None
    lines: tuple[bytes, ...] = ()


class OutboxCounts(NamedTuple):
    """Rows by what became of them; parked ones were refused again and again."""

    waiting: int
    delivered: int
    parked: int


class Outage(NamedTuple):
    """Why nothing is delivered at the moment: failures in a row, and when to try again."""

    failures: int
    next_try_at: float
    error: str


def add_log_rows(db: sqlite3.Connection, batch_id: int, keys: Iterable[str]) -> None:
    """Note attempts of a batch, inside of their transaction; what was noted before is told anew."""
    # Replaced, not updated: the new number keeps a delivery under way from ticking it off.
    db.executemany(
        "INSERT OR REPLACE INTO outbox (batch_id, key) VALUES (?, ?)",
        [(batch_id, key) for key in keys],
    )


def _place(row_id: int) -> tuple[str, str]:
    """Table and column in which a row of this number is."""
    return ("call_row", "call_id") if row_id < 0 else ("outbox", "id")


def add_call_row(db: sqlite3.Connection, call_id: int, row: LogRow) -> None:
    """Note a call for the log service, inside of the transaction that writes down its answer."""
    told = {name: value for name, value in asdict(row).items() if name not in ("id", "lines")}
    told["lines"] = [line.decode("utf-8", "backslashreplace") for line in row.lines]
    db.execute(
        "INSERT OR IGNORE INTO call_row (call_id, told) VALUES (?, ?)",
        (call_id, hide_keys(json.dumps(told))),
    )


def _call_row(row_id: int, told: str) -> LogRow:
    values = json.loads(told)
    lines = tuple(line.encode() for line in values.pop("lines"))
    return LogRow(id=row_id, lines=lines, **values)


class Outbox(Shelf):
    """Rows for the log service, and whether it can be reached."""

    def waiting(self, limit: int) -> list[LogRow]:
        """The next rows to send: calls by hand, then the oldest attempts, those that were refused
        before at the end."""
        calls = [_call_row(*row) for row in self._connection.query(_CALLS_WAITING, limit)]
        return calls + self._told(_WAITING, limit - len(calls))

    def attempts_of(self, key: str) -> list[LogRow]:
        """All that is known of each attempt at a page, oldest first; also of what is in flight."""
        return self._told(_OF_PAGE, key)

    def _told(self, rows: str, value: object) -> list[LogRow]:
        return [
            LogRow(**dict(row), lines=self._lines_of(row["batch_id"], row["key"]))
            for row in self._connection.query(_TOLD.format(rows=rows), value)
        ]

    def _lines_of(self, batch_id: int, key: str) -> tuple[bytes, ...]:
        rows = self._connection.query(
            "SELECT line FROM response WHERE batch_id = ? AND key = ? ORDER BY line_number",
            batch_id,
            key,
        )
        return tuple(unpacked(row["line"]) for row in rows)

    def mark_delivered(self, ids: Iterable[int]) -> None:
        """The service has these rows."""
        now = time.time()
        with self._connection.transaction() as db:
            for row_id in ids:
                table, number = _place(row_id)
                db.execute(
                    f"UPDATE {table} SET status = 'delivered', delivered_at = ?, last_error = NULL"
                    f" WHERE {number} = ?",
                    (now, abs(row_id)),
                )

    def mark_refused(self, row_id: int, error: str, park_after: int) -> None:
        """The service does not take this row; after so many refusals it is sent no more."""
        table, number = _place(row_id)
        with self._connection.transaction() as db:
            db.execute(
                f"UPDATE {table} SET refusals = refusals + 1, last_error = ?1,"
                " status = CASE WHEN refusals + 1 >= ?2 THEN 'parked' ELSE status END"
                f" WHERE {number} = ?3",
                (error, park_after, abs(row_id)),
            )

    def retry_parked(self) -> int:
        """Let parked rows be sent again; returns how many."""
        with self._connection.transaction() as db:
            again = "SET status = 'waiting', refusals = 0 WHERE status = 'parked'"
            return sum(
                db.execute(f"UPDATE {table} {again}").rowcount for table in ("outbox", "call_row")
            )

    def parked(self) -> list[sqlite3.Row]:
        """Key, refusals and last error of each parked row."""
        return self._connection.query(
            "SELECT key, refusals, last_error FROM (SELECT id, key, refusals, last_error, status"
            " FROM outbox UNION ALL SELECT -c.id, c.key, r.refusals, r.last_error, r.status"
            " FROM call_row r JOIN call c ON c.id = r.call_id) WHERE status = 'parked' ORDER BY id"
        )

    def counts(self) -> OutboxCounts:
        """How many rows wait, are delivered, are parked."""
        rows = self._connection.query(
            "SELECT status, COUNT(*) FROM (SELECT status FROM outbox UNION ALL"
            " SELECT status FROM call_row) GROUP BY status"
        )
        counts = {row[0]: int(row[1]) for row in rows}
        return OutboxCounts(*(counts.get(status, 0) for status in OutboxCounts._fields))

    def outage(self) -> Outage | None:
        """What keeps rows from being delivered, if the last try failed."""
        rows = self._connection.query("SELECT failures, next_try_at, error FROM outage")
        return Outage(*rows[0]) if rows else None

    def set_outage(self, outage: Outage | None) -> None:
        """The service could not be reached, or (None) answers again."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM outage")
            if outage:
                db.execute(
                    "INSERT INTO outage (failures, next_try_at, error) VALUES (?, ?, ?)", outage
                )
