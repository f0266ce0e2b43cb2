"""What single calls of a model met, for the next run too: a tier that refuses, a day used up."""

from typing import NamedTuple

from pagewave.ledger.connection import Shelf


class Refused(NamedTuple):
    """Flex refuses most of what it is asked: since when, when to ask it again (Unix seconds)."""

    since: float
    ask_again_at: float


class Closures(Shelf):
    """Why calls do not get through at the moment, by engine and model."""

    def refused(self, engine: str, model: str) -> Refused | None:
        """Since when flex has refused; None: it answers, or was not asked yet."""
        rows = self._connection.query(
            "SELECT refused_since, ask_again_at FROM closed_road"
            " WHERE engine = ? AND model = ? AND refused_since IS NOT NULL",
            engine,
            model,
        )
        return Refused(*rows[0]) if rows else None

    def note_refused(self, engine: str, model: str, refused: Refused | None) -> None:
        """Write down that flex refuses, or (None) that it answers again."""
        since, ask_again_at = refused or (None, None)
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO closed_road (engine, model, refused_since, ask_again_at)"
                " VALUES (?, ?, ?, ?) ON CONFLICT (engine, model) DO UPDATE SET"
                " refused_since = excluded.refused_since, ask_again_at = excluded.ask_again_at",
                (engine, model, since, ask_again_at),
            )

    def used_up_until(self, engine: str, model: str) -> float:
        """Until when the service takes no more calls, as the day's are used up (Unix seconds)."""
        rows = self._connection.query(
            "SELECT used_up_until FROM closed_road WHERE engine = ? AND model = ?", engine, model
        )
        return float(rows[0][0]) if rows else 0.0

    def note_used_up(self, engine: str, model: str, until: float) -> None:
        """Write down that the service takes no more calls before `until` (Unix seconds)."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO closed_road (engine, model, used_up_until) VALUES (?, ?, ?)"
                " ON CONFLICT (engine, model) DO UPDATE SET used_up_until = excluded.used_up_until",
                (engine, model, until),
            )
