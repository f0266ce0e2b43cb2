"""Which ledger this is, and with which key each batch was sent: as a keyed hash, never the key.

Batches are shown to the project of the key that made them. Whether a key is another one than before
is told by an HMAC with a salt of the ledger's own, so that no hash fits in another ledger.
"""

import hmac
import secrets

from pagewave.ledger.connection import Shelf


class Identity(Shelf):
    """The ledger's own name and salt, and the hashes of keys."""

    def id(self) -> str:
        """The ledger's name, made at random when it is first asked for; copies share it."""
        return self._made()[0]

    def known_id(self) -> str | None:
        """The same, for who only looks; None where it was never asked for."""
        rows = self._connection.query("SELECT id FROM identity")
        return str(rows[0][0]) if rows else None

    def forget(self, before: float) -> None:
        """What was sent before (Unix seconds), and is unknown here, was given up on purpose."""
        self._made()
        with self._connection.transaction() as db:
            db.execute("UPDATE identity SET forgets_before = ?", (before,))

    def forgets_before(self) -> float:
        """From when on everything that was sent from here must be known here (Unix seconds)."""
        rows = self._connection.query("SELECT forgets_before FROM identity")
        return float(rows[0][0] or 0.0) if rows else 0.0

    def hash_of(self, key: str) -> str:
        """What stands for a key in this ledger: HMAC-SHA256 (hex)."""
        return hmac.new(self._made()[1].encode(), key.encode(), "sha256").hexdigest()

    def note_key(self, batch_id: int, key_hash: str | None) -> None:
        """Write down with which key a batch is sent; None: with none that tells anything."""
        if key_hash:
            with self._connection.transaction() as db:
                db.execute("INSERT OR REPLACE INTO batch_key VALUES (?, ?)", (batch_id, key_hash))

    def key_hashes(self) -> dict[int, str]:
        """The hash of the key that each batch was sent with, where that is known."""
        return {row[0]: row[1] for row in self._connection.query("SELECT * FROM batch_key")}

    def replace_hash(self, old: str, new: str) -> None:
        """A key took another one's place: what that one sent is shown to it."""
        with self._connection.transaction() as db:
            db.execute("UPDATE batch_key SET hash = ? WHERE hash = ?", (new, old))

    def _made(self) -> tuple[str, str]:
        with self._connection.transaction() as db:
            row = db.execute("SELECT id, salt FROM identity").fetchone()
            if row is None:
                row = (secrets.token_hex(8), secrets.token_hex(32))
                db.execute("INSERT INTO identity (id, salt) VALUES (?, ?)", row)
        return row[0], row[1]
