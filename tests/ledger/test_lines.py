"""Result lines as the ledger keeps them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.logged_attempts import fill
from helpers.result_lines import response
from pagewave.ledger.lines import MARK, packed, unpacked


@given(st.binary().filter(lambda line: b"\n" not in line))
def test_a_line_comes_back_as_it_was(line: bytes) -> None:
    assert unpacked(packed(line)) == line


@pytest.mark.parametrize("line", [b"", b"x\x9cnot zlib", b'{"key": "k"}', b"\xff" * 9])
def test_a_line_from_before_is_read_as_it_is(line: bytes) -> None:
    assert unpacked(line) == line


def test_what_was_damaged_is_no_line_and_no_error() -> None:
    kept = packed(b"Algebra and Geometry. " * 40)
    assert kept.startswith(MARK)
    for damaged in (kept[:-9], kept[:9] + b"\x00" + kept[10:], MARK):
        assert unpacked(damaged) == damaged


def test_a_line_of_the_service_takes_less_room(tmp_path: Path) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 1)
    line = json.dumps(response("Algebra and Geometry. " * 40)).encode()
    ledger.answers.store_lines(1, [("k", line)])
    assert ledger.answers.lines(1) == [line]
    [(kept,)] = ledger.query("SELECT line FROM response WHERE batch_id = 1 AND line_number = 0")
    assert kept.startswith(MARK) and len(kept) < len(line) / 2
