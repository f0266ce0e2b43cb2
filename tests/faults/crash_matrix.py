"""The crash matrix: the head dies at every point of a run, and the same command must finish it.

    python tests/faults/crash_matrix.py                    every point, two ways, as a table
    python tests/faults/crash_matrix.py committed cleanup  these points only

A tiny library (two books of two pages) is read by the real command, which dies at the point; then
the plain command runs once. Afterwards every page must be right and paid once, as many batches
created as there were waves to ride, nothing left at the service and no temporary file anywhere. In
the second way the pages were there and are read anew (`-F`) by the command that dies; the plain one
after it must pay for nothing but what was left.
"""

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console
from rich.table import Table

from helpers.accounts import (
    events_of,
    problems_of_accounts,
    problems_of_leftovers,
    problems_of_pages,
)
from helpers.library import Library
from pagewave import crash_points as crash

BOOKS = {"Ohio/Ashgrove/1852": 2, "Vermont/Linden/1866": 2}
WAVES = 2
KEYS = [f"{book.replace('/', ':')}:{page}" for book in BOOKS for page in (1, 2)]
WAYS = ("first reading", "forced rebuild")
PLACES = (*crash.POINTS, "file-half-written:2", "page-written:4", "committed:2", "file-uploaded:3")
"""Where to crash: every point when first come to, and some of them later."""
AT_ONCE = 2


@dataclass(frozen=True)
class Case:
    """One crash and what came after it; no problems: the same command finished."""

    place: str
    way: str
    problems: tuple[str, ...]
    seconds: float


def play(place: str, way: str, root: Path, finished: Path) -> Case:
    """Crash at a place and recover, in the folder `root`; `finished` is a library already read."""
    started = time.perf_counter()
    if way == "first reading":
        root.mkdir()
        library, command, times = make_library(root), [], 1
    else:
        shutil.copytree(finished, root)
        library, command, times = Library(root, {}), ["--forceall"], 2
        library.configure(batch={"reconcile_seconds": 0.5})
    with library:
        try:
            library.crash(place, *command)
            library.run()
            problems = problems_of(library, times, place.startswith("page-"))
        except AssertionError as error:
            problems = [str(error)]
    return Case(place, way, tuple(problems), time.perf_counter() - started)


def make_library(root: Path) -> Library:
    """The library of every case."""
    return Library(root, BOOKS, batch={"reconcile_seconds": 0.5})


def problems_of(library: Library, times: int, out_of_step: bool) -> list[str]:
    """What is not as it must be when every page was read this many times.

    `out_of_step`: the crash may have left one book a page ahead of the other, for one wave more.
    """
    events = events_of(library.state / "embedded/log.jsonl")
    found = problems_of_pages(library, reading=times)
    for book, pages in BOOKS.items():
        listed = library.book(book)["pages"]
        if len(listed) != pages or not all(page["provenance"] for page in listed):
            found.append(f"the book {book} is not whole")
    if library.inferences() != Counter(dict.fromkeys(KEYS, times)):
        found.append(f"read at the server: {dict(library.inferences())}")
    created = len(library.events("create"))
    if not WAVES * times <= created <= WAVES * times + out_of_step:
        found.append(f"{created} batches created, not {WAVES * times}")
    found += problems_of_accounts(library, events, dict.fromkeys(KEYS, times - 1))
    return found + problems_of_leftovers(library, events)


def play_all(places: Sequence[str], ways: Sequence[str], folder: Path) -> Iterator[Case]:
    """All cases, two at a time, in order."""
    finished = folder / "finished"
    finished.mkdir()
    with make_library(finished) as library:
        library.run()

    def one(number_and_case: tuple[int, tuple[str, str]]) -> Case:
        number, (place, way) = number_and_case
        return play(place, way, folder / str(number), finished)

    cases = [(place, way) for place in places for way in ways]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(one, enumerate(cases))


def table_of(cases: Iterable[Case]) -> Table:
    """One row a point."""
    rows: dict[str, dict[str, Case]] = {}
    for case in cases:
        rows.setdefault(case.place, {})[case.way] = case
    table = Table("#", "crash point", "how things stand there", *WAYS)
    for number, (place, by_way) in enumerate(rows.items(), 1):
        results = [
            f"{len(by_way[way].problems)} problems"
            if by_way[way].problems
            else f"ok, {by_way[way].seconds:.1f} s"
            for way in WAYS
        ]
        what = crash.POINTS[place.partition(":")[0]]
        table.add_row(str(number), place, what, *results)
    return table


def main() -> int:
    """Play the cases named on the command line, or all; 1 when one of them failed."""
    with tempfile.TemporaryDirectory() as name:
        cases = list(play_all(sys.argv[1:] or PLACES, WAYS, Path(name)))
    Console(width=None if sys.stdout.isatty() else 160).print(table_of(cases))
    for case in cases:
        for problem in case.problems:
            print(f"{case.place}, {case.way}: {problem}")
    failed = sum(bool(case.problems) for case in cases)
    print(f"{len(cases)} crashes, {len(cases) - failed} finished by the same command.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
