"""What time it is at the service, and the times it tells: a single odd one proves nothing."""

import json
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

LATEST_ANSWER_SECONDS = 600.0
"""An answer that says it is earlier than thought by more is not late: the clock was wrong."""
WITNESSES = 3
"""So many answers in a row must agree before they are believed against all that is known."""
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
"""Before any batch: an earlier time is an empty or a broken one, such as 0001-01-01."""
_TIME = TypeAdapter(datetime | None)


class ServiceClock:
    """What time it is at the service, by its answers: this computer's clock may be set or jump.

    Between two answers time goes on by the monotonic clock, which no setting moves. It stands still
    while a laptop sleeps, which the next answer makes up for.

    An answer is believed at once if it is where one of this computer's clocks expects it: the
    monotonic one, or the other, which goes on in sleep. Else it takes several that agree: one of
    them may be a broken server's, or of whatever stands on the way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead: float | None = None
        """Of the monotonic clock."""
        self._ahead_of_wall = 0.0  # until an answer says otherwise, this computer's clock is right
        self._doubtful: list[float] = []
        """How far ahead the last answers were that nothing expected, all about the same."""

    def hear(self, date: str | None) -> None:
        """Take the time from an answer's `Date` header (RFC 9110, 6.6.1): whole seconds."""
        try:
            told = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, OverflowError, OSError):
            return
        now, wall = time.monotonic(), time.time()
        ahead = told - now
        with self._lock:
            if self._ahead is not None and _is_near(ahead, self._ahead):
                # A date is cut down to seconds and comes late: of several that agree the last
                # counts.
                ahead = max(ahead, self._ahead)
            elif not _is_near(told - wall, self._ahead_of_wall) and not self._is_confirmed(ahead):
                return
            self._doubtful.clear()
            self._ahead, self._ahead_of_wall = ahead, ahead + now - wall

    def _is_confirmed(self, ahead: float) -> bool:
        """Have the last answers, against all that was expected, said the same?"""
        if self._doubtful and not _is_near(ahead, self._doubtful[0]):
            self._doubtful.clear()
        self._doubtful.append(ahead)
        return len(self._doubtful) >= WITNESSES

    def now(self) -> float:
        """Unix seconds; by this computer's clock as long as the service has told no time."""
        with self._lock:
            return time.time() if self._ahead is None else time.monotonic() + self._ahead


def _is_near(one: float, other: float) -> bool:
    return abs(one - other) < LATEST_ANSWER_SECONDS


def unix_seconds(told: datetime | None) -> float | None:
    """A time that the service tells; None where there is none, or one that can't be."""
    if told is None:
        return None
    seconds = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    return seconds if seconds >= EARLIEST else None


def readable_times(content: bytes) -> bytes | None:
    """JSON without the times in it that nobody can read; None where there are none of those.

    Google's client takes no answer with such a time: a single one would hide a whole list.
    """
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return json.dumps(found).encode() if _drop_unreadable(found) else None


def _drop_unreadable(found: Any) -> bool:
    """Were there any?"""
    if isinstance(found, list):
        return any(list(map(_drop_unreadable, found)))
    if not isinstance(found, dict):
        return False
    bad = [name for name, value in found.items() if name.endswith("Time") and not _is_time(value)]
    for name in bad:
        del found[name]
    return any([*map(_drop_unreadable, found.values()), *bad])


def _is_time(value: Any) -> bool:
    """Does Google's client take it? It asks pydantic."""
    try:
        _TIME.validate_python(value)
    except ValidationError:
        return False
    return True
