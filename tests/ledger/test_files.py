"""Files at the service: which image may be used again, and which nobody needs any more."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pagewave.ledger import Attempt, FailureRow, Ledger, Record
from pagewave.ledger.files import KnownImage

PROMPT, IMAGE = "p" * 64, "a" * 64
KEY = "Ohio:Elm School:1850:1"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with one uploaded image, which the service keeps until second 100."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    ledger.runs.start("r1", "embedded", "m", [], [])
    ledger.files.add_prompt(PROMPT, "page_ocr", "v1.jinja", "text")
    ledger.files.add("embedded", "files/image", 100.0, image_sha256=IMAGE)
    ledger.files.confirm("embedded", "files/image", "uri", 100.0)
    yield ledger
    ledger.close()


def batch_of(ledger: Ledger, name: str = "b1") -> int:
    """A batch of one page with that image."""
    records = [Record(KEY, "f1", 1, None, "{}", "1.jpg", IMAGE)]
    return ledger.batches.add_intent(name, "embedded", "m", PROMPT, "r1", 1, 1, records).id


def test_an_uploaded_image_is_used_again_while_it_lives_long_enough(ledger: Ledger) -> None:
    assert ledger.files.uploaded_image("embedded", IMAGE, until=99.0) == ("files/image", "uri")
    assert ledger.files.uploaded_image("embedded", IMAGE, until=101.0) is None
    assert ledger.files.uploaded_image("gemini", IMAGE, until=99.0) is None


@pytest.mark.parametrize("status", ["intent", "creating", "submitted"])
def test_no_image_of_a_batch_that_goes_on_is_deleted(ledger: Ledger, status: str) -> None:
    batch = batch_of(ledger)
    if status != "intent":
        ledger.batches.mark_creating(batch, "files/in")
    if status == "submitted":
        ledger.batches.mark_submitted(batch, "batches/1")
    assert ledger.batches.get(batch).status == status
    assert ledger.files.release("embedded") == []
    ledger.batches.mark_abandoned(batch, "for the test")
    assert ledger.files.release("embedded") == ["files/image"]


@pytest.mark.parametrize(
    ("error_type", "released"),
    [
        (None, ["files/image"]),
        ("Truncated", []),
        ("APIError", ["files/image"]),
        ("ServiceTrouble", ["files/image"]),
    ],
)
def test_the_image_of_a_failed_record_stays_for_its_retry_unless_it_may_be_the_trouble(
    ledger: Ledger, error_type: str | None, released: list[str]
) -> None:
    batch = batch_of(ledger)
    answers = [Attempt(KEY, 1, "f1", "{}", "STOP", 10, 5, 0, 0, 0.0)] if not error_type else []
    failures = [FailureRow(KEY, 1, True, error_type, "bad")] if error_type else []
    ledger.answers.commit(batch, "SUCCEEDED", None, answers, failures)
    assert ledger.files.release_of(batch) == released


# On this computer


def test_a_scan_that_was_changed_has_its_new_hash_from_then_on(ledger: Ledger) -> None:
    for image in (KnownImage(1, 2, "old"), KnownImage(3, 4, "new")):
        ledger.files.add_images({"1.jpg": image})
        assert ledger.files.known_images() == {"1.jpg": image}


def test_what_images_were_made_from_is_remembered(ledger: Ledger) -> None:
    made_from = {("image", "scan", 3), ("other", "scan", 4)}
    for _ in range(2):
        ledger.files.add_prepared(made_from)
    assert ledger.files.prepared_from() == made_from


def test_files_that_the_service_deleted_by_itself_are_forgotten(
    ledger: Ledger, tmp_path: Path
) -> None:
    for now, left in [(99.0, 1), (101.0, 0)]:
        ledger.files.forget_expired("embedded", now)
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
            assert db.execute("SELECT COUNT(*) FROM service_file").fetchone() == (left,)
