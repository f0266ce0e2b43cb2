"""The mutant run: makes slips in the money modules, one at a time, and tells which the tests see.

    python tests/mutants/run.py                        every mutant written by hand
    python tests/mutants/run.py --random 200 --seed 7  and 200 that are drawn
    python tests/mutants/run.py --id M1 --id M3        these (and those that begin so) only
    python tests/mutants/run.py --survivors            of these all but what died in earlier runs
    python tests/mutants/run.py --list                 the mutants and their tests; nothing is run

Nothing happens in the work tree: it is copied to memory, several times. First all tests run there
unmutated, under coverage (kept in .mutants until a file is changed); they must be green. Then each
mutant meets the tests that touch what it changes, for `--seconds` of the processor at most. A run
that was stopped tells what it has, and goes on where it was. At the end the tests that saw
something run again without a slip: one that fails then has proved nothing. `--figures
docs/mutants.md` writes down what came of it all.
"""

import argparse
import compileall
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count, zip_longest
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest
from rich.console import Console

from mutants import figures, touching
from mutants.choosing import choose
from mutants.drawing import drawn
from mutants.figures import Result, note, read
from mutants.mutant import PACKAGE, Mutant, Stale, equivalents, handwritten
from mutants.processes import Task, load_heavy, work_off
from mutants.watch import SEEN_BY, Watch, patience, said

REPO = Path(__file__).parents[2]
KEPT = REPO / ".mutants"
COMMON = (f"{PACKAGE}/**/*", "tests/conftest.py", "tests/helpers/**/*.py", "pyproject.toml")
MEMORY = Path("/dev/shm")
FIRST_TESTS = 2
console = Console(width=None if sys.stdout.isatty() else 140, highlight=False, emoji=False)


def main() -> int:
    """Run it; 0 when all that was made was seen or is equivalent, 1 when something lives."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        below = options.tests or ["tests"]
        with _trees(options.jobs, below) as trees:
            stale, mutants = _mutants(trees.first, options)
            touched = _baseline(trees, below, options.without_red)
            if options.list:
                _list(trees.first, touched, mutants, options.seconds)
                return 0
            results = _run_all(trees, touched, mutants, options)
            left = len(mutants) - len(results)
            doubtful = {} if left else _doubtful(trees, touched, results)
    except KeyboardInterrupt:
        console.print("Stopped; the same command goes on from here.")
        return 130
    known = equivalents()
    report = figures.Report(
        results, stale, known, touched.red, doubtful, _command(), _commit(), left
    )
    report.print(console)
    if options.figures:
        options.figures.write_text(report.markdown(), encoding="utf-8")
    if left:
        console.print("Stopped; the same command goes on from here.")
        return 130
    return 1 if report.alive or stale or doubtful else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog=(__doc__ or "").partition("\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--random", type=int, default=0, metavar="N", help="draw so many as well")
    parser.add_argument("--seed", type=int, default=1, help="which ones (default: 1)")
    parser.add_argument("--id", action="append", help="these, and those whose id begins so")
    parser.add_argument(
        "--survivors", action="store_true", help="what died in earlier runs is dead"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="tests a mutant (default: 10)")
    parser.add_argument("--tests", action="append", help="tests below this folder only (or file)")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="at a time")
    parser.add_argument("--fresh", action="store_true", help="run what has a result already")
    parser.add_argument("--without-red", action="store_true", help="go on without tests that fail")
    parser.add_argument("--list", action="store_true", help="only say what would be run")
    parser.add_argument("--figures", type=Path, help="write what came of it to this file")
    return parser.parse_args()


def _mutants(tree: Path, options: argparse.Namespace) -> tuple[list[Stale], list[Mutant]]:
    by_hand = handwritten(tree)
    mutants = [mutant for mutant in by_hand if isinstance(mutant, Mutant)]
    stale = [mutant for mutant in by_hand if isinstance(mutant, Stale)]
    mutants += drawn(tree, options.random, options.seed)
    if options.id:
        # M1 is not M10, but M3 is M3a.
        chosen = re.compile(rf"(?:{'|'.join(map(re.escape, options.id))})(?!\d)")
        mutants = [mutant for mutant in mutants if chosen.match(mutant.id)]
        stale = [mutant for mutant in stale if chosen.match(mutant.id)]
    for mutant in stale:
        console.print(f"[yellow]stale: {mutant.id} ({mutant.file}): {mutant.why}")
    return stale, mutants


# Trees and the baseline


@dataclass(frozen=True)
class _Trees:
    """Copies of the work tree: the first stays as it is, the others have mutants in them."""

    first: Path
    others: list[Path]

    def restore(self, tree: Path) -> None:
        """Undo what the last mutant did to a tree; what has another time of change is another."""
        for file in (tree / PACKAGE).rglob("*.py"):
            original = self.first / file.relative_to(tree)
            if file.stat().st_mtime_ns != original.stat().st_mtime_ns:
                shutil.copy2(original, file)


@contextmanager
def _trees(how_many: int, below: Sequence[str]) -> Iterator[_Trees]:
    """Copies of the work tree in memory, with what Python compiles of it and of the tests below
    these folders; removed at the end."""
    load_heavy()
    where = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="pagewave-mutants-", dir=where) as name:
        first = Path(name) / "0"
        for file in _files():
            (first / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / file, first / file)
        compileall.compile_dir(first / "scripts", quiet=1)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = name
        tests = touching.test_files(first, below)
        collecting = Task(
            "collecting",
            lambda folder: pytest.main([*touching.options(folder), "--collect-only", *tests]),
            600.0,
            KEPT / "logs" / "collecting.txt",
        )
        for _, code, _ in work_off([collecting], [first]):
            if code:
                sys.exit(f"The tests can't be collected: see {collecting.output}.")
        others = [Path(name) / str(number) for number in range(1, how_many + 1)]
        for tree in others:
            shutil.copytree(first, tree, symlinks=True)
        # What is compiled from here on may have a slip in it.
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        yield _Trees(first, others)


def _files() -> list[str]:
    """What git knows in the work tree, and what it would add."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=REPO, capture_output=True, check=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (REPO / name).is_file()]


