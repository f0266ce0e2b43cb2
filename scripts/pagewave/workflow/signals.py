"""How a run is told to stop: by Ctrl-C, or by SIGTERM as `timeout` and systemd send it.

Every wait of a wave ends at once and leaves its batch at the service; only single calls that are in
flight are waited for, as nobody can ask for their answers later. Then Snakemake ends as it does
after its last job. Should that take too long (an answer of the service that does not come, hours of
DAG), or Ctrl-C come once more, the process ends all the same: to the ledger that is a crash, which
loses nothing.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import psutil

from pagewave.errors import RunStopped
from pagewave.workflow import internals

PATIENCE_SECONDS = 2.5
"""From the signal to the end of the process, at most, beside what calls in flight may take."""
TWICE_SECONDS = 1.0
"""`timeout` sends its signal twice, to the process and to its group; a person is slower."""


class SignalHandler:
    """Handler of both signals, from `install` on; it sets `stop`.

    `calls_seconds`: how long calls in flight may be waited for.
    """

    def __init__(self, stop: threading.Event, calls_seconds: float = 0.0) -> None:
        self._stop = stop
        self._seconds = PATIENCE_SECONDS + calls_seconds
        self._told_at = 0.0
        self._end_gently: Callable[..., Any] | None = None
        self.told = False
        self.interrupts = False
        """Jobs on other machines are going on: Snakemake cancels them on KeyboardInterrupt only."""

    def install(self) -> None:
        """Take over both signals, after Snakemake took SIGTERM.

        Python allows it in the main thread alone: a run that begins with a job leaves them.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        self._end_gently = internals.end_gently()
        for number in (signal.SIGINT, signal.SIGTERM):
            # SIGINT is ignored in what a script starts in the background.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()
        if self.told:
            if number == signal.SIGINT and time.monotonic() > self._told_at + TWICE_SECONDS:
                _end_now()
            return
        self.told, self._told_at = True, time.monotonic()
        threading.Thread(target=_end_in_time, args=(self._seconds,), daemon=True).start()
        if self.interrupts:
            raise KeyboardInterrupt
        if self._end_gently:
            # Waits for a lock that this very thread may hold, and does for seconds each time
            # that Snakemake works over a large DAG.
            threading.Thread(target=self._end_gently, args=(number, frame), daemon=True).start()


def _end_in_time(seconds: float) -> None:
    """End the process when its time is up; usually it is gone by itself long before."""
    time.sleep(seconds)
    _end_now()


def _end_now() -> NoReturn:
    """End the process and jobs that are processes.

    Such a job is a Snakemake without hooks, which waits for its wave whatever the signal.
    """
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    message = "pagewave: stopped in the middle of something. The same command goes on.\n"
    os.write(sys.stderr.fileno(), message.encode())
    os._exit(RunStopped.exit_code)
