"""What scripts/monitor.py costs with a large ledger: server time of an update, and first paint.

Makes a ledger of made-up pages with answers as long as real ones, in which a run goes on. Prints
the seconds of the first look and of an update after each of the last waves (look and message, as
they are made for a browser), how large the messages are, and in Chromium the seconds from the call
of the address to the first paint and until the figures are shown.

    python benchmarks/monitor.py             10,000 pages
    python benchmarks/monitor.py 50000 5     another size, chains a lane
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from overhead import ROOT

from pagewave.commands.command import Place
from pagewave.commands.monitor.feed import Feed
from pagewave.commands.monitor.watching import Watcher
from pagewave.config.settings import Settings
from pagewave.ledger import FailureRow, Ledger, MemberOutcome, PlannedPage, Record
from pagewave.ledger.answers import Attempt
from pagewave.plan.schedule import plan

sys.path.insert(0, str(ROOT / "tests"))
from helpers.browser import browser
from helpers.library import Library
from helpers.monitor_process import MonitorProcess

PAGES_A_BOOK = 20
ANSWER = json.dumps({"text": "Rhetoric, Logic and the Evidences of Christianity. " * 80})
LINE = json.dumps({"response": {"candidates": [{"content": {"parts": [{"text": ANSWER}]}}]}})
MODEL = ("gemini", "gemini-2.5-flash")


class MadeUpRun:
    """A run over so many pages in a ledger, carried on wave by wave."""

    def __init__(self, ledger: Ledger, pages: int, lane_size: int) -> None:
        self.ledger = ledger
        books = [f"Ohio:School {number:04}:1850" for number in range(pages // PAGES_A_BOOK)]
        self.chains = [[f"{book}:{n + 1}" for n in range(PAGES_A_BOOK)] for book in books]
        planned = plan(self.chains, lane_size)
        ledger.runs.start("run", *MODEL, planned, [])
        ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "Read this page. " * 200)
        self._waves = self._in_order(planned)

    @staticmethod
    def _in_order(planned: list[PlannedPage]) -> list[tuple[int, int, list[str]]]:
        waves: dict[tuple[int, int], list[str]] = {}
        for page in planned:
            waves.setdefault((page.place + 1, page.lane), []).append(page.key)
        return [(lane, number, waves[number, lane]) for number, lane in sorted(waves)]

    @property
    def waves_left(self) -> int:
        """How many waves have not ended."""
        return len(self._waves)

    def end_wave(self) -> None:
        """Let the next wave be sent, answered and closed; one page in fifty fails and is dead."""
        lane, number, keys = self._waves.pop(0)
        began = time.time()
        records = [Record(key, f"f{key}", 1, "c" * 800, "{}", "1.jpg", "a") for key in keys]
        name = f"run-lane{lane}-wave{number}"
        batch = self.ledger.batches.add_intent(name, *MODEL, "p", "run", lane, number, records)
        self.ledger.batches.mark_submitted(batch.id, f"batches/{name}")
        self.ledger.answers.store_lines(batch.id, [(key, LINE.encode()) for key in keys])
        failed = set(keys[::50]) if number == PAGES_A_BOOK // 2 else set()
        attempts = [
            Attempt(
                key=key,
                number=1,
                fingerprint=f"f{key}",
                page=None if key in failed else ANSWER,
                finish_reason="STOP",
                prompt_tokens=1500,
                output_tokens=1000,
                thoughts_tokens=0,
                cached_tokens=0,
                usd=0.001,
            )
            for key in keys
        ]
        failures = [
            FailureRow(key, 1, True, "ValidationError", "courses: missing", raw_text=ANSWER)
            for key in failed
        ]
        self.ledger.answers.commit(batch.id, "SUCCEEDED", None, attempts, failures)
        outcomes = [
            MemberOutcome(key, "failed" if key in failed else "read", False, None) for key in keys
        ]
        self.ledger.runs.close_wave("run", lane, number, began, outcomes)


def updates(place: Place, run: MadeUpRun) -> None:
    """Print what the first look and each update cost; the run goes on for ten waves."""
    watcher, feed = Watcher(place), Feed(place.settings.execution)
    seconds, sizes = [], []
    for wave in range(11):
        if wave:
            run.end_wave()
        began = time.perf_counter()
        message = json.dumps(feed.message(watcher.look()))
        seconds.append(time.perf_counter() - began)
        sizes.append(len(message))
    print(f"first look {seconds[0]:.3f} s, {sizes[0] / 1000:.0f} kB")
    print(
        f"update: median {statistics.median(seconds[1:]):.3f} s, longest {max(seconds[1:]):.3f} s, "
        f"{statistics.median(sizes[1:]) / 1000:.1f} kB"
    )


def first_paint(folder: Path) -> None:
    """Print how long the browser waits, three times, each with a monitor just started."""
    for _ in range(3):
        with MonitorProcess(folder) as monitor, browser() as page:
            page.open(monitor.url)
            while not page.js("performance.getEntriesByName('shown').length"):
                time.sleep(0.05)
            times = page.js(
                "[performance.getEntriesByName('first-contentful-paint')[0].startTime,"
                " performance.getEntriesByName('shown')[0].startTime]"
            )
            print("first paint {:.3f} s, figures {:.3f} s".format(*(t / 1000 for t in times)))
            assert page.errors == []


def main() -> None:
    """Measure the size named on the command line."""
    pages, lane_size = [int(argument) for argument in sys.argv[1:]] or [10_000, 100]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = Library(folder, {"Ohio/School 0000/1850": 1})
        path = library.state / "ledger.sqlite"
        ledger = Ledger.open(path)
        run = MadeUpRun(ledger, pages, lane_size)
        while run.waves_left > 20:
            run.end_wave()
        print(f"{pages} pages, {lane_size} chains a lane, {path.stat().st_size / 1e6:.0f} MB")
        paths = {"label_source_dir": folder, "image_source_dir": folder}
        updates(Place(Settings.model_validate({"paths": paths}), path), run)
        first_paint(folder)
        ledger.close()


if __name__ == "__main__":
    main()
