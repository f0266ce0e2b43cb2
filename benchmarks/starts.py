"""What a start costs where little or nothing is to be read: CPU time and memory of the head.

One made-up library (overhead.py's images, echo server), read once by each build; then in turn, at
one go, by this build and with --against by another checkout:

    fresh      snakemake -n of all, when nothing was read yet
    nothing    snakemake, when all was read: nothing to be done
    settled    snakemake -n of the same
    few        snakemake -n when one book in twenty is to be read, its page files are gone
    again      one book read again: snakemake -F results/books/…/book.json

    python benchmarks/starts.py                          1,000 pages
    python benchmarks/starts.py 10000 --against ../older --write starts.json
    python benchmarks/starts.py 10000 --in /tmp/kept     libraries are kept there, and used again
    python benchmarks/starts.py 100000 --only fresh      what needs no library that was read
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from overhead import OURS, PAGES_A_BOOK, ROOT, commit, configure, make_data_set, ratio, snakemake

from pagewave.embedded.process import TOKEN_VARIABLE, EmbeddedServer
from pagewave.gemini.connect import ADDRESS_VARIABLE

STARTS = ("fresh", "nothing", "settled", "few", "again")
CONFIGURED = ("--configfile", "config.yaml")
NOTHING = "Nothing to be done"
EVERY = 20
"""Of so many books one is to be read in `few`."""


@dataclass(frozen=True)
class Cost:
    """Of one start: CPU seconds, wall seconds and peak memory of the head."""

    cpu: float
    wall: float
    memory_mb: int


class Built:
    """A library as one build reads it; `folder` holds its configuration, results and ledger."""

    def __init__(self, name: str, root: Path, data: Path) -> None:
        self.name = name
        self.root = root
        self.folder = data / name
        self.folder.mkdir(exist_ok=True)
        configure(self.folder / "config.yaml", data, root)

    @property
    def books(self) -> Path:
        """Where the files of books are."""
        return self.folder / "results/books"

    def read_all(self) -> None:
        """Have all pages read, unless they were."""
        if (self.folder / "whole").exists():
            return
        with self._served():
            cost = self._start()
        print(f"  {self.name}: the whole read, {asdict(cost)}", file=sys.stderr, flush=True)
        (self.folder / "whole").touch()

    def measure(self, start: str) -> Cost:
        """One start of this kind."""
        if start == "fresh":
            return self._fresh()
        if start == "again":
            book = min(self.books.rglob("book.json")).relative_to(self.folder)
            with self._served():
                return self._start("-F", str(book))
        if start == "few":
            return self._few()
        cost = self._start(*(["-n"] if start == "settled" else []))
        if NOTHING not in (self.folder / "output.txt").read_text():
            sys.exit(f"{self.name}: something was to be done, see {self.folder / 'output.txt'}")
        return cost

    def _fresh(self) -> Cost:
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as place:
            configure(Path(place) / "config.yaml", self.folder.parent, self.root)
            return self._start("-n", folder=Path(place))

    def _few(self) -> Cost:
        """The page files of a part of the books are put aside, and then put back."""
        pages = sorted((self.folder / "results/pages").glob("*/*/*"))[::EVERY]
        aside = [path.with_name(path.name + ".aside") for path in pages]
        for path, other in zip(pages, aside, strict=True):
            path.rename(other)
        try:
            return self._start("-n")
        finally:
            for path, other in zip(pages, aside, strict=True):
                other.rename(path)

    def _start(self, *arguments: str, folder: Path | None = None) -> Cost:
        wall, cpu, memory = snakemake(
            folder or self.folder, "Snakefile", *arguments, *CONFIGURED, root=self.root
        )
        return Cost(round(cpu, 2), round(wall, 2), memory)

    @contextlib.contextmanager
    def _served(self) -> Iterator[None]:
        """With a server of its own, so that its CPU time does not count as the head's."""
        options = ["--reader", "echo", "--batch-seconds", "0.2"]
        with contextlib.closing(EmbeddedServer(self.folder / "server", options)) as server:
            os.environ |= {ADDRESS_VARIABLE: server.base_url, TOKEN_VARIABLE: server.token}
            try:
                yield
            finally:
                del os.environ[ADDRESS_VARIABLE], os.environ[TOKEN_VARIABLE]


def compare(built: Sequence[Built], starts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Each start `rounds` times by each build, in turn; the figures as they go into the file."""
    found: dict[str, Any] = {}
    for start in starts:
        costs: dict[str, list[Cost]] = {each.name: [] for each in built}
        for number in range(rounds):
            for each in built[:: -1 if number % 2 else 1]:
                if start != "fresh":
                    each.read_all()
                costs[each.name].append(cost := each.measure(start))
                print(f"  {start} {each.name:>8}: {asdict(cost)}", file=sys.stderr, flush=True)
        found[start] = {name: [asdict(cost) for cost in each] for name, each in costs.items()}
        if len(costs) > 1:
            pairs = list(zip(*costs.values(), strict=True))
            found[start]["ratios"] = {
                "cpu": ratio([(ours.cpu, other.cpu) for ours, other in pairs]),
                "memory": round(
                    statistics.median(ours.memory_mb / other.memory_mb for ours, other in pairs), 3
                ),
            }
    return found


def table(sizes: Sequence[Mapping[str, Any]]) -> str:
    """The figures for people."""
    lines = ["| pages | start | CPU s | peak memory | CPU to the build before |"]
    lines.append("|---|---|---|---|---|")
    for each in sizes:
        for start, found in each["starts"].items():
            ours = found[OURS]
            cpu = min(cost["cpu"] for cost in ours)
            memory = max(cost["memory_mb"] for cost in ours)
            ratios = found.get("ratios")
            told = f"{ratios['cpu']['least']:.2f} / {ratios['cpu']['median']:.2f}" if ratios else ""
            lines.append(
                f"| {each['pages']:,} | {start} | {cpu:.1f} | {memory} MB | {told or '-'} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=int, nargs="*", default=[1000])
    parser.add_argument("--pages-a-book", type=int, default=PAGES_A_BOOK, metavar="N")
    parser.add_argument("--rounds", type=int, default=2, metavar="N")
    parser.add_argument("--against", type=Path, help="another checkout of pagewave")
    parser.add_argument("--only", nargs="+", choices=STARTS, default=STARTS, metavar="START")
    parser.add_argument("--in", dest="kept", type=Path, help="keep libraries here", metavar="DIR")
    parser.add_argument("--write", type=Path, help="file for the figures", metavar="FILE")
    asked = parser.parse_args(arguments)
    roots = {OURS: ROOT} | ({"against": asked.against.resolve()} if asked.against else {})
    from snakemake import __version__ as version

    figures: dict[str, Any] = {
        "commit": commit(ROOT),
        "against": commit(roots["against"]) if asked.against else None,
        "python": platform.python_version(),
        "snakemake": version,
        "cores": os.cpu_count(),
        "sizes": [],
    }
    for pages in asked.pages:
        with contextlib.ExitStack() as stack:
            place = asked.kept or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            data = place.resolve() / f"{pages}x{asked.pages_a_book}"
            if not (data / "config.yaml").exists():
                data.mkdir(parents=True)
                make_data_set(data, pages, asked.pages_a_book)
            built = [Built(name, root, data) for name, root in roots.items()]
            found = compare(built, asked.only, asked.rounds)
        size = {"pages": pages, "pages_a_book": asked.pages_a_book, "starts": found}
        figures["sizes"].append(size)
        print(table([size]), flush=True)
        if asked.write:
            asked.write.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
