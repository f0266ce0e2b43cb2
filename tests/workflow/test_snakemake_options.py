"""Each of Snakemake's commands and options, without any profile: it works, or is refused in words
before anything is sent; and whatever it was, nothing is paid twice.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.library import Library
from pagewave.ledger.lock import take_lock

BOOK = "Ohio/Elm School/1850"
KEYS = {"Ohio:Elm School:1850:1": 1, "Ohio:Elm School:1850:2": 1}
PAGE = f"results/pages/{BOOK}/1.json"
BOOK_FILE = f"results/books/{BOOK}/book.json"
THREADS = "--force-use-threads"
OK, FAILED, REFUSED = 0, 1, 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that was read without a profile, to be copied."""
    root = tmp_path_factory.mktemp("finished")
    with Library(root, {BOOK: 2}) as library:
        library.run(THREADS, profile=False)
    return root


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library that was not read yet."""
    with Library(tmp_path, {BOOK: 2}) as library:
        yield library


@pytest.fixture
def read(tmp_path: Path, finished: Path) -> Iterator[Library]:
    """A library that was read."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with Library(tmp_path, {}) as library:
        yield library


LOOKS = [
    ("-n",),
    ("--executor", "dryrun"),
    ("--unlock",),
    ("--delete-all-output",),
    ("--delete-temp-output",),
    ("--list-rules",),
    ("--list-target-rules",),
    ("--summary",),
    ("--detailed-summary",),
    ("--dag",),
    ("--rulegraph",),
    ("--filegraph",),
    ("--d3dag",),
    ("--archive", "archive.tar.gz"),
    ("--report", "report.html"),
    ("--containerize",),
    ("--list-untracked",),
    ("--list-changes", "code"),
    ("--list-changes", "input"),
    ("--list-changes", "params"),
    ("--cleanup-shadow",),
    ("--list-conda-envs",),
    ("--print-compilation",),
]
"""Commands that only look, or have nothing to do while nothing was read."""


@pytest.mark.parametrize("options", LOOKS, ids=" ".join)
def test_a_command_that_looks_starts_nothing(library: Library, options: tuple[str, ...]) -> None:
    output = library.run(THREADS, *options, profile=False)
    assert not library.state.exists() and not (library.root / "results").exists()
    assert "Traceback" not in output and "Error" not in output


@pytest.mark.parametrize(
    "options",
    [("--summary",), ("--detailed-summary",), ("--dag",), ("--list-changes", "code")],
    ids=" ".join,
)
def test_it_looks_at_what_was_read_too(read: Library, options: tuple[str, ...]) -> None:
    assert "Traceback" not in read.run(THREADS, *options, profile=False)
    assert read.inferences() == KEYS


def test_lint_says_what_it_thinks_of_the_rules_and_starts_nothing(library: Library) -> None:
    assert "Lints for rule" in library.run("--lint", profile=False, code=FAILED)
    assert not library.state.exists()


REFUSALS = [
    (("--touch",), REFUSED, "2 pages would have to be read first. Nothing was sent."),
    (("--executor", "touch"), REFUSED, "2 pages would have to be read first. Nothing was sent."),
    (("--generate-unit-tests",), REFUSED, "can't be carried out alone"),
    (("--notemp", "--immediate-submit"), FAILED, "may not be used for workflows"),
    (("--debug",), FAILED, "debug mode cannot be used with multi-core execution"),
    (("--batch", "all=1/2"), REFUSED, "--batch"),
    (("--cache", "page"), REFUSED, "--cache"),
]


@pytest.mark.parametrize(("options", "code", "words"), REFUSALS)
def test_what_does_not_work_is_refused_in_words_before_anything_is_sent(
    library: Library, options: tuple[str, ...], code: int, words: str
) -> None:
    output = library.run(THREADS, *options, profile=False, code=code)
    assert words in output and "Traceback" not in output
    assert not library.state.exists()


