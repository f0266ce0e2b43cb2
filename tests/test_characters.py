"""Characters that reach no text file, table or terminal."""

import csv
import io
import logging

import pytest

from pagewave.characters import clean, count_unclean, harmless
from pagewave.errors import DataError
from pagewave.log import _Formatter


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain\ttext,\nÉtudes — “Livy” 🙂 ٣\u2028", "plain\ttext,\nÉtudes — “Livy” 🙂 ٣\u2028"),
        ("a\r\nb\rc\x0bd\x0ce\x85f", "a\nb\nc\nd\ne\nf"),
        ("\x00a\x07\x1b[31mred", "�a��[31mred"),
        ("del\x7f csi\x9b31m nel", "del� csi�31m nel"),
        ("\u202egnp.exe\u202c \u2066x\u2069", "gnp.exe x"),
        ("half \ud83d", "half �"),
        ("", ""),
    ],
)
def test_controls_go_and_words_stay(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert clean(cleaned) == cleaned
    assert count_unclean(cleaned) == 0


def test_every_control_character_is_cleaned_but_tab_and_newline() -> None:
    controls = [chr(n) for n in (*range(0x20), *range(0x7F, 0xA0)) if chr(n) not in "\t\n"]
    assert len(controls) == 63
    for control in controls:
        assert control not in clean(f"a{control}b")
        assert count_unclean(control) == (control != "\r")


def test_a_cell_of_a_table_keeps_what_is_no_text() -> None:
    cells = {"a": "x\x1b", "b": 3, "c": None}
    assert {name: harmless(cell) for name, cell in cells.items()} == {"a": "x�", "b": 3, "c": None}
    text = io.StringIO()
    csv.DictWriter(text, ["a"]).writerow({"a": harmless("x\x00\x1b]0;title\x07")})
    assert text.getvalue() == "x��]0;title�\r\n"


def test_errors_and_log_lines_have_none() -> None:
    assert str(DataError("bad \x1b[2J page\u202e")) == "bad �[2J page"
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", ("said \x1b[2J\x07",), None)
    assert _Formatter("%(message)s").format(record) == "said �[2J�"
