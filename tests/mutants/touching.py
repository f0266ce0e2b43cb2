"""Which test touches which line: each test file runs once under coverage, a context a test.

What is learned of a test file is kept on disk for as long as neither the package, nor the tests'
helpers, nor that file are changed.
"""

import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mutants.mutant import PACKAGE
from mutants.processes import Task

LEFT_OUT = (
    *(
        "tests/browser",
        "tests/cluster",
        "tests/embedded",
        "tests/mutants",
        "tests/config/test_docs",
    ),
    *("tests/test_release", "tests/test_commit_messages", "tests/faults/test_random_runs"),
)
"""What would take minutes a mutant, and what no mutant is made of."""
SECONDS_A_FILE = 900.0
FORM = 5
"""Of what is kept on disk; another number makes older files useless."""


@dataclass
class Touched:
    """What was learned: what tests cost, and by file and line the tests that touch it.

    Who uses a fixture that several tests share touches what the fixture does; `shared` are its
    seconds, which only the first of them takes.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    """Of the processor: with several tests at a time, to wait costs nothing."""
    wall: dict[str, float] = field(default_factory=dict)
    """Of the clock, however busy the machine was, shared fixtures included."""
    fixtures: dict[str, list[str]] = field(default_factory=dict)
    shared: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )
    failed: dict[str, str] = field(default_factory=dict)
    red: list[str] = field(default_factory=list)
    heads: int = 0
    """Tests that would have started a head of Snakemake: they ended there, and are never chosen."""

    def add(self, learned: dict[str, Any]) -> None:
        """Take in what one test file told."""
        users = defaultdict(list)
        for test, known in learned["tests"].items():
            if known["outcome"] == "failed":
                self.failed[test] = known["why"]
            if known["outcome"] != "passed":
                continue
            self.failed.pop(test, None)  # at the second look
            self.seconds[test], self.wall[test] = known["seconds"], known["wall"]
            self.fixtures[test] = known["fixtures"]
            for fixture in known["fixtures"]:
                users[fixture].append(test)
        self.shared |= learned["shared"]
        self.heads += learned["heads"]
        for file, lines in learned["lines"].items():
            for line, contexts in lines.items():
                for context in contexts:
                    tests = users.get(context, [context] if context in self.seconds else [])
                    self.lines[file][int(line)].update(tests)


class Meter:
    """A pytest plugin: notes tests, and switches coverage's context from one to the next.

    A fixture that several tests share has a context and seconds of its own.
    """

    def __init__(self, coverage: Any) -> None:
        self._coverage = coverage
        self._test = ""
        self._head = False
        self._cpu = 0.0
        self.tests: dict[str, dict[str, Any]] = {}
        self.shared: dict[str, float] = {}
        self.heads = 0
        sys.addaudithook(self._look_for_heads)

    def _look_for_heads(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and _is_head(arguments[1]):
            self._refuse_head()

    def _refuse_head(self, *arguments: object, **options: object) -> None:
        self._head = True
        pytest.skip("starts a head of Snakemake")

    def pytest_collection_finish(self) -> None:
        """However heads are started by then, it is the library that is asked to."""
        if library := sys.modules.get("helpers.library"):
            library.Library.start = self._refuse_head  # type: ignore[attr-defined]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._test, self._head = nodeid, False
        self.tests[nodeid] = {"outcome": "passed", "wall": 0.0, "fixtures": [], "why": ""}
        self._cpu = time.process_time()
        self._coverage.switch_context(nodeid)

    def pytest_runtest_setup(self, item: Any) -> None:
        """Its fixtures are known."""
        found = [each[-1] for each in item._fixtureinfo.name2fixturedefs.values()]
        names = sorted(_name(fixture) for fixture in found if fixture.scope != "function")
        self.tests[item.nodeid]["fixtures"] = names

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        """Around the setup of a fixture."""
        if fixturedef.scope == "function":
            return (yield)
        before = time.process_time()
        self._coverage.switch_context(_name(fixturedef))
        try:
            return (yield)
        finally:
            self._coverage.switch_context(self._test)
            self.shared[_name(fixturedef)] = time.process_time() - before
            self._cpu += self.shared[_name(fixturedef)]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A test was set up, called or torn down."""
        known = self.tests[report.nodeid]
        known["wall"] += report.duration
        if report.outcome != "passed" and known["outcome"] != "failed":
            known["outcome"], known["why"] = report.outcome, report.longreprtext[-2000:]
        if report.when == "teardown":
            known["seconds"] = time.process_time() - self._cpu
            if self._head:
                known["outcome"] = "skipped"
                self.heads += 1


def _is_head(arguments: Any) -> bool:
    words = [arguments] if isinstance(arguments, str | bytes) else arguments
    names = {Path(os.fsdecode(word)).name for word in words}
    return bool(names & {"snakemake", "quick_snakemake.py"})


def _name(fixture: Any) -> str:
    return f"{fixture.baseid or 'session'}//{fixture.argname}"


def learning(file: str, tests: Sequence[str], kept: Path, output: Path) -> Task:
    """The task that runs (tests of) a test file under coverage and keeps what it learns."""

    def work(folder: Path) -> int:
        import coverage

        data = folder / f".coverage-{kept.stem}"
        measured = coverage.Coverage(
            data_file=str(data), config_file=False, source=[str(folder / PACKAGE)]
        )
        measured.start()
        meter = Meter(measured)
        code = pytest.main([*options(folder), "-m", "not slow", *tests], plugins=[meter])
        measured.stop()
        measured.save()
        learned = {
            "tests": meter.tests,
            "shared": meter.shared,
            "heads": meter.heads,
            "lines": _lines(measured.get_data(), folder / PACKAGE),
        }
        data.unlink(missing_ok=True)
        if code in (0, 1, 5):  # all passed, or some; 5: it has slow tests only
            write(kept, learned)
        return 0 if code == 5 else int(code)

    return Task(file, work, SECONDS_A_FILE, output)


def options(folder: Path) -> list[str]:
    """What each pytest of ours is told."""
    return [
        *("-n0", "--dist=no", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)),
        *("--basetemp", str(folder / ".tmp"), "-o", "tmp_path_retention_policy=none"),
    ]


def _lines(data: Any, package: Path) -> dict[str, dict[int, list[str]]]:
    found = {}
    for name in data.measured_files():
        file = Path(name).relative_to(package).as_posix()
        found[file] = {
            line: names
            for line, contexts in data.contexts_by_lineno(name).items()
            if (names := [context for context in contexts if context])
        }
    return found


def write(path: Path, value: Any) -> None:
    """A JSON file, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(value), encoding="utf-8")
    partial.replace(path)


def test_files(tree: Path, below: Sequence[str]) -> list[str]:
    """Test files whose tests may be chosen, by their path in the tree; below these folders."""
    found = sorted(path.relative_to(tree).as_posix() for path in tree.glob("tests/**/test_*.py"))
    return [f for f in found if f.startswith(tuple(below)) and not f.startswith(LEFT_OUT)]


def hash_of(tree: Path, *patterns: str) -> str:
    """One for the content of all files that match, and for the Python that runs them."""
    summary = hashlib.sha256(f"{FORM} {sys.version}".encode())
    for path in sorted({found for pattern in patterns for found in tree.glob(pattern)}):
        if path.is_file() and "__pycache__" not in path.parts:
            summary.update(f"\0{path.relative_to(tree)}\0".encode() + path.read_bytes())
    return summary.hexdigest()[:20]
