"""The gate of all calls: how many at once, who goes first, and for how long it stays closed."""

import threading
import time

import pytest

from helpers.embedded_process import wait_for
from pagewave.config.models import DAY_SECONDS, MIDNIGHT_UTC_SECONDS, Limits
from pagewave.gemini.calls import NotNow
from pagewave.gemini.gate import (
    FIRST_IN_FLIGHT,
    LONGEST_PAUSE,
    Gate,
)
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


def grown(most: int = 64, pause: float = NEVER) -> Gate:
    """A gate through which as many calls may go as there may be."""
    given = gate(most=most, pause=pause)
    for _ in range(most):
        given.answered()
    assert room(given) == most
    return given


def test_a_refusal_now_and_then_lets_the_refused_call_alone_wait() -> None:
    given = grown()
    for _ in range(10):
        assert given.refused(NotNow("503")) == NEVER
        assert room(given) == 64
        given.answered()


def refused_twice(given: Gate) -> None:
    for _ in range(2):
        assert given.refused(NotNow("503")) == NEVER


def test_two_refusals_in_a_row_halve_what_may_be_in_flight_once_a_pause() -> None:
    given = grown()
    refused_twice(given)
    assert room(given) == 32
    given.answered()
    refused_twice(given)
    assert room(given) == 33
    given._halve_at = 0.0
    given.answered()
    refused_twice(given)
    assert room(given) == 34 // 2


def test_a_call_that_is_refused_again_waits_twice_as_long() -> None:
    given = grown()
    waits = []
    for times in (1, 2, 3, 4, 5, 99):
        waits.append(given.refused(NotNow("503"), times) / NEVER)
        given.answered()
    assert waits == [1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE]
    assert given.refused(NotNow("503", seconds=3 * NEVER)) == 3 * NEVER


def test_a_pause_ends_with_the_wave_or_with_a_stop() -> None:
    given = gate()
    assert given.pause(0.0)
    assert given.pause(0.001, until=time.monotonic() + NEVER)
    assert not given.pause(NEVER, until=time.monotonic())
    given._stop.set()
    with pytest.raises(Stopped):
        given.pause(NEVER)


def test_refusals_one_after_another_close_it_for_all() -> None:
    given = gate()
    assert [given.refused(NotNow("503")) for _ in range(3)] == [NEVER, NEVER, 0]
    assert room(given) == 0
    # In flight when it was closed: the same trouble.
    assert given.refused(NotNow("503")) == 0
    first = given._closed_until
    given._closed_until = 0.0
    assert room(given) == FIRST_IN_FLIGHT // 2
    # Nothing was answered since: the next one closes it for twice as long.
    assert given.refused(NotNow("503")) == 0
    assert given._closed_until > first + NEVER / 2
    given._closed_until = 0.0
    given.answered()
    assert given.refused(NotNow("503")) == NEVER
    assert room(given) > 0


def test_of_many_in_flight_half_are_refused_before_it_closes() -> None:
    given = grown()
    for _ in range(20):
        assert enters(given)
    assert [given.refused(NotNow("503")) for _ in range(10)] == [NEVER] * 9 + [0]
    assert not enters(given)


def test_a_limit_that_is_used_up_closes_it_at_once() -> None:
    given = grown()
    assert given.refused(NotNow("429", is_quota=True)) == 0
    assert room(given) == 0
    given._closed_until = 0.0
    assert room(given) == 32


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


@pytest.mark.parametrize(
    "limits", [Limits(requests_per_minute=60), Limits(tokens_per_minute=60_000)]
)
def test_a_minute_has_as_many_calls_as_its_limit_says(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    given = gate(limits=limits)
    for _ in range(60):
        assert given.enter(1, 1000, until=now)
        given.leave()
        now += 1.0
    assert given.enter(1, 1000, until=now)
    now += 0.9
    assert not given.enter(1, 1000, until=now)


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


def test_who_sees_no_sense_in_waiting_any_more_leaves_the_gate_and_a_pause() -> None:
    given = gate(most=1)
    assert enters(given)
    assert not given.enter(1, 0, is_over=lambda: True)
    given.leave()
    assert room(given) == 1
    assert not given.pause(NEVER, is_over=lambda: True)
    asked = iter([False, True])
    assert not given.pause(NEVER, is_over=lambda: next(asked))
    assert given.pause(0.01) and not given.pause(NEVER, until=time.monotonic())


def test_a_gate_that_asks_anew_lets_a_few_in_at_once_whatever_was_refused() -> None:
    given = grown()
    for _ in range(20):
        given.refused(NotNow("full"))
    assert room(given) == 0
    given.ask_anew()
    assert room(given) >= FIRST_IN_FLIGHT
