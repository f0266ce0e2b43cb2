"""What the service says of the time: heard, and not believed where a single answer is odd."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

import pytest

from pagewave.gemini.service_time import EARLIEST, ServiceClock, readable_times, unix_seconds

HOUR = 3600.0
NOW = 1_800_000_000.0
GARBAGE = (
    *(None, "", "soon", "Mon, 99 Foo 2026", "Mon, 01 Jan 2026 00:00:00 +9999"),
    "Mon, 01 Jan 999999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 2026 00:00:00 +99999999999999",
)
WRONG = (
    *("Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"),
    *("Mon, 01 Jan 0001 00:00:00 GMT", formatdate(NOW + 40 * HOUR), formatdate(NOW - 40 * HOUR)),
    formatdate(NOW + 0.3 * HOUR),
)


class Computer:
    """This computer's two clocks; `sleep` moves the one that goes on while it sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic, self.wall = 50.0, NOW
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)
        monkeypatch.setattr(time, "time", lambda: self.wall)

    def wait(self, seconds: float) -> None:
        """So much time goes by, awake."""
        self.monotonic += seconds
        self.wall += seconds


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Computer:
    """Clocks that stand still."""
    return Computer(monkeypatch)


def date(seconds: float) -> str:
    """A Date header."""
    return formatdate(seconds, usegmt=True)


def test_the_clock_of_the_service_is_heard_and_goes_on(computer: Computer) -> None:
    clock = ServiceClock()
    for nothing in GARBAGE:
        clock.hear(nothing)
    assert clock.now() == NOW
    clock.hear(date(NOW + 5))
    assert clock.now() == NOW + 5
    computer.wait(10.25)
    assert clock.now() == NOW + 15.25
    clock.hear(date(NOW + 15))  # cut down to seconds
    assert clock.now() == NOW + 15.25
    computer.wall += HOUR  # it slept
    clock.hear(date(NOW + 15 + HOUR))
    assert clock.now() == NOW + 15 + HOUR


@pytest.mark.parametrize("wrong", [*WRONG, *GARBAGE])
@pytest.mark.parametrize("is_first", [True, False])
def test_one_wrong_date_changes_nothing(
    computer: Computer, wrong: str | None, is_first: bool
) -> None:
    clock = ServiceClock()
    if not is_first:
        clock.hear(date(NOW))
    for _ in range(10):  # also if it comes back, with right ones in between
        clock.hear(wrong)
        assert clock.now() == computer.wall
        computer.wait(30)
        clock.hear(date(computer.wall))
        assert clock.now() == computer.wall
        clock.hear(wrong)
        assert clock.now() == computer.wall


def test_odd_dates_that_contradict_each_other_change_nothing(computer: Computer) -> None:
    clock = ServiceClock()
    clock.hear(date(NOW))
    for number in range(20):
        clock.hear(date(NOW + (number + 2) * HOUR))
    assert clock.now() == NOW


def test_a_date_in_another_zone_is_the_same_moment(computer: Computer) -> None:
    clock = ServiceClock()
    clock.hear("Fri, 15 Jan 2027 13:00:20 +0500")  # NOW is 08:00:00 UTC
    assert clock.now() == NOW + 20


@pytest.mark.parametrize("off", [-400 * 24 * HOUR, 400 * 24 * HOUR])
def test_a_computer_whose_clock_is_wrong_believes_the_third_answer(
    computer: Computer, off: float
) -> None:
    computer.wall += off
    clock = ServiceClock()
    for _ in range(2):
        clock.hear(date(NOW))
        assert clock.now() == computer.wall
    clock.hear(date(NOW))
    assert clock.now() == NOW
    computer.monotonic += 10
    clock.hear(date(NOW + 10))
    assert clock.now() == NOW + 10
    computer.wall += HOUR  # its clock goes on in sleep, wrong as it is
    clock.hear(date(NOW + 10 + HOUR))
    assert clock.now() == NOW + 10 + HOUR


def test_a_clock_that_is_set_in_a_run_moves_nothing(computer: Computer) -> None:
    clock = ServiceClock()
    clock.hear(date(NOW))
    computer.wall -= 1000 * HOUR
    computer.monotonic += 60
    clock.hear(date(NOW + 60))
    assert clock.now() == NOW + 60


@pytest.mark.parametrize("told", ["soon", "", "99999-01-01T00:00:00Z", 1e30, [], {}])
def test_times_that_nobody_can_read_are_left_out(told: object) -> None:
    good = {"name": "batches/b", "metadata": {"createTime": "2026-11-01T00:00:00.123456789Z"}}
    bad = {"name": "batches/a", "metadata": {"createTime": told, "state": "RUNNING"}}
    content = readable_times(json.dumps({"operations": [good, bad]}).encode())
    without = {"name": "batches/a", "metadata": {"state": "RUNNING"}}
    assert content is not None
    assert json.loads(content) == {"operations": [good, without]}


def test_an_answer_with_sound_times_stays_as_it_is() -> None:
    for content in (b'{"createTime": "2026-11-01T00:00:00Z"}', b"no JSON", b"[1]", b"null"):
        assert readable_times(content) is None


def test_a_time_from_before_the_service_was_there_is_none() -> None:
    first = datetime(2020, 1, 1, tzinfo=UTC)
    assert unix_seconds(first) == unix_seconds(first.replace(tzinfo=None)) == EARLIEST
    assert unix_seconds(first - timedelta(microseconds=1)) is None
    assert unix_seconds(None) is None
