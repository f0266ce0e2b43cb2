"""What each lane goes by: flex first, batch where that is quicker, standard where it is bought."""

from dataclasses import replace

import pytest

from pagewave.config.models import Limits
from pagewave.plan.roads import (
    Facts,
    Lane,
    Load,
    Refusals,
    auto,
    best_split,
    box_seconds,
    patience_seconds,
    seconds,
)

HOUR = 3600.0
FACTS = Facts(
    call_seconds=30,
    standard_seconds=15,
    batch_seconds=1800,
    input_tokens=2_000,
    calls_at_once=64,
    batch_pages_at_once=1_000,
)
LONG, SHORT = Lane(1, 300, 9_000), Lane(2, 40, 4_000)
MANY = [Lane(number, 60 - number, 100 * (60 - number)) for number in range(20)]


def roads(facts: Facts, lanes: list[Lane]) -> dict[int, str]:
    """The road of each lane."""
    return {number: choice.road for number, choice in auto(facts, lanes).items()}


def why(facts: Facts, lanes: list[Lane]) -> str:
    """The one reason that all lanes have."""
    (reason,) = {str(choice) for choice in auto(facts, lanes).values()}
    return reason


# How long it takes


def test_a_chain_is_as_slow_as_its_pages_one_after_another() -> None:
    assert seconds(FACTS, by_flex=Load(300, 300)) == 300 * 30
    assert seconds(FACTS, by_standard=Load(300, 300)) == 300 * 15
    assert seconds(FACTS, by_batch=Load(300, 300)) == 300 * 1800
    assert seconds(FACTS, Load(100, 100), Load(1, 1), Load(300, 300)) == 300 * 15
    assert seconds(FACTS) == 0.0


def test_where_nothing_is_left_to_be_read_nothing_takes_time() -> None:
    assert seconds(FACTS) == seconds(FACTS, *[Load.of([])] * 3) == 0


def test_many_pages_are_as_slow_as_what_may_be_in_flight() -> None:
    assert seconds(FACTS, by_flex=Load(10, 64_000)) == 64_000 * 30 / 64
    assert seconds(FACTS, by_batch=Load(10, 64_000)) == 64 * 1800
    both = seconds(FACTS, by_flex=Load(10, 32_000), by_standard=Load(10, 32_000))
    assert both == 32_000 * (30 + 15) / 64


def test_calls_are_as_slow_as_the_limits_of_a_minute() -> None:
    few = replace(FACTS, limits=Limits(requests_per_minute=60))
    assert seconds(few, by_flex=Load(10, 6_000)) == 6_000
    thin = replace(FACTS, limits=Limits(requests_per_minute=600, tokens_per_minute=60_000))
    assert seconds(thin, by_flex=Load(10, 6_000)) == 6_000 * 2
    assert seconds(thin, by_batch=Load(1, 1_000)) == 1800


def test_calls_beyond_those_of_a_day_wait_for_the_next() -> None:
    daily = replace(
        FACTS, limits=Limits(requests_per_day=10_000), calls_today=4_000, renewal_seconds=5 * HOUR
    )
    assert seconds(daily, by_flex=Load(1, 6_000)) == 6_000 * 30 / 64
    assert seconds(daily, by_flex=Load(1, 6_001)) == pytest.approx(5 * HOUR, abs=1)
    assert seconds(daily, by_flex=Load(1, 26_000)) == pytest.approx(29 * HOUR + 10_000 * 30 / 64)


def test_a_wave_of_calls_goes_on_for_sixty_of_them_between_a_quarter_and_two_hours() -> None:
    assert [box_seconds(call) for call in (1, 30, 900)] == [900, 1800, 7200]


# Flex first


def test_flex_is_taken_for_everything_where_it_is_quickest() -> None:
    assert roads(FACTS, [LONG, SHORT]) == {1: "flex", 2: "flex"}
    assert why(FACTS, [LONG, SHORT]) == "flex: a page takes about 30 s, and 30 min by batch"


def test_lanes_with_nothing_left_have_no_road() -> None:
    assert roads(FACTS, [LONG, Lane(2, 0, 0)]) == {1: "flex"}
    assert auto(FACTS, []) == {}