def _baseline(trees: _Trees, below: Sequence[str], without_red: bool) -> touching.Touched:
    """All tests unmutated: what they touch. Ends the program where one is not green."""
    (KEPT / "touched").mkdir(parents=True, exist_ok=True)
    common = touching.hash_of(trees.first, *COMMON)
    kept = {
        file: KEPT / "touched" / f"{common}-{touching.hash_of(trees.first, file)}.json"
        for file in touching.test_files(trees.first, below)
    }
    _learn(trees, {file: [file] for file, path in kept.items() if not path.exists()}, kept)
    touched = touching.Touched()
    red = [file for file, path in kept.items() if not path.exists()]
    for path in kept.values():
        if path.exists():
            touched.add(json.loads(path.read_text(encoding="utf-8")))
    # Another look at what failed: some tests mind a busy machine.
    again = {file: path.with_suffix(".again.json") for file, path in kept.items()}
    failed: dict[str, list[str]] = {}
    for test in touched.failed:
        failed.setdefault(test.partition("::")[0], []).append(test)
    _learn(trees, {file: some for file, some in failed.items() if not again[file].exists()}, again)
    for file, some in failed.items():
        if again[file].exists():
            touched.add(json.loads(again[file].read_text(encoding="utf-8")))
            if touched.failed.keys() & set(some):
                again[file].unlink()  # so that the next run looks again
    touched.red = [*red, *touched.failed]
    for test, why in touched.failed.items():
        console.print(f"{test}:\n{why}", markup=False)
    if touched.red and not without_red:
        sys.exit(
            "Not green without any mutant, so that nothing can be told: "
            + ", ".join(touched.red)
            + "\nOnce more may help on a busy machine; --without-red leaves them out."
        )
    console.print(
        f"baseline: {len(touched.seconds)} tests may be chosen; {touched.heads} start heads of "
        "Snakemake and are left out, as are slow ones."
    )
    return touched


def _learn(trees: _Trees, tests: dict[str, list[str]], kept: dict[str, Path]) -> None:
    """Run these tests, given by their file, and keep what is learned."""
    tasks = [
        touching.learning(file, some, kept[file], KEPT / "logs" / f"{file.replace('/', '.')}.txt")
        for file, some in tests.items()
    ]
    started_at = time.monotonic()
    for task, code, seconds in work_off(tasks, trees.others):
        console.print(f"baseline: {task.name}, {seconds:.0f} s{', not green' if code else ''}")
    if tasks:
        console.print(f"baseline: this took {time.monotonic() - started_at:.0f} s")


def _list(tree: Path, touched: touching.Touched, mutants: Sequence[Mutant], seconds: float) -> None:
    for mutant in mutants:
        source = (tree / PACKAGE / mutant.file).read_text(encoding="utf-8")
        tests = choose(touched, tree, mutant, seconds)
        console.print(f"{mutant.id}: {mutant.shown(source)}", markup=False)
        for test in tests:
            console.print(f"    {touched.seconds[test]:5.1f} s  {test}", markup=False)


# Mutants


