"""What a comparison comes to over all pages: figures of both sides and their difference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pagewave.answers.intervals import Interval, interval
from pagewave.answers.scores import FACTS, PageScore
from pagewave.commands.trials.comparison import Pair, Reading

Scores = Sequence[tuple[PageScore, PageScore]]
"""What both sides reached, page by page."""


@dataclass(frozen=True)
class Measure:
    """A share by which sides are measured against the truth."""

    name: str
    lower_is_better: bool
    of: Callable[[Sequence[PageScore]], float | None]


def _error_rate(scores: Sequence[PageScore]) -> float | None:
    return sum(score.error_rate for score in scores) / len(scores)


def _precision(scores: Sequence[PageScore]) -> float | None:
    read = sum(score.courses_read for score in scores)
    return sum(score.courses_matched for score in scores) / read if read else None


def _recall(scores: Sequence[PageScore]) -> float | None:
    true = sum(score.courses_true for score in scores)
    return sum(score.courses_matched for score in scores) / true if true else None


def _facts(scores: Sequence[PageScore]) -> float | None:
    matched = sum(score.courses_matched for score in scores)
    right = sum(sum(score.facts_right.values()) for score in scores)
    return right / (matched * len(FACTS)) if matched else None


MEASURES = (
    Measure("character error rate", True, _error_rate),  # the mean of the pages' rates
    Measure("course precision", False, _precision),
    Measure("course recall", False, _recall),
    Measure("course facts right", False, _facts),  # FACTS of the courses that were found
)


@dataclass(frozen=True)
class Result:
    """A measure of both sides, on the `pages` that have it; `difference` is B minus A."""

    measure: str
    pages: int
    a: Interval | None
    b: Interval | None
    difference: Interval | None
    b_better: int
    b_worse: int
    verdict: str


@dataclass(frozen=True)
class Figure:
    """What a page takes, on the mean of pages; `form` is how its numbers are written."""

    name: str
    form: str
    of: Callable[[Reading], float | None]


FIGURES = (
    Figure("USD a page", ".6f", lambda reading: reading.usd),
    Figure("seconds a page", ".1f", lambda reading: reading.seconds),
    Figure("tokens in", ",.0f", lambda reading: reading.input_tokens),
    Figure("tokens out", ",.0f", lambda reading: reading.output_tokens),
)


@dataclass(frozen=True)
class Taken:
    """A figure of both sides, on the `pages` of which it is known; `difference` is B minus A."""

    figure: str
    pages: int
    a: Interval | None
    b: Interval | None
    difference: Interval | None
    verdict: str
    form: str

    def written(self, interval: Interval | None) -> str:
        """One of them in the figure's own form, such as `12.1 [11.0, 13.2]`."""
        if interval is None:
            return "-"
        value, low, high = (None if each is None else f"{each:{self.form}}" for each in interval)
        return f"{value}" if low is None else f"{value} [{low}, {high}]"


@dataclass(frozen=True)
class Summary:
    """All results, over the `compared` pages that both have read; `scored` ones have a truth.

    `taken` is what they took, `courses_changed` on how many pages a course does.
    """

    scored: int
    compared: int
    results: list[Result]
    taken: list[Taken]
    courses_changed: int
    difference: Interval | None
    courses_in_common: Interval | None


def summarize(pairs: Sequence[Pair], seed: int) -> Summary:
    """Sum up the pages that both sides have read; `seed` draws the intervals' resamples."""
    compared = [pair for pair in pairs if pair.complete]
    scores = [(p.a.score, p.b.score) for p in compared if p.a.score and p.b.score]
    return Summary(
        scored=len(scores),
        compared=len(compared),
        results=[_result(measure, scores, seed) for measure in MEASURES] if scores else [],
        taken=[_taken(figure, compared, seed) for figure in FIGURES] if compared else [],
        courses_changed=sum(bool(pair.course_changes) for pair in compared),
        difference=interval(compared, lambda some: _mean([p.difference for p in some]), seed),
        courses_in_common=interval(
            compared, lambda some: _mean([p.courses_in_common for p in some]), seed
        ),
    )


def _result(measure: Measure, all_scores: Scores, seed: int) -> Result:
    # A page without courses says nothing of how well they are found.
    scores = [
        (a, b) for a, b in all_scores if measure.of([a]) is not None or measure.of([b]) is not None
    ]

    def of_a(some: Scores) -> float | None:
        return measure.of([a for a, _ in some])

    def of_b(some: Scores) -> float | None:
        return measure.of([b for _, b in some])

    def difference(some: Scores) -> float | None:
        a, b = of_a(some), of_b(some)
        return None if a is None or b is None else b - a

    by_page = [figure for pair in scores if (figure := difference([pair])) is not None]
    if measure.lower_is_better:
        by_page = [-figure for figure in by_page]
    found = interval(scores, difference, seed)
    return Result(
        measure=measure.name,
        pages=len(scores),
        a=interval(scores, of_a, seed),
        b=interval(scores, of_b, seed),
        difference=found,
        b_better=sum(figure > 0 for figure in by_page),
        b_worse=sum(figure < 0 for figure in by_page),
        verdict=_verdict(found, measure.lower_is_better),
    )


def _taken(figure: Figure, compared: Sequence[Pair], seed: int) -> Taken:
    known = [
        (a, b)
        for pair in compared
        for a, b in [(figure.of(pair.a), figure.of(pair.b))]
        if a is not None and b is not None
    ]
    difference = interval(known, lambda some: _mean([b - a for a, b in some]), seed)
    words = {0: "open", 1: "A takes less", -1: "B takes less"}
    return Taken(
        figure=figure.name,
        pages=len(known),
        a=interval(known, lambda some: _mean([a for a, _ in some]), seed),
        b=interval(known, lambda some: _mean([b for _, b in some]), seed),
        difference=difference,
        verdict=words[difference.sign if difference else 0],
        form=figure.form,
    )


def _verdict(difference: Interval | None, lower_is_better: bool) -> str:
    """In words, what the interval of B minus A allows to say."""
    sign = difference.sign if difference else 0
    if sign == 0:
        return "open"
    return "B is better" if (sign < 0) == lower_is_better else "A is better"


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / len(figures)
