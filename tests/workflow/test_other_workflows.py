"""Another workflow loads this one, by `include` or as a module: recorded, locked and resumed as our
own, with its hooks and its rules beside ours.
"""

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from helpers.forked_heads import python
from helpers.library import REPO, Library
from pagewave import crash_points as crash

BOOK = "Ohio/Elm School/1850"
BOOKS = {BOOK: 2, "Vermont/Linden/1866": 1}
KEYS = ("Ohio:Elm School:1850:1", "Ohio:Elm School:1850:2", "Vermont:Linden:1866:1")
ONCE = Counter(KEYS)
SNAKEFILE = REPO / "Snakefile"
LOCKED, DEAD_LETTERS, REFUSED, STOPPED = 4, 1, 5, 6

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
        looked = library.go("-n", "--verbose")
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


@pytest.mark.parametrize("place", ["run-begun", "page-written"])
def test_killed_and_started_again_nothing_is_paid_twice(
    tmp_path: Path, way: str, place: str
) -> None:
    with Other(tmp_path, BOOKS) as library:
        library.set_up(way)
        library.environment[crash.VARIABLE] = place
        library.go(code=crash.EXIT_CODE)
        del library.environment[crash.VARIABLE]
        library.go()
        assert library.inferences() == ONCE
        assert (tmp_path / "final.txt").exists()


def test_a_second_head_is_refused_and_a_stopped_one_goes_on(tmp_path: Path, way: str) -> None:
    with Other(tmp_path, BOOKS, embedded={"batch_seconds": 600}) as library:
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


def test_a_hook_of_theirs_that_fails_does_not_change_what_the_run_ended_with(
    tmp_path: Path,
) -> None:
    refused = {"faults": ["refused:reason=key"]}
    with Other(tmp_path, {BOOK: 1}, embedded=refused) as library:
        library.set_up(INCLUDED.replace('note("error")', 'raise ValueError("no mail")'))
        output = library.go(code=REFUSED)
        assert "onerror failed: ValueError: no mail" in output and "Check GEMINI_API_KEY" in output


def test_a_run_that_a_hook_of_theirs_ends_is_closed(tmp_path: Path) -> None:
    with Other(tmp_path, {BOOK: 1}) as library:
        library.set_up(INCLUDED.replace('note("start")', "raise SystemExit(9)"))
        library.go(code=9)
        assert library.ledger("SELECT outcome, ended_at > 0 FROM run") == [("failed", 1)]
        assert not library.events("create")


SAME_NAMES = MODULE.format(
    snakefile=SNAKEFILE,
    names=" as pw_*",
    more="""
rule page:
    input:
        rules.pw_all.input,
    output:
        "page.txt",
    shell:
        "echo > {output}"


rule final:
    default_target: True
    input:
        "page.txt",
""",
)


def test_a_rule_of_theirs_with_the_name_of_ours_forces_no_page(tmp_path: Path) -> None:
    with Other(tmp_path, {BOOK: 1}) as library:
        library.set_up(SAME_NAMES)
        library.go()
        library.go("--forcerun", "page")
        assert library.inferences() == {KEYS[0]: 1}
        assert "1 page read again: forced." in library.go("-n", "--forcerun", "pw_page")


# Parts of ours, and what does not fit

ALONE = f"""
include: "{SNAKEFILE}"


rule alone:
    output:
        "alone.txt",
    shell:
        "echo alone > {{output}}"
"""


def test_a_rule_of_theirs_alone_begins_no_run(tmp_path: Path) -> None:
    with Other(tmp_path, BOOKS) as library:
        library.set_up(ALONE)
        library.go("alone.txt")
        assert (tmp_path / "alone.txt").exists() and not library.state.exists()


LATER = (
    MODULE.format(snakefile=SNAKEFILE, names="", more="")
    + f"""
checkpoint choose:
    output:
        "chosen.txt",
    shell:
        "echo '{BOOK}' > {{output}}"


def chosen(wildcards):
    book = open(checkpoints.choose.get().output[0]).read().strip()
    return f"results/books/{{book}}/book.json"


rule final:
    default_target: True
    input:
        chosen,
    output:
        "final.txt",
    shell:
        "cp {{input:q}} {{output}}"
"""
)