def test_where_calls_are_slow_the_longest_lanes_go_by_flex_and_the_others_beside_them() -> None:
    slow = replace(FACTS, call_seconds=400)
    split = best_split(slow, MANY)
    assert 0 < split < 20
    chosen = auto(slow, list(reversed(MANY)))
    assert [chosen[n].road for n in range(20)] == ["flex"] * split + ["batch"] * (20 - split)
    assert f"quickest is {split} of 20 lanes by flex, the longest ones" in chosen[0].why
    loads = Load.of(MANY[:split]), Load.of(MANY[split:])
    alone = [seconds(slow, by_flex=Load.of(MANY)), seconds(slow, by_batch=Load.of(MANY))]
    assert seconds(slow, *loads) < min(alone)


def test_no_other_number_of_lanes_by_flex_would_be_quicker() -> None:
    for call in (10, 100, 400, 1500):
        slow = replace(FACTS, call_seconds=call)
        times = [seconds(slow, Load.of(MANY[:k]), Load.of(MANY[k:])) for k in range(21)]
        assert times[best_split(slow, MANY)] == min(times)


def test_where_a_call_takes_longer_than_a_batch_the_longest_lanes_go_by_batch() -> None:
    slow = replace(FACTS, call_seconds=1000, batch_seconds=60, batch_pages_at_once=10)
    chosen = roads(slow, MANY)
    assert chosen[0] == "batch" and "flex" in chosen.values()
    assert chosen[19] == "flex"


def test_a_limit_of_a_day_sends_lanes_by_batch_beside_the_calls() -> None:
    daily = replace(FACTS, limits=Limits(requests_per_day=10_000))
    assert set(roads(daily, MANY).values()) == {"flex", "batch"}
    assert set(roads(FACTS, MANY).values()) == {"flex"}


# Flex refuses


def test_refused_flex_is_waited_for_as_long_as_a_batch_takes_and_then_lanes_go_by_batch() -> None:
    short = [Lane(1, 4, 4)]
    assert patience_seconds(FACTS, short) == 1800
    refused = replace(FACTS, refused_seconds=1799)
    assert why(refused, short) == (
        "wait: flex has been refused for 29 min 59 s; up to 30 min are waited, as a batch takes "
        "about 30 min"
    )
    refused = replace(FACTS, refused_seconds=1800)
    assert why(refused, short).startswith("batch: flex has been refused for 30 min, longer than")


def test_more_is_waited_the_more_quickly_flex_would_read_but_a_twentieth_of_batches_at_most() -> (
    None
):
    # Flex is 60 times as quick here: 30 batches would be worth it, of 300.
    assert patience_seconds(FACTS, [Lane(1, 300, 300)]) == 15 * 1800
    # Twelve times as quick: the value of six.
    slower = replace(FACTS, call_seconds=150)
    assert patience_seconds(slower, [Lane(1, 300, 300)]) == 6 * 1800
    # No quicker than batches, as calls in flight hold it up.
    assert patience_seconds(replace(FACTS, calls_at_once=1), MANY) == 1800


def test_a_day_whose_calls_are_used_up_is_bridged_by_batches_while_they_end_in_time() -> None:
    used = replace(
        FACTS, limits=Limits(requests_per_day=100), calls_today=100, renewal_seconds=3 * HOUR
    )
    assert why(used, [LONG]) == (
        "batch: the calls of a day are used up for 3 h more; a batch takes about 30 min"
    )
    assert roads(replace(used, renewal_seconds=1799), [LONG]) == {1: "wait"}
    assert roads(replace(used, renewal_seconds=1800), [LONG]) == {1: "batch"}
    assert roads(replace(used, calls_today=99), [Lane(1, 1, 1)]) == {1: "flex"}


# A deadline


def test_a_deadline_buys_standard_for_the_longest_lanes_and_for_no_more_than_it_takes() -> None:
    long, middle, short = Lane(1, 300, 300), Lane(2, 200, 200), Lane(3, 20, 20)
    at = replace(FACTS, usd_left=10.0, usd_a_page=0.001)
    late = replace(at, deadline_seconds=2 * HOUR)
    assert roads(late, [short, long, middle]) == {1: "standard", 2: "flex", 3: "flex"}
    later = replace(at, deadline_seconds=300 * 30)
    assert set(roads(later, [short, long, middle]).values()) == {"flex"}
    soon = replace(at, deadline_seconds=1.0)
    assert set(roads(soon, [short, long, middle]).values()) == {"standard"}
    assert "deadline is in 2 h" in auto(late, [long, middle])[1].why


