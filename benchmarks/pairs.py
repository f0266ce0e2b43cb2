"""Pagewave beside itself, in turn at one go: the same pages (overhead.py's) read in two ways.

    flex     by batch, and by calls of the tier flex, each of 2 s, 64 at once
    stuck    in five lanes whose batches take 5 s, and the same where one batch hangs for 60 s

Of the first the head's CPU time a page is compared, and beside it stands how many pages a second
are answered: over all, and between the first tenth of them and the last, which is what a longer
run holds. Of the second what is compared is the time from the first batch until all pages of the
other lanes are read.

    python benchmarks/pairs.py                      both, three times each way: twelve minutes
    python benchmarks/pairs.py flex --rounds 1
    python benchmarks/pairs.py stuck --scale 0.1    a tenth of books, pages and seconds
    python benchmarks/pairs.py --write FILE         all figures, as JSON
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overhead import (
    OURS,
    ROOT,
    Cost,
    Task,
    commit,
    events_of,
    make_data_set,
    makespan,
    place_of,
    ratio,
)

CALL_SECONDS, CALLS = 2.0, 64
UNLIMITED = dict.fromkeys(
    ("requests_per_minute", "tokens_per_minute", "requests_per_day"), 1_000_000_000
)
"""What a tier allows has no part in what the head can do."""
LANES, STUCK_LANE, STUCK_WAVE, STUCK_SECONDS = 5, 3, 2, 60.0

WORDS = {
    "cpu_ms_a_page": "ms CPU a page",
    "memory_mb": "MB at most",
    "pages_a_second": "pages a second",
    "held_a_second": "held",
    "outside_seconds": "s until the other lanes are read",
    "hung_seconds": "s for that batch",
    "makespan": "s for all",
}
Events = Sequence[Mapping[str, Any]]
Figures = dict[str, float]


@dataclass(frozen=True)
class Way:
    """How pages are read: sections of the configuration, options of the server."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Sequence[str] = ()
    faults: Sequence[str] = ()


@dataclass(frozen=True)
class Pair:
    """Two ways of reading the same pages, by name.

    `look` makes figures of a run's cost and of the service's events; `compared` is one of them.
    """

    books: int
    pages_a_book: int
    batch_seconds: float
    ways: Mapping[str, Way]
    look: Callable[[Cost, Events], Figures]
    compared: str


@dataclass(frozen=True)
class Watched(Task):
    """A task that keeps the service's events, a list a run."""

    events: list[Events] = field(default_factory=list)

    def _cost(self, cost: tuple[float, float, int], log: Path | None) -> Cost:
        assert log is not None
        self.events.append(events_of(log))
        return super()._cost(cost, log)


def flex(scale: float) -> Pair:
    """By batch, and by calls; of so many books that there is a chain for each call to the end."""
    settings = {"execution": {"transport": "flex"}, "calls": {"in_flight": CALLS} | UNLIMITED}
    options = ["--call-seconds", str(CALL_SECONDS * scale), "--call-sigma", "0"]
    return Pair(
        books=max(2, round(200 * scale)),
        pages_a_book=max(1, round(10 * scale)),
        batch_seconds=scale,
        ways={"batch": Way(), "flex": Way(settings, options)},
        look=_look_at_flex,
        compared="cpu_ms_a_page",
    )


def _look_at_flex(cost: Cost, service: Events) -> Figures:
    figures: Figures = {"cpu_ms_a_page": cost.cpu_ms_a_page, "memory_mb": cost.memory_mb}
    if any(event["event"] == "call" for event in service):
        answered = sorted(event["t"] for event in service if event["event"] == "inference")
        tenth = len(answered) // 10
        middle = answered[tenth : len(answered) - tenth]
        figures["pages_a_second"] = round(len(answered) / makespan(service), 2)
        figures["held_a_second"] = round((len(middle) - 1) / (middle[-1] - middle[0]), 2)
    return figures


