"""`auto` in earnest, at a tenth of the time, beside the simulation of the same books (roads.py).

The real command reads made-up books from the embedded server, whose calls take a tenth of what
those of the simulation take, and whose batches do; all pauses are a tenth too. Prints the hours of
both, as if time had not been cut.

    python benchmarks/roads_live.py                  both cases: a quarter of an hour
    python benchmarks/roads_live.py calm --scale 20  one of them, at a twentieth
"""

import argparse
import math
import random
import statistics
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]

from benchmarks import roads
from helpers.embedded_process import EmbeddedProcess
from helpers.known_pace import know_pace
from helpers.library import Library
from pagewave.plan.pace import ASK_AGAIN_PAUSES, FLEX_SECONDS_SEEN
from pagewave.plan.roads import ASK_AGAIN_SECONDS, box_seconds

LANE = 4
BOOK = "Ohio/School {:02}/1850"
SERVER_SEED = 0
SEEDS = 8
LONGEST_SECONDS = 3600.0
SAME = {
    "LANE": LANE,
    **dict.fromkeys(("BATCH_SIGMA", "STUCK", "BAD_ANSWERS", "LOST_ANSWERS", "REFUSED_AFTER"), 0.0),
}
"""What the simulation makes up and the embedded server does not."""
CALM = f"tier-full:tier=flex,probability={roads.REFUSED_ON_A_CALM_DAY}"
CLOSED = "tier-full:tier=flex"


@dataclass(frozen=True)
class Case:
    """What is read, the shortest book first, and how the service is; seconds of the simulation."""

    name: str
    books: tuple[int, ...]
    flex_median: float
    batch_seconds: float
    closed_seconds: float = 0.0
    """For so long flex refuses all, from the beginning."""


BOOKS = tuple(round(1 + 59 * number / 12) for number in range(13))
CASES = {
    "calm": Case("calm", BOOKS, 20.0, 1200.0),
    "closed": Case("closed", BOOKS, 20.0, 300.0, closed_seconds=2700.0),
}


class World(roads.World):
    """A reading on the simulated clock in which each page's call takes what it takes in earnest."""

    def call_takes(self, chain: int, median: float, sigma: float) -> float:
        """As the embedded server has it: by the page's key, the first time it is read."""
        number = len(self.left) - 1 - chain  # the longest books first
        page = self.case.books[number] - self.left[chain] + 1
        seed = f"{SERVER_SEED}:{BOOK.format(number).replace('/', ':')}:{page}:0"
        return random.Random(seed).lognormvariate(math.log(median), sigma)


def simulated(case: Case) -> float:
    """Seconds until all is read on the simulated clock, on average; batches take one time."""
    found = []
    with patch.multiple(roads, **SAME, BATCH_SECONDS_SEEN=case.batch_seconds):
        for seed in range(SEEDS):
            known = roads.Case(case.books, case.batch_seconds, case.flex_median)
            world = World(known, "auto", seed)
            world.spells = [(0.0, case.closed_seconds, 1.0)] if case.closed_seconds else []
            found.append(world.run().now)
    return statistics.fmean(found)


def live(case: Case, scale: float, root: Path) -> tuple[float, Counter[str]]:
    """Seconds that the real command took for the waves, times the scale; pages by road."""
    pause = ASK_AGAIN_SECONDS / ASK_AGAIN_PAUSES / scale
    books = {BOOK.format(number): pages for number, pages in enumerate(case.books)}
    know_pace(
        root / "state/ledger.sqlite",
        flex=FLEX_SECONDS_SEEN / scale,
        batch=case.batch_seconds / scale,
    )
    server = EmbeddedProcess(
        root / "state/embedded",
        *("--call-seconds", str(case.flex_median / scale)),
        *("--batch-seconds", str(case.batch_seconds / scale)),
        *("--seed", str(SERVER_SEED)),
    )
    with (
        server,
        Library(
            root,
            books,
            execution={"transport": "auto", "batch_size_limit": LANE},
            batch={"poll_interval_seconds": min(0.5, case.batch_seconds / scale / 20)},
            calls={
                "retry_pause_seconds": pause,
                "wave_seconds": box_seconds(FLEX_SECONDS_SEEN) / scale,
            },
        ) as library,
    ):
        server.show_images(root / "images")
        server.set_faults([CLOSED if case.closed_seconds else CALM])
        timer = threading.Timer(case.closed_seconds / scale, lambda: server.set_faults([CALM]))
        library.environment |= {
            "PAGEWAVE_EMBEDDED_URL": server.base_url,
            "PAGEWAVE_EMBEDDED_TOKEN": server.token,
        }
        timer.start()
        library.run(seconds=LONGEST_SECONDS)
        timer.join()
        [(seconds,)] = library.ledger(
            "SELECT MAX(w.ended_at) - MIN(r.started_at) FROM wave w JOIN run r ON r.id = w.run_id"
        )
        taken = library.ledger(
            "SELECT b.transport FROM batch b JOIN attempt a ON a.batch_id = b.id"
        )
    return scale * float(seconds), Counter(row[0] for row in taken)


def main() -> None:
    """Play the cases that were named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="*", choices=[[], *CASES], help="calm, closed; all")
    parser.add_argument("--scale", type=float, default=10.0, help="so much quicker (10)")
    options = parser.parse_args()
    for case in [CASES[name] for name in options.case or CASES]:
        with tempfile.TemporaryDirectory() as name:
            took, taken = live(case, options.scale, Path(name))
        thought = simulated(case)
        pages = ", ".join(f"{number} by {road}" for road, number in sorted(taken.items()))
        print(
            f"{case.name}: {sum(case.books)} pages ({pages}): {took / 3600:.2f} h, simulated "
            f"{thought / 3600:.2f} h: {took / thought:.2f} times as long",
            flush=True,
        )


if __name__ == "__main__":
    main()
