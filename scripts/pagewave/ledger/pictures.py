"""What was seen of pages' pictures before they were sent."""

from collections.abc import Iterable

from pagewave.ledger.answers import FlaggedPage
from pagewave.ledger.connection import Shelf


class Pictures(Shelf):
    """Doubts about pictures, by page; each picture is looked at once."""

    def note(
        self,
        key: str,
        image_sha256: str,
        doubts: Iterable[tuple[str, str]],
        share_of_print: float | None = None,
    ) -> None:
        """Keep what was seen of a page's picture (flag and message), in place of any earlier.

        `share_of_print`: of its area, from 0 to 1; None where nobody looked.
        """
        found = list(doubts) or [("", "")]
        with self._connection.transaction() as db:
            db.execute("DELETE FROM picture WHERE key = ?", (key,))
            db.executemany(
                "INSERT OR REPLACE INTO picture VALUES (?, ?, ?, ?, ?)",
                [(key, what, message, image_sha256, share_of_print) for what, message in found],
            )

    def looked_at(self, key: str) -> str | None:
        """The SHA-256 (hex) of the page's picture that was looked at last; None where none was."""
        rows = self._connection.query("SELECT image_sha256 FROM picture WHERE key = ? LIMIT 1", key)
        return str(rows[0][0]) if rows else None

    def keys(self) -> set[str]:
        """Keys of all pages whose picture was looked at."""
        return {row[0] for row in self._connection.query("SELECT DISTINCT key FROM picture")}

    def doubted(self) -> list[FlaggedPage]:
        """The doubts about all pictures, by key."""
        rows = self._connection.query(
            "SELECT key, what, message FROM picture WHERE what != '' ORDER BY key, what"
        )
        return [FlaggedPage(*row) for row in rows]
