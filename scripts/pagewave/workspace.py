"""One working directory: what is known of its pages, and where their files are. It sends nothing.

Settings, data set, ledger, prompt and images, and what follows from all of them: the request for a
page, which pages are dead letters, what the page before says. `gemini/session.py` adds the client.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.ledger import Ledger
from pagewave.page_model import PageModel
from pagewave.pages.corrections import Corrections
from pagewave.pages.dataset import Book, Dataset, Page
from pagewave.pages.json_files import json_text, problem_of
from pagewave.pages.prepared import PreparedImages
from pagewave.prompts.registry import Prompt, load_prompt
from pagewave.prompts.request import Request, build_request, recipe
from pagewave.wording import command_to_correct, count

JOBS = "jobs"
"""The folder, beside a run's manifests, of what a head and its jobs on other machines hand over."""

REQUESTS = "requests"
"""The folder, beside the ledger, of what batches in flight were asked."""

IS_DEAD = "is a dead letter after"
"""What is said of a page that is given up; by these words the terminal tells what was said."""


def chosen_prompt(settings: Settings) -> Prompt:
    """The prompt that the settings name; raises ConfigError when the registry has no such one."""
    chosen = settings.prompt
    return load_prompt(chosen.registry_dir, chosen.name, chosen.template_file)


def open_workspace(settings: Settings, dataset: Dataset, ledger: Ledger) -> "Workspace":
    """A workspace with the prompt that the settings name, for commands that only look."""
    return Workspace(settings, dataset, ledger, chosen_prompt(settings))


@dataclass
class Workspace:
    """What is known of one working directory; shared by all threads of a process."""

    settings: Settings
    dataset: Dataset
    ledger: Ledger
    prompt: Prompt
    told: set[str] = field(default_factory=set, kw_only=True)
    """What is said once a run, and was."""
    kept: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """What took long to work out and stands for a while, by the module that did."""

    @cached_property
    def images(self) -> PreparedImages:
        """What is sent for each page."""
        return PreparedImages(self.settings)

    @cached_property
    def corrections(self) -> Corrections:
        """What people changed in page files."""
        return Corrections(self.settings.paths, self.ledger)

    @property
    def engine(self) -> str:
        """`embedded` or `gemini`."""
        return self.settings.engine

    # Files

    def page_file(self, page: Page) -> Path:
        """Where a page's answer is written."""
        return self.corrections.page_file(page)

    def book_files(self, book: Book) -> list[Path]:
        """The files that are written for a book."""
        folder = self.settings.paths.books_dir / book.id
        return [folder / "book.json", folder / "text.txt"]

    def request_file(self, display_name: str) -> Path:
        """A batch's requests as they were sent; kept until the batch is collected.

        So the pages of a batch in flight are known even without the ledger.
        """
        return self.settings.paths.state_dir / REQUESTS / f"{display_name}.jsonl"

    # Pages

    def read_page(self, page: Page) -> PageModel:
        """What a page's file says; while that is not there, its correction, if it has one.

        Raises:
            DataError: there is neither, or it is not what the prompt's page model says.
        """
        path = self.page_file(page)
        try:
            content = path.read_bytes()
        except OSError as error:
            correction = self.corrections.of(page)
            if correction is None:
                raise DataError(f"{path}: this page's answer can't be read ({error}).") from error
            path, content = self.corrections.file(page), json.dumps(correction.page).encode()
        try:
            return self.prompt.page_model.model_validate_json(json_text(content))
        except ValueError as error:
            raise DataError(
                f"{path}, {problem_of(error)}. The file stays as it is: put it in order there, or "
                f"have what was read put back: {command_to_correct('--discard', page.key)}"
            ) from error

    def page_text(self, attempt_id: int) -> str:
        """What a page's file holds after this attempt."""
        return self.ledger.answers.page(attempt_id) + "\n"

    def previous_context(self, page: Page) -> str | None:
        """What the page before tells this one; None at a chain's start, or when that is missing."""
        before = self.dataset.previous(page)
        if before is None or self.is_missing(before):
            return None
        return self.read_page(before).context()

    def earlier_answer(self, page: Page) -> PageModel | None:
        """The answer that a dead letter had before, from the ledger: its file may be in use."""
        attempt_id = self.ledger.files.answer(page.key)
        if attempt_id is None:
            return None
        try:
            return self.prompt.page_model.model_validate_json(self.ledger.answers.page(attempt_id))
        except ValueError:  # another prompt's
            return None

    # Requests

    def request_for(self, key: str) -> Request:
        """The request for a page as its previous page stands now.

        Raises:
            DataError: its image, or the answer of the page before, can't be read.
        """
        page = self.dataset.page(key)
        return self.request_after(page, self.previous_context(page))

    def request_after(self, page: Page, previous_context: str | None) -> Request:
        """The request for a page after a previous page that says this; raises DataError as well."""
        image, facts = self.images.inspect(page)
        return build_request(page, self.prompt, previous_context, self.settings, image, facts)

    def answer_asked_otherwise(self, request: Request, after_batch: int) -> int | None:
        """The attempt that was on its way to a page when settings changed, if it is to be taken."""
        return self.ledger.answers.untaken(*self._as_asked(request), after_batch, self._taken_names)

    def batch_asked_otherwise(self, request: Request, after_batch: int) -> int | None:
        """The open batch that carries a page with other settings, if its answer is to be taken."""
        return self.ledger.batches.carrying_page(
            *self._as_asked(request), after_batch, self._taken_names
        )

    @cached_property
    def _taken_names(self) -> str:
        """Display names, as a pattern (SQL), of batches whose answers are taken though pages were
        asked otherwise.

        That the page before says something else by now, as when it was corrected, is no change of
        settings.
        """
        replaces = self.settings.execution.in_flight == "replace"
        return f"%-{recipe(self.settings, self.prompt)}-%" if replaces else "%"

    def _as_asked(self, request: Request) -> tuple[str, str, str, str]:
        return request.key, request.facts.sha256, self.engine, self.prompt.name

    # Dead letters

    @property
    def continues_past_dead_letters(self) -> bool:
        """Do chains go on behind a dead letter?"""
        return self.settings.execution.on_dead_letter == "continue"

    def dead_letters(self) -> set[str]:
        """Keys that have used up their attempts: they are not sent until someone clears them."""
        limits = self.settings.execution
        return self.ledger.failures.dead_letters(
            self.engine, limits.max_retries, limits.max_batch_failures
        )

    def why_dead(self, key: str) -> str | None:
        """`3 failures, the last one APIError: …`; None for a page without failures."""
        last = self.ledger.failures.last(key)
        if last is None:
            return None
        counts = self.ledger.failures.count(key, self.engine)
        failures = counts.counted + counts.of_batches
        # Whoever quotes it ends the sentence.
        message = last["message"].rstrip(". ")
        return f"{count(failures, 'failure')}, the last one {last['error_type']}: {message}"

    def is_missing(self, page: Page) -> bool:
        """Is this a dead letter that its book and the page behind it do without?

        It may have an earlier answer; a file that pagewave did not write is a person's remedy.
        """
        if not self.continues_past_dead_letters:
            return False
        limits = self.settings.execution
        failures = self.ledger.failures.count(page.key, self.engine)
        if not failures.are_too_many(limits.max_retries, limits.max_batch_failures):
            return False
        if self.corrections.file(page).exists():
            return False
        return self.ledger.files.answer(page.key) is not None or not self.page_file(page).exists()
