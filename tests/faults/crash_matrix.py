"""The crash matrix: the head dies at every point of a run, and the same command must finish it.

    python tests/faults/crash_matrix.py                    every point, two ways, as a table
    python tests/faults/crash_matrix.py committed cleanup  these points only

A tiny library (two books of two pages) is read by the real command, which dies at the point; then
the plain command runs once. Afterwards every page must be right and paid once, as many batches
created as there were waves to ride, nothing left at the service and no temporary file anywhere. In
the second way the pages were there and are read anew (`-F`) by the command that dies; the plain one
after it must pay for nothing but what was left.

test_crash_points.py plays every case in one process (`play_here`), and a few as this command does.
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
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import Player
from pagewave import crash_points as crash
from pagewave.plan.targets import Command

SCHOOLS = {"Ashgrove/1852": 2, "Linden/1866": 2}
WAVES = 2
RECONCILE = {"reconcile_seconds": 0.5}
WAYS = (FIRST, AGAIN) = ("first reading", "forced rebuild")
CALL_POINTS = ("call-sent", "call-answered", "answer-stored")
"""Those of single calls: call_kills.py."""
PLACES = (
    *[point for point in crash.POINTS if point not in CALL_POINTS],
    *("file-half-written:2", "page-written:4", "committed:2", "file-uploaded:3"),
)
"""Where to crash: every point when first come to, and some of them later."""
LAST = ("book-written", "run-ended")
"""Where all pages are written."""
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
    if way == FIRST:
        root.mkdir()
        library, command = make_library(root, place), []
    else:
        shutil.copytree(finished, root)
        library = Library(root, {}, batch=RECONCILE, files=files_at(place))
        command = ["--forceall"]
    with library:
        try:
            library.crash(place, *command)
            library.run()
            problems = problems_of(library, place, way, library.state / "embedded/log.jsonl")
        except AssertionError as error:
            problems = [str(error)]
    return Case(place, way, tuple(problems), time.perf_counter() - started)


def play_here(place: str, way: str, root: Path, server: EmbeddedProcess) -> list[str]:
    """The same without a process: what is not as it must be.

    The server may be used by others before and after: the name of the folder is in every key.
    """
    root.mkdir()
    player = Player(make_library(root, place, root.name), server)
    log = server.state_dir / "log.jsonl"
    start = log.stat().st_size
    if way != FIRST:
        assert player.play() == "ok"
    assert player.play(Command(force_all=way != FIRST), crash_at=place) == "crashed"
    # A player asks only whether a book is there, not whether a page is newer.
    assert player.play() in (("ok", "nothing") if place in LAST else ("ok",))
    return problems_of(player.library, place, way, log, start)


def make_library(root: Path, place: str = "", state: str = "Ohio") -> Library:
    """The library of every case, with all its books in one state."""
    books = {f"{state}/{school}": pages for school, pages in SCHOOLS.items()}
    return Library(root, books, batch=RECONCILE, files=files_at(place))


def files_at(place: str) -> dict[str, str]:
    """How images go: inside of the requests, but where the third upload is to be one of them."""
    return {"images": "uploaded" if place == "file-uploaded:3" else "auto"}


def problems_of(library: Library, place: str, way: str, log: Path, start: int = 0) -> list[str]:
    """What is not as it must be after a crash and the command that followed.

    `log` is the server's, and concerns this library from byte `start` on.
    """
    events = events_of(log, start)
    times, keys = WAYS.index(way) + 1, []
    found = []
    for label in library.root.glob("labels/*/*/*"):
        book = "/".join(label.parts[-3:])
        pages = SCHOOLS["/".join(label.parts[-2:])]
        keys += [f"{book.replace('/', ':')}:{page}" for page in range(1, pages + 1)]
        listed = library.book(book)["pages"]
        if len(listed) != pages or not all(page["provenance"] for page in listed):
            found.append(f"the book {book} is not whole")
    assert len(keys) == sum(SCHOOLS.values())
    found += problems_of_pages(library, readings=dict.fromkeys(keys, times))
    read = Counter(event["key"] for event in events if event["event"] == "inference")
    if read != Counter(dict.fromkeys(keys, times)):
        found.append(f"read at the server: {dict(read)}")
    created = sum(event["event"] == "create" for event in events)
    # The crash may have left one book a page ahead of the other, for one wave more.
    most = WAVES * times + place.startswith("page-")
    if not WAVES * times <= created <= most:
        found.append(f"{created} batches created, not {WAVES * times}")
    found += problems_of_accounts(library, events, dict.fromkeys(keys, times - 1))
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
    Library.forks = False
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
