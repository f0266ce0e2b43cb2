"""What came of a mutant run: a table by module, and what lives."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from mutants.drawing import MONEY, NOT_MONEY
from mutants.mutant import Stale

HEADINGS = ("made", "killed", "survived", "equivalent")
LIMITS = (
    "by the processor's clock after 10 s and four times what it takes without a slip, or after a "
    "minute and eight times as long in which nothing moved, though a processor was free"
)


class Result(NamedTuple):
    """What became of one mutant: `killed` by a test, `survived` them, or `untested`, where no test
    touches it; how many seconds of the processor and tests that took, and what was changed. One
    that is `unended` made a test work or wait for so long that it was ended."""

    id: str
    file: str
    made_by_hand: bool
    outcome: str
    by: str
    seconds: float
    tests: int
    change: str
    cost: str
    unended: bool = False


def note(log: Path, *results: Result) -> None:
    """Put results at the end of a file."""
    with log.open("a", encoding="utf-8") as file:
        for result in results:
            file.write(json.dumps(result._asdict(), ensure_ascii=False) + "\n")


def read(log: Path) -> dict[str, Result]:
    """The results in a file, the last one of each mutant."""
    if not log.exists():
        return {}
    # A line that was being written when the run was killed has no end.
    lines = log.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
    return {result.id: result for result in (Result(**json.loads(line)) for line in lines)}


@dataclass(frozen=True)
class Report:
    """`equivalent`: why mutants change nothing, by id; `red`: tests that were left out as they
    are not green; `doubtful`: tests that failed without a mutant afterwards, with the mutants that
    they are said to have seen; `left`: how many mutants a run that was stopped did not make."""

    results: Sequence[Result]
    stale: Sequence[Stale]
    equivalent: dict[str, str]
    red: Sequence[str]
    doubtful: dict[str, list[str]]
    command: str
    commit: str
    left: int = 0

    @property
    def alive(self) -> list[Result]:
        """What lives though it would cost something."""
        return [r for r in self.results if r.outcome != "killed" and r.id not in self.equivalent]

    def rows(self) -> list[list[str]]:
        """By file and in all: made, killed, survived and equivalent; by hand and drawn."""
        counts: dict[str, list[int]] = defaultdict(lambda: [0] * 8)
        for result in self.results:
            for row in (result.file, "all"):
                offset = 0 if result.made_by_hand else 4
                counts[row][offset] += 1
                if result.outcome == "killed":
                    counts[row][offset + 1] += 1
                else:
                    counts[row][offset + (3 if result.id in self.equivalent else 2)] += 1
        order = sorted(counts, key=lambda file: (file == "all", file))
        return [[file, *(str(number or "") for number in counts[file])] for file in order]

    def sums(self) -> list[str]:
        """The share of what could be seen that was, by hand and drawn."""
        lines = []
        for name, by_hand in (("by hand", True), ("drawn", False)):
            some = [r for r in self.results if r.made_by_hand == by_hand]
            real = [r for r in some if r.outcome == "killed" or r.id not in self.equivalent]
            killed = sum(r.outcome == "killed" for r in real)
            if real:
                share = killed / len(real)
                equal = len(some) - len(real)
                lines.append(
                    f"{name}: {killed} of {len(real)} seen ({share:.1%}), {equal} equivalent"
                )
        if unended := sum(r.unended for r in self.results):
            lines.append(
                f"{unended} of those that were seen made a test go on for so long that it was "
                f"ended: {LIMITS}"
            )
        return lines

    def problems(self) -> list[str]:
        """What stands in the way of believing the figures."""
        problems = [f"stale: {m.id} ({m.file}): {m.why}" for m in self.stale]
        problems += [f"left out, as it fails without any mutant: {test}" for test in self.red]
        for test, mutants in self.doubtful.items():
            problems.append(f"fails without a mutant too: {test} (saw {', '.join(mutants)})")
        if self.left:
            problems.append(f"stopped before its end: {self.left} mutants were not made")
        by_id = {result.id: result for result in self.results}
        for name in self.equivalent:
            if name in by_id and by_id[name].outcome == "killed":
                problems.append(f"is called equivalent, but {by_id[name].by} sees it: {name}")
        return problems

    def print(self, console: Console) -> None:
        """Show it on a terminal."""
        table = Table("module", *(f"hand {h}" for h in HEADINGS), *(f"drawn {h}" for h in HEADINGS))
        for row in self.rows():
            table.add_row(*row)
        console.print(table)
        for result in self.alive:
            cost = f" ({result.cost})" if result.cost else ""
            line = f"alive: {result.id}{cost}, {result.tests} tests: {result.change}"
            console.print(line, markup=False, soft_wrap=True)
        for line in (*self.problems(), *self.sums()):
            console.print(line, markup=False, soft_wrap=True)

    def markdown(self) -> str:
        """The same as a page of the documentation."""
        seconds = sum(result.seconds for result in self.results)
        head = ["module", *(f"{h}" for h in HEADINGS), *(f"{h} (drawn)" for h in HEADINGS)]
        rows = [f"| {' | '.join(row)} |" for row in self.rows()]
        alive = [
            f"- `{r.id}`: `{r.change}`" + (f" ({r.cost})" if r.cost else "") for r in self.alive
        ]
        equal = [
            f"- `{r.id}`: {self.equivalent[r.id]}"
            for r in self.results
            if r.id in self.equivalent and r.outcome != "killed"
        ]
        parts = [
            "# Mutants",
            "How much the tests see: slips are made on purpose in the modules that deal with money "
            "and answers, one at a time, and a test has to fail. Those in "
            "[handwritten.toml](../tests/mutants/handwritten.toml) are slips that would cost money "
            "or data, the others were drawn at random. Tests that start Snakemake, a browser or "
            "Slurm are not asked, so that a mutant which lives here may be seen by them.",
            f"Drawn from: {_listed(MONEY)}. Among these not from what only shows or scores, and "
            f"tables that old ledgers are made of: {_listed(NOT_MONEY)}.",
            f"The last run, on commit {self.commit} ({seconds / 60:.0f} CPU minutes of tests):",
            f"    {self.command}",
            "\n".join(f"- {line}" for line in (*self.sums(), *self.problems())),
            "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *rows]),
            "## Alive\n" + ("\n".join(alive) or "None."),
            "## Equivalent\n" + ("\n".join(equal) or "None."),
        ]
        return "\n\n".join(parts) + "\n"


def _listed(patterns: Sequence[str]) -> str:
    return ", ".join(f"`{pattern}`" for pattern in sorted(patterns))
