"""The live block at a terminal, and what is said above it. Without a terminal there are lines only.

What Snakemake and the log have to say scrolls by above the block, in whole lines: a command to be
pasted is not broken. Lines about waves that are well are left out there, as the block shows them;
all is in the run's log.
"""

import contextlib
import io
import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from typing import TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from pagewave.config.settings import Settings
from pagewave.console import printer
from pagewave.errors import PagewaveError
from pagewave.ledger import Ledger
from pagewave.log import log
from pagewave.redaction import hide_keys
from pagewave.waves.status import Watch
from pagewave.workflow import sayings
from pagewave.workflow.live_view import Failure, Seen, live_view

TICK_SECONDS = 1.0
"""Ages go on by the second."""
SHARE_OF_TIME = 0.02
"""Of the time, what looks into the ledger may take: the larger the run, the fewer there are."""
SHOWN_IN_BLOCK = frozenset({"batch_sent", "batch_state", "wave_closed"})
"""Events that are no lines of their own beside a block."""


class LiveBlock:
    """Shows a run's ledger until it is stopped, by a thread of its own."""

    def __init__(self, settings: Settings, slots: int) -> None:
        self._settings = settings
        self._slots = slots
        self._real: TextIO = sys.stderr
        self._console = printer(self._real)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            # Rich would break long lines.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, name="live block", daemon=True)
        self._moved: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []
        self._quiet = _Quiet()

    def start(self) -> None:
        """From now on there is a block, and all else is said above it."""
        above = cast(TextIO, _Above(self._console))
        self._live.start()
        self._console.show_cursor(True)  # it stays, however the process ends
        for handler in self._handlers():
            self._moved.append((handler, handler.stream))
            handler.setStream(above)
        self._std = sys.stdout, sys.stderr
        if sys.stdout.isatty():
            sys.stdout = above
        sys.stderr = above
        self._thread.start()

    def stop(self) -> None:
        """Take the block away; what is said from now on goes where it did."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        sys.stdout, sys.stderr = self._std
        for handler, stream in self._moved:
            handler.setStream(stream)
            handler.removeFilter(self._quiet)
        self._live.stop()

    def _handlers(self) -> Sequence["logging.StreamHandler[TextIO]"]:
        """What writes to the terminal: the log's, which leaves lines out, and Snakemake's."""
        ours = [each for each in log.handlers if type(each) is logging.StreamHandler]
        for handler in ours:
            handler.addFilter(self._quiet)
        theirs = [h for h in sayings.terminals() if isinstance(h, logging.StreamHandler)]
        return [*ours, *(h for h in theirs if h.stream.isatty())]

    def _show(self) -> None:
        """Look and draw, until the end; a ledger that can't be read now is asked again."""
        seen, looks, next_look = None, None, 0.0
        while True:
            if time.monotonic() >= next_look:
                began = time.monotonic()
                with contextlib.suppress(PagewaveError, sqlite3.Error):
                    looks = looks or _Looks(self._settings, self._slots)
                    seen = looks.look() or seen
                took = time.monotonic() - began
                next_look = time.monotonic() + took / SHARE_OF_TIME
            if seen:
                self._live.update(live_view(seen, time.time()), refresh=True)
            if self._over.wait(TICK_SECONDS):
                break
        if looks:
            looks.close()


class _Looks:
    """Looks at the newest run of a ledger, by a connection of its own that only reads."""

    def __init__(self, settings: Settings, slots: int) -> None:
        self._ledger = Ledger.peek(settings.paths.ledger)
        goes_on = settings.execution.on_dead_letter == "continue"
        self._watch = Watch(self._ledger, slots, goes_on, settings)

    def look(self) -> Seen | None:
        """The run as it is now; None where none has begun."""
        status = self._watch.look()
        if status is None:
            return None
        failures = self._ledger.failures
        last = failures.newest(status.engine, status.started_at)
        newest = Failure(last["key"], last["error_type"], last["message"]) if last else None
        by_type = failures.since(status.engine, status.started_at)
        return Seen(time.time(), status, by_type, newest)

    def close(self) -> None:
        """Close the connection."""
        self._ledger.close()


class _Quiet(logging.Filter):
    """Refuses the lines that the block stands for."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Is this a line of its own?"""
        is_well = record.levelno <= logging.INFO
        return not (is_well and getattr(record, "event", None) in SHOWN_IN_BLOCK)


class _Above(io.TextIOBase):
    """A stream whose lines are printed above the block, as they are: not wrapped, not cut."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rest = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Print the lines that are whole; the rest waits for its end."""
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._console.print(Text.from_ansi(hide_keys(line)), soft_wrap=True)
        return len(text)

    def isatty(self) -> bool:
        """It ends at a terminal."""
        return True

    def fileno(self) -> int:
        """That of the terminal, for what starts processes."""
        return self._console.file.fileno()
