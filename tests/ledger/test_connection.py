"""One connection a process: what others write meanwhile, and what it may do itself."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pagewave.ledger import Ledger, WrittenFile
from pagewave.ledger.connection import empty


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


def test_any_thread_may_ask_the_one_connection(writer: Ledger) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(end_wave, writer).result()
        assert pool.submit(writer.runs.latest_wave).result() == writer.runs.latest_wave() == 1


@pytest.mark.parametrize("recreate_tables", [False, True])
def test_an_emptied_ledger_knows_what_was_written_into_files(
    tmp_path: Path, writer: Ledger, recreate_tables: bool
) -> None:
    """Else nobody could tell any more what a person changed in them."""
    end_wave(writer)
    written = {"Ohio:Elm:1850:1": WrittenFile("a" * 64, 1, 2)}
    writer.page_files.note(written)
    writer.close()
    backup = empty(tmp_path / "ledger.sqlite", recreate_tables=recreate_tables)
    with closing(Ledger.open(tmp_path / "ledger.sqlite")) as emptied:
        assert emptied.runs.latest_wave() == 0
        assert emptied.page_files.noted([*written]) == written
    with closing(Ledger.peek(backup)) as old:
        assert old.runs.latest_wave() == 1


def test_a_look_at_nothing_or_at_an_older_ledger_is_a_look_at_a_copy(
    tmp_path: Path, writer: Ledger
) -> None:
    """Which later changes of the file do not reach."""
    path = tmp_path / "ledger.sqlite"
    assert not writer.is_copy
    with closing(Ledger.peek(path)) as reader:
        assert not reader.is_copy
    with closing(Ledger.peek(tmp_path / "none.sqlite")) as reader:
        assert reader.is_copy
    with closing(Ledger.absent()) as reader:
        assert reader.is_copy
