"""The ledger: the SQLite file that knows every batch, record, attempt, answer and failure.

It is the truth about what was asked and paid for; what a run does next follows from it and the data
set alone. One process writes it (Snakemake's head); others may read it at any time (WAL).
"""

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .errors import LedgerError
from .migrations import MIGRATIONS, migrate, version

OPEN_STATUSES = ("intent", "creating", "submitted")
BUSY_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Record:
    """One page in one batch: all that its request was made of."""

    key: str
    fingerprint: str
    attempt_number: int
    previous_context: str | None
    generation_config: str
    image: str
    image_sha256: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch job as the ledger knows it; times are Unix seconds."""

    id: int
    display_name: str
    name: str | None
    engine: str
    model: str
    prompt_sha256: str
    run_id: str
    lane: int
    wave: int
    status: str
    state: str | None
    error: str | None
    input_file: str | None
    intent_at: float
    creating_at: float | None
    submitted_at: float | None
    collected_at: float | None


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


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Why a record failed; `counted` failures use up its attempts, those of a whole batch don't."""

    key: str
    attempt_number: int
    counted: bool
    error_type: str
    message: str
    traceback: str | None = None
    raw_text: str | None = None
    raw_json: str | None = None


class FailureCount(NamedTuple):
    """Failures of one key that nothing has cleared yet."""

    counted: int
    of_batches: int


class MemberOutcome(NamedTuple):
    """What became of one member of a wave: read, failed (rides again) or dead."""

    key: str
    outcome: str
    free: bool
    attempt_id: int | None


class PlannedPage(NamedTuple):
    """A page that a run is to read: its lane, its chain in the run, its place in the chain."""

    key: str
    lane: int
    chain: int
    place: int


