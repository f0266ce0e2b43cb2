"""Intervals by resampling, and what they allow to say about two prompts."""

import random

import pytest

from pagewave.answers.intervals import Interval, interval
from pagewave.answers.scores import PageScore
from pagewave.commands.trials.summary import MEASURES, _result


def mean(figures: object) -> float:
    assert isinstance(figures, list | tuple)
    return sum(figures) / len(figures)


def test_the_interval_of_a_mean_is_that_of_the_textbook() -> None:
    draw = random.Random(1)
    figures = [draw.gauss(5, 2) for _ in range(100)]
    found = interval(figures, mean)
    assert found and found.low is not None and found.high is not None
    # 1.96 standard errors on both sides, 2 / sqrt(100) each.
    assert found.value == pytest.approx(mean(figures))
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.2, rel=0.15)
    assert found.low < found.value < found.high


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    draw = random.Random(2)
    covered = 0
    for seed in range(60):
        found = interval([draw.random() for _ in range(30)], mean, seed)
        assert found and found.low is not None and found.high is not None
        covered += found.low <= 0.5 <= found.high
    assert covered >= 51  # 95 % of 60 is 57; fewer than 52 has a probability of 1 %


def test_the_same_seed_draws_the_same_resamples() -> None:
    draw = random.Random(0)
    figures = [draw.random() for _ in range(20)]
    assert interval(figures, mean, 3) == interval(figures, mean, 3)
    assert interval(figures, mean, 3) != interval(figures, mean, 4)


def test_where_there_is_little_to_go_by() -> None:
    assert interval([], mean) is None
    assert interval([1.0] * 5, mean) == Interval(1.0, None, None)
    assert interval([1.0] * 6, mean) == Interval(1.0, 1.0, 1.0)
    assert interval([1.0] * 6, lambda _: None) is None
    # Resamples without a value, here those without the second page, are left out.
    found = interval([(0, 0)] * 5 + [(1, 2)], _ratio)
    assert found == Interval(0.5, 0.5, 0.5)


def _ratio(some: object) -> float | None:
    assert isinstance(some, list)
    whole = sum(pair[1] for pair in some)
    return sum(pair[0] for pair in some) / whole if whole else None


def score(errors: int, matched: int = 4) -> PageScore:
    """A page of 100 characters and 5 courses, 5 of which were read."""
    return PageScore("p", 100, errors, 5, 5, matched, {"level": matched})


def test_a_paired_difference_is_seen_where_single_intervals_overlap() -> None:
    draw = random.Random(3)
    pairs = []
    for _ in range(30):
        errors = draw.randrange(5, 60)  # pages differ much more than prompts do
        pairs.append((score(errors), score(errors - draw.randrange(1, 4))))
    found = _result(MEASURES[0], pairs, 0)
    assert found.a and found.b and found.difference
    assert found.a.low and found.b.high and found.a.low < found.b.high
    assert found.verdict == "B is better"
    assert (found.b_better, found.b_worse) == (30, 0)


def test_a_difference_whose_interval_holds_zero_is_open() -> None:
    pairs = [(score(10), score(9)), (score(10), score(12)), (score(5), score(5))] * 2
    found = _result(MEASURES[0], pairs, 0)
    assert (found.verdict, found.b_better, found.b_worse) == ("open", 2, 2)


def test_more_is_better_for_courses() -> None:
    pairs = [(score(0, matched=2), score(0, matched=4))] * 6
    precision, recall, facts = (_result(measure, pairs, 0) for measure in MEASURES[1:])
    assert (precision.verdict, recall.verdict, facts.verdict) == ("B is better",) * 2 + ("open",)
    assert precision.difference and precision.difference.value == pytest.approx(0.4)


def test_pages_without_courses_make_no_finding_of_one_page_surer() -> None:
    empty = PageScore("p", 100, 0, 0, 0, 0, {})
    pairs = [(score(0, matched=2), score(0, matched=4)), *[(empty, empty)] * 9]
    recall = _result(MEASURES[2], pairs, 0)
    assert (recall.pages, recall.verdict) == (1, "open")
    assert recall.difference and recall.difference.low is None
