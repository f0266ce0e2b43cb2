"""Page files, prompts, and files that the service still has."""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pagewave.ledger.connection import Shelf

# No open batch needs the file, as an image or as its requests. (Each list is made once a query.)
_NEEDED_BY_NOBODY = """
(sha256 IS NULL OR sha256 NOT IN (SELECT r.image_sha256 FROM batch b JOIN record r
    ON r.batch_id = b.id WHERE b.status IN ('intent', 'creating', 'submitted')))
AND (batch_id IS NULL OR batch_id NOT IN
    (SELECT id FROM batch WHERE status IN ('intent', 'creating', 'submitted')))
AND name NOT IN (SELECT input_file FROM batch
    WHERE status IN ('intent', 'creating', 'submitted') AND input_file IS NOT NULL)"""

# The file was sent for batch ?1, as its requests or as the image of a record that is done with.
_SERVED_IN_BATCH = """
(batch_id = ?1 OR (engine, name) = (SELECT engine, input_file FROM batch WHERE id = ?1)
OR (engine = (SELECT engine FROM batch WHERE id = ?1) AND sha256 IN
    (SELECT image_sha256 FROM record WHERE batch_id = ?1 AND key IN
        (SELECT key FROM attempt WHERE batch_id = ?1 AND ok
        UNION SELECT key FROM failure WHERE batch_id = ?1
            AND error_type IN ('APIError', 'ServiceTrouble')))))"""


class Origin(NamedTuple):
    """Which attempt a page file holds, and what that attempt was made with."""

    attempt_id: int
    engine: str
    model: str
    prompt_sha256: str
    image_sha256: str


class UsedTemplate(NamedTuple):
    """A template's text as it was sent, under the name it had; `first_used_at` in Unix seconds."""

    sha256: str
    name: str
    template_file: str
    first_used_at: float


class KnownImage(NamedTuple):
    """A scan's content hash, valid while size and time of change (Unix ns) are the same."""

    size_bytes: int
    modified_ns: int
    sha256: str


