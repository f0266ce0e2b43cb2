"""What those who look on are told: which pages are in doubt, and what became of single calls."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pagewave.ledger import Attempt, Flag, Ledger, Record

KEYS = [f"Ohio:Elm School:1850:{number}" for number in range(1, 6)]
FLAGGED, SOUND, CORRECTED, DARK, CLEAR = KEYS


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of one run."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    ledger.runs.start("r1", "embedded", "m", [], [], purpose="trial")
    ledger.files.add_prompt("p" * 64, "page_ocr", "v1.jinja", "text")
    yield ledger
    ledger.close()


def test_a_page_is_in_doubt_for_its_answer_or_its_picture_until_somebody_corrects_it(
    ledger: Ledger,
) -> None:
    read = KEYS[:3]
    records = [Record(key, key, 1, None, "{}", "1.jpg", "a" * 64) for key in read]
    batch = ledger.batches.add_intent("b1", "embedded", "m", "p" * 64, "r1", 1, 1, records)
    flags = {FLAGGED: [Flag("echo", "the page before")], CORRECTED: [Flag("echo", "again")]}
    attempts = [
        Attempt(key, 1, key, "{}", "STOP", 9, 9, 0, 0, 0.0, flags.get(key, ())) for key in read
    ]
    ledger.answers.commit(batch.id, "SUCCEEDED", None, attempts, [])
    assert ledger.overview.in_doubt() == set()  # nothing is on file yet
    for key in read:
        stored = ledger.answers.stored(key)
        assert stored
        ledger.files.mark_written(key, stored)
    ledger.pictures.note(DARK, "a" * 64, [("dark", "it is too dark")])
    ledger.pictures.note(CLEAR, "a" * 64, [])
    assert ledger.overview.in_doubt() == {FLAGGED, CORRECTED, DARK}
    ledger.page_files.correct(CORRECTED, "{}")
    assert ledger.overview.in_doubt() == {FLAGGED, DARK}


def test_a_call_was_read_or_failed_or_had_no_answer(ledger: Ledger, tmp_path: Path) -> None:
    read, failed, unanswered = (
        ledger.calls.add("r1", key, "m", "p" * 64, "f", 1.0) for key in KEYS[:3]
    )
    ledger.calls.answered(read, ok=True, tokens=(10, 5, 0, 0), usd=0.5)
    ledger.calls.refused(failed)
    found = {call.key: (call.outcome, call.usd) for call in ledger.overview.calls("r1")}
    assert found == {KEYS[0]: ("read", 0.5), KEYS[1]: ("failed", 0.0), KEYS[2]: ("no answer", None)}
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db, db:
        db.execute("UPDATE call SET asked_at = answered_at - 7 WHERE id != ?", (unanswered,))
    # How long they take is told by those that brought something.
    assert ledger.calls.seconds("embedded", "m", "trial", 20) == [pytest.approx(7.0)]
    assert ledger.calls.seconds("embedded", "m", "probe", 20) == []
    assert ledger.calls.seconds("gemini", "m", "trial", 20) == []
    newer = ledger.calls.add("r1", KEYS[3], "m", "p" * 64, "f", 1.0)
    ledger.calls.answered(newer, ok=True, tokens=(10, 5, 0, 0), usd=0.5)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db, db:
        db.execute("UPDATE call SET asked_at = answered_at - 3 WHERE id = ?", (newer,))
    assert ledger.calls.seconds("embedded", "m", "trial", 1) == [pytest.approx(3.0)]
