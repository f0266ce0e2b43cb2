"""The gate of all calls: how many at once, who goes first, and for how long it stays closed."""

import threading
import time

import pytest

from helpers.embedded_process import wait_for
from pagewave.config.models import Limits
from pagewave.gemini.calls import NotNow
from pagewave.gemini.gate import DAY_SECONDS, FIRST_IN_FLIGHT, MIDNIGHT_UTC_SECONDS, Gate
from pagewave.gemini.retries import Stopped

NEVER = 3600.0
NONE = Limits()


def gate(most: int = 64, limits: Limits = NONE, pause: float = NEVER, today: int = 0) -> Gate:
    return Gate(threading.Event(), most, limits, pause, lambda since: today)


def enters(given: Gate) -> bool:
    """Is there room for another call just now?"""
    return given.enter(1, 0, until=time.monotonic())


def room(given: Gate) -> int:
    """How many more calls may be in flight just now."""
    number = 0
    while enters(given):
        number += 1
    for _ in range(number):
        given.leave()
    return number


def test_it_begins_with_few_and_grows_by_one_with_each_answer_while_none_is_refused() -> None:
    given = gate(most=FIRST_IN_FLIGHT + 2)
    assert room(given) == FIRST_IN_FLIGHT
    given.answered()
    assert room(given) == FIRST_IN_FLIGHT + 1
    for _ in range(5):
        given.answered()
    assert room(given) == FIRST_IN_FLIGHT + 2


def test_a_refusal_closes_it_for_all_and_halves_what_may_be_in_flight() -> None:
    given = gate()
    given.refused(NotNow("503"))
    assert room(given) == 0
    # In flight when it was closed: the same trouble.
    given.refused(NotNow("503"))
    given._closed_until = 0.0
    assert room(given) == FIRST_IN_FLIGHT // 2
    for _ in range(FIRST_IN_FLIGHT // 2 - 1):
        given.answered()
    assert room(given) == FIRST_IN_FLIGHT // 2
    given.answered()
    given.answered()
    assert room(given) == FIRST_IN_FLIGHT // 2 + 1


def test_at_least_one_may_knock_however_often_it_is_refused() -> None:
    given = gate(pause=0.001)
    for _ in range(20):
        wait_for(lambda: room(given) > 0)
        given.refused(NotNow("503"))
    wait_for(lambda: room(given) == 1)


def test_it_tells_for_how_long_nothing_was_answered() -> None:
    given = gate(pause=0.0)
    assert given.closed_seconds == 0
    given.refused(NotNow("503"))
    wait_for(lambda: given.closed_seconds > 0)
    given.answered()
    assert given.closed_seconds == 0


def test_the_longest_way_goes_first() -> None:
    given = gate(most=1)
    assert enters(given)
    order: list[int] = []

    def ride(pages: int) -> None:
        given.enter(pages, 0)
        order.append(pages)
        given.leave()

    riders = [threading.Thread(target=ride, args=(pages,)) for pages in (2, 5, 3)]
    for rider in riders:
        rider.start()
    wait_for(lambda: len(given._waiting) == len(riders))
    given.leave()
    for rider in riders:
        rider.join()
    assert order == [5, 3, 2]


@pytest.mark.parametrize(
    "limits", [Limits(requests_per_minute=60_000), Limits(tokens_per_minute=60_000_000)]
)
def test_calls_keep_their_distance_where_a_minute_has_a_limit(limits: Limits) -> None:
    given = gate(limits=limits)
    started = time.monotonic()
    for _ in range(4):
        assert given.enter(1, 1000)
        given.leave()
    assert time.monotonic() >= started + 3 * 0.001


def test_a_day_has_a_limit_which_earlier_runs_have_used() -> None:
    given = gate(limits=Limits(requests_per_day=5), today=3)
    assert enters(given)
    assert enters(given)
    assert not enters(given)
    assert given.is_day_used_up
    assert not gate(today=10**6).is_day_used_up


def test_a_day_begins_at_midnight_in_california() -> None:
    asked: list[float] = []

    def today(since: float) -> int:
        asked.append(since)
        return 0

    given = Gate(threading.Event(), 1, Limits(requests_per_day=1), 1.0, today)
    assert enters(given)
    [since] = asked
    assert since % DAY_SECONDS == MIDNIGHT_UTC_SECONDS
    assert 0 <= time.time() - since <= DAY_SECONDS


def test_the_days_limit_is_knocked_at_rarely() -> None:
    given = gate(pause=NEVER)
    given.refused(NotNow("429", is_quota=True, is_of_day=True))
    first = given._closed_until
    other = gate(pause=NEVER)
    other.refused(NotNow("429", is_quota=True))
    assert first > other._closed_until + NEVER


def test_the_services_own_word_for_the_pause_is_heeded() -> None:
    given = gate(pause=10.0)
    given.refused(NotNow("429", is_quota=True, seconds=50.0))
    assert given._closed_until > time.monotonic() + 40


def test_a_stop_ends_every_wait() -> None:
    stop = threading.Event()
    given = Gate(stop, 1, Limits(), NEVER)
    assert given.enter(1, 0)
    ended: list[str] = []

    def ride() -> None:
        try:
            given.enter(1, 0)
        except Stopped:
            ended.append("stopped")

    rider = threading.Thread(target=ride)
    rider.start()
    wait_for(lambda: given._waiting)
    stop.set()
    rider.join()
    assert ended == ["stopped"]
    given.leave()
    with pytest.raises(Stopped):
        given.enter(1, 0)
    assert given._in_flight == 0