def stuck(scale: float) -> Pair:
    """Lanes of which none has a batch that hangs, or one."""
    books_a_lane = max(1, round(20 * scale))
    settings = {"execution": {"batch_size_limit": books_a_lane}}
    which = f"match=-lane{STUCK_LANE}-wave{STUCK_WAVE}-"
    hold = f"batch-hold:{which},seconds={STUCK_SECONDS * scale}"
    return Pair(
        books=LANES * books_a_lane,
        pages_a_book=max(STUCK_WAVE, round(8 * scale)),
        batch_seconds=5.0 * scale,
        ways={"none": Way(settings), "one": Way(settings, faults=[hold])},
        look=_look_at_stuck,
        compared="outside_seconds",
    )


def _look_at_stuck(cost: Cost, service: Events) -> Figures:
    created = {event["batch"]: event for event in service if event["event"] == "create"}
    ended = {event["batch"]: event["t"] for event in service if event["event"] == "finish"}
    places = {batch: place_of(event["display_name"]) for batch, event in created.items()}
    outside = [batch for batch, (lane, _) in places.items() if lane != STUCK_LANE]
    [it] = [batch for batch, place in places.items() if place == (STUCK_LANE, STUCK_WAVE)]
    first = min(created[batch]["t"] for batch in outside)
    return {
        "outside_seconds": round(max(ended[batch] for batch in outside) - first, 2),
        "hung_seconds": round(ended[it] - created[it]["t"], 2),
        "makespan": round(makespan(service), 2),
    }


PAIRS: Mapping[str, Callable[[float], Pair]] = {"flex": flex, "stuck": stuck}


def measure(pair: Pair, rounds: int) -> dict[str, Any]:
    """Read it `rounds` times each way, in turn; the figures as they go into the file."""
    pages = pair.books * pair.pages_a_book
    found: dict[str, list[Figures]] = {name: [] for name in pair.ways}
    with tempfile.TemporaryDirectory() as name:
        make_data_set(Path(name), pages, pair.pages_a_book)
        for number in range(rounds):
            for which in list(found)[:: -1 if number % 2 else 1]:
                way = pair.ways[which]
                how = pair.batch_seconds, way.faults, way.settings, way.options
                task = Watched(Path(name), pages, pair.pages_a_book, 0, *how)
                cost = task.read(OURS, ROOT)
                found[which].append(figures := pair.look(cost, task.events[0]))
                print(f"  {which:>5}: {figures}", file=sys.stderr, flush=True)
    first, second = ([run[pair.compared] for run in runs] for runs in found.values())
    return {
        "books": pair.books,
        "pages": pages,
        "batch_seconds": pair.batch_seconds,
        "compared": pair.compared,
        "runs": found,
        "ratio": ratio(list(zip(second, first, strict=True))),
    }


def table(pairs: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures as Markdown: of each the median, and the ratio of the least and of the pairs."""
    lines = ["| pair | read | medians | ratio of the first figure |", "|---|---|---|---|"]
    for name, each in pairs.items():
        what = f"{name}: {each['books']} books, {each['pages']:,} pages"
        for number, (which, runs) in enumerate(each["runs"].items()):
            told = ", ".join(
                f"{statistics.median(run[key] for run in runs):.4g} {WORDS[key]}" for key in runs[0]
            )
            compared = "{least:.2f} / {median:.2f}".format(**each["ratio"])
            lines.append(f"| {what} | {which} | {told} | {compared if number else ''} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pair", nargs="*", help=", ".join(PAIRS))
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--scale", type=float, default=1.0, metavar="SHARE")
    parser.add_argument("--write", type=Path, help="file for the figures", metavar="FILE")
    asked = parser.parse_args(arguments)
    figures: dict[str, Any] = {"commit": commit(ROOT), "cores": os.cpu_count(), "pairs": {}}
    for name in asked.pair or PAIRS:
        figures["pairs"][name] = measure(PAIRS[name](asked.scale), asked.rounds)
        if asked.write:
            asked.write.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures["pairs"]))


if __name__ == "__main__":
    main()
