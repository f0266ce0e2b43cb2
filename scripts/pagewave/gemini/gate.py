"""The gate of all calls: as many at once, in a minute and in a day, as the service takes.

One more call may be in flight with each answer, and half as many after two refusals in a row, once
a pause at most (additive increase, multiplicative decrease). A call that is refused now and then,
as some are on a calm day, waits by itself; the others go on. The gate closes for all lanes, as
refused calls count against limits too, when a limit is used up, or when more are refused in a row.
"""

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from pagewave.config.models import DAY_SECONDS, MIDNIGHT_UTC_SECONDS, Limits
from pagewave.gemini.calls import NotNow
from pagewave.gemini.retries import Stopped
from pagewave.log import log

FIRST_IN_FLIGHT = 8
LONGEST_PAUSE = 12
"""A pause grows up to so many times the first one."""
REFUSALS_IN_A_ROW = 3
"""So many without an answer between them close the gate, if half of what is in flight is no more:
on a calm day 5 % are refused."""
PAUSE_OF_A_DAY = 120
"""The same where the day's limit is used up: who waits for midnight need not knock often."""
LOOK_SECONDS = 0.5
QUIET_CLOSURES = 2
"""A gate that is closed more often than this in a row is worth a line in the log."""


@dataclass(order=True)
class _Waiter:
    rank: tuple[float, int]
    tokens: int = field(compare=False)
    may_go: threading.Event = field(compare=False, default_factory=threading.Event)


