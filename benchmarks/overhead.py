"""What pagewave itself costs: time and memory of the head, apart from reading pages.

Reads the same made-up pages (images of the sample's size, echo server) in turn by pagewave, by a
plain asyncio script without a ledger (plain.py), and as jobs that do nothing (bare.smk); with
--against by another checkout of pagewave too. Ratios are those of one go, and the machine may be
busy: of CPU time the least and the median. The reading room, which is pictures, is off.

    python benchmarks/overhead.py                        1,000 pages, calls of 0 and 100 ms
    python benchmarks/overhead.py 1000 10000             other sizes
    python benchmarks/overhead.py --against ../older     an older build beside it
    python benchmarks/overhead.py 100000 --only pagewave --rounds 1 --call-ms 0 --batch-seconds 0
                                                         alone, no wait: 8 GB in TMPDIR
    python benchmarks/overhead.py --write                into overhead.json, which the docs quote
    python benchmarks/overhead.py --table                as docs/scaling.md has to have it
"""

import argparse
import contextlib
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pagewave.embedded.process import TOKEN_VARIABLE, EmbeddedServer
from pagewave.gemini.connect import ADDRESS_VARIABLE

ROOT = Path(__file__).parent.parent
FIGURES = Path(__file__).parent / "overhead.json"
PAGES_A_BOOK = 20
OURS = "pagewave"


def make_data_set(folder: Path, pages: int, pages_a_book: int = PAGES_A_BOOK) -> None:
    """Books of so many pages, the last one of what is left."""
    make_books(folder, [min(pages_a_book, pages - at) for at in range(0, pages, pages_a_book)])


def make_books(folder: Path, lengths: Sequence[int]) -> None:
    """Labels, images as in the sample and every one different, and a configuration."""
    samples = [path.read_bytes() for path in sorted((ROOT / "resources/sample").rglob("*.jpg"))]
    places = [(book, page) for book, pages in enumerate(lengths) for page in range(pages)]
    for number, (place, page) in enumerate(places):
        book = Path("Ohio") / f"School {place:05}" / "1850"
        stem = str(page + 1)
        for kind in ("labels", "images"):
            (folder / kind / book).mkdir(parents=True, exist_ok=True)
        (folder / "labels" / book / f"{stem}.json").write_text("{}")
        image, told = samples[number % len(samples)], str(number).encode()
        comment = b"\xff\xfe" + (len(told) + 2).to_bytes(2, "big") + told
        (folder / "images" / book / f"{stem}.jpg").write_bytes(image[:2] + comment + image[2:])
    configure(folder / "config.yaml", Path())


def configure(
    path: Path, data: Path, root: Path = ROOT, settings: Mapping[str, Any] | None = None
) -> None:
    """Write a configuration for labels and images in `data`, and the pagewave in `root`.

    Args:
        settings: further sections, or others in place of those that are written here.
    """
    config: dict[str, Any] = {
        "engine": "embedded",
        "paths": {
            "label_source_dir": str(data / "labels"),
            "image_source_dir": str(data / "images"),
        },
        "prompt": {"registry_dir": str(root / "prompts")},
        "embedded": {"reader": "echo"},
    }
    if (root / "rules" / "site.smk").exists():  # earlier ones have no reading room
        config["site"] = {"enabled": False}
    path.write_text(yaml.safe_dump(config | dict(settings or {})))


def snakemake(
    folder: Path, snakefile: str = "Snakefile", *arguments: str, root: Path = ROOT
) -> tuple[float, float, int]:
    """Run it; returns wall seconds, CPU seconds and peak memory in MB of the head alone."""
    command = [sys.executable, "-m", "snakemake", "-s", str(root / snakefile)]
    command += ["--workflow-profile", str(root / "profiles/default")]
    if not arguments:
        arguments = ("--configfile", "config.yaml")
    return run(folder, [*command, *arguments], {"PYTHONPATH": str(root / "scripts")})


def run(folder: Path, command: Sequence[str], more: Mapping[str, str]) -> tuple[float, float, int]:
    """Run a command there; returns wall seconds, CPU seconds and peak memory in MB."""
    started = time.perf_counter()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=os.environ | more
        )
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit((folder / "output.txt").read_text()[-3000:])
    wall = time.perf_counter() - started
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


@dataclass(frozen=True)
class Cost:
    """Of one run; `makespan`: see there. Bare Snakemake has no batches."""

    cpu_ms_a_page: float
    makespan: float | None
    wall: float
    memory_mb: int


