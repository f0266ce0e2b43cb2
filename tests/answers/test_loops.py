"""Loops that a model falls into, and honest repetition, which is none."""

import json
import random
from pathlib import Path

import pytest

from helpers.result_lines import PAGE_JSON, answered, failed, page, parse, response
from pagewave.answers.loops import Loop, find_loop, find_loop_in_json

LOOPS = [
    "Course of study, first term, " * 200,
    "Latin " * 200,
    "LATIN.—Livy, with Exercises in Latin Composition (Arnold).\n" * 20,
    ("A paragraph of the laws of the college, which no student may leave. " * 4 + "\n") * 6,
    "the " * 300,
    ". " * 2500,
    "0" * 5000,
    "\n" * 5000,
    "Smith, John, Ashgrove ... 12 " * 100,
]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("before", ["", "FRESHMAN YEAR. First Term. " + "abc def " * 7])
@pytest.mark.parametrize("after", ["", "\nSECOND TERM. Algebra."])
def test_a_loop_is_found_wherever_it_stands(loop: str, before: str, after: str) -> None:
    assert find_loop(before + loop + after)


def test_a_loop_says_what_it_repeats() -> None:
    loop = find_loop("Begin. " + "Latin and Greek; " * 100)
    assert loop is not None
    assert sorted(loop.unit) == sorted("Latin and Greek; ")
    assert loop.repeats >= 100


def test_a_loop_is_counted_from_its_first_character_to_its_last() -> None:
    assert find_loop("Latin; " * 200) == Loop("Latin; ", 200)
    assert find_loop("Latin; " * 200 + "Lat") == Loop("Latin; ", 200)
    # The blank before it is one of the loop's.
    assert find_loop("Begin. " + "Latin and Greek; " * 100) == Loop(" Latin and Greek;", 100)
    assert find_loop("A" + "bcde " * 300) == Loop("bcde ", 300)


def test_loops_of_every_period_and_place_are_found() -> None:
    chance = random.Random(2)
    letters = "abcdefghijklmnop qrstuvwxyz.,\n"
    for _ in range(500):
        unit = "".join(chance.choices(letters, k=chance.randint(2, 900))) + "x"
        repeats = max(7, -(-1100 // len(unit)))
        before = "".join(chance.choices(letters, k=chance.randint(0, 3000)))
        assert find_loop(before + unit * repeats + "The end."), (unit, len(before))


def test_a_loop_whose_unit_holds_a_shorter_loop_is_found() -> None:
    row = "." * 200 + "Latin\n"
    assert find_loop("Table of studies.\n" + row * 12)


def _timetable() -> str:
    hours = "\n".join(f"{hour} o'clock" for hour in range(8, 14))
    return hours + "\n" + "\n".join(["Lectures and Recitations"] * 36)


def _leaders() -> str:
    subjects = ["Algebra", "Geometry", "Botany", "Logic", "Rhetoric", "Greek", "Latin", "French"]
    authors = ["Davies", "Gray", "Whately", "Sophocles", "Arnold", "Fasquelle", "Day", "Hedge"]
    return "\n".join(
        f"{subjects[number % 8]}{'.' * 60}{authors[number * 3 % 8]}, {number}."
        for number in range(60)
    )


HONEST = {
    "an empty page": "",
    "a time-table": _timetable(),
    "a table with leader dots": _leaders(),
    "a ditto column": "\n".join(["do."] * 60),
    "a column of sums": "\n".join(["$15 00"] * 60),
    "a blank form": ("_" * 60 + "\n") * 40,
    "rows of ditto marks": "\n".join([' "    "    " '] * 60),
    "five receipts on a page": (
        "Received of ____________ the sum of ________ dollars, being the tuition of "
        "__________ for the ____ term of 18__.\n"
    )
    * 5,
    "a list of students": "\n".join(
        f"{name}, {town}, {number} N. College."
        for number, (name, town) in enumerate(
            (f"{a} {b}", c)
            for a in ("John", "James", "William")
            for b in ("Smith", "Brown", "Adams", "Clark")
            for c in ("Ashgrove", "Linden", "Merrivale", "Salem")
        )
    ),
    "a refrain": "Holy, holy, holy, Lord God of Sabaoth. " * 12,
    "a table of numbers": "\n".join(f"{n}  {n * n}  {n**3}" for n in range(300)),
}


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST.keys())
def test_honest_repetition_is_no_loop(text: str) -> None:
    assert find_loop(text) is None
    answered(parse(response(json.dumps(page("FRESHMAN YEAR.", text, "14")))))


@pytest.mark.parametrize(
    "sample", sorted((Path(__file__).parents[2] / "resources" / "sample").rglob("*.json"))
)
def test_no_sample_page_is_a_loop(sample: Path) -> None:
    assert find_loop(sample.read_text(encoding="utf-8")) is None


def test_a_truncated_loop_is_a_repetition() -> None:
    text = json.dumps(page("FRESHMAN YEAR. " + "Livy, " * 3000))[:9000]
    failed(parse(response(text, finishReason="MAX_TOKENS")), "Repetition")
    counted = json.dumps(page(*["Latin."] * 200))[:9000]
    assert find_loop(counted) is None
    assert find_loop_in_json(counted)
    failed(parse(response(counted, finishReason="MAX_TOKENS")), "Repetition")


def test_an_answer_that_ends_in_white_space_is_a_repetition() -> None:
    text = PAGE_JSON[:100] + "\n" * 20_000
    failed(parse(response(text, finishReason="MAX_TOKENS")), "Repetition")


@pytest.mark.parametrize(
    "text",
    [
        "".join(random.Random(3).choices("abcdefgh ", k=100_000)),
        ("." * 3900 + "x") * 25,
        ("ab" * 499 + "c") * 5 + "d" * 900,
        "".join("." * n + "x" for n in range(400)),
    ],
    ids=["noise", "long leaders", "nearly", "growing"],
)
def test_what_nearly_repeats_is_no_loop(text: str) -> None:
    assert find_loop(text) is None
