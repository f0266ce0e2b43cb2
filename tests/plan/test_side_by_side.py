"""Every road beside the others: what it costs, how long it takes and why; what is recommended."""

import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pagewave.config.models import Limits, limits
from pagewave.ledger import Ledger
from pagewave.plan.pace import (
    FEWEST_CALLS,
    FLEX_SECONDS_SEEN,
    Pace,
    Paces,
    paces,
    renewal_seconds,
)
from pagewave.plan.roads import Facts, Lane
from pagewave.plan.side_by_side import RoadForecast, advice, side_by_side

SEEN = Paces(Pace(27.0), Pace(14.0), Pace(1800.0))
MEASURED = Paces(Pace(28.0, 20), Pace(14.0), Pace(1320.0, 7))
BOOK = [Lane(1, 300, 6_000)]


def add_calls(ledger: Ledger, number: int) -> None:
    """Calls by flex of a run, each answered in 4 s."""
    for _ in range(number):
        name = uuid.uuid4().hex
        call = ledger.batches.add_intent(name, "gemini", "m", "p", "r", 1, 1, [], transport="flex")
        with ledger.transaction() as db:
            db.execute(
                "UPDATE batch SET status = 'submitted', creating_at = 100, submitted_at = 104"
                " WHERE id = ?",
                (call.id,),
            )


def facts(known: Paces, **values: object) -> Facts:
    """What a run would know."""
    made = Facts(
        call_seconds=known.flex.seconds,
        standard_seconds=known.standard.seconds,
        batch_seconds=1.5 * known.batch.seconds,
        input_tokens=1_900,
        calls_at_once=64,
        batch_pages_at_once=1_000,
        usd_a_page=0.00141,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def rows(known: Paces, transport: str = "batch", **values: object) -> dict[str, RoadForecast]:
    """All roads for a book of 300 pages among others, by name."""
    found = side_by_side(facts(known, **values), known, BOOK, 8.5, 300, transport)
    assert [road.road for road in found] == ["batch", "flex", "standard", "auto"]
    return {road.road: road for road in found}


def test_each_road_has_its_price_its_time_and_its_reason() -> None:
    roads = rows(MEASURED)
    assert [road.usd for road in roads.values()] == [8.5, 8.5, 17.0, 8.5]
    assert [road.seconds for road in roads.values()] == [300 * 1320, 300 * 28, 300 * 14, 300 * 28]
    assert roads["batch"].why == "300 steps of 22 min (as measured here)"
    assert roads["flex"].why == (
        "300 pages one after another at 28 s (as measured here); 64 calls at once"
    )
    assert "at 14 s (as others saw)" in roads["standard"].why
    assert roads["auto"].why.startswith("all lanes by flex; batch if it is refused for ")
    assert [road.is_this for road in roads.values()] == [True, False, False, False]


def test_what_was_not_measured_here_says_so() -> None:
    roads = rows(SEEN)
    assert roads["batch"].why == "300 steps of 30 min (as others saw; Google aims at 24 h for each)"
    assert "at 27 s (as others saw)" in roads["flex"].why


def test_a_limit_of_a_day_is_named_and_split_between_roads() -> None:
    many = [Lane(number, 60 - number, 100 * (60 - number)) for number in range(20)]
    at = facts(MEASURED, limits=Limits(requests_per_day=10_000))
    found = side_by_side(at, MEASURED, many, 100.0, 120, "auto")
    flex, auto = found[1], found[3]
    assert "; 10,000 calls a day" in flex.why
    assert auto.seconds < flex.seconds
    assert " by flex, " in auto.why and " by batch: quickest is " in auto.why
    assert auto.is_this


def test_a_deadline_costs_what_its_lanes_cost_more() -> None:
    roads = rows(MEASURED, "auto", deadline_seconds=3600.0 * 2, usd_left=99.0)
    assert (roads["auto"].usd, roads["auto"].why) == (
        17.0,
        "1 lane by standard: the deadline is in 2 h, too soon for the cheaper roads",
    )
    assert rows(MEASURED, "auto", deadline_seconds=3600.0 * 2, usd_left=9.0)["auto"].usd == 8.5


def test_a_price_that_is_not_known_stays_so_and_where_nothing_is_left_there_is_nothing() -> None:
    found = side_by_side(facts(SEEN, usd_a_page=None), SEEN, BOOK, None, 300, "flex")
    assert [road.usd for road in found] == [None] * 4
    assert side_by_side(facts(SEEN), SEEN, [Lane(1, 0, 0)], 0.0, 0, "batch") == []


def test_what_is_quicker_at_the_same_price_is_recommended_once_it_was_measured() -> None:
    told = advice(list(rows(MEASURED).values()), MEASURED)
    assert told is not None
    assert "Quicker at the same price: execution.transport: flex, about 2 h 20 min" in told
    assert "in place of 4 d 14 h, as measured here (20 calls)" in told
    assert "--config 'execution={transport: flex}'" in told


def test_before_that_a_probe_is_recommended() -> None:
    told = advice(list(rows(SEEN).values()), SEEN)
    assert told is not None and told.endswith("--probe 5")
    assert "execution.transport" not in told


@pytest.mark.parametrize("transport", ["flex", "standard", "auto"])
def test_nothing_is_recommended_that_is_no_quicker(transport: str) -> None:
    assert advice(list(rows(MEASURED, transport).values()), MEASURED) is None


def test_whoever_leaves_the_road_to_auto_and_who_has_nothing_to_read_is_told_of_no_other() -> None:
    refused = rows(MEASURED, "auto", refused_seconds=90_000.0)
    assert refused["flex"].seconds < refused["auto"].seconds
    assert advice(list(refused.values()), MEASURED) is None
    assert advice([], MEASURED) is None


def test_limits_follow_from_the_family_and_an_unknown_model_has_none() -> None:
    assert limits("gemini-3.5-flash-lite").requests_per_day == 150_000
    assert limits("gemini-2.5-flash").requests_per_day == 10_000
    assert limits("gemini-3.1-pro-preview").requests_per_minute == 25
    assert limits("mine").requests_per_day is None


def test_the_day_of_the_service_ends_at_midnight_in_california() -> None:
    assert renewal_seconds(8 * 3600) == 86_400
    assert renewal_seconds(7 * 3600) == 3600


def test_calls_of_runs_tell_how_long_one_takes_once_there_were_enough(tmp_path: Path) -> None:
    with closing(Ledger.open(tmp_path / "ledger.sqlite")) as ledger:
        ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "text")
        ledger.runs.start("r", "gemini", "m", [], [])
        add_calls(ledger, FEWEST_CALLS - 1)
        assert paces(ledger, "gemini", "m").flex == Pace(FLEX_SECONDS_SEEN)
        add_calls(ledger, 1)
        assert paces(ledger, "gemini", "m").flex == Pace(4.0, FEWEST_CALLS)
        assert paces(ledger, "gemini", "m").standard.measured == 0
        assert paces(ledger, "gemini", "other").flex.measured == 0


