"""Waves driven in this process against one embedded server: a run without Snakemake's four seconds.

What Snakemake does is done here by hand, lane after lane: ask the schedule for the members of a
wave, let the wave run, write the pages that it brought. All else is the package itself.
"""

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.library import Library
from pagewave.atomic import write_atomically
from pagewave.config.settings import load_settings
from pagewave.errors import OnItsWay
from pagewave.gemini.retries import Stopped
from pagewave.gemini.session import Session
from pagewave.ledger import BY_BATCH, Ledger
from pagewave.ledger.lines import unpacked
from pagewave.pages.dataset import scan
from pagewave.plan.boxes import pages_ahead
from pagewave.plan.schedule import Schedule, plan
from pagewave.plan.targets import Command, wanted_pages
from pagewave.prompts.registry import load_prompt
from pagewave.waves.chooser import Chooser
from pagewave.waves.recover import recover
from pagewave.waves.wave import run_wave

QUICK = {
    "batch": {
        "poll_interval_seconds": 0.02,
        "reconcile_seconds": 0.3,
        "retry_pause_seconds": 0.02,
        "outage_seconds": 20,
    },
    "files": {"upload_retry_backoff_seconds": 0.01, "timeout_seconds": 2.0},
}
"""Pauses for a service on this machine, where a tenth of a second is an age."""


class _Crash(BaseException):
    """Not an Exception, so that no handler tidies up behind it."""


