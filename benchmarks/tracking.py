"""What logging to Braintrust costs a run: the same pages read with it and without, in pairs.

Both runs of a pair read the same made-up pages (echo server, batches of one second) at the same
time, so that whatever else the machine does hits both alike; one logs every attempt to a local
server. Prints for each pair the seconds that all waves took and those of the median wave, with
their ratios (with logging to without), and at the end the medians of the ratios.

    python benchmarks/tracking.py              5 pairs of 300 pages
    python benchmarks/tracking.py 1000 3       3 pairs of 1000 pages
"""

import contextlib
import os
import sqlite3
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from overhead import ROOT, make_data_set, snakemake

from pagewave.embedded.process import TOKEN_VARIABLE, EmbeddedServer
from pagewave.gemini.connect import ADDRESS_VARIABLE

sys.path.insert(0, str(ROOT / "tests"))
from helpers.braintrust_server import BraintrustServer


class Costs(NamedTuple):
    """Of one run, in seconds: all waves together, a wave, the whole run, the head's CPU time."""

    waves: float
    wave: float
    wall: float
    cpu: float


def read(pages: int, logged: bool) -> Costs:
    """Read a new data set, in a process of its own; its attempts are logged or not even noted."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make_data_set(folder, pages)
        server = EmbeddedServer(folder / "server", ["--reader", "echo", "--batch-seconds", "1"])
        stack.callback(server.close)
        os.environ |= {ADDRESS_VARIABLE: server.base_url, TOKEN_VARIABLE: server.token}
        if logged:
            logs = stack.enter_context(BraintrustServer())
            os.environ |= logs.environment
        else:
            with (folder / "config.yaml").open("a") as config:
                config.write("tracking: {keep_rows: false}\n")
        wall, cpu, _ = snakemake(folder)
        if logged and len(logs.rows) != pages:
            sys.exit(f"{len(logs.rows)} of {pages} rows arrived")
        with contextlib.closing(sqlite3.connect(folder / "state/ledger.sqlite")) as ledger:
            waves = [row[0] for row in ledger.execute("SELECT ended_at - started_at FROM wave")]
        return Costs(sum(waves), statistics.median(waves), wall, cpu)


def main() -> None:
    """Read the pairs that the command line asks for."""
    pages, pairs = [*map(int, sys.argv[1:]), *(300, 5)[len(sys.argv) - 1 :]]
    ratios: list[tuple[float, float]] = []
    for _ in range(pairs):
        with ProcessPoolExecutor(2) as pool:
            without, with_it = pool.map(read, (pages, pages), (False, True))
        ratios.append((with_it.waves / without.waves, with_it.wave / without.wave))
        print(
            f"{pages} pages: all waves {without.waves:.1f} s without, {with_it.waves:.1f} s with "
            f"(ratio {ratios[-1][0]:.3f}); a wave {without.wave:.2f} s and {with_it.wave:.2f} s "
            f"({ratios[-1][1]:.3f}); run {without.wall:.1f} s and {with_it.wall:.1f} s; CPU of the "
            f"head {without.cpu:.1f} s and {with_it.cpu:.1f} s",
            flush=True,
        )
    of_all, of_a_wave = (statistics.median(values) for values in zip(*ratios, strict=True))
    print(f"median ratio of {pairs} pairs: all waves {of_all:.3f}, a wave {of_a_wave:.3f}")


if __name__ == "__main__":
    main()
