"""A comparison as one HTML page: both texts beside the image, their differences marked.

The page is whole in its one file, can be mailed and needs no network: images are in it, reduced to
what can still be read. Whatever a model or a file name says is escaped, and the page's own policy
forbids scripts altogether.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from pagewave.answers.intervals import MIN_PAGES
from pagewave.answers.scores import FACTS, matched_courses, same_fact
from pagewave.atomic import write_atomically
from pagewave.commands.trials.comparison import Pair, Reading
from pagewave.commands.trials.courses import COURSE_FIELDS
from pagewave.commands.trials.sides import Side
from pagewave.commands.trials.summary import Summary
from pagewave.commands.trials.words import Mark, marked
from pagewave.wording import count

TEMPLATE = "comparison.html.jinja"
LONGEST_SIDE = 1100
"""Pixels of an image in the page: some 100 kB each, and letters can be told."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One field of a course, as `Mark` has it of a word."""

    value: str
    differs: bool
    wrong: bool


@dataclass(frozen=True)
class Column:
    """What one side made of a page, ready to be shown."""

    label: str
    reading: Reading
    marks: list[Mark]
    courses: list[list[Cell]]
    missed: list[str]


@dataclass(frozen=True)
class Sheet:
    """One page of a book: its image (a data URI) and both columns."""

    pair: Pair
    image: str
    columns: list[Column]


def write_page(
    path: Path,
    reader: str,
    sides: tuple[Side, Side],
    pairs: Sequence[Pair],
    summary: Summary,
    made_at: str,
) -> None:
    """Write the page; `reader` and `made_at` say in words which model read, and when."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    )
    text = template.render(
        a=sides[0],
        b=sides[1],
        reader=reader,
        made_at=made_at,
        summary=summary,
        sheets=[_sheet(sides, pair) for pair in pairs],
        share=share,
        count=count,
        min_pages=MIN_PAGES,
        facts=FACTS,
    )
    write_atomically(path, text)


def share(value: float | None) -> str:
    """A share in percent, `-` for None."""
    return "-" if value is None else f"{value:.2%}"


def _sheet(sides: tuple[Side, Side], pair: Pair) -> Sheet:
    columns = [
        _column(sides[0].label, pair.a, pair.b, pair.truth),
        _column(sides[1].label, pair.b, pair.a, pair.truth),
    ]
    return Sheet(pair, _data_uri(sides[0].requests[pair.page.key].image), columns)


def _column(label: str, own: Reading, other: Reading, truth: Json | None) -> Column:
    compared = other.text if other.page is not None else own.text
    marks = marked(own.text, compared, truth["text"] if truth else None)
    in_other = _partners(own.courses, other.courses)
    in_truth = _partners(own.courses, truth["courses"]) if truth else {}
    courses = []
    for number, course in enumerate(own.courses):
        other_one, true_one = in_other.get(number), in_truth.get(number)
        courses.append(
            [
                Cell(
                    value=course.get(name) or "",
                    differs=other.page is not None and not _same(course, other_one, name),
                    wrong=truth is not None and not _same(course, true_one, name),
                )
                for name in COURSE_FIELDS
            ]
        )
    return Column(label, own, marks, courses, _missed(own, truth))


def _missed(own: Reading, truth: Json | None) -> list[str]:
    """Names of the true courses that were not read."""
    if truth is None or own.page is None:
        return []
    found = _partners(truth["courses"], own.courses)
    missed = [course for number, course in enumerate(truth["courses"]) if number not in found]
    return [course.get("course_name") or "" for course in missed]


def _partners(own: Sequence[Json], others: Sequence[Json]) -> dict[int, Json]:
    """The like course of another list for each course that has one, by number."""
    pairs = matched_courses(own, others)
    by_identity = {id(course): partner for course, partner in pairs}
    return {
        number: by_identity[id(course)]
        for number, course in enumerate(own)
        if id(course) in by_identity
    }


def _same(course: Json, partner: Json | None, name: str) -> bool:
    return partner is not None and same_fact(course, partner, name)


def _data_uri(path: Path) -> str:
    """The image as a small JPEG within the page."""
    with Image.open(path) as image:
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        small = image.convert("L")
        small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=55)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
