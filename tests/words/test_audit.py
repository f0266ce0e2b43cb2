"""What is drawn from, what people type, and the certificate that follows."""

from pathlib import Path

import numpy as np
import pytest

from helpers.audited import fill, tree, words
from pagewave.errors import DataError
from pagewave.words.audit import answers
from pagewave.words.audit.certificate import Certificate
from pagewave.words.audit.figures import certify
from pagewave.words.audit.frame import Frame, Unit, units_of
from pagewave.words.audit.said import Entry, Said, bring_back
from pagewave.words.audit.sample import Sample
from pagewave.words.tree import Source

KEY = "Ohio:Elm:1850:7"


def _frame(lines: int = 12) -> Frame:
    units = [
        Unit(f"{KEY}#{n}", KEY, f"abcdefghij {n:09}", None, 0.1 * n, 20)
        for n in range(1, lines + 1)
    ]
    return Frame(units, np.zeros(lines, np.int64), {KEY: "a" * 64}, [])


def _sample(size: int, lines: int = 12) -> Sample:
    return Sample.of("lines", _frame(lines), seed=4, first=12, size=size)


def test_what_only_the_eye_saw_counts_for_the_line_before_it() -> None:
    lines = [
        words("above all", 0.5, 10, Source.EYE),
        words("first line", 0.1, 50),
        words("left out", 0.5, 90, Source.EYE),
        words("second", 0.1, 130),
    ]
    first, second = units_of(tree(KEY, lines))
    assert (first.name, first.text, first.behind) == (f"{KEY}#1", "first line", "second")
    assert first.expected == pytest.approx(0.5 * 8 + 0.1 * 4 + 0.5 * 7)
    assert (second.text, second.expected, second.whole) == ("second", pytest.approx(0.2), 6)


def test_a_page_of_which_nothing_was_read_is_a_unit_too() -> None:
    [only] = units_of(tree(KEY, [words("all lost", 0.5, 10, Source.EYE)]))
    assert (only.name, only.text, only.whole) == (f"{KEY}#0", "", 0)
    assert only.expected == pytest.approx(3.5)


def test_rows_are_added_and_nothing_that_was_typed_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    assert answers.add_rows(path, _sample(6)) == 6
    # As a spreadsheet of another country saves it: a mark, semicolons, other ends of rows.
    typed = "\ufeff" + path.read_text(encoding="utf-8").replace(",", ";").replace("\n", "\r\n")
    typed = typed.replace(";;;;;", ";right;;;he said \u201eja\u201c;", 1)
    path.write_bytes(typed.encode())
    before = path.read_bytes()
    assert answers.add_rows(path, _sample(12)) == 6
    assert path.read_bytes().startswith(before)
    assert len(answers.judged(path, _sample(12))) == 1
    assert answers.add_rows(path, _sample(12)) == 0


@pytest.mark.parametrize(
    "now", ["=SUM(A1)", "-- Latin", "\u2019Tis \u201cso\u201d, yes", "two\nlines; of it"]
)
def test_one_row_is_filled_and_all_else_stays_to_the_byte(tmp_path: Path, now: str) -> None:
    path, sample = tmp_path / "lines.csv", _sample(6)
    answers.add_rows(path, sample)
    name = sample.drawn[2].name
    text = "\ufeff" + path.read_text(encoding="utf-8").replace(",", ";").replace("\n", "\r\n")
    text = text.replace(";;;;", ';right;;"two\nlines; ""so""";', 1)
    path.write_bytes(text.encode())
    rows = path.read_bytes().split(b"\r\n")
    said = answers.Typed("wrong", now, "above")
    assert answers.replace(path, name, answers.Typed(), said) == answers.Typed()
    assert answers.typed(path)[name] == said
    after = path.read_bytes()
    at = next(n for n, row in enumerate(rows) if row.startswith(name.encode()))
    assert after.startswith(b"\r\n".join(rows[:at])) and after.endswith(
        b"\r\n".join(rows[at + 1 :])
    )
    # Who saw something else changes nothing.
    other = answers.Typed("right")
    assert answers.replace(path, name, answers.Typed(), other) == said
    assert path.read_bytes() == after
    assert answers.replace(path, name, said, answers.Typed()) == said
    assert path.read_bytes().split(b"\r\n") == rows