class Ledger:
    """One connection a process, shared by its threads.

    Raises:
        LedgerError: the file is damaged, can't be written, or was made by a newer pagewave.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """Open for writing; the file and its tables are made or migrated as needed."""
        return cls(path, _connect_to_write(path))

    @classmethod
    def peek(cls, path: Path) -> "Ledger":
        """Open without ever writing: for dry runs and reports. No file: an empty ledger."""
        return cls(path, _connect_to_read(path))

    def start_writing(self) -> None:
        """Turn a ledger that was only looked at into one that is written.

        Raises:
            LedgerError: it can't be written, or another process changed it since the look.
        """
        with self._lock:
            seen = self.latest_wave()
            self._connection.close()
            self._connection = _connect_to_write(self._path)
            if self.latest_wave() != seen:
                raise LedgerError(
                    "Another run ended while this one began. Run the same command again."
                )

    def close(self) -> None:
        """Close the connection; the ledger can't be used afterwards."""
        with self._lock:
            self._connection.close()

    def query(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of one statement."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; other threads of this process wait. Nested use joins the outer one."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    # Runs and waves

    def start_run(
        self,
        run_id: str,
        engine: str,
        model: str,
        pages: Sequence[PlannedPage],
        forced: Iterable[str],
    ) -> None:
        """Write down what a run is to read, and which pages it was told to read again."""
        now = time.time()
        forced = list(forced)
        with self.transaction() as db:
            db.execute(
                "INSERT INTO run (id, started_at, engine, model) VALUES (?, ?, ?, ?)",
                (run_id, now, engine, model),
            )
            db.executemany(
                "INSERT INTO run_page VALUES (?, ?, ?, ?, ?)", [(run_id, *page) for page in pages]
            )
            db.executemany(
                "INSERT OR REPLACE INTO rebuild VALUES (?, ?, ?)",
                [(key, now, run_id) for key in forced],
            )
            _clear_failures(db, forced, now)

    def end_run(self, run_id: str, outcome: str) -> None:
        """Write down that a run ended, as `ok`, `failed` or `stopped`."""
        with self.transaction() as db:
            db.execute(
                "UPDATE run SET ended_at = ?, outcome = ? WHERE id = ?",
                (time.time(), outcome, run_id),
            )

    def run_pages(self, run_id: str) -> list[PlannedPage]:
        """What the run is to read, chain by chain."""
        rows = self.query(
            "SELECT key, lane, chain, place FROM run_page WHERE run_id = ? ORDER BY chain, place",
            run_id,
        )
        return [PlannedPage(*row) for row in rows]

    def rebuilds(self) -> dict[str, float]:
        """Pages told to be read again and not yet written since: key to Unix seconds."""
        return {row["key"]: row["since"] for row in self.query("SELECT key, since FROM rebuild")}

    def latest_wave(self) -> int:
        """A number that grows whenever a wave ends."""
        return int(self.query("SELECT COALESCE(MAX(id), 0) FROM wave")[0][0])

    def waves_since(self, run_id: str, wave_id: int) -> list[sqlite3.Row]:
        """Waves of the run that ended after `wave_id`: id, lane, number; oldest first."""
        return self.query(
            "SELECT id, lane, number FROM wave WHERE run_id = ? AND id > ? ORDER BY id",
            run_id,
            wave_id,
        )

    def wave_outcomes(self, wave_id: int) -> list[MemberOutcome]:
        """What became of the members of a finished wave."""
        rows = self.query(
            "SELECT key, outcome, free, attempt_id FROM wave_page WHERE wave_id = ?", wave_id
        )
        return [
            MemberOutcome(r["key"], r["outcome"], bool(r["free"]), r["attempt_id"]) for r in rows
        ]

    def close_wave(
        self,
        run_id: str,
        lane: int,
        number: int,
        started_at: float,
        outcomes: Sequence[MemberOutcome],
    ) -> None:
        """End a wave: from here on the schedule counts with its outcomes."""
        with self.transaction() as db:
            wave_id = db.execute(
                "INSERT INTO wave (run_id, lane, number, started_at, ended_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (run_id, lane, number, started_at, time.time()),
            ).lastrowid
            db.executemany(
                "INSERT INTO wave_page VALUES (?, ?, ?, ?, ?)",
                [(wave_id, *outcome) for outcome in outcomes],
            )

    def answer_in_run(self, run_id: str, key: str) -> int | None:
        """The attempt that a run found for a page, if it did."""
        rows = self.query(
            "SELECT p.attempt_id FROM wave_page p JOIN wave w ON w.id = p.wave_id"
            " WHERE w.run_id = ? AND p.key = ? AND p.outcome = 'read'",
            run_id,
            key,
        )
        return int(rows[0][0]) if rows else None

    def run_totals(self, run_id: str) -> tuple[int, int]:
        """Pages that a run read anew, and pages that it took from stored answers."""
        row = self.query(
            "SELECT COALESCE(SUM(p.outcome = 'read' AND NOT p.free), 0),"
            " COALESCE(SUM(p.free), 0) FROM wave_page p JOIN wave w ON w.id = p.wave_id"
            " WHERE w.run_id = ?",
            run_id,
        )[0]
        return int(row[0]), int(row[1])

    # Batches: intent, creating, submitted, collected

    def add_intent(
        self,
        display_name: str,
        engine: str,
        model: str,
        prompt_sha256: str,
        run_id: str,
        lane: int,
        wave: int,
        records: Sequence[Record],
    ) -> Batch:
        """Write down a batch before anything of it is sent."""
        with self.transaction() as db:
            batch_id = db.execute(
                "INSERT INTO batch (display_name, engine, model, prompt_sha256, run_id, lane, wave,"
                " status, intent_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'intent', ?)",
                (display_name, engine, model, prompt_sha256, run_id, lane, wave, time.time()),
            ).lastrowid
            db.executemany(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        batch_id,
                        r.key,
                        r.fingerprint,
                        r.attempt_number,
                        r.previous_context,
                        r.generation_config,
                        r.image,
                        r.image_sha256,
                    )
                    for r in records
                ],
            )
            assert batch_id is not None
        return self.batch(batch_id)

    def mark_creating(self, batch_id: int, input_file: str) -> None:
        """The create call is about to be sent: from now on the batch may exist."""
        self._update_batch(
            batch_id, status="creating", input_file=input_file, creating_at=time.time()
        )

    def mark_submitted(self, batch_id: int, name: str) -> None:
        """The service has the batch under this name."""
        self._update_batch(batch_id, status="submitted", name=name, submitted_at=time.time())

    def mark_state(self, batch_id: int, state: str) -> None:
        """The service's word for the batch's state, as last seen."""
        self._update_batch(batch_id, state=state)

    def mark_abandoned(self, batch_id: int, error: str) -> None:
        """The batch never came to be; its records are free to be sent again."""
        self._update_batch(batch_id, status="abandoned", error=error)

    def _update_batch(self, batch_id: int, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        with self.transaction() as db:
            db.execute(f"UPDATE batch SET {names} WHERE id = ?", (*values.values(), batch_id))

    def batch(self, batch_id: int) -> Batch:
        """One batch by its number in the ledger."""
        return Batch(*self.query("SELECT * FROM batch WHERE id = ?", batch_id)[0])

    def open_batches(self, engine: str) -> list[Batch]:
        """Batches that were intended or sent and are not collected yet, oldest first."""
        rows = self.query(
            "SELECT * FROM batch WHERE engine = ? AND status IN (?, ?, ?) ORDER BY id",
            engine,
            *OPEN_STATUSES,
        )
        return [Batch(*row) for row in rows]

    def records(self, batch_id: int) -> list[Record]:
        """The records of a batch."""
        rows = self.query(
            "SELECT key, fingerprint, attempt_number, previous_context, generation_config, image,"
            " image_sha256 FROM record WHERE batch_id = ? ORDER BY key",
            batch_id,
        )
        return [Record(*row) for row in rows]

    def open_batch_of(self, fingerprint: str, engine: str) -> int | None:
        """The open batch that carries this very request, if there is one."""
        rows = self.query(
            "SELECT b.id FROM record r JOIN batch b ON b.id = r.batch_id WHERE r.fingerprint = ?"
            " AND b.engine = ? AND b.status IN (?, ?, ?) ORDER BY b.id LIMIT 1",
            fingerprint,
            engine,
            *OPEN_STATUSES,
        )
        return int(rows[0][0]) if rows else None

    def keys_in_flight(self, engine: str) -> set[str]:
        """Keys of the records in open batches."""
        rows = self.query(
            "SELECT DISTINCT r.key FROM record r JOIN batch b ON b.id = r.batch_id"
            " WHERE b.engine = ? AND b.status IN (?, ?, ?)",
            engine,
            *OPEN_STATUSES,
        )
        return {row[0] for row in rows}

    def images_in_flight(self, engine: str) -> set[str]:
        """Hashes of the images that open batches still need."""
        rows = self.query(
            "SELECT DISTINCT r.image_sha256 FROM record r JOIN batch b ON b.id = r.batch_id"
            " WHERE b.engine = ? AND b.status IN (?, ?, ?)",
            engine,
            *OPEN_STATUSES,
        )
        return {row[0] for row in rows}

    # Answers

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
    ) -> None:
        """Everything a batch brought, at once: attempts, failures, and that it is collected.

        A batch that is collected already stays as it is, so that collecting twice changes nothing.
        """
        now = time.time()
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
            _clear_failures(db, [a.key for a in attempts if a.page is not None], now)
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

    # Failures

    def failure_counts(self, engine: str) -> dict[str, FailureCount]:
        """Failures that nothing has cleared yet, by key."""
        rows = self.query(
            "SELECT key, SUM(counted), SUM(1 - counted) FROM failure"
            " WHERE cleared_at IS NULL AND engine = ? GROUP BY key",
            engine,
        )
        return defaultdict(
            lambda: FailureCount(0, 0), {row[0]: FailureCount(row[1], row[2]) for row in rows}
        )

    def last_failure(self, key: str) -> sqlite3.Row | None:
        """The newest failure of a key that nothing has cleared yet."""
        rows = self.query(
            "SELECT * FROM failure WHERE key = ? AND cleared_at IS NULL ORDER BY id DESC LIMIT 1",
            key,
        )
        return rows[0] if rows else None

    def clear_failures(self, keys: Iterable[str]) -> None:
        """Forgive the failures of these keys: their attempts are counted anew."""
        with self.transaction() as db:
            _clear_failures(db, keys, time.time())

    # Pages, prompts, uploads

    def mark_written(self, key: str, attempt_id: int) -> None:
        """A page's file now holds this attempt's answer; a rebuild of it is thereby done."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO page VALUES (?, ?, ?)", (key, attempt_id, time.time())
            )
            db.execute("DELETE FROM rebuild WHERE key = ?", (key,))

    def engines_of_pages(self) -> dict[str, str]:
        """Which engine read the page that each page file holds."""
        rows = self.query(
            "SELECT p.key, b.engine FROM page p JOIN attempt a ON a.id = p.attempt_id"
            " JOIN batch b ON b.id = a.batch_id"
        )
        return {row[0]: row[1] for row in rows}

    def add_prompt(self, sha256: str, name: str, template_file: str, template: str) -> None:
        """Keep a template's text under its hash."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO prompt VALUES (?, ?, ?, ?, ?)",
                (sha256, name, template_file, template, time.time()),
            )

    def upload(self, engine: str, sha256: str, until: float) -> str | None:
        """URI of an uploaded file with this content that lives at least `until` (Unix seconds)."""
        rows = self.query(
            "SELECT uri FROM upload WHERE engine = ? AND sha256 = ? AND expires_at > ?",
            engine,
            sha256,
            until,
        )
        return str(rows[0][0]) if rows else None

    def add_upload(self, engine: str, sha256: str, name: str, uri: str, expires_at: float) -> None:
        """The service has this content under `name` until `expires_at` (Unix seconds)."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO upload VALUES (?, ?, ?, ?, ?)",
                (engine, sha256, name, uri, expires_at),
            )

    def forget_upload(self, engine: str, sha256: str) -> str | None:
        """Forget an uploaded file; returns its name, so that it can be deleted at the service."""
        with self.transaction() as db:
            rows = db.execute(
                "DELETE FROM upload WHERE engine = ? AND sha256 = ? RETURNING name",
                (engine, sha256),
            ).fetchall()
        return str(rows[0][0]) if rows else None


def _clear_failures(db: sqlite3.Connection, keys: Iterable[str], now: float) -> None:
    db.executemany(
        "UPDATE failure SET cleared_at = ? WHERE key = ? AND cleared_at IS NULL",
        [(now, key) for key in keys],
    )


def _quoted(path: Path) -> str:
    """A path as the path part of an SQLite URI."""
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _connect_to_write(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(f"file:{_quoted(path)}", path)
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: what is about to cost money must survive a power cut, not only a crash.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"{path}: the ledger can't be opened for writing ({error}). Check the folder's "
            "permissions and free space; if the file is damaged, move it away and restore a copy."
        ) from error
    return connection


def _connect_to_read(path: Path) -> sqlite3.Connection:
    try:
        if not path.exists():
            connection = _connect(":memory:", path)
            migrate(connection)
            return connection
        connection = _connect(f"file:{_quoted(path)}?mode=ro", path)
        if version(connection) < len(MIGRATIONS):
            older, connection = connection, _connect(":memory:", path)
            older.backup(connection)
            older.close()
            migrate(connection)
    except sqlite3.Error as error:
        raise LedgerError(
            f"{path}: the ledger can't be read ({error}). If the file is damaged, move it away and "
            "restore a copy."
        ) from error
    return connection


def _connect(address: str, path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address,
        uri=True,
        check_same_thread=False,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_SECONDS,
    )
    connection.row_factory = sqlite3.Row
    if version(connection) > len(MIGRATIONS):
        raise LedgerError(
            f"{path}: this ledger was written by a newer pagewave. Update pagewave, or use another "
            "paths.state_dir."
        )
    return connection
