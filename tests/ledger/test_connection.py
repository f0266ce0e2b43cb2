"""One connection a process: what others write meanwhile, and what it may do itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pagewave.ledger import Ledger


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger of a run that goes on."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    ledger.runs.start("r1", "embedded", "m", [], [])
    yield ledger
    ledger.close()


def end_wave(ledger: Ledger, number: int = 1) -> None:
    """Something happens."""
    ledger.runs.close_wave("r1", 1, number, 0.0, [])


def test_all_looks_of_a_snapshot_see_one_moment(tmp_path: Path, writer: Ledger) -> None:
    reader = Ledger.peek(tmp_path / "ledger.sqlite")
    with reader.snapshot():
        assert reader.runs.latest_wave() == 0
        end_wave(writer)
        assert reader.runs.latest_wave() == 0
        with reader.snapshot():  # the same one
            assert reader.runs.latest_wave() == 0
        end_wave(writer, 2)
        assert reader.runs.latest_wave() == 0
    assert reader.runs.latest_wave() == 2


def test_who_looks_on_is_told_that_there_is_something_new(tmp_path: Path, writer: Ledger) -> None:
    reader = Ledger.peek(tmp_path / "ledger.sqlite")
    before = reader.change_counter()
    assert reader.change_counter() == before
    end_wave(writer)
    assert reader.change_counter() != before


def test_to_begin_writing_writes(tmp_path: Path, writer: Ledger) -> None:
    """A full disk, or a file without permission, is noticed by a real write alone: not later."""
    looking = Ledger.peek(tmp_path / "ledger.sqlite")
    before = writer.change_counter()
    looking.start_writing()
    assert writer.change_counter() != before
    looking.close()


def test_a_closed_ledger_leaves_nothing_beside_its_file(tmp_path: Path) -> None:
    """So that the file alone can be copied: what was in its WAL is in it."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    ledger.runs.start("r1", "embedded", "m", [], [])
    assert {path.name for path in tmp_path.iterdir()} > {"ledger.sqlite"}
    ledger.close()
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite"]
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        assert db.execute("SELECT id FROM run").fetchall() == [("r1",)]
