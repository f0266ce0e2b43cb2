"""Scores: what counts as an error, and which courses are the same."""

import json
import subprocess
from pathlib import Path

import pytest

from helpers.forked_heads import python
from pagewave.answers.scores import character_error_rate, matched_courses, score_pages, totals
from pagewave.errors import DataError

ROOT = Path(__file__).parents[2]


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
    assert totals(score_pages(pages, truth).pages) == {
        "mean_cer": 0.0,
        "total_cer": 0.0,
        "mean_wer": 0.0,
        "total_wer": 0.0,
        "word_precision": 1.0,
        "word_recall": 1.0,
        "course_precision": 0.5,
        "course_recall": 1.0,
        "level_accuracy": 1.0,
        "term_accuracy": 1.0,
        "department_accuracy": 1.0,
    }


def page(text: str, *courses: dict[str, str | None]) -> str:
    """A page as the reader writes it, and a truth as well."""
    blocks = {"text_blocks": [{"text": line} for line in text.splitlines()]}
    return json.dumps({"text": text, "raw_ocr": blocks, "courses": courses})


def write(folder: Path, name: str, content: str) -> None:
    """A file of a tree of pages."""
    path = folder / f"Ohio/Elm School/1850/{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")


def command(*options: object) -> subprocess.CompletedProcess[str]:
    """Run score_pages.py."""
    arguments = [*python(), ROOT / "scripts/score_pages.py", *options]
    return subprocess.run([*map(str, arguments)], capture_output=True, text=True, check=False)


def test_level_and_term_count_only_in_courses_that_were_found(tmp_path: Path) -> None:
    write(tmp_path / "t", "1", page("ab", course("Logic", "First Term"), course("Latin", "x")))
    write(tmp_path / "p", "1", page("ab", course("LOGIC.", "FIRST TERM.")))
    write(tmp_path / "t", "2", page("cd", course("Botany", "First Term")))
    write(tmp_path / "p", "2", page("cde", course("Botany")))
    scores = score_pages(tmp_path / "p", tmp_path / "t")
    means = totals(scores.pages)
    assert (means["term_accuracy"], means["level_accuracy"]) == (0.5, 1.0)
    assert (means["course_precision"], means["course_recall"]) == (1.0, pytest.approx(2 / 3))
    assert (means["mean_cer"], means["total_cer"]) == (0.25, 0.25)


def test_pages_that_were_not_read_are_named(tmp_path: Path) -> None:
    write(tmp_path / "t", "2", page("ab"))
    write(tmp_path / "t", "10", page("ab"))
    write(tmp_path / "p", "2", page("ab"))
    assert score_pages(tmp_path / "p", tmp_path / "t").unread == ["Ohio/Elm School/1850/10"]
    shown = command("--pages", tmp_path / "p", "--truth", tmp_path / "t")
    assert shown.returncode == 0, shown.stderr
    assert "Mean CER" in shown.stdout
    assert "not read yet (1): Elm School 1850, 10" in " ".join(shown.stdout.split())


def test_the_command_prints_json(tmp_path: Path) -> None:
    write(tmp_path / "t", "1", page("ab", course("Logic")))
    write(tmp_path / "p", "1", page("ac", course("Logic")))
    shown = command("--pages", tmp_path / "p", "--truth", tmp_path / "t", "--json")
    report = json.loads(shown.stdout)
    assert report["mean_cer"] == 0.5
    assert report["pages"][0]["name"] == "Ohio/Elm School/1850/1"
    assert report["unread"] == []


def test_where_pages_are_a_configuration_says(tmp_path: Path) -> None:
    for folder in ("t", "p"):
        write(tmp_path / folder, "1", page("ab"))
    trees = {f"{kind}_source_dir": str(tmp_path / "t") for kind in ("label", "image")}
    config = {"engine": "embedded", "paths": trees | {"output_dir": str(tmp_path / "p")}}
    (tmp_path / "other.yaml").write_text(json.dumps(config))
    given = ("--configfile", tmp_path / "other.yaml", "--truth", tmp_path / "t", "--json")
    shown = command(*given)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["mean_cer"] == 0
    shown = command("--configfile", tmp_path / "none.yaml")
    assert shown.returncode == 2 and "none.yaml can't be read" in shown.stderr


def test_no_pages_ends_the_command_with_2(tmp_path: Path) -> None:
    shown = command("--pages", tmp_path / "nowhere")
    assert shown.returncode == 2
    assert "Read the sample first" in shown.stderr
    assert shown.stdout == ""


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_file_that_is_no_page_is_a_clear_error(tmp_path: Path, content: str) -> None:
    write(tmp_path / "t", "1", page("ab"))
    write(tmp_path / "p", "1", content)
    with pytest.raises(DataError, match=r"1\.json cannot be compared"):
        score_pages(tmp_path / "p", tmp_path / "t")


def test_totals_of_words_weigh_pages_by_their_length(tmp_path: Path) -> None:
    write(tmp_path / "t", "1", page("Livy and Algebra"))
    write(tmp_path / "p", "1", page("Livy and Algcbra"))
    write(tmp_path / "t", "2", page("Botany"))
    write(tmp_path / "p", "2", page("Botany and more"))
    means = totals(score_pages(tmp_path / "p", tmp_path / "t").pages)
    assert means["mean_wer"] == pytest.approx((1 / 3 + 2) / 2)
    assert (means["total_wer"], means["word_precision"]) == (3 / 4, 3 / 6)
    assert means["word_recall"] == 3 / 4


def test_differences_in_words_are_a_page_to_look_at_the_worst_first(tmp_path: Path) -> None:
    write(tmp_path / "t", "1", page("all right"))
    write(tmp_path / "p", "1", page("all right"))
    write(tmp_path / "t", "2", page("Livy, Algebra and Botany\nMusic"))
    write(tmp_path / "p", "2", page("Livy, <b>Algcbra</b> Botany\nMusic extra"))
    file = tmp_path / "differences.html"
    options = ("--answers", tmp_path / "p", "--truth", tmp_path / "t", "--html", file)
    shown = command(*options)
    assert str(file) in shown.stdout, shown.stderr
    text = file.read_text("utf-8")
    assert text.index(">Ohio/Elm School/1850/2<") < text.index(">Ohio/Elm School/1850/1<")
    wrong = "Livy, <del>&lt;b&gt;Algcbra&lt;/b&gt;</del> <ins>Algebra and</ins>Botany\nMusic"
    assert wrong in text and "<del>extra</del>" in text
    assert "script" not in text
