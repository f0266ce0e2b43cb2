"""Answers that are none, or are more than one: what each fault leaves in ledger and page files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading


@dataclass(frozen=True)
class Expected:
    """What a fault comes to that befalls a page's first attempt."""

    error: str | None  # what the ledger calls it; None: no failure at all
    inferences: int  # times the model ran for the page, the good answer included


FAULTS = {
    "record-error": Expected("APIError", 1),
    "record-error:code=1": Expected("ServiceTrouble", 1),
    "record-error:code=14": Expected("ServiceTrouble", 1),
    "record-status": Expected("APIError", 1),
    "missing-key": Expected("MissingResponse", 2),
    "duplicate-key": Expected(None, 1),
    "foreign-key": Expected(None, 1),
    "blocked": Expected("Blocked", 2),
    "recitation": Expected("Recitation", 2),
    "max-tokens": Expected("Truncated", 2),
    "repetition": Expected("Repetition", 2),
    "repetition:closed=yes": Expected("Repetition", 2),
    "fenced-json": Expected(None, 1),
    "text-around-json": Expected(None, 1),
    "invalid-schema": Expected("ValidationError", 2),
    "line-separator": Expected(None, 1),
    "record-slow:seconds=0.1": Expected(None, 1),
}
UNCOUNTED = {"ServiceTrouble"}


def book_of(fault: str) -> str:
    """Each fault has a book of its own, so that all of them happen within the same batches."""
    return f"Book {list(FAULTS).index(fault)}/1850"


@pytest.fixture(scope="module")
def read(
    tmp_path_factory: pytest.TempPathFactory, echo_server: EmbeddedProcess
) -> Iterator[Reading]:
    """A run in which each book's first page meets its fault once; each has a second page."""
    reading = Reading(
        tmp_path_factory.mktemp("answers"), echo_server, {book_of(fault): 2 for fault in FAULTS}
    )
    echo_server.set_faults(
        [
            f"{fault}{',' if ':' in fault else ':'}times=1,match={reading.key(book_of(fault), 1)}$"
            for fault in FAULTS
        ]
    )
    reading.run()
    echo_server.set_faults([])
    yield reading


def rows(reading: Reading, fault: str, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the ledger about the page that a fault befell."""
    return reading.query(sql, reading.key(book_of(fault), 1))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_answer_is_a_typed_failure_and_the_page_is_read_again(
    read: Reading, fault: str
) -> None:
    key, expected = read.key(book_of(fault), 1), FAULTS[fault]
    failures = rows(read, fault, "SELECT error_type, counted, message FROM failure WHERE key = ?")
    assert [error for error, _, _ in failures] == ([expected.error] if expected.error else [])
    for error, counted, message in failures:
        assert counted == (error not in UNCOUNTED)
        assert message
    assert read.attempts()[key] == read.inferences()[key] == expected.inferences
    # The good answer forgives the failure, and is the page's.
    assert not rows(read, fault, "SELECT 1 FROM failure WHERE key = ? AND cleared_at IS NULL")
    assert f"Page {key}." in read.library.text(key)
    assert f"Read after: {key}" in read.library.text(read.key(book_of(fault), 2))


def test_nothing_is_lost_or_paid_twice(read: Reading) -> None:
    read.check()
    # Three waves: both pages of each book, one of them again.
    assert len(read.creates()) == 3


@pytest.mark.parametrize(
    "fault", [fault for fault, e in FAULTS.items() if e.error not in (None, "MissingResponse")]
)
def test_a_failure_keeps_all_that_the_service_said(read: Reading, fault: str) -> None:
    [(traceback, text, line)] = rows(
        read, fault, "SELECT traceback, raw_text, raw_json FROM failure WHERE key = ?"
    )
    if fault == "repetition:closed=yes":  # a guard compares, and raises nothing
        assert traceback is None
    else:
        assert "Refused" in traceback
    assert json.loads(line)["key"] == read.key(book_of(fault), 1)
    said_nothing = FAULTS[fault].error in ("APIError", "ServiceTrouble", "Blocked", "Recitation")
    assert (text is None) == said_nothing


def test_lines_that_fit_no_record_are_kept_and_counted(read: Reading) -> None:
    foreign = f"foreign:{read.key(book_of('foreign-key'), 1)}"
    [(line,)] = read.query("SELECT unpacked(line) FROM response WHERE key = ?", foreign)
    assert json.loads(line)["key"] == foreign
    first = read.totals()[0]
    sent = len(FAULTS)
    assert first["records_sent"] == sent
    assert first["records_answered"] == sent - 1  # missing-key
    assert first["lines_unexpected"] == 1  # foreign-key
    assert first["lines_received"] == sent + 1  # and duplicate-key
    [counts] = read.query(
        "SELECT records_sent, records_answered, lines_unexpected FROM batch_totals"
        " ORDER BY batch_id LIMIT 1"
    )
    assert counts == (sent, sent - 1, 1)


def test_a_line_separator_stays_within_its_line(read: Reading) -> None:
    assert "before\u2028after" in read.library.text(read.key(book_of("line-separator"), 1))


def configs(reading: Reading, key: str) -> list[dict[str, Any]]:
    """The generation config of each attempt of a page, oldest first."""
    rows = reading.query(
        "SELECT generation_config FROM record WHERE key = ? ORDER BY batch_id", key
    )
    return [json.loads(row[0]) for row in rows]


def test_the_next_attempt_changes_what_its_error_asks_for(read: Reading) -> None:
    first, second = configs(read, read.key(book_of("max-tokens"), 1))
    assert (first["temperature"], first["maxOutputTokens"]) == (0.1, 8192)
    assert (second["temperature"], second["maxOutputTokens"]) == (0.4, 65_536)
    _, second = configs(read, read.key(book_of("recitation"), 1))
    assert (second["temperature"], second["maxOutputTokens"]) == (1.0, 8192)
    # A failure that is not the page's own changes nothing.
    first, second = configs(read, read.key(book_of("record-error:code=1"), 1))
    assert first == second


def test_what_an_error_asked_for_stays_asked_for(
    tmp_path: Any, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, execution={"max_retries": 4})
    key = reading.key("Elm/1850", 1)
    quiet_server.set_faults(
        [f"max-tokens:match={key},times=1", f"invalid-schema:match={key},skip=1,times=1"]
    )
    reading.run()
    reading.check()
    assert [config["maxOutputTokens"] for config in configs(reading, key)] == [8192, 65536, 65536]
    assert [config["temperature"] for config in configs(reading, key)] == [0.1, 0.4, 0.8]


def test_a_page_that_always_fails_is_a_dead_letter_after_its_last_attempt(
    tmp_path: Any, quiet_server: EmbeddedProcess
) -> None:
    books = {"Elm/1850": 2, "Oak/1850": 2}
    reading = Reading(tmp_path, quiet_server, books, execution={"max_retries": 2})
    dead = reading.key("Elm/1850", 1)
    quiet_server.set_faults([f"invalid-schema:match={dead}$"])
    reading.run()
    reading.check(dead=[dead])
    assert reading.error_types() == {"ValidationError": 2}
    assert reading.attempts()[dead] == 2
    assert set(reading.attempts()) == {dead, *(reading.key("Oak/1850", n) for n in (1, 2))}
    # The next run leaves it alone.
    reading.run()
    assert reading.attempts()[dead] == 2
