"""The ledger: what is written stays true, and what is only looked at stays untouched."""

import sqlite3
from pathlib import Path

import pytest

from pagewave.errors import LedgerError
from pagewave.ledger import Attempt, FailureRow, Ledger, MemberOutcome, PlannedPage, Record
from pagewave.ledger.migrations import migrate, newest_version

KEY = "Ohio:Elm School:1850:1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger of a test lies."""
    return tmp_path / "state" / "ledger.sqlite"


def record(key: str = KEY, fingerprint: str = "f1") -> Record:
    """A record with made-up contents."""
    return Record(key, fingerprint, 1, None, "{}", "1.jpg", "a" * 64)


def ledger_with_batch(path: Path) -> tuple[Ledger, int]:
    """A ledger with one run and one intended batch of one record."""
    ledger = Ledger.open(path)
    ledger.runs.start("r1", "embedded", "m", [PlannedPage(KEY, 1, 1, 0)], [])
    ledger.files.add_prompt("p" * 64, "page_ocr", "v1.jinja", "text")
    batch = ledger.batches.add_intent("b1", "embedded", "m", "p" * 64, "r1", 1, 1, [record()])
    return ledger, batch.id


def attempt(page: str | None, key: str = KEY) -> Attempt:
    """An attempt, good if it has a page."""
    return Attempt(key, 1, "f1", page, "STOP", 10, 5, 0, 0, 0.0)


def failure(counted: bool = True) -> FailureRow:
    """A failure of the one record."""
    return FailureRow(KEY, 1, counted, "Truncated", "cut off")


def test_a_look_creates_nothing(path: Path) -> None:
    ledger = Ledger.peek(path)
    assert ledger.failures.counts("embedded") == {}
    assert not path.parent.exists()


def test_a_look_cannot_write(path: Path) -> None:
    Ledger.open(path).close()
    with pytest.raises(LedgerError, match="readonly"):
        Ledger.peek(path).files.add_prompt("s", "n", "f", "t")


def test_looking_turns_into_writing(path: Path) -> None:
    ledger = Ledger.peek(path)
    ledger.start_writing()
    ledger.runs.start("r1", "embedded", "m", [], [])
    assert path.exists()


def test_a_run_that_another_one_overtook_is_refused(path: Path) -> None:
    Ledger.open(path).close()
    looking = Ledger.peek(path)
    other, _ = ledger_with_batch(path)
    seen = looking.runs.latest_wave()
    other.runs.close_wave("r1", 1, 1, 0.0, [])
    looking._connection.close()
    looking._connection = sqlite3.connect(":memory:")
    migrate(looking._connection)
    assert looking.runs.latest_wave() == seen
    with pytest.raises(LedgerError, match="Another run ended"):
        looking.start_writing()


def test_an_open_batch_is_found_by_fingerprint_until_it_is_collected(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    assert ledger.batches.carrying("f1", "embedded") == batch_id
    assert ledger.batches.carrying("f1", "gemini") is None
    ledger.batches.mark_creating(batch_id, "files/in")
    ledger.batches.mark_submitted(batch_id, "batches/1")
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt('{"page": 1}')], [])
    assert ledger.batches.carrying("f1", "embedded") is None
    stored = ledger.answers.stored("f1")
    assert stored is not None
    assert ledger.answers.page(stored) == '{"page": 1}'
    assert ledger.answers.stored("f1", after_batch=batch_id) is None


def test_collecting_twice_changes_nothing(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    for _ in range(2):
        ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt(None)], [failure()])
    assert ledger.failures.counts("embedded")[KEY].counted == 1
    assert ledger.query("SELECT COUNT(*) FROM attempt")[0][0] == 1


def test_failures_of_a_batch_do_not_use_up_attempts(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.answers.commit(batch_id, "FAILED", "oops", [], [failure(counted=False)])
    assert ledger.failures.counts("embedded")[KEY] == (0, 1)


def test_a_good_answer_and_a_forced_rebuild_clear_failures(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt(None)], [failure()])
    ledger.runs.start("r2", "embedded", "m", [], [KEY])
    assert KEY not in ledger.failures.counts("embedded")
    assert ledger.runs.rebuilds().keys() == {KEY}


def test_a_written_page_ends_its_rebuild(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt("{}")], [])
    ledger.runs.start("r2", "embedded", "m", [], [KEY])
    older = ledger.answers.stored("f1")
    assert older
    ledger.files.mark_written(KEY, older)
    assert set(ledger.runs.rebuilds()) == {KEY}

    batch = ledger.batches.add_intent("b2", "embedded", "m", "p" * 64, "r2", 1, 1, [record()])
    ledger.answers.commit(batch.id, "SUCCEEDED", None, [attempt("{}")], [])
    newer = ledger.answers.stored("f1")
    assert newer and newer != older
    ledger.files.mark_written(KEY, newer)
    assert ledger.runs.rebuilds() == {}
    assert ledger.files.origins()[KEY].engine == "embedded"


def test_files_are_released_once_no_open_batch_needs_them(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    files = {"files/wanted": "a" * 64, "files/other": "b" * 64}
    for name, sha256 in files.items():
        ledger.files.add("embedded", name, 4e9, image_sha256=sha256)
        ledger.files.confirm("embedded", name, f"uri of {name}", 4e9)
    ledger.files.add("embedded", "files/requests", 4e9, batch_id=batch_id)
    assert ledger.files.uploaded_image("embedded", "b" * 64, 0) == (
        "files/other",
        "uri of files/other",
    )
    assert ledger.files.release("embedded") == ["files/other"]
    assert ledger.files.uploaded_image("embedded", "b" * 64, 0) is None
    assert ledger.files.uploaded_image("embedded", "a" * 64, 0)
    ledger.batches.mark_abandoned(batch_id, "for the test")
    assert ledger.files.release("embedded") == ["files/other", "files/requests", "files/wanted"]


def test_a_transaction_that_fails_leaves_nothing(path: Path) -> None:
    ledger, _ = ledger_with_batch(path)
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        ledger.runs.close_wave("r1", 1, 1, 0.0, [MemberOutcome(KEY, "failed", False, None)])
        raise ZeroDivisionError
    assert ledger.runs.latest_wave() == 0


def test_the_views_of_the_prefect_application(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    assert [tuple(r)[:2] for r in ledger.query("SELECT * FROM batch_record_keys")] == [("b1", KEY)]
    assert ledger.query("SELECT record_key FROM inflight_records")[0][0] == KEY
    assert ledger.query("SELECT status FROM active_batches")[0][0] == "active"
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt(None)], [failure()])
    assert tuple(ledger.query("SELECT record_key, count FROM failure_counts")[0]) == (KEY, 1)
    row = ledger.query("SELECT * FROM failure_logs")[0]
    assert (row["error_type"], row["prompt_template"], row["model_name"]) == (
        "Truncated",
        "v1.jinja",
        "m",
    )
    assert ledger.query("SELECT status FROM active_batches")[0][0] == "completed"
    assert ledger.query("SELECT * FROM inflight_records") == []


def test_a_damaged_file_is_a_clear_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        Ledger.open(path)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        Ledger.peek(path)


def test_a_ledger_of_a_newer_version_is_refused(path: Path) -> None:
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {newest_version() + 1}")
    connection.close()
    with pytest.raises(LedgerError, match="newer pagewave"):
        Ledger.open(path)
