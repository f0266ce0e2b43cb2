"""Scores: what counts as an error, and which courses are the same."""

from pathlib import Path

import pytest

from pagewave.errors import DataError
from pagewave.scoring import character_error_rate, matched_courses, score_pages, totals

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("truth", "read", "rate"),
    [
        ("Livy", "Livy", 0.0),
        ("Livy", "Lity", 0.25),
        ("Livy\u2019s \u2014 Rome", "Livy's - Rome", 0.0),
        ("Tuition ....... $30", "Tuition $30", 0.0),
        ("abcd", "", 1.0),
    ],
)
def test_error_rate(truth: str, read: str, rate: float) -> None:
    assert character_error_rate(truth, read) == pytest.approx(rate)


def course(name: str, term: str | None = None) -> dict[str, str | None]:
    """A course with what matching looks at."""
    return {"course_name": name, "level": None, "term": term}


def test_courses_are_matched_one_to_one_with_the_nearest_term() -> None:
    truth = [course("Algebra", "First Term"), course("Algebra", "Second Term")]
    read = [course("Algebra", "Second Term"), course("Algcbra", "First Term"), course("Botany")]
    pairs = matched_courses(truth, read)
    assert [(t["term"], r["term"]) for t, r in pairs] == [
        ("First Term", "First Term"),
        ("Second Term", "Second Term"),
    ]


def test_no_pages_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Read the sample first"):
        score_pages(tmp_path, ROOT / "resources/sample/truth")


def test_totals_weigh_courses_over_all_pages(tmp_path: Path) -> None:
    truth, pages = tmp_path / "truth", tmp_path / "pages"
    for folder in (truth, pages):
        folder.mkdir()
    (truth / "1.json").write_text('{"text": "ab", "courses": [{"course_name": "Logic"}]}')
    (pages / "1.json").write_text(
        '{"raw_ocr": {"text_blocks": [{"text": "ab"}]}, "courses": [{"course_name": "Logic"},'
        ' {"course_name": "Washing"}]}'
    )
    assert totals(score_pages(pages, truth)) == {
        "mean_cer": 0.0,
        "total_cer": 0.0,
        "course_precision": 0.5,
        "course_recall": 1.0,
    }
