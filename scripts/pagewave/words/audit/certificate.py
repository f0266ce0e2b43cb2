"""What a judged sample says of the whole collection: a file that exports carry.

It stands for page files as they were when the sample was drawn, which it names by their hashes.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rapidfuzz.distance import Levenshtein

from pagewave.answers.scores import normal_text
from pagewave.atomic import write_atomically
from pagewave.config.data import Paths
from pagewave.errors import DataError
from pagewave.pages.dataset import Dataset
from pagewave.words.audit.answers import Answer, CourseAnswer, LineAnswer
from pagewave.words.audit.estimate import Share, Stratum, share
from pagewave.words.audit.frame import page_file
from pagewave.words.audit.sample import Drawn, Sample

FILE = "certificate.json"
METHOD = (
    "Stratified random sample, prediction-powered estimate (PPI++, arXiv:2311.01453), gamma "
    "interval (Fay and Feuer 1997), 95 %."
)
FIGURES = {
    "cer": "character error rate: edits a printed character, lines left out and made up included",
    "made_up": "characters of lines that stand on no page, of those that were read",
    "left_out": "characters of lines that were left out, of those that are printed",
    "unreadable": "lines that people could not read either, of those that were read",
    "course_precision": "courses that stand on their page, of those that were read",
    "course_recall": "courses that were read, of those that stand on pages",
}
"""What each figure is a share of."""

Judged = Sequence[tuple[Drawn, Answer]]
Counted = tuple[float, float]


class Figure(BaseModel):
    """A share of the collection with its 95 % interval; `judged`: lines, or pages of courses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float
    judged: int


class Certificate(BaseModel):
    """How accurate a collection is, and what that is said of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    made_at: str
    method: str
    seed: int
    lines: int = Field(description="Of the collection.")
    pages_without: int = Field(description="Pages that were read, and of which nothing is said.")
    figures: dict[str, Figure]
    meanings: dict[str, str]
    pages: dict[str, str] = Field(description="The SHA-256 of each page's file that it is about.")

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_atomically(path, self.as_text())

    def as_text(self) -> str:
        """What its file holds."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read what `write` wrote; None where there is none. Raises DataError if it is no such."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise DataError(
                f"{path} can't be read ({type(error).__name__}). `pagewave audit --certify` "
                "makes it again."
            ) from error

    def changed(self, file_of: Callable[[str], Path | None]) -> list[str]:
        """The pages whose files are not what they were, or are gone.

        Args:
            file_of: where the file of a page is, by its key; None where there is no such page.
        """
        return [key for key, sha256 in self.pages.items() if _sha256(file_of(key)) != sha256]


@dataclass(frozen=True)
class Audited:
    """A certificate beside the page files of today."""

    certificate: Certificate
    file_of: Callable[[str], Path | None]

    @cached_property
    def changed(self) -> int:
        """Of how many of its pages the files are not what they were, or are gone."""
        return len(self.certificate.changed(self.file_of))


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
        made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
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


def file_of(paths: Paths, dataset: Dataset) -> Callable[[str], Path | None]:
    """Where the file of a page is, by its key; None where there is no such page."""
    files = {page.key: page_file(paths, page) for page in dataset.pages}
    return files.get


def _sha256(path: Path | None) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else None
    except OSError:
        return None


def told(figures: Mapping[str, Figure]) -> list[tuple[str, str, str, int]]:
    """Each figure for people: its name, value and interval in percent, how many were judged."""
    return [
        (
            "CER" if name == "cer" else name.replace("_", " "),
            f"{figure.value:.2%}",
            f"{100 * figure.low:.2f} to {100 * figure.high:.2f}",
            figure.judged,
        )
        for name, figure in figures.items()
    ]
