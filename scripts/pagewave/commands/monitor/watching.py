"""Looks at the ledger when it changed, and not before; every browser gets the same picture."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pagewave.commands.command import Place
from pagewave.commands.monitor.known_pages import KnownPages
from pagewave.commands.monitor.shelf import BookRow, Need, books, needs
from pagewave.commands.status import state_in_words, watch_of
from pagewave.errors import LedgerError
from pagewave.ledger import BatchHistory, Ledger, WaveHistory
from pagewave.ledger.lock import holder
from pagewave.waves.status import RunStatus, Watch


@dataclass(frozen=True)
class Picture:
    """How things stood at one moment.

    `problem`: why the ledger can't be looked at. `goes_on`: a process carries the run out.
    `failures`: how many there are in all, and how many of them nothing has cleared. `waves` and
    `batches` are those of the run, `books` all there are, `took_seconds` what the look cost.
    """

    problem: str | None = None
    status: RunStatus | None = None
    state: str = ""
    goes_on: bool = False
    failures: tuple[int, int] = (0, 0)
    waves: tuple[WaveHistory, ...] = ()
    batches: tuple[BatchHistory, ...] = ()
    books: tuple[BookRow, ...] = ()
    needs: tuple[Need, ...] = ()
    took_seconds: float = 0.0


class Watcher:
    """The ledger of a place, wherever it is by now: made, migrated or replaced by another.

    Safe for threads.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.pages = KnownPages(place.settings)
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._identity: object = None
        self._watch: Watch | None = None
        self._seen: object = None
        self._picture = Picture()

    def ledger(self) -> Ledger:
        """The ledger as it is now, read-only; an empty one where there is none yet.

        Raises:
            LedgerError: it can't be read.
        """
        with self._lock:
            return self._open()[0]

    def look(self) -> Picture:
        """The picture of now: the very same object as long as nothing changed."""
        with self._lock:
            try:
                ledger, watch = self._open()
                process = holder(self.place.state_dir)
                now = (self._identity, ledger.change_counter(), process)
                if now != self._seen:
                    self._picture = self._look(ledger, watch, process)
                    self._seen = now
            except LedgerError as error:
                if str(error) != self._seen:
                    self._picture, self._seen = Picture(problem=str(error)), str(error)
            return self._picture

    def _look(self, ledger: Ledger, watch: Watch, process: int | None) -> Picture:
        began = time.perf_counter()
        settings = self.place.settings
        with ledger.snapshot():
            status = watch.look()
            run_id = status.id if status else None
            # A run begins by looking for pages: there may be others than before.
            dataset, problem = self.pages.dataset(run_id)
            engine = status.engine if status else settings.engine
            shelf = books(ledger, settings, dataset, run_id, engine)
            goes_on = status is not None and not status.ended_at and process is not None
            found = needs(ledger, status, shelf, goes_on, problem)
            failures = ledger.failures.totals()
        return Picture(
            status=status,
            state=state_in_words(status, process) if status else "",
            goes_on=goes_on,
            failures=failures,
            waves=tuple(watch.waves()),
            batches=tuple(watch.batches()),
            books=shelf,
            needs=tuple(found),
            took_seconds=time.perf_counter() - began,
        )

    def _open(self) -> tuple[Ledger, Watch]:
        path = self.place.ledger
        if (
            self._ledger is None
            or self._watch is None
            or self._identity != _identity(path, self._ledger.is_copy)
        ):
            before = _identity(path, True), _identity(path, False)
            # The old one is not closed here: another thread may be reading it.
            self._ledger = Ledger.peek(path)
            self._identity = before[0 if self._ledger.is_copy else 1]
            self._watch = watch_of(self._ledger, self.place.settings)
        return self._ledger, self._watch


def _identity(path: Path, is_copy: bool) -> object:
    """Tells one ledger from another put in its place, and a copy's original from what it was."""
    found: list[Any] = []
    for file in (path, path.with_name(path.name + "-wal")):
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        found.append((status.st_dev, status.st_ino))
        if not is_copy:
            break
        found.append((status.st_mtime_ns, status.st_size))
    return found
