"""How long reading takes beside what it must take, and where the rest of a wave's time goes.

The limit is the longest book's pages times what a batch takes: each of its pages waits for the one
before. Two libraries, read in turn by pagewave and by the asyncio script (plain.py):

    even     50 books of 20 pages, batches of 5 s
    mixed    60 books of 1 to 60 pages, batches of 2 s, and one answer in a hundred is no page

Beside that: medians of what a wave of pagewave takes beyond its batch, by part.

    python benchmarks/makespan.py                    both, once
    python benchmarks/makespan.py even --rounds 3
    python benchmarks/makespan.py even --scale 0.1   a tenth of the books, and of each one's pages
    python benchmarks/makespan.py --write FILE       all figures, as JSON
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from overhead import OURS, ROOT, Cost, Task, commit, make_books

PARTS = {
    "sent": "from its start until its batch is sent",
    "taken": "from its batch's end until all that it brought is committed",
    "closed": "from then until it is closed",
    "next": "from then until the lane's next wave starts",
}


@dataclass(frozen=True)
class Library:
    """Books to read, as numbers of pages, and how the service is."""

    lengths: Sequence[int]
    batch_seconds: float
    faults: Sequence[str] = ()

    def scaled(self, scale: float) -> "Library":
        """The same, with this share of the books and of each one's pages."""
        books = self.lengths[:: max(1, round(1 / scale))]
        return Library([max(1, round(n * scale)) for n in books], self.batch_seconds, self.faults)

    @property
    def limit(self) -> float:
        """Seconds that reading takes at least, if nothing fails."""
        return max(self.lengths) * self.batch_seconds


LIBRARIES = {
    "even": Library([20] * 50, 5.0),
    "mixed": Library(list(range(1, 61)), 2.0, ["invalid-schema:probability=0.01"]),
}


@dataclass(frozen=True)
class Timed(Task):
    """A task that notes where a run of pagewave spent the time of its waves, a dict a run."""

    parts: list[dict[str, float]] = field(default_factory=list)

    def _cost(self, cost: tuple[float, float, int], log: Path | None) -> Cost:
        logs = list((log.parent.parent / "logs" / "runs").glob("*.jsonl")) if log else []
        if log and logs:
            self.parts.append(parts_of(_events(log), _events(*logs)))
        return super()._cost(cost, log)


def _events(*logs: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def parts_of(
    service: Sequence[Mapping[str, Any]], run: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Medians over all waves of a run's time beyond its batches (s), by part: see PARTS.

    Args:
        service: events of the embedded server, whose `t` is in Unix seconds.
        run: events of the run's log.
    """
    ended = {event["batch"]: event["t"] for event in service if event["event"] == "finish"}
    at: dict[str, dict[tuple[int, int], float]] = defaultdict(dict)
    times: dict[str, list[float]] = defaultdict(list)
    for event in run:
        if event["event"] not in ("wave_started", "batch_sent", "batch_collected", "wave_closed"):
            continue
        wave, now = (
            (event["lane"], event["wave"]),
            datetime.fromisoformat(event["time"]).timestamp(),
        )
        at[event["event"]][wave] = now
        if event["event"] == "batch_sent" and wave in at["wave_started"]:
            times["sent"].append(now - at["wave_started"][wave])
        if event["event"] == "batch_collected" and event["batch"] in ended:
            times["taken"].append(now - ended[event["batch"]])
        if event["event"] == "wave_closed" and wave in at["batch_collected"]:
            times["closed"].append(now - at["batch_collected"][wave])
        before = (wave[0], wave[1] - 1)
        if event["event"] == "wave_started" and before in at["wave_closed"]:
            times["next"].append(now - at["wave_closed"][before])
    return {part: round(statistics.median(times[part]), 3) for part in PARTS if times[part]}


def measure(library: Library, rounds: int) -> dict[str, Any]:
    """Read it `rounds` times by each, in turn; the figures as they go into the file."""
    spans: dict[str, list[float]] = {OURS: [], "script": []}
    with tempfile.TemporaryDirectory() as name:
        task = Timed(Path(name), sum(library.lengths), 0, 0, library.batch_seconds, library.faults)
        make_books(task.data, library.lengths)
        for number in range(rounds):
            for who in list(spans)[:: -1 if number % 2 else 1]:
                cost = task.read(who, ROOT)
                assert cost.makespan is not None
                spans[who].append(cost.makespan)
                print(f"  {who:>9}: {cost.makespan} s", file=sys.stderr, flush=True)
    return {
        "books": len(library.lengths),
        "pages": sum(library.lengths),
        "batch_seconds": library.batch_seconds,
        "faults": list(library.faults),
        "limit": library.limit,
        "makespans": spans,
        "parts": task.parts,
    }


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| library | limit | share of the limit: pagewave | the script | pagewave to the script |",
        "|---|---|---|---|---|",
    ]
    for name, each in figures["libraries"].items():
        least = {who: min(spans) for who, spans in each["makespans"].items()}
        shares = [each["limit"] / least[who] for who in (OURS, "script")]
        cells = [
            f"{name}: {each['books']} books, {each['pages']:,} pages, {each['batch_seconds']:g} s"
        ]
        cells += [f"{each['limit']:g} s", *(f"{share:.2f}" for share in shares)]
        cells.append(f"{least[OURS] / least['script']:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| a wave, beyond its batch (medians, s) | " + " | ".join(figures["libraries"]) + " |",
    ]
    lines.append("|---" * (1 + len(figures["libraries"])) + "|")
    for part, words in PARTS.items():
        of_each = [_median(each["parts"], part) for each in figures["libraries"].values()]
        lines.append(f"| {words} | {' | '.join(of_each)} |")
    return "\n".join(lines)


def _median(runs: Sequence[Mapping[str, float]], part: str) -> str:
    seconds = [run[part] for run in runs if part in run]
    return f"{statistics.median(seconds):.2f}" if seconds else "-"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("library", nargs="*", help=", ".join(LIBRARIES))
    parser.add_argument("--rounds", type=int, default=1, metavar="N")
    parser.add_argument("--scale", type=float, default=1.0, metavar="SHARE")
    parser.add_argument("--write", type=Path, help="file for the figures", metavar="FILE")
    asked = parser.parse_args(arguments)
    figures: dict[str, Any] = {"commit": commit(ROOT), "cores": os.cpu_count(), "libraries": {}}
    for name in asked.library or LIBRARIES:
        library = LIBRARIES[name]
        library = library.scaled(asked.scale) if asked.scale < 1 else library
        figures["libraries"][name] = measure(library, asked.rounds)
    if asked.write:
        asked.write.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