def test_a_deadline_that_is_not_met_says_so() -> None:
    poor = rows(MEASURED, "auto", deadline_seconds=3600.0, usd_left=9.0)["auto"]
    assert poor.why.startswith("all lanes by flex; ")
    assert poor.why.endswith(
        "; the deadline is in 1 h, and all is read in about 2 h 20 min, with all that the budget "
        "holds"
    )
    late = rows(MEASURED, "auto", deadline_seconds=-1.0, usd_left=99.0)["auto"]
    assert late.why.endswith("; the deadline has passed: nothing is bought for it any more")


def test_what_auto_would_do_now_is_told_with_its_reason() -> None:
    at = facts(MEASURED, is_used_up=True, renewal_seconds=7200.0)
    found = side_by_side(at, MEASURED, [*BOOK, Lane(2, 20, 20)], 8.5, 300, "auto")
    assert found[3].why == (
        "2 lanes by batch: the calls of a day are used up for 2 h more; a batch takes about 33 min"
    )
    waits = rows(MEASURED, refused_seconds=60.0)["auto"]
    assert waits.why.startswith("1 lane waiting for flex: flex has been refused for 1 min; up to ")


def test_auto_is_recommended_where_it_is_quicker_than_flex_alone() -> None:
    many = [Lane(number, 60 - number, 100 * (60 - number)) for number in range(20)]
    at = facts(MEASURED, limits=Limits(requests_per_day=10_000))
    for transport in ("batch", "flex"):
        told = advice(side_by_side(at, MEASURED, many, 100.0, 1200, transport), MEASURED)
        assert told is not None and "execution.transport: auto, about " in told
    assert advice(side_by_side(at, MEASURED, many, 100.0, 1200, "auto"), MEASURED) is None
