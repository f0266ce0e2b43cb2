"""Which test saw a slip, and when one is ended: by clocks that no busy machine moves on.

A slip may make a test work or wait for ever. Work ends by the processor's clock; waiting by the
wall's, but what a process queued for a processor does not count.
"""

import faulthandler
import os
import resource
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mutants.processes import queued_seconds
from mutants.touching import Touched

RUNNING, SEEN_BY = "running: ", "seen by: "


def patience(touched: Touched, tests: Iterable[str]) -> float:
    """Seconds of the clock after which tests wait in vain; what they queued for the processor does
    not count, so that no busy machine makes them.

    A slip that makes a test wait for ever is seen by it; one that makes it work for ever ends by
    the processor's clock, long before.
    """
    return 60 + 8 * sum(touched.wall.get(test, 30.0) for test in tests)


class Watch:
    """A pytest plugin: says which test saw the slip, and ends one that waits in vain."""

    def __init__(self, touched: Touched) -> None:
        self._touched = touched
        self._stderr = os.dup(2)
        self._ends_at = 0.0
        self._queued_before = 0.0

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        os.write(self._stderr, f"\n{RUNNING}{nodeid}\n".encode())
        # A busy loop ends by the processor's clock, with a signal; another wait by the wall's.
        known = self._touched
        usual = known.seconds.get(nodeid, 10.0)
        usual += sum(known.shared.get(name, 0.0) for name in known.fixtures.get(nodeid, ()))
        most = int(time.process_time() + 10 + 4 * usual)
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        seconds = patience(self._touched, [nodeid])
        self._ends_at = time.monotonic() + seconds
        self._queued_before = queued_seconds(os.getpid())
        signal.signal(signal.SIGALRM, self._look_at_clock)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _look_at_clock(self, *signalled: object) -> None:
        queued = queued_seconds(os.getpid()) - self._queued_before
        left = self._ends_at + queued - time.monotonic()
        if left > 0:
            signal.setitimer(signal.ITIMER_REAL, left + 1)
        else:
            faulthandler.dump_traceback(file=self._stderr)
            os._exit(1)

    def pytest_runtest_logfinish(self) -> None:
        """It is over."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The first to fail is the one that saw it."""
        if report.failed:
            os.write(self._stderr, f"\n{SEEN_BY}{report.nodeid}\n".encode())


def said(output: Path) -> tuple[str, bool]:
    """The test that saw the slip, as a mutant's output names it, and whether it failed: else it did
    not come to an end."""
    text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
    for word, which in ((SEEN_BY, 0), (RUNNING, -1)):
        if lines := [line for line in text.splitlines() if line.startswith(word)]:
            return lines[which].removeprefix(word), word == SEEN_BY
    return "", False