@pytest.mark.parametrize("threads", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_books_that_a_checkpoint_of_theirs_chooses_are_read_on_record(
    tmp_path: Path, threads: bool
) -> None:
    with Other(tmp_path, {BOOK: 1}) as library:
        library.set_up(LATER)
        options = [THREADS] if threads else []
        library.run("-s", "Snakefile", *options, profile=False)
        assert library.inferences() == {KEYS[0]: 1}
        assert library.ledger("SELECT outcome FROM run") == [("ok",)]
        assert (tmp_path / "final.txt").exists()


def test_a_rule_of_ours_that_they_change_is_served_by_the_same_run(tmp_path: Path) -> None:
    changed = """
use rule book from pagewave as pw_book with:
    threads: 1
"""
    with Other(tmp_path, BOOKS) as library:
        library.set_up(RENAMED + changed)
        library.go()
        assert library.inferences() == ONCE
        assert library.ledger("SELECT COUNT(*) FROM run") == [(1,)]
        forced = library.go("-n", "--forcerun", "pw_page")
        assert "3 pages read again: forced." in forced


def test_a_module_takes_its_own_part_of_a_configuration(tmp_path: Path) -> None:
    with Other(tmp_path, BOOKS) as library:
        text = (tmp_path / "config.yaml").read_text()
        (tmp_path / "config.yaml").write_text(
            "samples: [a]\nreading:\n" + "".join(f"  {line}\n" for line in text.splitlines())
        )
        library.set_up(AS_IT_IS.replace("config: config", 'config: config["reading"]'))
        library.go()
        assert library.inferences() == ONCE


def test_a_module_without_config_takes_that_of_the_command_or_the_folder(tmp_path: Path) -> None:
    with Other(tmp_path, BOOKS) as library:
        without = AS_IT_IS.replace("    config: config\n", "")
        library.set_up(without)
        assert "lane 1 wave 2" in library.go("-n", "--verbose")
        (tmp_path / "config").mkdir()
        (tmp_path / "config.yaml").rename(tmp_path / "config/config.yaml")
        look = ("-n", "--verbose")
        assert "lane 1 wave 2" in run_here(tmp_path / "Snakefile", tmp_path, *look)


PREFIX = AS_IT_IS.replace("    config: config\n", '    config: config\n    prefix: "mine"\n')
TWICE = AS_IT_IS + AS_IT_IS.replace(HOOKS + FINAL.format(all="all"), "").replace(
    "pagewave", "second", 1
).replace("from pagewave", "from second as other_*").replace(
    "config: config", 'config: config | {"engine": "gemini"}'
)


@pytest.mark.parametrize(
    ("snakefile", "words"),
    [
        (PREFIX, "takes no prefix and no replace_prefix"),
        (TWICE, "loads pagewave twice, with different settings"),
    ],
    ids=["prefix", "twice"],
)
def test_what_a_module_can_not_do_is_refused_in_words(
    tmp_path: Path, snakefile: str, words: str
) -> None:
    with Other(tmp_path, BOOKS) as library:
        library.set_up(snakefile)
        output = library.go("-n", code=2)
        assert words in output and "Traceback" not in output


# Elsewhere


@pytest.mark.slow
def test_it_is_found_and_looked_at_from_another_folder(tmp_path: Path) -> None:
    """`-s` and `-d`, with a configuration that names no prompts."""
    with Library(tmp_path, BOOKS) as library:
        del library.config["prompt"]
        library.configure()
        (tmp_path / "config").mkdir()
        (tmp_path / "config.yaml").rename(tmp_path / "config/config.yaml")
        at_home = run_here(SNAKEFILE, tmp_path, "-n")
        assert "Waves to come" in at_home
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        for given in (["-d", ".."], ["-d", str(tmp_path)]):
            assert table_of(run_here(SNAKEFILE, elsewhere, "-n", *given)) == table_of(at_home)
        assert not library.state.exists()


def run_here(snakefile: Path, folder: Path, *arguments: str) -> str:
    """What Snakemake prints in a folder, with nothing but these arguments."""
    done = subprocess.run(
        [*python(), "-m", "snakemake", "-s", os.path.relpath(snakefile, folder), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={n: v for n, v in os.environ.items() if not n.startswith(("PAGEWAVE_", "PYTHONPATH"))},
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def table_of(output: str) -> list[str]:
    """The forecast at the end of a dry run."""
    found = [line for line in output.splitlines() if "│" in line]
    assert found
    return found


def test_a_run_of_others_around_it_is_not_taken_for_its_own(tmp_path: Path) -> None:
    """A rule may call Snakemake; its environment has the name of the run that called it."""
    with Library(tmp_path, {BOOK: 1}) as library:
        library.environment["PAGEWAVE_RUN"] = "20260101T000000Z"
        library.run()
        assert library.inferences() == {KEYS[0]: 1}
        assert library.ledger("SELECT outcome FROM run") == [("ok",)]
