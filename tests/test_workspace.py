"""What every step has at hand: looks, files that a crash can't halve, answers of before."""

import os
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.atomic import append_line, partial_of, write_atomically
from pagewave.gemini.client import Gemini
from pagewave.gemini.session import LONGEST_POLL_PAUSE_SECONDS


@pytest.fixture
def reading(tmp_path: Path, quiet_server: EmbeddedProcess) -> Reading:
    """A book of one page."""
    return Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch={"reconcile_seconds": 60})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, which only pauses move; and each pause behind it."""
    times = [1000.0]

    def pause(_: Gemini, seconds: float) -> None:
        times[0] += seconds
        times.append(seconds)

    monkeypatch.setattr(Gemini, "pause", pause)
    monkeypatch.setattr("time.time", lambda: times[0])
    monkeypatch.setattr("time.monotonic", lambda: times[0])
    return times


# Looks


def test_what_is_not_shown_is_looked_for_three_times_at_least(
    reading: Reading, clock: list[float]
) -> None:
    long_ago = clock[0] - 3600.0
    assert [*reading.session.polls(long_ago)] == [1, 2, 3]
    assert clock[1:] == [6.0, 6.0]


def test_looks_go_on_until_a_new_batch_must_be_listed(reading: Reading, clock: list[float]) -> None:
    # Every 6 s, and for the last time after the minute is over.
    assert [*reading.session.polls(1000.0)] == [*range(1, 13)]
    assert clock[0] == 1066.0


def test_no_pause_between_looks_is_long(
    tmp_path: Path, quiet_server: EmbeddedProcess, clock: list[float]
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch={"reconcile_seconds": 3600})
    assert len([*reading.session.polls(1000.0)]) == 362
    assert set(clock[1:]) == {LONGEST_POLL_PAUSE_SECONDS}


# Files


def test_a_file_is_whole_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut may leave the new name with nothing in it."""
    path = tmp_path / "results" / "1.json"
    synced = []

    def fsync(descriptor: int) -> None:
        file = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((file, file.read_text(), path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(path, "a page")
    assert synced == [(partial_of(path), "a page", False)]
    assert path.read_text() == "a page"


def test_a_line_that_is_added_is_on_the_disk_and_so_is_the_name_of_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()),
    )
    path = tmp_path / "review" / "journal.jsonl"
    append_line(path, "one")
    assert synced == [path, path.parent]
    append_line(path, "two")
    assert synced == [path, path.parent, path]
    assert path.read_text() == "one\ntwo\n"


# Answers of before


def test_the_earlier_answer_of_a_page_is_read_if_the_prompt_can_read_it(reading: Reading) -> None:
    [page] = reading.session.dataset.pages
    assert reading.session.earlier_answer(page) is None
    reading.run()
    answer = reading.session.earlier_answer(page)
    assert answer and f"Page {page.key}." in answer.text()
    with reading.session.ledger.transaction() as db:
        db.execute("""UPDATE attempt SET page = '{"verses": ["of another prompt"]}'""")
    assert reading.session.earlier_answer(page) is None


# Dead letters


@pytest.mark.parametrize(("policy", "missing"), [("continue", True), ("block", False)])
def test_a_dead_letter_is_done_without_where_the_configuration_says_so(
    tmp_path: Path, quiet_server: EmbeddedProcess, policy: str, missing: bool
) -> None:
    execution = {"on_dead_letter": policy, "max_retries": 1}
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2}, execution=execution)
    first, second = reading.session.dataset.pages
    assert not reading.session.is_missing(first)
    quiet_server.set_faults([f"record-error:match={first.key}$"])
    reading.run()
    assert reading.dead() == {first.key}
    assert reading.error_types() == {"APIError": 1}
    assert reading.session.is_missing(first) == missing
    assert not reading.session.is_missing(second)
    # A file that a person put there is the remedy.
    reading.library.page_file(first.key).parent.mkdir(parents=True, exist_ok=True)
    reading.library.page_file(first.key).write_text("{}")
    assert not reading.session.is_missing(first)
