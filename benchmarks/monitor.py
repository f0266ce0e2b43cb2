"""What `pagewave monitor` costs with a large ledger: server time of an update, and first paint.

Makes a ledger of made-up pages with answers as long as real ones, in which a run goes on: some
pages are flagged, some failed for good, some are at the service. Prints the seconds of the first
look and of an update after each of the last waves (look and message, as they are made for a
browser), how large the messages are, and in Chromium, wide, in the dark and on a phone, the seconds
from the call of the address to the first paint and until rows of books are painted, the least and
the median of five. It fails where a page can be scrolled sideways.

    python benchmarks/monitor.py                 10,000 pages in 300 books
    python benchmarks/monitor.py 50000 5 1000    another size, chains a lane, books
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from overhead import ROOT
from PIL import Image

from pagewave.commands.command import Place
from pagewave.commands.monitor.feed import Feed
from pagewave.commands.monitor.watching import Watcher
from pagewave.config.settings import Settings
from pagewave.ledger import Batch, FailureRow, Ledger, MemberOutcome, Outcome, PlannedPage, Record
from pagewave.ledger.answers import Attempt, Flag
from pagewave.plan.schedule import plan

sys.path.insert(0, str(ROOT / "tests"))
from helpers.browser import browser
from helpers.library import Library
from helpers.monitor_process import MonitorProcess

FAIL, DOUBT = 50, 40
"""One page in so many of a wave fails for good, or is flagged."""
TIMES = 5
VIEWS = {"wide": (1280, 900, False), "dark": (1280, 900, True), "phone": (390, 844, False)}
ANSWER = json.dumps({"text": "Rhetoric, Logic and the Evidences of Christianity. " * 80})
LINE = json.dumps({"response": {"candidates": [{"content": {"parts": [{"text": ANSWER}]}}]}})
MODEL = ("gemini", "gemini-2.5-flash")


class MadeUpRun:
    """A run over so many pages in a ledger, carried on wave by wave."""

    def __init__(self, ledger: Ledger, books: Mapping[str, int], lane_size: int) -> None:
        self.ledger = ledger
        self._middle = max(books.values()) // 2
        chains = [
            [f"{book.replace('/', ':')}:{n + 1}" for n in range(pages)]
            for book, pages in books.items()
        ]
        planned = plan(chains, lane_size)
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

    def send_wave(self) -> tuple[Batch, list[str]]:
        """Let the next wave be sent."""
        lane, number, keys = self._waves.pop(0)
        records = [Record(key, f"f{key}", 1, "c" * 800, "{}", "1.jpg", "a") for key in keys]
        name = f"run-lane{lane}-wave{number}"
        batch = self.ledger.batches.add_intent(name, *MODEL, "p", "run", lane, number, records)
        self.ledger.batches.mark_submitted(batch.id, f"batches/{name}")
        return batch, keys

    def end_wave(self) -> None:
        """Let the next wave be sent, answered and closed."""
        batch, keys = self.send_wave()
        self.ledger.answers.store_lines(batch.id, [(key, LINE.encode()) for key in keys])
        failed = set(keys[::FAIL]) if batch.wave == self._middle else set()
        doubts = [Flag("SpanCheck", "few words for so much print")]
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
                flags=doubts if place % DOUBT == 1 else (),
            )
            for place, key in enumerate(keys)
        ]
        failures = [
            FailureRow(key, 1, True, "ValidationError", "courses: missing", raw_text=ANSWER)
            for key in failed
            for _ in range(3)
        ]
        self.ledger.answers.commit(batch.id, "SUCCEEDED", None, attempts, failures)
        outcomes = [
            MemberOutcome(key, Outcome.DEAD if key in failed else Outcome.READ, False, None)
            for key in keys
        ]
        self.ledger.runs.close_wave("run", batch.lane, batch.wave, batch.intent_at, outcomes)
        for key in set(keys) - failed:
            attempt = self.ledger.answers.stored(f"f{key}")
            assert attempt is not None
            self.ledger.files.mark_written(key, attempt)


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


def first_paint(folder: Path, pictures: Path | None) -> None:
    """Print how long the browser waits, each time with a monitor just started."""
    for name, (width, height, dark) in VIEWS.items():
        painted, rows = [], []
        for _ in range(TIMES):
            with MonitorProcess(folder) as monitor, browser() as page:
                page.look(dark=dark, width=width, height=height)
                page.open(monitor.url)
                while not page.js("performance.getEntriesByName('shown').length"):
                    time.sleep(0.05)
                # Two frames later what was shown is on the screen.
                times = page.js(PAINTED)
                painted.append(times[0] / 1000)
                rows.append(times[1] / 1000)
                assert page.js("document.querySelectorAll('.book .cell').length") > 100
                wide = page.js("document.documentElement.scrollWidth")
                assert wide <= width, f"{wide} pixels are needed, of {width}"
                assert page.errors == [], page.errors
                if pictures and len(rows) == 1:
                    page.screenshot(pictures / f"{name}.png", whole=False)
        print(
            f"{name}: first paint {min(painted):.3f} s (median {statistics.median(painted):.3f}), "
            f"books {min(rows):.3f} s (median {statistics.median(rows):.3f})"
        )


PAINTED = """
new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done([
    performance.getEntriesByName('first-contentful-paint')[0].startTime,
    performance.getEntriesByName('books-painted')[0]?.startTime ?? performance.now()]))))
"""


def books_of(pages: int, books: int) -> dict[str, int]:
    """So many pages in so many books of like size, of ten states."""
    names = [
        f"{STATES[number % 10]}/School {number:04}/{1850 + number % 40}" for number in range(books)
    ]
    return {name: pages // books + (place < pages % books) for place, name in enumerate(names)}


STATES = ("Georgia", "Illinois", "Indiana", "Iowa", "Kansas", "Maine", "Ohio", "Texas", "Utah")
STATES += ("Vermont",)


def main() -> None:
    """Measure the size named on the command line."""
    sizes = [int(argument) for argument in sys.argv[1:4]] or [10_000, 100, 300]
    pages, lane_size, number = sizes
    pictures = Path(sys.argv[4]) if len(sys.argv) > 4 else None  # of each view
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        books = books_of(pages, number)
        library = Library(folder, {})
        put_scans(folder, books)
        path = library.state / "ledger.sqlite"
        ledger = Ledger.open(path)
        run = MadeUpRun(ledger, books, lane_size)
        while run.waves_left > 20:
            run.end_wave()
        size = path.stat().st_size / 1e6
        print(f"{pages} pages, {number} books, {lane_size} chains a lane, {size:.0f} MB")
        paths = {"label_source_dir": folder / "labels", "image_source_dir": folder / "images"}
        updates(Place(Settings.model_validate({"paths": paths}), path), run)
        run.send_wave()
        first_paint(folder, pictures)
        ledger.close()


def put_scans(folder: Path, books: Mapping[str, int]) -> None:
    """A label and a scan for each page: the same small image, linked."""
    first = folder / "scan.jpg"
    Image.new("RGB", (64, 96)).save(first)
    for book, pages in books.items():
        for kind in ("labels", "images"):
            (folder / kind / book).mkdir(parents=True)
        for page in range(1, pages + 1):
            (folder / "labels" / book / f"{page}.json").write_text("{}")
            (folder / "images" / book / f"{page}.jpg").hardlink_to(first)


if __name__ == "__main__":
    main()
