"""Trouble at the service through the real command: nothing is lost, and nothing is paid twice.

What each single fault comes to is in test_faults_calls, _batches and _answers, which drive waves
without Snakemake.
"""

from collections import Counter
from pathlib import Path

import pytest

from helpers.given_faults import faults_given
from helpers.library import Library
from pagewave.embedded.server.faults import KINDS

BOOKS = {"Ohio/Elm School/1850": 3, "Ohio/Oak School/1850": 3}
QUICK = {
    "files": {"upload_retry_backoff_seconds": 0.02},
    "batch": {"reconcile_seconds": 0.5, "retry_pause_seconds": 0.05, "poll_interval_seconds": 0.05},
}


def test_every_fault_is_tested_by_name() -> None:
    # Each is given to a server, by what it leaves in ledger and page files. (tests/embedded sees to
    # it that the server does what the name says.)
    paths = Path(__file__).parents[1].rglob("test_*.py")
    tests = [path.read_text(encoding="utf-8") for path in paths if path.parent.name != "embedded"]
    assert set(KINDS) == set().union(*map(faults_given, tests))


GIVEN = """
ALWAYS = "blocked:match=x"

@pytest.mark.parametrize(("fault", "error"), [("job-failed", "BatchFailed")])
def test_one(server, fault, error):
    late = [f"list-delay:seconds={1}"]
    server.set_faults([f"{fault}:times=1", *late, ALWAYS])
    Library(embedded={"faults": [f"record-error:match={key}$" for key in keys]})
    EmbeddedProcess(folder, "--file-seconds", "0", *("--fault", "hang"))
    assert [event for event in server.log("fault") if event["fault"] == "cut-after"]
"""
"""Faults given in all ways there are, and the name of one in a place where nobody is given it."""


def test_a_fault_is_tested_only_where_a_server_is_given_it() -> None:
    given = {"blocked", "job-failed", "list-delay", "record-error", "hang"}
    assert faults_given(GIVEN) == given
    assert faults_given('@pytest.mark.slow\ndef test_it(): """A slow one."""; say("slow")') == set()


@pytest.mark.slow
def test_five_hundred_pages_with_a_fifth_of_all_calls_failing(tmp_path: Path) -> None:
    books = {f"Ohio/School {number}/1850": 10 for number in range(50)}
    sections = QUICK | {"embedded": {"faults": ["http-error:code=503,probability=0.2"]}}
    sections["files"] = sections["files"] | {"upload_concurrency": 50, "images": "uploaded"}
    with Library(tmp_path, books, **sections) as library:
        library.run(seconds=300)
        assert len(library.events("fault")) > 200
        assert library.inferences() == Counter(
            f"Ohio:School {number}:1850:{page}" for number in range(50) for page in range(1, 11)
        )
        assert all(library.book(book)["page_count"] == 10 for book in books)
        batches = [batch for manifest in library.manifests() for batch in manifest["batches"]]
        assert sum(batch["records_valid"] for batch in batches) == 500
        assert sum(batch["attempts"] for batch in batches) == 500


def test_everything_at_once(tmp_path: Path) -> None:
    faults = [
        "cut-after:call=create,times=2",
        "cut-before:call=get,times=3",
        "truncated-download:times=1",
        "job-failed:times=1",
        "job-expired:times=1,skip=1",
        "job-pending:times=1,skip=2",
        "missing-key:times=1,match=Elm",
        "foreign-key",
        "response-only",
        "undeletable",
    ]
    sections = QUICK | {"embedded": {"faults": faults}}
    sections["batch"] = sections["batch"] | {"max_poll_attempts": 40}
    with Library(tmp_path, BOOKS, **sections) as library:
        output = library.run()
        assert "beyond its deadline, cancelling" in output
        assert "6 pages read, 0 from stored answers" in output
        assert "Traceback" not in output
        # Once for each page, and once more where the answer was left out.
        assert library.inferences() == Counter(
            {
                f"Ohio:{school} School:1850:{page}": times
                for school, times in (("Elm", 2), ("Oak", 1))
                for page in (1, 2, 3)
            }
        )
        batches = [batch for manifest in library.manifests() for batch in manifest["batches"]]
        assert sum(batch["attempts"] for batch in batches) == 9
        assert sum(batch["records_valid"] for batch in batches) == 6
        for book in BOOKS:
            assert library.book(book)["page_count"] == 3


def test_a_refused_wave_ends_its_lane_and_no_other(tmp_path: Path) -> None:
    sections = QUICK | {
        "execution": {"batch_size_limit": 1, "max_concurrent_batches": 1},
        "embedded": {"faults": ["http-error:call=create,code=403,times=1"]},
    }
    with Library(tmp_path, BOOKS, **sections) as library:
        output = library.run(code=5)
        assert "Gemini refused creating the batch" in output
        assert "check GEMINI_API_KEY" in output
        assert "Traceback" not in output
        [whole] = [book for book in BOOKS if library.has_book(book)]
        assert len(library.inferences()) == 3
        library.configure(embedded={"faults": []})
        library.run()
        assert set(library.inferences().values()) == {1}
        assert len(library.inferences()) == 6
        assert library.book(whole)["page_count"] == 3


def test_a_fault_can_be_set_from_the_command_line(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}, **QUICK) as library:
        fault = "embedded={faults: ['blocked:times=1'], reader: echo}"
        library.run("--config", fault)
        assert [event["fault"] for event in library.events("fault")] == ["blocked"]
        assert sum(library.inferences().values()) == 2