class Gate:
    """One for all threads of a process.

    Args:
        stop: set when the run is told to stop.
        most: calls in flight at once.
        limits: in a minute and a day.
        pause_seconds: how long a refused call waits, or all do while the gate is closed; each
            further time doubles it.
        asked_today: tells how many calls the day has seen already.
    """

    def __init__(
        self,
        stop: threading.Event,
        most: int,
        limits: Limits,
        pause_seconds: float,
        asked_today: Callable[[float], int] = lambda since: 0,
    ) -> None:
        self._stop = stop
        self._most = most
        self._limits = limits
        self._pause_seconds = pause_seconds
        self._asked_today = asked_today
        self._allowed = float(min(most, FIRST_IN_FLIGHT))
        self._in_flight = 0
        self._waiting: list[_Waiter] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self._in_a_row = self._closures = 0
        self._closed_until = self._next_at = self._halve_at = 0.0
        self._closed_since: float | None = None
        self._day, self._of_day = -1, 0

    def enter(
        self,
        priority: float,
        tokens: int,
        until: float | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait until a call may begin; False where something else came first.

        Args:
            priority: who has more goes first, such as the pages that a chain has still to read.
            tokens: that the call is expected to send.
            until: when it is too late (monotonic clock).
            is_over: tells, now and then, whether there is no sense in waiting any more.

        Raises:
            Stopped: the run was told to stop.
        """
        waiter = _Waiter((-priority, next(self._numbers)), tokens)
        with self._lock:
            heapq.heappush(self._waiting, waiter)
            self._admit()
        while not waiter.may_go.wait(self._seconds_to_wait(waiter)):
            is_late = is_over() or (until is not None and time.monotonic() >= until)
            with self._lock:
                self._admit()
                if (is_late or self._stop.is_set()) and not waiter.may_go.is_set():
                    self._waiting.remove(waiter)
                    heapq.heapify(self._waiting)
                    if self._stop.is_set():
                        raise Stopped
                    return False
        if self._stop.is_set():
            self.leave()
            raise Stopped
        return True

    def leave(self) -> None:
        """A call is over, whatever it brought."""
        with self._lock:
            self._in_flight -= 1
            self._admit()

    def answered(self) -> None:
        """The service answered a call: it takes more."""
        with self._lock:
            self._in_a_row = self._closures = 0
            self._closed_since = None
            self._allowed = min(self._most, self._allowed + 1)

    def refused(self, why: NotNow, times: int = 1) -> float:
        """The service took a call in flight not: returns for how many seconds that one is to wait.

        0 where the gate is closed, for which all wait.

        Args:
            times: how often this call was refused by now.
        """
        with self._lock:
            now = time.monotonic()
            if self._closed_since is None:
                self._closed_since = now
            if now < self._closed_until:
                return 0.0  # it was in flight when the gate was closed
            self._in_a_row += 1
            if (why.is_quota or self._in_a_row > 1) and now >= self._halve_at:
                self._allowed = max(1.0, self._allowed / 2)
                self._halve_at = now + self._pause_seconds
            in_a_row = max(REFUSALS_IN_A_ROW, self._in_flight / 2)
            if not why.is_quota and self._in_a_row < in_a_row:
                return self._pause(why, times)
            self._closures += 1
            pause = self._pause(why, self._closures)
            self._closed_until = now + pause
            if self._closures > QUIET_CLOSURES or why.is_of_day:
                log.warning("calls are refused, asking again in %.3g s (%s)", pause, why)
            return 0.0

    def pause(
        self,
        seconds: float,
        until: float | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait before a refused call comes to the gate again; False as for `enter`.

        Raises:
            Stopped: the run was told to stop.
        """
        end = time.monotonic() + seconds
        last = end if until is None else min(end, until)
        while not is_over():
            left = last - time.monotonic()
            if self._stop.wait(min(LOOK_SECONDS, max(0.0, left))):
                raise Stopped
            if left <= LOOK_SECONDS:
                return last == end
        return False

    def ask_anew(self) -> None:
        """Forget what was refused: a few calls may try at once whether that is over."""
        with self._lock:
            self._in_a_row = self._closures = 0
            self._closed_until = 0.0
            self._allowed = max(self._allowed, float(min(self._most, FIRST_IN_FLIGHT)))
            self._admit()

    def _pause(self, why: NotNow, times: int) -> float:
        if why.is_of_day:
            return self._pause_seconds * PAUSE_OF_A_DAY
        doubled = self._pause_seconds * 2.0 ** min(times - 1, 10)
        return min(self._pause_seconds * LONGEST_PAUSE, max(doubled, why.seconds))

    @property
    def closed_seconds(self) -> float:
        """For how long all calls have been refused; 0 where the last one was answered."""
        with self._lock:
            since = self._closed_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def is_day_used_up(self) -> bool:
        """Were as many calls made today as there may be?"""
        with self._lock:
            return self._is_day_used_up()

    def _admit(self) -> None:
        """Let in who may: called with the lock held, whenever something may have changed."""
        now = time.monotonic()
        while (
            self._waiting
            and self._in_flight < int(self._allowed)
            and now >= max(self._closed_until, self._next_at)
            and not self._is_day_used_up()
        ):
            waiter = heapq.heappop(self._waiting)
            self._in_flight += 1
            self._of_day += 1
            self._next_at = max(now, self._next_at) + self._gap(waiter.tokens)
            waiter.may_go.set()

    def _gap(self, tokens: int) -> float:
        """Seconds between this call's begin and the next one's, for the limits of a minute."""
        of_requests, of_tokens = self._limits.requests_per_minute, self._limits.tokens_per_minute
        return max(
            60 / of_requests if of_requests else 0.0, 60 * tokens / of_tokens if of_tokens else 0.0
        )

    def _is_day_used_up(self) -> bool:
        most = self._limits.requests_per_day
        if most is None:
            return False
        day = int((time.time() - MIDNIGHT_UTC_SECONDS) // DAY_SECONDS)
        if day != self._day:
            self._day = day
            self._of_day = self._asked_today(day * DAY_SECONDS + MIDNIGHT_UTC_SECONDS)
        if self._of_day < most:
            return False
        if self._closed_since is None:
            self._closed_since = time.monotonic()
            log.warning("the day's %d calls are made: no more until midnight in California", most)
        return True

    def _seconds_to_wait(self, waiter: _Waiter) -> float:
        with self._lock:
            is_first = bool(self._waiting) and self._waiting[0] is waiter
            left = max(self._closed_until, self._next_at) - time.monotonic()
        return min(LOOK_SECONDS, left) if is_first and left > 0 else LOOK_SECONDS