def test_a_deadline_buys_only_what_the_budget_holds_beside_all_that_is_left() -> None:
    lanes = [Lane(1, 300, 300), Lane(2, 290, 290)]
    at = replace(FACTS, usd_a_page=0.5, deadline_seconds=1.25 * HOUR)
    # 295 USD for all by flex, 150 more for the first lane, 145 for the second.
    assert roads(replace(at, usd_left=590.0), lanes) == {1: "standard", 2: "standard"}
    assert roads(replace(at, usd_left=589.0), lanes) == {1: "standard", 2: "flex"}
    assert roads(replace(at, usd_left=444.0), lanes) == {1: "flex", 2: "flex"}
    assert roads(replace(at, usd_left=0.0), lanes) == {1: "flex", 2: "flex"}


def test_nothing_is_bought_without_a_budget_or_a_price_or_behind_the_deadline() -> None:
    late = replace(FACTS, usd_left=99.0, usd_a_page=0.001, deadline_seconds=60.0)
    assert roads(late, [LONG]) == {1: "standard"}
    for nothing in (
        replace(late, usd_left=None),
        replace(late, usd_a_page=None),
        replace(late, deadline_seconds=None),
        replace(late, deadline_seconds=-1.0),
    ):
        assert roads(nothing, [LONG]) == {1: "flex"}


def test_where_flex_is_refused_a_deadline_still_buys_but_not_where_no_calls_are_left() -> None:
    lane = Lane(1, 300, 300)
    late = replace(FACTS, usd_left=99.0, usd_a_page=0.001, deadline_seconds=3 * HOUR)
    assert roads(late, [lane]) == {1: "flex"}
    assert roads(replace(late, refused_seconds=HOUR), [lane]) == {1: "standard"}
    used_up = replace(late, limits=Limits(requests_per_day=10), calls_today=10)
    assert roads(used_up, [lane]) == {1: "batch"}


# For how long it has been refused


def test_flex_counts_as_refused_where_most_of_twenty_tries_were_and_is_asked_again_later() -> None:
    refusals = Refusals()
    for second in range(19):
        refusals.note(second, answered=False)
        assert refusals.seconds(second) == 0
    refusals.note(20, answered=False)
    assert refusals.seconds(20) == 1.0  # it is closed, though for no time yet
    assert refusals.seconds(120) == 100
    assert refusals.seconds(320) == 0  # a few may ask again
    for second in range(320, 325):
        refusals.note(second, answered=False)
    assert refusals.seconds(420) == 400  # it was so from the first time on
    for second in range(700, 705):
        refusals.note(second, answered=True)
    assert refusals.seconds(705) == 0
    refusals.note(706, answered=False)
    assert refusals.seconds(706) == 0


def test_refusals_of_a_calm_day_close_nothing() -> None:
    refusals = Refusals()
    for number in range(1_000):
        refusals.note(number, answered=bool(number % 20))
        assert refusals.seconds(number) == 0


def test_what_an_earlier_run_met_holds_for_the_next_one_until_it_is_time_to_ask_again() -> None:
    refusals = Refusals(300, since=1000, ask_again_at=5000)
    assert refusals.seconds(4999) == 3999
    assert refusals.seconds(5000) == 0
    assert refusals.seconds(999) == 0  # the clock was set back
    for second in range(5000, 5005):
        refusals.note(second, answered=False)
    assert (refusals.since, refusals.ask_again_at) == (1000, 5304)
    assert refusals.seconds(5100) == 4100


def test_a_day_that_the_service_calls_used_up_is_so_whatever_was_counted() -> None:
    used = replace(FACTS, is_used_up=True, renewal_seconds=3 * HOUR)
    assert roads(used, [LONG]) == {1: "batch"}
    assert roads(replace(used, renewal_seconds=60), [LONG]) == {1: "wait"}