def test_what_a_spreadsheet_saved_over_comes_back_and_what_was_typed_there_stays(
    tmp_path: Path,
) -> None:
    path, sample = tmp_path / "lines.csv", _sample(6)
    answers.add_rows(path, sample)
    lost, typed, undone = (unit.name for unit in sample.drawn[:3])
    said, right = Said(path), answers.Typed("right")
    for number, line in enumerate((lost, typed, undone)):
        about = {"id": f"entry-{number}", "at": "2026-01-02T03:04:05Z", "by": "Ann"}
        said.add(Entry(**about, line=line, now=right))
    said.add(Entry(id="back", at="", by="Ann", line=undone, was=right, undoes="entry-2"))
    with said.file.open("a") as file:
        file.write('{"id": "half a li')
    by_hand = answers.Typed("wrong", "this")
    answers.replace(path, typed, answers.Typed(), by_hand)
    assert bring_back(path) == 1
    found = answers.typed(path)
    assert (found[lost], found[typed], found[undone]) == (right, by_hand, answers.Typed())
    assert bring_back(path) == 0


def test_a_certificate_of_all_lines_is_exact(tmp_path: Path) -> None:
    sample, path = _sample(12), tmp_path / "lines.csv"
    answers.add_rows(path, sample)
    typed = {
        f"{KEY}#1": {"verdict": "made up"},
        f"{KEY}#2": {"printed": "abcdefghix 000000002"},
        f"{KEY}#3": {"verdict": "right", "left_out": "abcdefghij"},
        f"{KEY}#4": {"verdict": "Unreadable"},
        "*": {"verdict": "right"},
    }
    fill(path, typed)
    made = certify(sample, answers.judged(path, sample), None)
    expected = {
        "cer": (20 + 1 + 10) / (10 * 20 + 10),
        "made_up": 20 / (11 * 20),
        "left_out": 10 / (10 * 20 + 10),
        "unreadable": 1 / 12,
    }
    assert {name: figure.value for name, figure in made.figures.items()} == pytest.approx(expected)
    for figure in made.figures.values():
        assert figure.low == pytest.approx(figure.value) == figure.high
        assert figure.judged == 12
    made.write(tmp_path / "certificate.json")
    assert Certificate.read(tmp_path / "certificate.json") == made


def test_whoever_stops_in_the_middle_has_a_smaller_sample(tmp_path: Path) -> None:
    sample, path = _sample(40, lines=200), tmp_path / "lines.csv"
    answers.add_rows(path, sample)
    fill(path, {"*": {"verdict": "right"}}, first=30)
    judged = answers.judged(path, sample)
    assert [unit.name for unit, _ in judged] == [unit.name for unit in sample.drawn[:30]]
    figure = certify(sample, judged, None).figures["cer"]
    assert (figure.value, figure.low, figure.judged) == (0, 0, 30)
    assert 0 < figure.high < 0.5


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"verdict": "fine"}, "verdict is 'fine'; say right, wrong, made up, unreadable"),
        ({"verdict": "wrong"}, "type what is printed"),
        ({"verdict": "right", "printed": "other"}, "which is it?"),
        ({}, "is not judged, but 11 behind it are"),
    ],
)
def test_what_is_typed_wrongly_is_named_with_its_row(
    tmp_path: Path, row: dict[str, str], said: str
) -> None:
    sample, path = _sample(12), tmp_path / "lines.csv"
    answers.add_rows(path, sample)
    fill(path, {sample.drawn[0].name: row, "*": {"verdict": "right"}})
    with pytest.raises(DataError, match=said.replace("?", r"\?")) as error:
        answers.judged(path, sample)
    assert str(path) in str(error.value)
    assert sample.drawn[0].name in str(error.value)


def test_too_few_are_no_sample(tmp_path: Path) -> None:
    sample, path = _sample(12), tmp_path / "lines.csv"
    answers.add_rows(path, sample)
    fill(path, {"*": {"verdict": "right"}}, first=1)
    with pytest.raises(DataError, match="1 of the lines that were drawn are judged; it takes"):
        certify(sample, answers.judged(path, sample), None)