WORKS = [
    ("--rerun-triggers", "code", "params", "input", "mtime", "software-env"),
    ("--rerun-triggers", "input"),
    ("--keep-incomplete",),
    ("--ignore-incomplete",),
    ("--nolock",),
    ("--notemp",),
    ("--all-temp",),
    ("--cores", "1"),
    ("--jobs", "1"),
    ("--retries", "3"),
    ("--latency-wait", "1"),
    ("--default-resources", "mem_mb=100"),
    ("--set-threads", "wave=2"),
    ("--set-resources", "wave:gemini_batches=2"),
    ("--resources", "gemini_batches=1"),
    ("--max-jobs-per-timespan", "5/1s"),
    ("--no-hooks",),
    ("--quiet",),
    ("--quiet", "all"),
    ("--verbose",),
    ("--shared-fs-usage", "none"),
    ("--prioritize", BOOK_FILE),
    ("--consider-ancient", "page=0"),
    ("--trust-io-cache",),
    ("--drop-metadata",),
    ("--forcerun", "page"),
    ("--forceall",),
]


@pytest.mark.parametrize("options", WORKS, ids=" ".join)
def test_with_this_option_a_library_is_read_once(
    library: Library, options: tuple[str, ...]
) -> None:
    library.run(THREADS, *options, profile=False)
    assert library.inferences() == KEYS
    assert library.ledger("SELECT outcome FROM run") == [("ok",)]
    again = library.run(THREADS, profile=False)
    assert "Nothing to be done" in again or options == ("--all-temp",)
    assert library.inferences() == KEYS


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--until", "wave"), OK),
        (("--until", "page"), OK),
        (("--omit-from", "book"), OK),
        (("--omit-from", "page"), OK),
        (("--allowed-rules", "page"), None),
        (("--target-files-omit-workdir-adjustment", PAGE), OK),
    ],
)
def test_after_a_part_the_rest_is_read_and_nothing_twice(
    library: Library, options: tuple[str, ...], code: int | None
) -> None:
    returned, output = library.start(THREADS, *options, profile=False).wait()
    assert returned == code or (code is None and returned in (OK, FAILED)), output
    assert "Traceback" not in output
    library.run(THREADS, profile=False)
    assert library.inferences() == KEYS and library.has_book(BOOK)


def test_touch_marks_files_that_are_there(read: Library) -> None:
    times = read.root / BOOK_FILE, read.root / PAGE
    before = [file.stat().st_mtime for file in times]
    read.run(THREADS, "--touch", "--forceall", profile=False, code=REFUSED)
    read.run(THREADS, "--touch", "--forcerun", BOOK_FILE, profile=False)
    after = [file.stat().st_mtime for file in times]
    assert after[0] > before[0]
    assert read.inferences() == KEYS
    assert read.ledger("SELECT outcome FROM run") == [("ok",)]
    assert "Nothing to be done" in read.run(THREADS, profile=False)


def test_what_was_deleted_is_written_again_for_free(read: Library) -> None:
    with take_lock(read.state):
        output = read.run("--delete-all-output", profile=False, code=4)
        assert "Another run is using" in output and (read.root / PAGE).exists()
    read.run("--delete-all-output", profile=False)
    assert not (read.root / PAGE).exists()
    read.run(THREADS, profile=False)
    assert read.inferences() == KEYS and read.has_book(BOOK)


def test_metadata_that_was_cleaned_up_buys_nothing(read: Library) -> None:
    read.run("--cleanup-metadata", PAGE, profile=False)
    assert "Nothing to be done" in read.run(THREADS, profile=False)


@pytest.mark.slow
def test_jobs_that_are_processes_need_no_profile_either(library: Library) -> None:
    library.run(profile=False)
    assert library.inferences() == KEYS and library.has_book(BOOK)
    assert "Nothing to be done" in library.run(profile=False)
    assert library.inferences() == KEYS
