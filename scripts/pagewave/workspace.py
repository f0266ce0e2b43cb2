"""What every step of a wave has at hand: settings, data set, ledger, prompt, service, log."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.gemini.client import Gemini
from pagewave.ledger import Ledger
from pagewave.ledger.lock import one_at_a_time
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book, Dataset, Page
from pagewave.pages.prepared import PreparedImages
from pagewave.prompts.registry import Prompt

LONGEST_RETRY_PAUSE = 15
"""A pause before a retry grows up to so many times `batch.retry_pause_seconds`."""

JOBS = "jobs"
"""The folder, beside a run's manifests, of what a head and its jobs on other machines hand over."""

IS_DEAD = "is a dead letter after"
"""What is said of a page that is given up; by these words `quiet` knows what was said already."""

FEWEST_LOOKS = 3
LONGEST_LOOK_PAUSE_SECONDS = 10.0


@dataclass
class Workbench:
    """Shared by all threads of a run.

    `base_url` is None for Google's own service, else the embedded server's address.
    """

    settings: Settings
    dataset: Dataset
    ledger: Ledger
    prompt: Prompt
    stop: threading.Event = field(default_factory=threading.Event)
    api_key: str = field(default="", repr=False)
    base_url: str | None = None
    waits: bool = True
    """Is what takes its time waited for, or left to the next run?"""
    most_batches: int | None = None
    """Batches in flight at once, if the command line says another number than the settings."""
    shares_of_print: dict[Path, float] = field(default_factory=dict)
    """What images were looked at to guess how long answers will be; see `expectation`."""
    looked_at: float = 0.0
    """When doubtful batches were last looked for (Unix seconds)."""

    @cached_property
    def gemini(self) -> Gemini:
        """The client, made when the first wave needs it: its import takes more than a second."""
        files, batch = self.settings.files, self.settings.batch
        return Gemini(
            self.api_key,
            self.stop,
            base_url=self.base_url,
            api_version=batch.api_version,
            timeout_seconds=files.timeout_seconds,
            attempts=files.upload_retry_attempts,
            backoff_seconds=files.upload_retry_backoff_seconds,
            outage_seconds=batch.outage_seconds,
        )

    @cached_property
    def images(self) -> PreparedImages:
        """What is sent for each page."""
        return PreparedImages(self.settings)

    @property
    def engine(self) -> str:
        """`embedded` or `gemini`."""
        return self.settings.engine

    def batch_lock(self, batch_id: int) -> AbstractContextManager[None]:
        """Held by who collects this batch: the waves of two lanes may both want it.

        They may be two processes, so it is a file. The next run removes it.
        """
        return one_at_a_time(self.settings.paths.state_dir / "results" / f"{batch_id}.lock")

    def looks(self, since: float) -> Iterator[int]:
        """Numbers the looks for something that the service does not show, with pauses in between.

        One missing answer proves nothing: it is gone when none of these looks found it. They go
        on until `batch.reconcile_seconds` after `since` (Unix seconds), and are three at least.
        """
        patience = self.settings.batch.reconcile_seconds
        pause = min(LONGEST_LOOK_PAUSE_SECONDS, patience / 10)
        for number in count(1):
            is_last = number >= FEWEST_LOOKS and time.time() > since + patience
            yield number
            if is_last:
                return
            self.gemini.pause(pause)

    def retry_pause(self, times: int) -> float:
        """Seconds to wait before trying again what failed so often: doubled each time."""
        first = self.settings.batch.retry_pause_seconds
        return float(min(first * 2 ** max(0, times - 1), first * LONGEST_RETRY_PAUSE))

    def page_file(self, page: Page) -> Path:
        """Where a page's answer is written."""
        return self.settings.paths.output_dir / page.book_id / f"{page.stem}.json"

    @property
    def goes_on(self) -> bool:
        """Do chains go on behind a dead letter?"""
        return self.settings.execution.on_dead_letter == "continue"

    def dead_letters(self) -> set[str]:
        """Keys that have used up their attempts: they are not sent until someone clears them."""
        limits = self.settings.execution
        return self.ledger.dead_letters(self.engine, limits.max_retries, limits.max_batch_failures)

    def why_dead(self, key: str) -> str | None:
        """`3 failures, the last one APIError: …`; None for a page without failures."""
        last = self.ledger.last_failure(key)
        if last is None:
            return None
        failures = sum(self.ledger.failure_count(key, self.engine))
        # Whoever quotes it ends the sentence.
        message = last["message"].rstrip(". ")
        many = "" if failures == 1 else "s"
        return f"{failures} failure{many}, the last one {last['error_type']}: {message}"

    def is_lost(self, page: Page) -> bool:
        """Is this a dead letter that its book and the page behind it do without?

        It may have an earlier answer; a file that pagewave did not write is a person's remedy.
        """
        if not self.goes_on:
            return False
        limits = self.settings.execution
        failures = self.ledger.failure_count(page.key, self.engine)
        if not failures.are_too_many(limits.max_retries, limits.max_batch_failures):
            return False
        return self.ledger.answer_on_file(page.key) is not None or not self.page_file(page).exists()

    def page_text(self, attempt_id: int) -> str:
        """What a page's file holds after this attempt."""
        return self.ledger.attempt_page(attempt_id) + "\n"

    def previous_context(self, page: Page) -> str | None:
        """What the page before tells this one; None at a chain's start, or when that is lost."""
        before = self.dataset.previous(page)
        if before is None or self.is_lost(before):
            return None
        return self.read_page(before).context()

    def read_page(self, page: Page) -> PageModel:
        """The answer in a page's file.

        Raises:
            DataError: there is none, or it is not what the prompt's page model says.
        """
        path = self.page_file(page)
        try:
            return self.prompt.page_model.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: this page's answer can't be read ({error}). Delete the file, and the "
                "same command makes it again, from the stored answer if there is one."
            ) from error

    def request_file(self, display_name: str) -> Path:
        """A batch's requests as they were sent; kept until the batch is collected.

        So the pages of a batch in flight are known even without the ledger.
        """
        return self.settings.paths.state_dir / "requests" / f"{display_name}.jsonl"

    def earlier_answer(self, page: Page) -> PageModel | None:
        """The answer that a dead letter had before, from the ledger: its file may be in use."""
        attempt_id = self.ledger.answer_on_file(page.key)
        if attempt_id is None:
            return None
        try:
            return self.prompt.page_model.model_validate_json(self.ledger.attempt_page(attempt_id))
        except ValueError:  # another prompt's
            return None

    def book_files(self, book: Book) -> list[Path]:
        """The files that are written for a book."""
        folder = self.settings.paths.books_dir / book.id
        return [folder / "book.json", folder / "text.txt"]
