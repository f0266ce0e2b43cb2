"""What one browser is told of a run: all of it at first, then what it does not know yet."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pagewave.commands.monitor.shelf import BookRow
from pagewave.commands.monitor.watching import Picture
from pagewave.config.service import Execution
from pagewave.ledger import BatchHistory
from pagewave.waves.status import RunStatus

MOST_LANES = 100
"""Lanes in the table, those with the longest way to go first."""
MOST_BATCHES = 2000
"""The newest batches of a run, which the timeline shows; 10,000 pages rarely need as many."""
BATCH_FIELDS = (
    *("id", "display_name", "name", "lane", "wave", "status", "state", "error", "intent_at"),
    *("submitted_at", "collected_at", "records", "answered", "valid", "paid_at", "done"),
    "transport",
)


class Feed:
    """Remembers what a browser has been told."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._run_id: str | None = ""  # of no run
        self._latest_wave = 0
        self._batches: dict[int, BatchHistory] = {}
        self._books: dict[tuple[str, ...], BookRow] | None = None

    def message(self, picture: Picture) -> dict[str, Any]:
        """What is new in a picture, as JSON values; times are Unix seconds.

        `anew`: waves and batches are all there are, not only what changed; `books_anew` says the
        same of books. `batches[].usd` is None where a model's price is unknown.
        """
        status = picture.status
        run_id = status.id if status else None
        anew = run_id != self._run_id
        if anew:
            self._run_id, self._latest_wave, self._batches = run_id, 0, {}
        waves = [wave for wave in picture.waves if wave.id > self._latest_wave]
        batches = [b for b in picture.batches[-MOST_BATCHES:] if self._batches.get(b.id) != b]
        self._latest_wave = waves[-1].id if waves else self._latest_wave
        self._batches |= {batch.id: batch for batch in batches}
        shelf = {book.folders: book for book in picture.books}
        told = self._books or {}
        books_anew = self._books is None or not told.keys() <= shelf.keys()
        told = {} if books_anew else told
        books = [book for name, book in shelf.items() if told.get(name) != book]
        self._books = shelf
        return {
            "now": time.time(),
            "problem": picture.problem,
            "state": picture.state,
            "goes_on": picture.goes_on,
            "run": run_told(status) if status else None,
            "budget": budget(self._execution, status.engine if status else None),
            "failures": dict(zip(("all", "uncleared"), picture.failures, strict=True)),
            "needs": [need._asdict() for need in picture.needs],
            "books_anew": books_anew,
            "books": [book._asdict() for book in books],
            "anew": anew,
            "waves": [wave._asdict() for wave in waves],
            "batches": [batch_told(batch) for batch in batches],
        }


def budget(execution: Execution, engine: str | None) -> dict[str, float | None]:
    """What a run, and all runs together, may cost in USD; None: no limit."""
    if engine == "embedded":  # which costs nothing: its budgets are for trying
        return {"run": None, "all": None}
    return {"run": execution.max_cost_usd, "all": execution.max_cost_usd_total}


def run_told(status: RunStatus) -> dict[str, Any]:
    """A run as a browser is told of it."""
    values = asdict(status)
    lanes = sorted(values["lanes"], key=lambda lane: (-lane["waves_left"], lane["lane"]))
    return values | {
        "lanes": lanes[:MOST_LANES],
        "lanes_in_all": len(lanes),
        "chains_blocked": sum(lane["chains_blocked"] for lane in lanes),
        "dead_letters": len(values["dead_letters"]),
    }


def batch_told(batch: BatchHistory) -> Mapping[str, Any]:
    """A batch as a browser is told of it."""
    values: dict[str, Any] = {name: getattr(batch, name) for name in BATCH_FIELDS}
    return values | {"open": batch.is_open, "usd": None if batch.unpriced else batch.usd}
