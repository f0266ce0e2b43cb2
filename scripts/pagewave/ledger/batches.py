"""Batches and their records: intent, creating, submitted, collected."""

import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from pagewave.ledger.connection import Shelf
from pagewave.redaction import hide_keys

OPEN_STATUSES = ("intent", "creating", "submitted")
UNKNOWN, LOST, STUCK, NO_RESULTS, TWIN = "UNKNOWN", "LOST", "STUCK", "NO_RESULTS", "TWIN"
OTHER_KEY = "OTHER_KEY"
UNANSWERED = "UNANSWERED"
"""State of an abandoned call whose answer was lost: nobody can ask for it any more."""
BY_BATCH = "batch"
"""The transport of a batch; that of a single call is the tier that it asks for."""
DOUBTFUL_STATES = (UNKNOWN, LOST, STUCK, NO_RESULTS, TWIN, OTHER_KEY)
"""States of an abandoned batch that may turn up all the same, paid for: it was never listed, was
listed and then not, did not end, ended without results, was created beside the wanted one, or was
sent with a key that is not the run's."""
DOUBT_SECONDS = 7 * 24 * 3600.0
"""A batch expires after 48 hours at the service, its results two days later; with some room."""


@dataclass(frozen=True, slots=True)
class Record:
    """One page in one batch: all that its request was made of, and what it was thought to cost.

    Expected is what was best known when it was sent, `max_usd` what it can't go beyond; None where
    that is not known. `step` is what a retry changed, in words.
    """

    key: str
    fingerprint: str
    attempt_number: int
    previous_context: str | None
    generation_config: str
    image: str
    image_sha256: str
    expected_input_tokens: int | None = None
    expected_output_tokens: int | None = None
    expected_usd: float | None = None
    max_usd: float | None = None
    step: str | None = None


RECORD_COLUMNS = ", ".join(column.name for column in fields(Record))


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
    transport: str = BY_BATCH

    @property
    def is_call(self) -> bool:
        """Is it a single call: a batch of one record, whose answer comes at once or never?"""
        return self.transport != BY_BATCH

    @property
    def is_open(self) -> bool:
        """Was it intended or sent, and is not collected yet?"""
        return self.status in OPEN_STATUSES


BATCH_COLUMNS = ", ".join(column.name for column in fields(Batch))


