"""Which ledger this is, of which levels its pages' keys are, and with which key each batch was
sent: as a keyed hash, never the key.

Batches are shown to the project of the key that made them. Whether a key is another one than before
is told by an HMAC with a salt of the ledger's own, so that no hash fits in another ledger.
"""

import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path

from pagewave.errors import LedgerError
from pagewave.ledger.connection import Shelf, glance
from pagewave.levels import DEFAULT, Levels

OF_LEVELS = "SELECT name FROM level ORDER BY place"


def levels_of(path: Path) -> Levels | None:
    """What the keys of a ledger's file are made of, without opening it as a ledger; None where it
    is not there, holds nothing yet, or can't be read: who opens it says why."""
    return _levels(glance(path, OF_LEVELS))


def refuse_other_levels(known: Levels | None, levels: Levels) -> None:
    """Make sure that a ledger's levels, if it has any yet, are these; raises LedgerError."""
    if known in (None, levels):
        return
    raise LedgerError(
        f"What was read so far lies in {known.form}, and paths.levels says {levels.form}: pages of "
        f"both can't be told apart. Nothing was sent. Put back paths.levels: "
        f"[{', '.join(known.names)}], or begin anew, with other folders for paths.state_dir, "
        "output_dir, books_dir, exports_dir, site_dir, words_dir, prepared_dir, corrections_dir "
        "and audit_dir."
    )


def _levels(rows: Sequence[Sequence[object]]) -> Levels | None:
    return Levels(tuple(str(row[0]) for row in rows)) if rows else None


class Identity(Shelf):
    """The ledger's own name and salt, its levels, and the hashes of keys."""

    def id(self) -> str:
        """The ledger's name, made at random when it is first asked for; copies share it."""
        return self._made()[0]

    def known_id(self) -> str | None:
        """The same, for who only looks; None where it was never asked for."""
        rows = self._connection.query("SELECT id FROM identity")
        return str(rows[0][0]) if rows else None

    def levels(self) -> Levels:
        """What its keys are made of; those of the default where nothing was read yet."""
        return self.known_levels() or DEFAULT

    def known_levels(self) -> Levels | None:
        """The same; None where nothing was read yet."""
        return _levels(self._connection.query(OF_LEVELS))

    def note_levels(self, levels: Levels) -> None:
        """Write down of which levels all keys are from now on.

        Raises:
            LedgerError: they are of other ones already.
        """
        self.refuse_others(levels)
        with self._connection.transaction() as db:
            names = enumerate(levels.names)
            db.executemany("INSERT OR REPLACE INTO level VALUES (?, ?)", list(names))

    def refuse_others(self, levels: Levels) -> None:
        """Make sure that its keys are of these levels, if there are any; raises LedgerError."""
        refuse_other_levels(self.known_levels(), levels)

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
