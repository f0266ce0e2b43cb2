"""Another workflow loads this one, by `include` or as a module: recorded, locked and resumed as our
own, with its hooks and its rules beside ours.
"""

import signal
from collections import Counter
from pathlib import Path

import pytest

from helpers.library import REPO, Library
from pagewave import crash_points as crash

BOOK = "Ohio/Elm School/1850"
BOOKS = {BOOK: 2, "Vermont/Linden/1866": 1}
KEYS = ("Ohio:Elm School:1850:1", "Ohio:Elm School:1850:2", "Vermont:Linden:1866:1")
ONCE = Counter(KEYS)
SNAKEFILE = REPO / "Snakefile"
LOCKED, DEAD_LETTERS, STOPPED = 4, 1, 6

HOOKS = """
def note(what):
    with open("hooks.txt", "a") as file:
        print(what, file=file)


onstart:
    note("start")


onsuccess:
    note("success")


onerror:
    note("error")
"""

FINAL = """
rule final:
    default_target: True
    input:
        rules.{all}.input,
    output:
        "final.txt",
    shell:
        "echo {{input}} > {{output}}"
"""

INCLUDED = f"""
include: "{SNAKEFILE}"
{HOOKS}
{FINAL.format(all="all")}
"""

MODULE = """
module pagewave:
    snakefile: "{snakefile}"
    config: config


use rule * from pagewave{names}
{more}
"""

AS_IT_IS = MODULE.format(snakefile=SNAKEFILE, names="", more=HOOKS + FINAL.format(all="all"))
RENAMED = MODULE.format(
    snakefile=SNAKEFILE, names=" as pw_*", more=HOOKS + FINAL.format(all="pw_all")
)
WAYS = {"included": INCLUDED, "module": AS_IT_IS, "renamed": RENAMED}

THREADS = "--force-use-threads"


class Other(Library):
    """A library that is read by a workflow of somebody else, with Snakemake's own options."""

    def set_up(self, snakefile: str) -> None:
        """Writes that workflow."""
        (self.root / "Snakefile").write_text(snakefile)

    def go(self, *arguments: str, code: int = 0) -> str:
        """Runs it to its end."""
        return self.run("-s", "Snakefile", THREADS, *arguments, code=code, profile=False)

    @property
    def hooks(self) -> list[str]:
        """Which of its hooks were called, in order."""
        file = self.root / "hooks.txt"
        return file.read_text().split() if file.exists() else []


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    """How the other workflow loads ours."""
    return WAYS[request.param]


def test_it_is_read_on_record_under_the_lock_and_their_hooks_are_called(
    tmp_path: Path, way: str
) -> None:
    with Other(tmp_path, BOOKS) as library:
        library.set_up(way)
        looked = library.go("-n")
        assert "lane 1 wave 2" in looked
        assert not library.state.exists() and not library.hooks
        output = library.go()
        assert library.inferences() == ONCE
        assert (tmp_path / "final.txt").exists() and library.has_book(BOOK)
        assert library.hooks == ["start", "success"]
        assert library.ledger("SELECT COUNT(*), SUM(ok) FROM attempt") == [(3, 3)]
        assert library.ledger("SELECT outcome FROM run") == [("ok",)]
        assert "3 pages read, 0 from stored answers; 3 of 3 pages done" in output
        assert (tmp_path / "logs/summary/run.html").exists()
        assert "Nothing to be done" in library.go()


def test_killed_and_started_again_nothing_is_paid_twice(tmp_path: Path, way: str) -> None:
    with Other(tmp_path, BOOKS) as library:
        library.set_up(way)
        library.environment[crash.VARIABLE] = "page-written"
        library.go(code=crash.EXIT_CODE)
        del library.environment[crash.VARIABLE]
        library.go()
        assert library.inferences() == ONCE
        assert (tmp_path / "final.txt").exists()


def test_a_second_head_is_refused_and_a_stopped_one_goes_on(tmp_path: Path, way: str) -> None:
    with Other(tmp_path, BOOKS, embedded={"batch_seconds": 60}) as library:
        library.set_up(way)
        first = library.start("-s", "Snakefile", THREADS, profile=False)
        first.wait_for_create(library)
        assert "Another run is using" in library.go(code=LOCKED)
        first.signal(signal.SIGTERM)
        code, output = first.wait()
        assert code == STOPPED, output
        assert library.hooks == ["start", "error"]
        library.configure(embedded={"batch_seconds": 0})
        library.go()
        assert library.inferences() == ONCE


def test_dry_run_in_the_config_sends_nothing(tmp_path: Path, way: str) -> None:
    with Other(tmp_path, BOOKS, execution={"dry_run": True}) as library:
        library.set_up(way)
        assert "execution.dry_run is true: nothing was sent." in library.go()
        assert not library.state.exists() and not library.hooks


def test_dead_letters_end_it_with_their_code(tmp_path: Path, way: str) -> None:
    with Other(tmp_path, BOOKS, execution={"max_retries": 1}) as library:
        library.configure(embedded={"faults": ["blocked:match=School"]})
        library.set_up(way)
        output = library.go(code=DEAD_LETTERS)
        assert "Ohio:Elm School:1850:1 is a dead letter" in output
        assert library.has_book("Vermont/Linden/1866")  # the others go on
        assert library.hooks == ["start", "error"]
