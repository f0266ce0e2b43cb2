"""The embedded reader on pages of the sample: text, courses, and what the page before says."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pagewave.embedded.reader import Reader
from pagewave.prompting import load_prompt

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "resources" / "sample"
PROMPT = load_prompt(ROOT / "prompts", "page_ocr", "v1.1.jinja")


@pytest.fixture(scope="module")
def reader() -> Reader:
    """One reader for all tests."""
    return Reader()


def read(reader: Reader, book: str, number: int, context: str | None = None) -> Any:
    """A page of the sample, read after a previous page that says `context`."""
    image = (SAMPLE / "images" / book / f"{number}.jpg").read_bytes()
    return PROMPT.page_model.model_validate_json(reader.read(image, PROMPT.render(context)))


def run_over_page() -> tuple[str, int, dict[str, Any]]:
    """The page of the sample whose first course stands under a heading of the page before."""
    for path in sorted(SAMPLE.glob("truth/*/*/*/*.json")):
        truth = json.loads(path.read_text())
        levels = {course["level"] for course in truth["courses"]} - {None}
        printed = truth["text"].upper()
        if levels and not any(level.upper() in printed for level in levels):
            return str(path.parent.relative_to(SAMPLE / "truth")), int(path.stem), truth
    raise AssertionError("the sample has no page whose list runs over without its heading")


def test_a_list_that_runs_over_takes_level_and_term_from_the_page_before(reader: Reader) -> None:
    book, number, truth = run_over_page()
    before = read(reader, book, number - 1)
    first = truth["courses"][0]
    alone = read(reader, book, number)
    assert alone.courses[0].course_name == first["course_name"]
    assert (alone.courses[0].level, alone.courses[0].term) == (None, None)
    together = read(reader, book, number, before.context())
    assert together.courses[0].course_name == first["course_name"]
    assert together.courses[0].level == first["level"]
    assert together.courses[0].term == first["term"]


def test_a_heading_of_the_page_itself_overrides_the_page_before(reader: Reader) -> None:
    book = "Massachusetts/Ashgrove College/1852"
    context = (
        "LAST_500_CHARS:\nx\n\nLAST_3_COURSES:\n"
        "1. Sewing | department: Needlework | level: Third Year | term: Fall Term"
    )
    page = read(reader, book, 3, context)
    assert page.courses[0].level == "Freshman Year"
    assert page.courses[0].term == "First Term"
    assert all(course.department != "Needlework" for course in page.courses)


def test_a_blank_page_is_said_to_be_blank(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "blank.jpg"
    Image.new("RGB", (1100, 1720), (235, 225, 200)).save(path)
    page: Any = PROMPT.page_model.model_validate_json(
        reader.read(path.read_bytes(), PROMPT.render(None))
    )
    assert page.text() == ""
    assert page.courses == []


def test_a_title_page_has_no_courses(reader: Reader) -> None:
    page = read(reader, "Ohio/Merrivale Female Seminary/1859", 1)
    assert page.courses == []
    assert "MERRIVALE" in page.text()
