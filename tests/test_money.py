"""Trouble at the service: nothing is lost, and nothing is paid twice."""

from pathlib import Path

import pytest
from library import Library

BOOKS = {"Ohio/Elm School/1850": 3, "Ohio/Oak School/1850": 3}
FAST = {"upload_retry_backoff_seconds": 0.05, "upload_retry_attempts": 12}


@pytest.mark.parametrize(
    "fault",
    [
        "cut-after:call=create,times=3",
        "http-error:call=create,code=503,acted=yes,times=3",
        "garbage-200:call=create,times=3",
        "http-error:call=any,code=503,probability=0.2,seed=7",
        "truncated-download:times=2",
        "cut-before:call=get,times=3",
        "duplicate-key:times=1",
        "foreign-key:times=1",
        "response-only",
        "undeletable",
        "no-result-file:seconds=0.2",
    ],
)
def test_every_page_is_read_and_paid_once(tmp_path: Path, fault: str) -> None:
    batch = {"reconcile_seconds": 0.5}  # a create that never arrived is sent again after this
    sections = {"embedded": {"faults": [fault]}, "files": FAST, "batch": batch}
    with Library(tmp_path, BOOKS, **sections) as library:
        library.run()
        assert set(library.inferences().values()) == {1}
        assert len(library.inferences()) == 6
        assert len(library.events("create")) == len(library.manifests()) == 3


@pytest.mark.parametrize(
    "fault", ["job-failed:times=1", "job-expired:times=1", "missing-key:times=1"]
)
def test_what_brought_no_answer_is_sent_again(tmp_path: Path, fault: str) -> None:
    with Library(tmp_path, BOOKS, embedded={"faults": [fault]}, files=FAST) as library:
        library.run()
        assert len(library.inferences()) == 6


def test_a_batch_that_never_starts_is_cancelled_at_its_deadline(tmp_path: Path) -> None:
    faults = {"faults": ["job-pending:times=1"]}
    batch = {"max_poll_attempts": 20}
    with Library(tmp_path, BOOKS, embedded=faults, files=FAST, batch=batch) as library:
        output = library.run()
        assert "beyond its deadline" in output
        assert set(library.inferences().values()) == {1}
