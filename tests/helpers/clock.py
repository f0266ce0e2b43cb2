"""A clock that a test moves on by hours and days, for all rules that go by the calendar.

pagewave and its embedded server ask `time.time()` what time it is, and nothing else: a test sees to
that. So that function is what is moved: in this process, and in those that are started with the
clock's `environment` (the server, a `snakemake`, a command).

What really takes its time is not moved: pauses, timeouts, and the seconds in names of files.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from unittest import mock

import pytest

from helpers.embedded_process import SCRIPTS
from pagewave.gemini.client import Gemini

HOUR = 3600.0


class Clock:
    """Ahead of the real one by as much as it was moved; it never goes back.

    `file` is where the processes of `environment` read how far ahead it is, in seconds.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._real = time.time
        self._ahead = 0.0
        self._lock = Lock()  # several lanes may pause at once
        self.move()

    def now(self) -> float:
        """Unix seconds."""
        return self._real() + self._ahead

    def move(self, *, hours: float = 0.0, seconds: float = 0.0) -> None:
        """So much time goes by."""
        partial = self._file.with_suffix(".partial")
        with self._lock:
            self._ahead += hours * HOUR + seconds
            partial.write_text(str(self._ahead))
            partial.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process that is started with it go by this clock."""
        folder = Path(__file__).with_name("moved_clock")
        return {"PYTHONPATH": f"{folder}:{SCRIPTS}", "TEST_CLOCK_FILE": str(self._file)}

    def moves_in_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on a run's pauses take no time, and the clock is moved instead."""
        pause = Gemini.pause

        def move_on(gemini: Gemini, seconds: float) -> None:
            pause(gemini, 0)
            self.move(seconds=seconds)

        monkeypatch.setattr(Gemini, "pause", move_on)

    def notes_pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """As `moves_in_pauses`; the list gets the seconds of each pause that is above a minute."""
        self.moves_in_pauses(monkeypatch)
        noted: list[float] = []
        move_on = Gemini.pause

        def note(gemini: Gemini, seconds: float) -> None:
            if seconds > 60:
                noted.append(seconds)
            move_on(gemini, seconds)

        monkeypatch.setattr(Gemini, "pause", note)
        return noted


@contextmanager
def moved_clock(file: Path) -> Iterator[Clock]:
    """A clock that this process goes by until the end of the block."""
    clock = Clock(file)
    with mock.patch.object(time, "time", clock.now):
        yield clock
