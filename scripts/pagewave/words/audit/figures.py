"""The figures of a judged sample: each a share of the collection, with its 95 % interval."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from pagewave.answers.word_scores import normal_text
from pagewave.errors import DataError
from pagewave.words.audit.answers import Answer, CourseAnswer, LineAnswer
from pagewave.words.audit.certificate import FIGURES, METHOD, Certificate, Figure
from pagewave.words.audit.estimate import Share, Stratum, share
from pagewave.words.audit.sample import Drawn, Sample

Judged = Sequence[tuple[Drawn, Answer]]
Counted = tuple[float, float]


def certify(lines: Sample, judged: Judged, courses: tuple[Sample, Judged] | None) -> Certificate:
    """The certificate of what was judged.

    Args:
        judged: each unit of the sample that a person judged, in its order.
        courses: the same of courses, where they were judged.

    Raises:
        DataError: too few were judged.
    """
    figures = _of_lines(lines, judged)
    if courses:
        figures |= _of_courses(*courses)
    return Certificate(
        made_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time())),
        method=METHOD,
        seed=lines.seed,
        lines=lines.units,
        pages_without=lines.without,
        figures=figures,
        meanings={name: FIGURES[name] for name in figures},
        pages=lines.pages,
    )


def _of_lines(sample: Sample, judged: Judged) -> dict[str, Figure]:
    def counted(count: Callable[[Drawn, LineAnswer], Counted]) -> list[Counted]:
        return [count(unit, said) for unit, said in judged if isinstance(said, LineAnswer)]

    largest = sum(each.whole for each in sample.strata) / sample.units
    given = (sample, judged, largest)
    return {
        "cer": _figure(_share(*given, counted(_errors), believed=True)),
        "made_up": _figure(_share(*given, counted(_made_up))),
        "left_out": _figure(_share(*given, counted(_left_out))),
        "unreadable": _figure(_share(sample, judged, 1.0, counted(_unreadable), per_unit=True)),
    }


def _errors(unit: Drawn, said: LineAnswer) -> Counted:
    if said.printed is None:
        return 0, 0
    printed, missing = normal_text(said.printed), len(normal_text(said.left_out))
    slips = Levenshtein.distance(printed, normal_text(unit.text))
    return slips + missing, len(printed) + missing


def _made_up(unit: Drawn, said: LineAnswer) -> Counted:
    if said.printed is None:
        return 0, 0
    return (unit.whole if not said.printed else 0), unit.whole


def _left_out(_unit: Drawn, said: LineAnswer) -> Counted:
    if said.printed is None:
        return 0, 0
    missing = len(normal_text(said.left_out))
    return missing, len(normal_text(said.printed)) + missing


def _unreadable(_unit: Drawn, said: LineAnswer) -> Counted:
    return float(said.printed is None), 1


def _of_courses(sample: Sample, judged: Judged) -> dict[str, Figure]:
    said = [(unit, each) for unit, each in judged if isinstance(each, CourseAnswer)]
    largest = max(1.0, sum(each.whole for each in sample.strata) / sample.units)
    wrong = [(float(each.wrong), float(unit.whole)) for unit, each in said]
    missed = [(float(e.missed), float(unit.whole - e.wrong + e.missed)) for unit, e in said]
    return {
        "course_precision": _figure(_rest(_share(sample, judged, largest, wrong))),
        "course_recall": _figure(_rest(_share(sample, judged, largest, missed))),
    }


def _share(
    sample: Sample,
    judged: Judged,
    largest: float,
    counted: Sequence[Counted],
    *,
    believed: bool = False,
    per_unit: bool = False,
) -> Share:
    """A share of the collection.

    Args:
        largest: see `estimate.share`.
        counted: of each judged unit, errors and what they are a share of.
        believed: are errors predicted by what was expected of lines?
        per_unit: is the share one of units, not of what they hold?
    """
    if len(judged) < sample.needed:
        raise DataError(
            f"{len(judged)} of the {sample.kind} that were drawn are judged; it takes "
            f"{sample.needed} at least (two of each stratum), and more for a narrow interval."
        )
    units = [unit for unit, _ in judged]
    number = np.array([unit.stratum for unit in units])
    errors, wholes = np.array(counted, dtype=float).T
    expected = np.array([unit.expected if believed else 0.0 for unit in units])
    whole = np.array([1.0 if per_unit else float(unit.whole) for unit in units])
    strata = [
        Stratum(
            size=each.size,
            expected=each.spread_squared,
            predicted_error=each.expected if believed else 0.0,
            predicted_whole=float(each.size if per_unit else each.whole),
            errors=errors[number == index],
            wholes=wholes[number == index],
            predicted_errors=expected[number == index],
            predicted_wholes=whole[number == index],
        )
        for index, each in enumerate(sample.strata)
    ]
    return share(strata, largest)


def _rest(wrong: Share) -> Share:
    return Share(1 - wrong.value, 1 - wrong.high, 1 - wrong.low, wrong.n)


def _figure(found: Share) -> Figure:
    return Figure(value=found.value, low=found.low, high=found.high, judged=found.n)