def _run_all(
    trees: _Trees,
    touched: touching.Touched,
    mutants: Sequence[Mutant],
    options: argparse.Namespace,
) -> list[Result]:
    # Of these tests; what was found out with others is not found out.
    first = trees.first
    state = touching.hash_of(first, *COMMON, "tests/**/test_*.py")
    below = hashlib.sha256("\0".join(options.tests or []).encode()).hexdigest()[:8]
    log = KEPT / f"results-{state}-{options.seconds:g}-{below}.jsonl"
    if options.fresh:
        log.unlink(missing_ok=True)
    done = read(log)
    before = _killed_before(touched)
    if options.survivors:
        note(log, *(result for name, result in before.items() if name not in done))
        done = before | done
    shown = {m.id: m.shown((first / PACKAGE / m.file).read_text("utf-8")) for m in mutants}
    left = [m for m in mutants if m.id not in done or done[m.id].change != shown[m.id]]
    if len(left) < len(mutants):
        console.print(f"{len(mutants) - len(left)} have a result already ({log.name}).")
    # In turns, so that a run which is stopped has tried some of both kinds.
    kinds = [[m for m in left if m.made_by_hand == by_hand] for by_hand in (True, False)]
    left = [m for pair in zip_longest(*kinds) for m in pair if m]
    # What saw a slip once most likely sees it again: so a whole run takes less each time.
    seen_by = {name: (result.by,) for name, result in before.items()}
    tests = {
        mutant.id: choose(
            touched,
            first,
            replace(mutant, tests=(*mutant.tests, *seen_by.get(mutant.id, ()))),
            options.seconds,
        )
        for mutant in left
    }
    by_id = {mutant.id: mutant for mutant in left}
    versions = count(1)
    tasks = (_task(trees, mutant, tests[mutant.id], touched, next(versions)) for mutant in left)
    started_at = time.monotonic()
    with suppress(KeyboardInterrupt):
        for number, (task, code, seconds) in enumerate(work_off(tasks, trees.others), 1):
            mutant = by_id[task.name]
            by, has_failed = said(task.output)
            outcome = "survived" if code in (0, 5) else "killed"
            by = by or f"exit code {code}"
            result = Result(
                mutant.id,
                mutant.file,
                mutant.made_by_hand,
                outcome if tests[mutant.id] else "untested",
                by if outcome == "killed" else "",
                round(seconds, 1),
                len(tests[mutant.id]),
                shown[mutant.id],
                mutant.cost,
                not has_failed and outcome == "killed",
            )
            done[mutant.id] = result
            note(log, result)
            minutes = (time.monotonic() - started_at) / 60
            line = f"{number}/{len(left)} {minutes:.1f} min  {result.outcome} {seconds:.1f} s  "
            console.print(line + f"{mutant.id}  {result.by}", markup=False, soft_wrap=True)
    return [done[mutant.id] for mutant in mutants if mutant.id in done]


def _killed_before(touched: touching.Touched) -> dict[str, Result]:
    """What earlier runs killed, whatever tests came since; the one that saw it is still here."""
    logs = sorted(KEPT.glob("results-*.jsonl"), key=lambda path: path.stat().st_mtime)
    results: dict[str, Result] = {}
    for log in logs:
        results |= read(log)
    return {
        result.id: result
        for result in results.values()
        if result.outcome == "killed" and ("::" not in result.by or result.by in touched.seconds)
    }


def _task(
    trees: _Trees, mutant: Mutant, tests: list[str], touched: touching.Touched, version: int
) -> Task:
    """Run tests over a mutant, in the copy of the tree that is free, until one of them fails."""
    safe = "".join(letter if letter.isalnum() else "-" for letter in mutant.id)
    output = KEPT / "logs" / "mutants" / f"{safe}.txt"

    def work(folder: Path) -> int:
        if not tests:
            return 5
        trees.restore(folder)
        file = folder / PACKAGE / mutant.file
        source, status = file.read_text(encoding="utf-8"), file.stat()
        file.write_text(mutant.applied(source), encoding="utf-8")
        # Another time each, or Python would take what it compiled before for the mutant.
        later = status.st_mtime + 100 + version
        os.utime(file, (later, later))
        code = 5
        # Most die of the first tests: the files of the others need not be imported for them.
        for some in filter(None, (tests[:FIRST_TESTS], tests[FIRST_TESTS:])):
            arguments = [*touching.options(folder), "-x", *some]
            if code := int(pytest.main(arguments, plugins=[Watch(touched)])):
                break
        return code

    return Task(mutant.id, work, patience(touched, tests), output)


def _doubtful(
    trees: _Trees, touched: touching.Touched, results: Sequence[Result]
) -> dict[str, list[str]]:
    """Tests that saw a slip but fail without one as well, as things stand; with the mutants."""
    killers: dict[str, list[str]] = {}
    for result in results:
        if result.by in touched.seconds:
            killers.setdefault(result.by, []).append(result.id)
    by_file: dict[str, list[str]] = {}
    for test in killers:
        by_file.setdefault(test.partition("::")[0], []).append(test)
    outputs = {}

    def task(file: str, tests: list[str]) -> Task:
        output = outputs[file] = KEPT / "logs" / f"again.{file.replace('/', '.')}.txt"

        def work(folder: Path) -> int:
            trees.restore(folder)
            return pytest.main([*touching.options(folder), *tests], plugins=[Watch(touched)])

        return Task(file, work, patience(touched, tests), output)

    doubtful = {}
    tasks = [task(file, tests) for file, tests in by_file.items()]
    for done, code, _ in work_off(tasks, trees.others):
        text = done.output.read_text(encoding="utf-8", errors="replace")
        failed = {test for test in by_file[done.name] if f"{SEEN_BY}{test}\n" in text}
        if code and not failed:
            failed = set(by_file[done.name])
        doubtful |= {test: killers[test] for test in failed}
    return doubtful


def _command() -> str:
    return "python tests/mutants/run.py " + " ".join(sys.argv[1:])


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(
        command, cwd=REPO, capture_output=True, check=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
