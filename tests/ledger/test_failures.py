"""Failures: which of them count, and what is left of a batch without its failed records."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pagewave.ledger import FailureRow, Ledger, Record

KEYS = FIRST, SECOND = "Ohio:Elm School:1850:1", "Ohio:Elm School:1850:2"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of one run."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    ledger.runs.start("r1", "embedded", "m", [], [])
    ledger.files.add_prompt("p" * 64, "page_ocr", "v1.jinja", "text")
    yield ledger
    ledger.close()


def batch_of(ledger: Ledger, name: str) -> int:
    """A batch of both pages."""
    records = [Record(key, key, 1, None, "{}", "1.jpg", "a" * 64) for key in KEYS]
    return ledger.batches.add_intent(name, "embedded", "m", "p" * 64, "r1", 1, 1, records).id


@pytest.mark.parametrize("error_type", ["ServiceTrouble", "ServiceRefused", "BadBatch"])
def test_trouble_of_the_service_uses_up_nothing(ledger: Ledger, error_type: str) -> None:
    """Else an outage would make dead letters of all pages that it meets."""
    trouble = FailureRow(FIRST, 1, False, error_type, "the service is not there")
    ledger.failures.add("embedded", [trouble] * 9)
    assert ledger.failures.counts("embedded")[FIRST] == (0, 0, False)
    assert ledger.failures.dead_letters("embedded", 1, 1) == set()
    ledger.failures.add("embedded", [FailureRow(FIRST, 1, False, "BatchExpired", "expired")])
    assert ledger.failures.dead_letters("embedded", 1, 1) == {FIRST}


@pytest.mark.parametrize(
    "failure",
    [
        FailureRow(FIRST, 1, True, "AccountLimited", "no credit"),
        FailureRow(FIRST, 1, True, "Truncated", "cut off", is_nobodys=True),
    ],
    ids=["by its kind", "by its row"],
)
def test_what_is_nobodys_is_on_record_and_counts_for_nothing(
    ledger: Ledger, failure: FailureRow
) -> None:
    ledger.failures.add("embedded", [failure])
    assert [row.error_type for row in ledger.failures.all()] == [failure.error_type]
    assert ledger.failures.counts("embedded") == {}


def test_what_is_left_out_leaves_its_own_batch_alone(ledger: Ledger) -> None:
    before, batch = batch_of(ledger, "b1"), batch_of(ledger, "b2")
    ledger.failures.leave_out(batch, [FailureRow(FIRST, 1, False, "UploadFailed", "no image")])
    assert [record.key for record in ledger.batches.records(batch)] == [SECOND]
    assert [record.key for record in ledger.batches.records(before)] == [FIRST, SECOND]
    assert ledger.failures.counts("embedded").keys() == {FIRST}


def test_what_failed_from_a_time_on_is_told_that_moment_included(ledger: Ledger) -> None:
    for key, error_type in ((FIRST, "Truncated"), (SECOND, "APIError")):
        ledger.failures.add("embedded", [FailureRow(key, 1, True, error_type, "bad")])
    first, second = (failure.created_at for failure in ledger.failures.all())
    newest = ledger.failures.newest("embedded", second)
    assert newest and newest["key"] == SECOND
    assert ledger.failures.newest("embedded", second + 1) is None
    assert ledger.failures.newest("gemini", first) is None
    assert ledger.failures.since("embedded", first) == {"Truncated": 1, "APIError": 1}
    assert ledger.failures.since("embedded", second)["APIError"] == 1
    assert ledger.failures.since("embedded", second + 1) == {}


def test_failures_are_found_newest_first_by_kind_page_and_words(ledger: Ledger) -> None:
    rows = [
        FailureRow(FIRST, 1, True, "Truncated", "cut OFF"),
        FailureRow(SECOND, 1, True, "APIError", "bad", raw_text="what it wrote"),
        FailureRow(FIRST, 2, True, "APIError", "bad again"),
    ]
    ledger.failures.add("embedded", rows)

    def found(error_type: str = "", key: str = "", text: str = "", limit: int = 9) -> list[str]:
        total, some = ledger.failures.find(error_type, key, text, cleared=False, limit=limit)
        assert total >= len(some)
        return [failure.message for failure in some]

    assert found() == ["bad again", "bad", "cut OFF"]
    assert found(limit=1) == ["bad again"]
    assert found(error_type="APIError", limit=1) == ["bad again"]
    assert found(key="1850:1") == ["bad again", "cut OFF"]
    assert found(text="off") == ["cut OFF"] and found(text="WROTE") == ["bad"]
    ledger.failures.clear([FIRST])
    assert found() == ["bad"]
