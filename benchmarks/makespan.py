"""How long reading takes beside what it must take, and where the rest of a wave's time goes.

The limit is the longest book's pages times what a batch takes: each of its pages waits for the one
before. Libraries, read in turn by pagewave and by the asyncio script (plain.py):

    even     50 books of 20 pages, batches of 5 s
    mixed    60 books of 1 to 60 pages, batches of 2 s, and one answer in a hundred is no page
    far      100 books of 10 pages, batches of 2 s, and every call takes 100 ms more
    minute   50 books of 10 pages, batches of 60 s: ten minutes each, and only where it is named

Beside that: medians of what a wave of pagewave takes beyond its batch, by part and altogether.

    python benchmarks/makespan.py                    all but minute, once
    python benchmarks/makespan.py even --rounds 3
    python benchmarks/makespan.py minute --only pagewave
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
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from overhead import OURS, ROOT, Cost, Task, commit, events_of, make_books, place_of

PARTS = {
    "sent": "from its start until its batch is sent",
    "taken": "from its batch's end until all that it brought is committed",
    "closed": "from then until it is closed",
    "next": "from then until the lane's next wave starts (less than 0: it was sent before)",
    "between": "altogether: from its batch's end until the service has the lane's next batch",
}
Wave = tuple[int, int]
"""The number of a lane, and that of a wave in it."""


@dataclass(frozen=True)
class Library:
    """Books to read, as numbers of pages, and how the service is."""

    lengths: Sequence[int]
    batch_seconds: float
    faults: Sequence[str] = ()
    call_ms: int = 0

    def scaled(self, scale: float) -> "Library":
        """The same, with this share of the books and of each one's pages."""
        books = self.lengths[:: max(1, round(1 / scale))]
        return replace(self, lengths=[max(1, round(n * scale)) for n in books])

    @property
    def limit(self) -> float:
        """Seconds that reading takes at least, if nothing fails."""
        return max(self.lengths) * self.batch_seconds


LIBRARIES = {
    "even": Library([20] * 50, 5.0),
    "mixed": Library(list(range(1, 61)), 2.0, ["invalid-schema:probability=0.01"]),
    "far": Library([10] * 100, 2.0, call_ms=100),
    "minute": Library([10] * 50, 60.0),
}
LONG = ("minute",)
WHO = (OURS, "script")


@dataclass(frozen=True)
class Timed(Task):
    """A task that notes where a run of pagewave spent the time of its waves, a dict a run."""

    parts: list[dict[str, float]] = field(default_factory=list)

    def _cost(self, cost: tuple[float, float, int], log: Path | None) -> Cost:
        logs = list((log.parent.parent / "logs" / "runs").glob("*.jsonl")) if log else []
        if log and logs:
            self.parts.append(parts_of(events_of(log), events_of(*logs)))
        return super()._cost(cost, log)


def parts_of(
    service: Sequence[Mapping[str, Any]], run: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Medians over all waves of a run's time beyond its batches (s), by part: see PARTS.

    A wave that was sent before it started, while the one before was not closed yet, counts from
    when the answers of that one were committed.

    Args:
        service: events of the embedded server, whose `t` is in Unix seconds.
        run: events of the run's log.
    """
    waves: dict[str, Wave] = {}
    at: dict[str, dict[Wave, float]] = defaultdict(dict)
    for event in service:
        if event["event"] == "create":
            waves[event["batch"]] = wave = place_of(event["display_name"])
            at["created"].setdefault(wave, event["t"])
        elif event["event"] == "finish":
            at["ended"][waves[event["batch"]]] = event["t"]
    for event in run:
        if event["event"] in ("wave_started", "batch_sent", "batch_collected", "wave_closed"):
            now = datetime.fromisoformat(event["time"]).timestamp()
            at[event["event"]][event["lane"], event["wave"]] = now
    times: dict[str, list[float]] = defaultdict(list)

    def note(part: str, begin: float | None, end: float | None) -> None:
        if begin is not None and end is not None:
            times[part].append(end - begin)

    for lane, number in at["created"]:
        wave, after = (lane, number), (lane, number + 1)
        started, sent = at["wave_started"].get(wave), at["batch_sent"].get(wave)
        if started and sent and started > sent:
            started = at["batch_collected"].get((lane, number - 1))
        ended, taken = at["ended"].get(wave), at["batch_collected"].get(wave)
        closed = at["wave_closed"].get(wave)
        note("sent", started, sent)
        note("taken", ended, taken)
        note("closed", taken, closed)
        note("next", closed, at["wave_started"].get(after))
        note("between", ended, at["created"].get(after))
    return {part: round(statistics.median(times[part]), 3) for part in PARTS if times[part]}


def measure(library: Library, rounds: int, whom: Sequence[str] = WHO) -> dict[str, Any]:
    """Read it `rounds` times by each, in turn; the figures as they go into the file."""
    spans: dict[str, list[float]] = {who: [] for who in whom}
    with tempfile.TemporaryDirectory() as name:
        how = library.call_ms, library.batch_seconds, library.faults
        task = Timed(Path(name), sum(library.lengths), 0, *how)
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
        "call_ms": library.call_ms,
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
        shares = [f"{each['limit'] / least[who]:.2f}" if who in least else "-" for who in WHO]
        cells = [
            f"{name}: {each['books']} books, {each['pages']:,} pages, {each['batch_seconds']:g} s"
        ]
        cells[0] += f", {each['call_ms']} ms a call" if each["call_ms"] else ""
        cells += [f"{each['limit']:g} s", *shares]
        cells.append(f"{least[OURS] / least['script']:.2f}" if "script" in least else "-")
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
    parser.add_argument("--only", choices=[OURS], help="without the script")
    parser.add_argument("--rounds", type=int, default=1, metavar="N")
    parser.add_argument("--scale", type=float, default=1.0, metavar="SHARE")
    parser.add_argument("--write", type=Path, help="file for the figures", metavar="FILE")
    asked = parser.parse_args(arguments)
    figures: dict[str, Any] = {"commit": commit(ROOT), "cores": os.cpu_count(), "libraries": {}}
    for name in asked.library or [name for name in LIBRARIES if name not in LONG]:
        library = LIBRARIES[name]
        library = library.scaled(asked.scale) if asked.scale < 1 else library
        figures["libraries"][name] = measure(
            library, asked.rounds, [asked.only] if asked.only else WHO
        )
    if asked.write:
        asked.write.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
