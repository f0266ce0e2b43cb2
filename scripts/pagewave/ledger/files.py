"""Page files, prompts, and files that the service still has."""

import time

from .connection import Connection


class Files(Connection):
    """What the ledger knows of files."""

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
