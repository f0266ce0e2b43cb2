"""The tree of a page: what is written is read again, to the byte."""

from pathlib import Path

from pagewave.words.tree import Block, Box, Finding, Kind, Line, PageTree, Source, Word


def _tree() -> PageTree:
    words = (
        Word(text="Geo\u017fophy", box=Box(10, 20, 90, 40), source=Source.BOTH, doubt=0.02),
        Word(text="seen", box=Box(95, 22, 130, 44), source=Source.EYE, seen="seen", doubt=0.5),
        Word(text="alone", source=Source.READING, doubt=1.0),
    )
    return PageTree(
        key="Ohio:Elm:1850:7",
        width=200,
        height=300,
        language="eng",
        eye="tesseract 5.5.4",
        reading_sha256="a" * 64,
        scan_sha256="b" * 64,
        blocks=(Block(lines=(Line(words=words),), kind="heading"),),
        findings=(Finding(kind=Kind.LEFT_OUT, text="seen", box=Box(95, 22, 130, 44)),),
        doubt=0.5,
    )


def test_a_tree_is_read_as_it_was_written_to_the_byte(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    _tree().write(first)
    PageTree.read(first).write(second)
    assert PageTree.read(second) == _tree()
    assert first.read_bytes() == second.read_bytes()
    assert "\u017f" in first.read_text(encoding="utf-8")


def test_a_line_says_what_the_reading_says_and_its_box_holds_all_words() -> None:
    (line,) = _tree().lines()
    assert line.text == "Geo\u017fophy alone"
    assert line.box == Box(10, 20, 130, 44)
    assert [word.text for word in _tree().words()] == ["Geo\u017fophy", "seen", "alone"]
