"""What the pages of a book say of each other."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from helpers.sample import TRUTH
from pagewave.words.book_truth import Finding, Kind, PageOfBook, findings, runs_over


def _book(printed: Sequence[int | str | None]) -> list[PageOfBook]:
    return [
        PageOfBook(f"p{n}", n, f"A line of its own, {n * 'x'}.", None if p is None else str(p))
        for n, p in enumerate(printed, 1)
    ]


def _places(found: Sequence[Finding]) -> list[tuple[Kind, str, str | None]]:
    return [(each.kind, each.page, each.other) for each in found]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ([None, "iv", 5, 6, 7, 8, None, 10], []),
        # Every scan is an opening of two pages.
        ([2, 4, 6, 8, 10], []),
        # A second part is counted anew.
        ([5, 6, 7, 8, 1, 2, 3, 4], []),
        ([5, 6, 7, 10, 11, 12], [(Kind.MISSING, "p4", "p3")]),
        ([5, 6, 7, 10], [(Kind.MISSING, "p4", "p3")]),
        ([5, 6, 7, 7, 8, 9], [(Kind.DOUBLED, "p4", "p3")]),
        (
            [5, 6, 7, 8, 7, 8, 9, 10],
            [(Kind.DOUBLED, "p5", "p3"), (Kind.DOUBLED, "p6", "p4")],
        ),
        ([5, 6, 8, 7, 9, 10], [(Kind.SWAPPED, "p3", "p4")]),
        ([5, 6, 77, 8, 9], [(Kind.NUMBER, "p3", "p2")]),
        ([5, 6, 7, 800], [(Kind.NUMBER, "p4", "p3")]),
        (
            [5, 6, 77, 8, 9, 12, 13, 14, 14, 15],
            [
                (Kind.NUMBER, "p3", "p2"),
                (Kind.MISSING, "p6", "p5"),
                (Kind.DOUBLED, "p9", "p8"),
            ],
        ),
    ],
)
def test_leaves_are_told_by_their_printed_numbers(
    printed: Sequence[int | str | None], expected: list[tuple[Kind, str, str | None]]
) -> None:
    assert _places(findings(_book(printed))) == expected


def test_missing_numbers_are_named() -> None:
    [found] = findings(_book([5, 6, 7, 10, 11]))
    assert found.what == "10 follows 7: 8, 9 would stand before it"


def test_a_running_head_that_was_misread_is_named_and_a_chapter_s_beginning_is_not() -> None:
    heads = ["6 ELM ACADEMY.", "ELM ACADEMY. 7", "8 ELM ACADEMV.", "FACULTY.", "10 ELM ACADEMY"]
    pages = [PageOfBook(f"p{n}", n, f"{head}\nText {n}.") for n, head in enumerate(heads, 1)]
    assert _places(findings(pages)) == [(Kind.HEAD, "p3", "p1")]


def test_a_course_is_compared_with_the_headings_above_it() -> None:
    text = (
        "JUNIOR YEAR.\nFirst Term.\nLivy, begun.\nSecond Term.—Algebra;\nBotany.\n"
        "SENIOR YEAR.\nEthics."
    )
    courses = [
        {"course_name": "Livy", "level": "Junior Year", "term": "Second Term"},
        {"course_name": "Algebra", "level": "Junior Year", "term": "Second Term"},
        {"course_name": "Botany", "level": "Sophomore Year", "term": "Second Term"},
        # A new year ends a term: that it has one is from elsewhere.
        {"course_name": "Ethics", "level": "Senior", "term": "First Term"},
        {"course_name": "Not on the page", "level": "Senior Year", "term": None},
    ]
    found = findings([PageOfBook("p1", 1, text, courses=courses)])
    assert [each.what for each in found] == [
        "'Livy' has the term 'Second Term', and stands under 'First Term.'",
        "'Botany' has the level 'Sophomore Year', and stands under 'JUNIOR YEAR.'",
    ]


def test_what_runs_over_is_joined_with_both_pages_named() -> None:
    course = {"course_name": "Rhetoric"}
    pages = [
        PageOfBook("p1", 1, "5 ELM ACADEMY.\nThe pupils read Geo-", courses=[course]),
        PageOfBook("p2", 2, "ELM ACADEMY. 6\nmetry daily.\nFirst Term.\nBotany.", courses=[course]),
        PageOfBook("p3", 3, "7 ELM ACADEMY.\nRhetoric.\nSecond Term.\nLogic.", courses=[course]),
        # A page lies between.
        PageOfBook("p5", 5, "ELM ACADEMY. 9\nRhetoric.", courses=[course]),
    ]
    assert runs_over(pages) == [
        ("p1", "p2", "The pupils read Geometry daily."),
        ("p2", "p3", "First Term."),
    ]


def test_the_sample_has_the_gaps_that_its_makers_left_and_nothing_else_is_odd() -> None:
    books = sorted({file.parent for file in TRUTH.rglob("*.json")})
    found = {}
    for book in books:
        pages = []
        for file in sorted(book.glob("*.json")):
            truth = json.loads(file.read_text(encoding="utf-8"))
            pages.append(PageOfBook.of(file.stem, int(file.stem), truth["text"], truth))
        found[book.name] = (_places(findings(pages)), [each[:2] for each in runs_over(pages)])
    assert found == {
        "1852": ([(Kind.MISSING, "3", "2")], []),
        "1859": ([(Kind.MISSING, "6", "5")], [("3", "4")]),
        "1866": ([(Kind.MISSING, "6", "5")], []),
    }


@pytest.mark.parametrize(
    "answer", [{}, {"page_info": "x", "courses": 3}, {"courses": ["a"], "page_info": {}}]
)
def test_pages_of_any_model_are_taken(answer: dict[str, Any]) -> None:
    page = PageOfBook.of("p1", 1, "", answer)
    assert (page.printed, page.courses) == (None, [])
    assert findings([page]) == []
    assert runs_over([page, PageOfBook.of("p2", 2, "\n", answer)]) == []