def events_of(*logs: Path) -> list[dict[str, Any]]:
    """The events of logs whose lines are JSON, of the service or of a run."""
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def makespan(service: Sequence[Mapping[str, Any]]) -> float:
    """Seconds from the first batch's creation, or call, to the end of the last one."""
    begun = [event["t"] for event in service if event["event"] in ("create", "call")]
    ended = [event["t"] for event in service if event["event"] in ("finish", "inference")]
    return float(max(ended) - min(begun))


def place_of(display_name: str) -> tuple[int, int]:
    """The lane and the wave of a batch, by its name."""
    lane, wave = re.findall(r"\blane(\d+)-wave(\d+)\b", display_name)[0]
    return int(lane), int(wave)


@dataclass(frozen=True)
class Task:
    """What is to be read, and how fast the server is.

    `settings`: sections of the configuration. `options`: further ones of the server.
    """

    data: Path
    pages: int
    pages_a_book: int
    call_ms: int
    batch_seconds: float
    faults: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Sequence[str] = ()

    def read(self, name: str, root: Path) -> Cost:
        """Have it read by one of the competitors, from nothing."""
        with tempfile.TemporaryDirectory(dir=self.data) as place:
            folder = Path(place)
            if name == "bare":
                books = -(-self.pages // self.pages_a_book)
                shape = (f"books={books}", f"pages={self.pages_a_book}")
                cost = snakemake(folder, "benchmarks/bare.smk", "--config", *shape)
                return self._cost(cost, None)
            # A server of its own, so that its CPU time does not count as the head's.
            with contextlib.closing(self._server(folder / "server")) as server:
                os.environ |= {ADDRESS_VARIABLE: server.base_url, TOKEN_VARIABLE: server.token}
                if name == "script":
                    script = [sys.executable, str(ROOT / "benchmarks/plain.py")]
                    where = [str(self.data / kind) for kind in ("labels", "images")]
                    cost = run(folder, [*script, *where, "results", server.base_url], {})
                else:
                    configure(folder / "config.yaml", self.data, root, self.settings)
                    cost = snakemake(folder, root=root)
            written = [p for p in (folder / "results").rglob("[0-9]*.json") if p.stem.isdigit()]
            if len(written) != self.pages:
                sys.exit(f"{name}: {len(written)} of {self.pages} pages written")
            return self._cost(cost, folder / "server" / "log.jsonl")

    def _server(self, folder: Path) -> EmbeddedServer:
        options = ["--reader", "echo", "--batch-seconds", str(self.batch_seconds), *self.options]
        options += ["--pages", str(self.data / "images")]
        if self.call_ms:
            options += ["--fault", f"slow:seconds={self.call_ms / 1000}"]
        options += [part for fault in self.faults for part in ("--fault", fault)]
        return EmbeddedServer(folder, options)

    def _cost(self, cost: tuple[float, float, int], log: Path | None) -> Cost:
        wall, cpu, memory = cost
        took = round(makespan(events_of(log)), 2) if log else None
        return Cost(round(1000 * cpu / self.pages, 2), took, round(wall, 2), memory)


def compare(task: Task, roots: Mapping[str, Path], rounds: int) -> dict[str, Any]:
    """Read it `rounds` times by each, in turn; the figures as they go into the file."""
    costs: dict[str, list[Cost]] = {name: [] for name in roots}
    for number in range(rounds):
        for name in list(roots)[:: -1 if number % 2 else 1]:
            costs[name].append(cost := task.read(name, roots[name]))
            print(f"  {name:>9}: {asdict(cost)}", file=sys.stderr, flush=True)
    others = [name for name in roots if name != OURS]
    ratios = {}
    for name in others:
        pairs = list(zip(costs[OURS], costs[name], strict=True))
        ratios[name] = {
            "cpu": ratio([(ours.cpu_ms_a_page, other.cpu_ms_a_page) for ours, other in pairs]),
            "makespan": ratio(
                [(a.makespan, b.makespan) for a, b in pairs if a.makespan and b.makespan]
            ),
        }
    return {
        "pages": task.pages,
        "pages_a_book": task.pages_a_book,
        "call_ms": task.call_ms,
        "batch_seconds": task.batch_seconds,
        "runs": {name: [asdict(cost) for cost in each] for name, each in costs.items()},
        "ratios": ratios,
    }


def ratio(pairs: Sequence[tuple[float, float]]) -> dict[str, float] | None:
    """Ours to the other: of the least of all runs, and the median of the pairs."""
    if not pairs:
        return None
    least = min(ours for ours, _ in pairs) / min(other for _, other in pairs)
    return {
        "least": round(least, 3),
        "median": round(statistics.median(ours / other for ours, other in pairs), 3),
    }


NAMES = {"bare": "bare Snakemake", "script": "the script", "against": "the build before"}


def table(figures: Mapping[str, Any]) -> str:
    """The figures as docs/scaling.md has them."""
    lines = [
        f"Snakemake {figures['snakemake']}, Python {figures['python']}, {figures['cores']} cores. "
        "Ratios: of the least, and the median of the rounds.",
        "",
        "| pages | a call | rounds | ms CPU a page | peak memory | CPU to bare Snakemake "
        "| CPU to the script | makespan to the script |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in figures["sizes"]:
        ours = each["runs"][OURS]
        cells = [
            f"{each['pages']:,}",
            f"{each['call_ms']} ms",
            f"{len(ours)}",
            f"{min(cost['cpu_ms_a_page'] for cost in ours):.1f}",
            f"{max(cost['memory_mb'] for cost in ours)} MB",
            _both(each, "bare", "cpu"),
            _both(each, "script", "cpu"),
            _both(each, "script", "makespan"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if any("against" in each["ratios"] for each in figures["sizes"]):
        lines += ["", f"CPU and makespan to {figures['against']}, in the same go:"]
        for each in figures["sizes"]:
            if "against" in each["ratios"]:
                both = f"{_both(each, 'against', 'cpu')} and {_both(each, 'against', 'makespan')}"
                lines.append(f"{each['pages']:,} pages, {each['call_ms']} ms a call: {both}.")
    return "\n".join(lines)


def said(size: Mapping[str, Any]) -> str:
    """The figures of one size, for people: of pagewave the least of all runs, and the ratios."""
    ours = size["runs"][OURS]
    cpu, took = (min(cost[what] for cost in ours) for what in ("cpu_ms_a_page", "makespan"))
    memory = max(cost["memory_mb"] for cost in ours)
    return (
        f"{size['pages']:,} pages, {size['call_ms']} ms a call: {cpu:.1f} ms CPU a page, "
        f"makespan {took:.0f} s, {memory} MB; {json.dumps(size['ratios'])}"
    )


def _both(size: Mapping[str, Any], name: str, what: str) -> str:
    found = size["ratios"].get(name, {}).get(what)
    return f"{found['least']:.2f} / {found['median']:.2f}" if found else "-"


def commit(root: Path) -> str:
    """The short name of a checkout's commit; empty where git does not know it."""
    command = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=int, nargs="*", default=[1000])
    parser.add_argument("--pages-a-book", type=int, default=PAGES_A_BOOK, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--call-ms", type=int, nargs="+", default=[0, 100], metavar="MS")
    parser.add_argument("--batch-seconds", type=float, default=1.0, metavar="S")
    parser.add_argument("--against", type=Path, help="another checkout of pagewave")
    parser.add_argument("--only", nargs="+", choices=(OURS, *NAMES), help="leave others out")
    parser.add_argument(
        "--write", type=Path, nargs="?", const=FIGURES, help="file for the figures", metavar="FILE"
    )
    parser.add_argument("--table", action="store_true", help="of overhead.json; measures nothing")
    asked = parser.parse_args(arguments)
    if asked.table:
        print(table(json.loads(FIGURES.read_text())))
        return
    roots = {OURS: ROOT, "bare": ROOT, "script": ROOT}
    if asked.against:
        roots["against"] = asked.against.resolve()
    roots = {who: root for who, root in roots.items() if who in (OURS, *(asked.only or roots))}
    from snakemake import __version__ as version

    figures: dict[str, Any] = {
        "commit": commit(ROOT),
        "against": commit(roots["against"]) if "against" in roots else None,
        "python": platform.python_version(),
        "snakemake": version,
        "cores": os.cpu_count(),
        "sizes": [],
    }
    for pages, call_ms in itertools.product(asked.pages, asked.call_ms):
        with tempfile.TemporaryDirectory() as name:
            task = Task(Path(name), pages, asked.pages_a_book, call_ms, asked.batch_seconds)
            make_data_set(task.data, pages, asked.pages_a_book)
            found = compare(task, roots, asked.rounds)
        figures["sizes"].append(found)
        print(said(found), flush=True)
        if asked.write:
            asked.write.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