class Reading:
    """Books, their ledger and the server that reads them; `state` is the first part of each key.

    The server may be shared: its events are told apart by `state`, the name of the test's folder.
    `books` maps "school/year" to a number of pages. Further arguments are sections of the config.
    """

    def __init__(
        self,
        root: Path,
        server: EmbeddedProcess,
        books: Mapping[str, int | Sequence[int]],
        **sections: dict[str, Any],
    ) -> None:
        self.root = root
        self.server = server
        self.state = root.name
        self.library = Library(root, {f"{self.state}/{name}": n for name, n in books.items()})
        folders = {
            "label_source_dir": root / "labels",
            "image_source_dir": root / "images",
            "output_dir": root / "results/pages",
            "books_dir": root / "results/books",
            "state_dir": root / "state",
            "logs_dir": root / "logs",
            "corrections_dir": root / "corrections",
        }
        paths = {name: str(folder) for name, folder in folders.items()}
        self.library.configure(paths=paths, **QUICK)
        self.library.configure(**sections)
        self._runs = count(1)
        self.session = self._new_session()

    @classmethod
    def uploading(
        cls,
        root: Path,
        server: EmbeddedProcess,
        books: Mapping[str, int | Sequence[int]],
        **sections: dict[str, Any],
    ) -> "Reading":
        """One whose images are files of their own at the service."""
        files = sections.pop("files", {}) | {"images": "uploaded"}
        return cls(root, server, books, files=files, **sections)

    def _new_session(self) -> Session:
        settings = load_settings(self.library.config, self.root)
        choice = settings.prompt
        return Session(
            settings,
            scan(settings),
            Ledger.open(settings.paths.state_dir / "ledger.sqlite"),
            load_prompt(choice.registry_dir, choice.name, choice.template_file),
            api_key=self.server.token,
            base_url=self.server.base_url,
            waits=settings.execution.wait,
        )

    # Running

    def run(
        self, most_waves: int = 40, before_wave: Callable[[int], object] = lambda wave: None
    ) -> None:
        """One run, to its end: what it brings stands in ledger and page files.

        Where the configuration says that it does not wait, a lane ends at what is on its way.
        """
        session = self.session = self._new_session()
        run_id = f"{self.state}-run{next(self._runs)}"
        if session.settings.execution.transport != BY_BATCH:
            self.server.show_images(self.root / "images")
        recover(session)
        session.images.scans_may_change = True  # as of now the run has begun
        chains = wanted_pages(session, Command(), session.dead_letters()).chains
        in_flight = {} if session.waits else session.ledger.batches.in_flight(session.engine)
        pages = plan(chains, session.settings.execution.batch_size_limit, in_flight)
        session.ledger.runs.start(run_id, session.engine, session.settings.model.name, pages, [])
        goes_on = session.continues_past_dead_letters
        ahead = pages_ahead(session.ledger, session.settings)
        schedule = Schedule(session.ledger, run_id, pages, goes_on, ahead)
        chooser = Chooser(session)
        for lane in schedule.lanes:
            for wave in count(1):
                legs = schedule.legs(lane, wave)
                if not legs:
                    break
                assert wave <= most_waves, f"no end: {self.failures()}"
                before_wave(wave)
                manifest = self.root / "logs" / run_id / f"lane{lane}-wave{wave}.json"
                try:
                    place = (run_id, lane, wave, schedule, manifest)
                    run_wave(session, chooser, *place, write=self._write_answers)
                except OnItsWay:
                    break
        session.ledger.runs.end(run_id, "ok")

    def run_until(self, condition: Callable[[], object]) -> None:
        """A run that is told to stop as soon as `condition` holds; fails where that does."""
        before = self.session
        with ThreadPoolExecutor(1) as aside:
            waiting = aside.submit(wait_for, lambda: self.session is not before and condition())
            waiting.add_done_callback(lambda _: self.session.stop.set())
            with suppress(Stopped):
                self.run()
            waiting.result()

    def release(self, names: str = "") -> None:
        """Ends batches that `batch-hold` keeps, with all that they were to read.

        Args:
            names: what their display names hold, a regular expression.
        """
        created = [batch for batch in self.creates() if re.search(names, batch["display_name"])]
        wanted = {(batch["batch"], key) for batch in created for key in batch["keys"]}
        # What is cancelled delivers what it had read.
        wait_for(lambda: wanted <= {(e["batch"], e["key"]) for e in self.server.log("inference")})
        held = {batch["batch"] for batch in created}
        held -= {event["batch"] for event in self.server.log("finish")}
        for name in held:
            self.server.request("POST", f"/v1beta/{name}:cancel").raise_for_status()

    @contextmanager
    def crash_in(self, function: str) -> Iterator[None]:
        """Within, a call of this function ends the run as a crash would: nothing after it happens.

        (Short of the death of the process, which tests through the real command are for.) It must
        be named where it is called from, and be called.
        """
        with patch(function, side_effect=_Crash) as called, suppress(_Crash):
            yield
        assert called.called, f"nobody calls {function} by this name"

    def _write_answers(self, answers: Mapping[str, int]) -> Collection[str]:
        for key, attempt_id in answers.items():
            path = self.session.page_file(self.session.dataset.page(key))
            write_atomically(path, self.session.ledger.answers.page(attempt_id) + "\n")
            self.session.ledger.files.mark_written(key, attempt_id)
        return answers

    # Looking

    def age(self, seconds: float) -> None:
        """Let all that the ledger knows be older."""
        with closing(sqlite3.connect(self.root / "state/ledger.sqlite")) as db, db:
            db.execute("UPDATE batch SET creating_at = creating_at - ?", (seconds,))

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the ledger, read from its file as any other program would; `unpacked(line)` is
        a result line as it came."""
        with closing(sqlite3.connect(self.root / "state/ledger.sqlite")) as db:
            db.create_function("unpacked", 1, unpacked)
            return db.execute(sql, values).fetchall()

    def key(self, book: str, page: int) -> str:
        """The key of a page, such as `key("Elm/1850", 2)`."""
        return f"{self.state}:{book.replace('/', ':')}:{page}"

    @property
    def keys(self) -> list[str]:
        """The keys of all pages."""
        return [page.key for page in self.session.dataset.pages]

    def failures(self) -> Counter[tuple[str, str]]:
        """How often each error type befell each page (its key without the state)."""
        rows = self.query("SELECT key, error_type FROM failure ORDER BY id")
        return Counter((key.removeprefix(f"{self.state}:"), error) for key, error in rows)

    def error_types(self) -> Counter[str]:
        """How often each error type occurs in the ledger."""
        return Counter(error for (_, error), times in self.failures().items() for _ in range(times))

    def attempts(self) -> Counter[str]:
        """How many attempts of each key the ledger knows."""
        return Counter(row[0] for row in self.query("SELECT key FROM attempt"))

    def inferences(self) -> Counter[str]:
        """How often the server read each key of this test."""
        events = self.server.log("inference")
        return Counter(e["key"] for e in events if e["key"].startswith(f"{self.state}:"))

    def creates(self) -> list[dict[str, Any]]:
        """The batches that the server was given by this test, oldest first."""
        events = self.server.log("create")
        return [e for e in events if any(k.startswith(f"{self.state}:") for k in e["keys"])]

    def uploads(self, suffix: str = "") -> list[str]:
        """Display names of what this test uploaded: of requests (".jsonl"), or of all images."""
        names = [event["display_name"] or "" for event in self.server.log("upload")]
        if suffix:
            return [name for name in names if f"-{self.state}-" in name]
        hashes = {self.image_sha256(path) for path in (self.root / "images").rglob("*.jpg")}
        return [name for name in names if name in hashes]

    @staticmethod
    def image_sha256(path: Path) -> str:
        """The content hash of an image, which is its display name at the service."""
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def batches(self) -> list[tuple[str, str | None]]:
        """Status and state of every batch in the ledger, oldest first."""
        return [(row[0], row[1]) for row in self.query("SELECT status, state FROM batch")]

    def dead(self) -> set[str]:
        """The dead letters."""
        return self.session.dead_letters()

    def totals(self) -> list[dict[str, Any]]:
        """What each batch was sent and brought, from the waves' manifests."""
        files = sorted((self.root / "logs").rglob("*.json"), key=lambda path: path.stat().st_mtime)
        return [batch for file in files for batch in json.loads(file.read_text())["batches"]]

    def check(self, dead: Sequence[str] = (), paid_twice: int = 0) -> None:
        """Every page is right or one of `dead`; what the server read is what the ledger counts.

        `paid_twice` is the number of questions that were answered more than once.
        """
        assert self.keys
        assert self.dead() == set(dead)
        for key in self.keys:
            if key in self.dead():
                assert not self.library.page_file(key).exists()
            elif self.library.page_file(key).exists():
                assert f"Page {key}." in self.library.text(key)
            else:
                # Only what stands behind a dead letter may be missing.
                book, _, page = key.rpartition(":")
                ahead = [f"{book}:{number}" for number in range(1, int(page))]
                assert self.dead() & set(ahead), f"{key} is neither written nor dead"
        assert self.attempts() == self.inferences()
        twice = self.query(
            "SELECT 1 FROM attempt WHERE ok GROUP BY fingerprint HAVING COUNT(*) > 1"
        )
        assert len(twice) == paid_twice
        assert not self.query("PRAGMA foreign_key_check")