class Files(Shelf):
    """Page files, scans and prompts on this computer, and files at the service."""

    def mark_written(self, key: str, attempt_id: int) -> None:
        """A page's file now holds this attempt's answer; a rebuild asked for before it is done."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO page VALUES (?, ?, ?)", (key, attempt_id, time.time())
            )
            db.execute(
                "DELETE FROM rebuild WHERE key = ?1"
                " AND after_batch < (SELECT batch_id FROM attempt WHERE id = ?2)",
                (key, attempt_id),
            )

    def origins(self) -> dict[str, Origin]:
        """Where the answer in each page file comes from, by key."""
        rows = self._connection.query(
            "SELECT p.key, p.attempt_id, b.engine, b.model, b.prompt_sha256, r.image_sha256"
            " FROM page p JOIN attempt a ON a.id = p.attempt_id JOIN batch b ON b.id = a.batch_id"
            " JOIN record r ON r.batch_id = a.batch_id AND r.key = a.key"
        )
        return {row["key"]: Origin(*row[1:]) for row in rows}

    def provenance(self, *keys: str) -> list[sqlite3.Row]:
        """How the answers in page files came about: of these pages, or of all.

        Columns: key, written_at, run_id, attempt_id, attempt, fingerprint, prompt_tokens,
        output_tokens, thoughts_tokens, cached_tokens, usd, created_at, batch, engine, model,
        prompt_name, prompt_template, prompt_sha256, generation_config, image, image_sha256,
        model_served, model_stage, service_tier, transport.
        """
        return self._connection.query(
            "SELECT page.key, page.written_at, b.run_id, a.id AS attempt_id, a.number AS attempt,"
            " a.fingerprint,"
            " a.prompt_tokens, a.output_tokens, a.thoughts_tokens, a.cached_tokens, a.usd,"
            " a.created_at, b.name AS batch, b.engine, b.model, p.name AS prompt_name,"
            " p.template_file AS prompt_template, p.sha256 AS prompt_sha256, r.generation_config,"
            " r.image, r.image_sha256, a.model_served, a.model_stage, a.service_tier,"
            " b.transport"
            " FROM page JOIN attempt a ON a.id = page.attempt_id JOIN batch b ON b.id = a.batch_id"
            " JOIN prompt p ON p.sha256 = b.prompt_sha256"
            " JOIN record r ON r.batch_id = a.batch_id AND r.key = a.key"
            " WHERE ?1 IS NULL OR page.key IN (SELECT value FROM json_each(?1))",
            json.dumps(keys) if keys else None,
        )

    def answer(self, key: str) -> int | None:
        """The attempt that the page's file was last written from."""
        rows = self._connection.query("SELECT attempt_id FROM page WHERE key = ?", key)
        return int(rows[0][0]) if rows else None

    def written(self) -> dict[str, str]:
        """The answer (JSON) that each page file was written from, by key."""
        rows = self._connection.query(
            "SELECT p.key, a.page FROM page p JOIN attempt a ON a.id = p.attempt_id"
        )
        return {row[0]: str(row[1]) for row in rows}

    def written_keys(self) -> set[str]:
        """Keys of the pages whose file was written."""
        return {row[0] for row in self._connection.query("SELECT key FROM page")}

    def known_images(self) -> dict[str, KnownImage]:
        """Scans that were hashed before, by path."""
        rows = self._connection.query("SELECT path, size_bytes, modified_ns, sha256 FROM image")
        return {row["path"]: KnownImage(*row[1:]) for row in rows}

    def add_images(self, images: Mapping[str, KnownImage]) -> None:
        """Remember the hashes of scans, by path."""
        with self._connection.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO image VALUES (?, ?, ?, ?)",
                [(path, *image) for path, image in images.items()],
            )

    def add_prepared(self, made_from: Iterable[tuple[str, str, int]]) -> None:
        """Remember of prepared images from which page (leaf) of which scan each was made.

        Args:
            made_from: hash of the image, hash of the scan file, leaf.
        """
        with self._connection.transaction() as db:
            db.executemany("INSERT OR IGNORE INTO prepared_image VALUES (?, ?, ?)", made_from)

    def prepared_from(self) -> set[tuple[str, str, int]]:
        """All that `add_prepared` was ever told."""
        rows = self._connection.query("SELECT sha256, scan_sha256, leaf FROM prepared_image")
        return {(row[0], row[1], row[2]) for row in rows}

    def add_prompt(self, sha256: str, name: str, template_file: str, template: str) -> None:
        """Keep a template's text under its hash."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO prompt VALUES (?, ?, ?, ?, ?)",
                (sha256, name, template_file, template, time.time()),
            )

    def template(self, sha256: str) -> str | None:
        """A template's text by its hash; None where it was never sent."""
        rows = self._connection.query("SELECT template FROM prompt WHERE sha256 = ?", sha256)
        return str(rows[0][0]) if rows else None

    def used_templates(self) -> list[UsedTemplate]:
        """Every template that was ever sent, the first one first."""
        rows = self._connection.query(
            "SELECT sha256, name, template_file, first_used_at FROM prompt ORDER BY first_used_at"
        )
        return [UsedTemplate(*row) for row in rows]

    # Files at the service

    def add(
        self,
        engine: str,
        name: str,
        expires_at: float,
        *,
        image_sha256: str | None = None,
        batch_id: int | None = None,
    ) -> None:
        """A file is about to be uploaded: an image, or the requests of a batch.

        `expires_at` (Unix seconds) is when the service deletes it by itself.
        """
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO service_file VALUES (?, ?, ?, ?, NULL, ?)",
                (engine, name, image_sha256, batch_id, expires_at),
            )

    def confirm(self, engine: str, name: str, uri: str, expires_at: float) -> None:
        """The service has the file, at this address and until this time (Unix seconds)."""
        with self._connection.transaction() as db:
            db.execute(
                "UPDATE service_file SET uri = ?, expires_at = ? WHERE engine = ? AND name = ?",
                (uri, expires_at, engine, name),
            )

    def uploaded_image(self, engine: str, sha256: str, until: float) -> tuple[str, str] | None:
        """Name and URI of an uploaded image that lives at least `until` (Unix seconds)."""
        rows = self._connection.query(
            "SELECT name, uri FROM service_file WHERE engine = ? AND sha256 = ?"
            " AND uri IS NOT NULL AND expires_at > ? LIMIT 1",
            engine,
            sha256,
            until,
        )
        return (rows[0]["name"], rows[0]["uri"]) if rows else None

    def release_of(self, batch_id: int) -> list[str]:
        """Names of a collected batch's files that may be deleted; nobody will use them again.

        Images of failed records stay for the next attempt, but not after an error line: the
        uploaded file itself may be the trouble.
        """
        return self._release(_SERVED_IN_BATCH, batch_id)

    def release(self, engine: str) -> list[str]:
        """Names of all files that no open batch needs; nobody will use them again."""
        return self._release("engine = ?1", engine)

    def _release(self, which: str, value: Any) -> list[str]:
        # At one stroke: no lane may come to use an image that is about to be deleted.
        with self._connection.transaction() as db:
            rows = db.execute(
                "UPDATE service_file SET uri = NULL"
                f" WHERE {which} AND {_NEEDED_BY_NOBODY} RETURNING name",
                (value,),
            ).fetchall()
        return sorted(row[0] for row in rows)

    def forget(self, engine: str, names: Iterable[str]) -> None:
        """The service does not have these files any more."""
        with self._connection.transaction() as db:
            db.executemany(
                "DELETE FROM service_file WHERE engine = ? AND name = ?",
                [(engine, name) for name in names],
            )

    def forget_expired(self, engine: str, now: float) -> None:
        """Forget the files that the service has deleted by itself until now (Unix seconds)."""
        with self._connection.transaction() as db:
            db.execute(
                "DELETE FROM service_file WHERE engine = ? AND expires_at < ?",
                (engine, now),
            )