class Batches(Shelf):
    """Batches and the records in them, from the intent to the results."""

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
        transport: str = BY_BATCH,
    ) -> Batch:
        """Write down a batch before anything of it is sent."""
        with self._connection.transaction() as db:
            batch_id = db.execute(
                "INSERT INTO batch (display_name, engine, model, prompt_sha256, run_id, lane, wave,"
                " status, intent_at, transport) VALUES (?, ?, ?, ?, ?, ?, ?, 'intent', ?, ?)",
                (
                    *(display_name, engine, model, prompt_sha256, run_id, lane, wave),
                    *(time.time(), transport),
                ),
            ).lastrowid
            marks = ", ".join("?" * (1 + len(fields(Record))))
            db.executemany(
                f"INSERT INTO record (batch_id, {RECORD_COLUMNS}) VALUES ({marks})",
                [(batch_id, *astuple(record)) for record in records],
            )
            assert batch_id is not None
        return self.get(batch_id)

    def mark_creating(self, batch_id: int, input_file: str, at: float | None = None) -> None:
        """The create call is about to be sent: from now on the batch may exist.

        `at`: what time it is at the service (Unix seconds); None: by this computer's clock.
        """
        creating_at = time.time() if at is None else at
        self._update_batch(
            batch_id, status="creating", input_file=input_file, creating_at=creating_at
        )

    def mark_not_created(self, batch_id: int) -> None:
        """The service said no to the create call: the batch is an intent as before."""
        self._update_batch(batch_id, status="intent")

    def mark_asked(self, batch_id: int) -> None:
        """A call is about to be made: from now on its answer may be paid for."""
        self._update_batch(batch_id, status="creating", creating_at=time.time())

    def mark_answered(self, batch_id: int, name: str, state: str) -> None:
        """A call's answer is there: what it brought is stored by the same transaction."""
        self._update_batch(
            batch_id, status="submitted", name=name, state=state, submitted_at=time.time()
        )

    def mark_submitted(self, batch_id: int, name: str) -> None:
        """The service has the batch under this name; given up where its results are on record."""
        with self._connection.transaction():
            if self._claim(batch_id, name):
                now = time.time()
                self._update_batch(batch_id, status="submitted", name=name, submitted_at=now)
            else:
                self.mark_abandoned(batch_id, f"{name} is on record already")

    def mark_found(self, batch_id: int, name: str, created_at: float) -> None:
        """The service has had the batch under this name since `created_at` (Unix seconds)."""
        with self._connection.transaction():
            self.mark_submitted(batch_id, name)
            self._update_batch(
                batch_id, intent_at=created_at, creating_at=created_at, submitted_at=created_at
            )

    def mark_state(self, batch_id: int, state: str) -> None:
        """The service's word for the batch's state, as last seen."""
        self._update_batch(batch_id, state=state)

    def mark_progress(self, batch_id: int, done: int) -> None:
        """So many requests of the batch are done, as the service says while it goes on."""
        with self._connection.transaction() as db:
            db.execute("INSERT OR REPLACE INTO batch_progress VALUES (?, ?)", (batch_id, done))

    def mark_abandoned(self, batch_id: int, error: str, state: str | None = None) -> None:
        """The batch never came to be; its records are free to be sent again.

        With a doubtful state that is likely, not certain: it is looked for again later.
        """
        self._update_batch(batch_id, status="abandoned", error=hide_keys(error), state=state)

    def mark_seen(self, batch_id: int, name: str) -> bool:
        """A doubtful batch turned up at the service, under this name; was it news?"""
        with self._connection.transaction():
            is_news = self._claim(batch_id, name)
            if is_news:
                self._update_batch(batch_id, name=name)
        return is_news

    def _claim(self, batch_id: int, name: str) -> bool:
        """Let no other batch have this name: one name at the service is one batch.

        A list that showed the batch twice, or its twin alone, may have made a row of its own for
        it. That row goes, unless it is waited for or results are on record under it: then returns
        False.
        """
        with self._connection.transaction() as db:
            others = db.execute(
                "SELECT id, status FROM batch WHERE name = ? AND id != ?", (name, batch_id)
            ).fetchall()
            if not others:
                return True
            other, status = others[0]
            if status != "abandoned":
                return False
            for table in ("response", "attempt", "failure"):
                if db.execute(f"SELECT 1 FROM {table} WHERE batch_id = ?", (other,)).fetchone():
                    return False
            db.execute("UPDATE service_file SET batch_id = ? WHERE batch_id = ?", (batch_id, other))
            for table in ("batch_key", "batch_progress"):
                db.execute(f"DELETE FROM {table} WHERE batch_id = ?", (other,))
            db.execute("DELETE FROM record WHERE batch_id = ?", (other,))
            db.execute("DELETE FROM batch WHERE id = ?", (other,))
        return True

    def keys_under(self, name: str) -> set[str]:
        """Keys of the records of the batch that the service has under this name, if it is known."""
        rows = self._connection.query(
            "SELECT key FROM record WHERE batch_id = (SELECT id FROM batch WHERE name = ?)", name
        )
        return {row[0] for row in rows}

    def release_name(self, name: str) -> None:
        """The batch of which only books told is about to get a row of its own."""
        with self._connection.transaction() as db:
            db.execute("UPDATE batch SET name = NULL WHERE name = ?", (name,))

    def renew_intent(self, batch_id: int, display_name: str) -> Batch:
        """The same records in a new batch; the old one's fate stays unknown.

        Each create call has a display name of its own, so that each batch can be told from others.
        """
        with self._connection.transaction():
            old = self.get(batch_id)
            self.mark_abandoned(batch_id, "it did not turn up; sent again", UNKNOWN)
            return self.add_intent(
                display_name,
                old.engine,
                old.model,
                old.prompt_sha256,
                old.run_id,
                old.lane,
                old.wave,
                self.records(batch_id),
            )

    def add_twin(self, batch_id: int, name: str) -> None:
        """A second batch came of the one create call: what it brings is taken in later."""
        twin = f"{self.get(batch_id).display_name} twin {name}"
        with self._connection.transaction() as db:
            known = db.execute("SELECT 1 FROM batch WHERE name = ?", (name,)).fetchone()
            if known:
                return
            twin_id = db.execute(
                "INSERT INTO batch (display_name, name, engine, model, prompt_sha256, run_id, lane,"
                " wave, status, state, input_file, intent_at, creating_at) SELECT ?, ?, engine,"
                " model, prompt_sha256, run_id, lane, wave, 'abandoned', ?, input_file, intent_at,"
                " creating_at FROM batch WHERE id = ?",
                (twin, name, TWIN, batch_id),
            ).lastrowid
            db.execute(
                f"INSERT INTO record (batch_id, {RECORD_COLUMNS})"
                f" SELECT ?, {RECORD_COLUMNS} FROM record WHERE batch_id = ?",
                (twin_id, batch_id),
            )

    def _update_batch(self, batch_id: int, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        with self._connection.transaction() as db:
            db.execute(f"UPDATE batch SET {names} WHERE id = ?", (*values.values(), batch_id))

    def get(self, batch_id: int) -> Batch:
        """One batch by its number in the ledger."""
        rows = self._connection.query(f"SELECT {BATCH_COLUMNS} FROM batch WHERE id = ?", batch_id)
        return Batch(*rows[0])

    def is_any_taken(self, batch: Batch, key: str) -> bool:
        """Has the service taken a batch like this one in its run, or since batches with this key
        began to fail?"""
        rows = self._connection.query(
            "SELECT 1 FROM batch WHERE engine = ?1 AND model = ?2 AND name IS NOT NULL"
            " AND (run_id = ?3 OR submitted_at > (SELECT MIN(created_at) FROM failure"
            " WHERE key = ?4 AND engine = ?1 AND cleared_at IS NULL AND error_type = 'BadBatch'))"
            " LIMIT 1",
            batch.engine,
            batch.model,
            batch.run_id,
            key,
        )
        return bool(rows)

    def open(self, engine: str) -> list[Batch]:
        """Batches that were intended or sent and are not collected yet, oldest first.

        Calls are none: they are never at the service while no run is there.
        """
        return [batch for batch in self._open(engine) if not batch.is_call]

    def open_calls(self, engine: str) -> list[Batch]:
        """Single calls that were intended or asked and are not collected yet, oldest first."""
        return [batch for batch in self._open(engine) if batch.is_call]

    def _open(self, engine: str) -> list[Batch]:
        rows = self._connection.query(
            f"SELECT {BATCH_COLUMNS} FROM batch WHERE engine = ? AND status IN (?, ?, ?)"
            " ORDER BY id",
            engine,
            *OPEN_STATUSES,
        )
        return [Batch(*row) for row in rows]

    def exists(self, batch_id: int) -> bool:
        """Is there (still) a batch of this number?"""
        return bool(self._connection.query("SELECT 1 FROM batch WHERE id = ?", batch_id))

    def all(self) -> list[Batch]:
        """All batches of all engines, oldest first."""
        rows = self._connection.query(f"SELECT {BATCH_COLUMNS} FROM batch ORDER BY id")
        return [Batch(*row) for row in rows]

    def is_any_of_workflow(self) -> bool:
        """Was any sent to read pages, rather than to compare prompts?"""
        return bool(
            self._connection.query(
                "SELECT 1 FROM batch b JOIN run r ON r.id = b.run_id"
                " WHERE r.purpose = 'workflow' LIMIT 1"
            )
        )

    def doubtful(self, engine: str, since: float) -> list[Batch]:
        """Batches intended since then that were given up on but may exist, oldest first."""
        marks = ", ".join("?" * len(DOUBTFUL_STATES))
        rows = self._connection.query(
            f"SELECT {BATCH_COLUMNS} FROM batch WHERE engine = ? AND status = 'abandoned'"
            f" AND state IN ({marks}) AND intent_at >= ? ORDER BY id",
            engine,
            *DOUBTFUL_STATES,
            since,
        )
        return [Batch(*row) for row in rows]

    def settled(self) -> set[str]:
        """Display names of the batches that are over, or never came to be."""
        rows = self._connection.query(
            "SELECT display_name FROM batch WHERE status NOT IN (?, ?, ?)", *OPEN_STATUSES
        )
        return {row[0] for row in rows}

    def records(self, batch_id: int) -> list[Record]:
        """The records of a batch."""
        rows = self._connection.query(
            f"SELECT {RECORD_COLUMNS} FROM record WHERE batch_id = ? ORDER BY key", batch_id
        )
        return [Record(*row) for row in rows]

    def in_flight(self, engine: str) -> dict[str, int]:
        """The newest open batch of every key that is in one."""
        rows = self._connection.query(
            "SELECT r.key, MAX(b.id) FROM record r JOIN batch b ON b.id = r.batch_id"
            " WHERE b.engine = ? AND b.transport = ? AND b.status IN (?, ?, ?) GROUP BY r.key",
            engine,
            BY_BATCH,
            *OPEN_STATUSES,
        )
        return {row[0]: row[1] for row in rows}

    def carrying(
        self, fingerprint: str, engine: str, after_batch: int = 0, transport: str | None = None
    ) -> int | None:
        """The first open batch after `after_batch` that carries the request of this fingerprint;
        with a transport, only one that goes by it."""
        rows = self._connection.query(
            "SELECT b.id FROM record r JOIN batch b ON b.id = r.batch_id WHERE r.fingerprint = ?"
            " AND b.engine = ? AND b.id > ? AND COALESCE(?, b.transport) = b.transport"
            " AND b.status IN (?, ?, ?) ORDER BY b.id LIMIT 1",
            *(fingerprint, engine, after_batch, transport, *OPEN_STATUSES),
        )
        return int(rows[0][0]) if rows else None

    def carrying_page(
        self,
        key: str,
        image_sha256: str,
        engine: str,
        prompt_name: str,
        after_batch: int = 0,
        names: str = "%",
    ) -> int | None:
        """The newest open batch of the workflow that carries a page, however it is asked there.

        Args:
            prompt_name: of the prompt that it was asked with; another one has answers of another
                kind.
            after_batch: older ones do not count.
            names: pattern (SQL) of the display names of batches that count.
        """
        rows = self._connection.query(
            "SELECT MAX(b.id) FROM batch b JOIN record r ON r.batch_id = b.id"
            " JOIN run u ON u.id = b.run_id JOIN prompt p ON p.sha256 = b.prompt_sha256"
            " WHERE r.key = ? AND r.image_sha256 = ? AND b.engine = ? AND p.name = ?"
            " AND b.id > ? AND u.purpose = 'workflow' AND b.display_name LIKE ?"
            " AND b.status IN (?, ?, ?)",
            *(key, image_sha256, engine, prompt_name, after_batch, names, *OPEN_STATUSES),
        )
        return rows[0][0] if rows else None
