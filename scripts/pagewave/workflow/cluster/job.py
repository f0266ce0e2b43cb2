"""A job of a run on another machine: what the Snakefile asks there, and what is done there.

It needs the configuration, scans, page files and what the head handed over in files; it has no
ledger, no key and no network.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from pagewave.config.settings import Settings
from pagewave.exports.book import write_book
from pagewave.exports.exporter import Exporter
from pagewave.exports.exports import Exports
from pagewave.exports.facts import facts_file, read_facts
from pagewave.exports.site.site import Site
from pagewave.ledger import Ledger
from pagewave.pages.dataset import Book, Dataset
from pagewave.prompts.registry import Prompt
from pagewave.words.book import BookWords
from pagewave.workflow.cluster.images import make_and_report
from pagewave.workflow.cluster.orphans import announced
from pagewave.workflow.run import RUN_VARIABLE
from pagewave.workspace import Workspace


class RemoteInputs:
    """Answers as `Plan` does, but only what a job on another machine needs.

    Nothing is named as needed: it was there when the head sent the job, and Snakemake would ask
    here, too, how it is made.
    """

    def __init__(self, dataset: Dataset, run_folder: Path) -> None:
        self._dataset = dataset
        self._run_folder = run_folder

    def books_of_all(self) -> Sequence[Book]:
        """All: the head knows which are settled."""
        return self._dataset.books

    def facts_of_book(self, book_id: str) -> list[str]:
        """The file in which the head hands over what the ledger knows of a book's pages."""
        return [str(facts_file(self._run_folder, self._dataset.book(book_id)))]

    def needs_of_book(self, book_id: str) -> list[str]:
        """Nothing."""
        return []

    def needs_of_images(self, number: int) -> list[str]:
        """Nothing."""
        return []

    def needs_of_exports(self) -> list[str]:
        """Nothing."""
        return []

    def needs_of_site(self) -> list[str]:
        """Nothing."""
        return []

    def needs_of_words(self) -> list[str]:
        """Nothing."""
        return []

    def book_file(self, book_id: str) -> list[str]:
        """Nothing."""
        return []

    def words_to_export(self, book_id: str) -> list[str]:
        """Nothing."""
        return []

    def waves_of_images(self, number: int) -> int:
        """The job had its turn already."""
        return 0


class RemoteJob:
    """Does as `Run` does, but only what is done on another machine."""

    apart = None

    def __init__(
        self,
        settings: Settings,
        dataset: Dataset,
        prompt: Prompt,
        exporters: Sequence[Exporter] = (),
    ) -> None:
        self.settings = settings
        self.exports = Exports(
            settings.paths, dataset, prompt.page_model, exporters, settings.citation
        )
        self.site = Site(settings, dataset, prompt.page_model)
        self.words = BookWords(settings, dataset, prompt.page_model)
        self.dataset = dataset
        self.workspace = Workspace(settings, dataset, Ledger.absent(), prompt)
        run_id = os.environ.get(RUN_VARIABLE, "unknown")
        self._run = settings.paths.logs_dir / "waves" / run_id
        self.plan = RemoteInputs(dataset, self._run)

    def make_images(self, number: int, report: str) -> None:
        """Make the images of the books that the head announced for this job."""
        ids = announced(self._run).image_jobs[number]
        books = [self.workspace.dataset.book(book_id) for book_id in ids]
        make_and_report(self.workspace.images, books, Path(report), threading.Event())

    def write_book(self, book_id: str) -> None:
        """Write a book's files from its pages and from what the head handed over."""
        announced(self._run)
        book = self.workspace.dataset.book(book_id)
        write_book(self.workspace, book, read_facts(facts_file(self._run, book)))

    def write_export(self, form: str, book_id: str | None) -> None:
        """Write an export from the files of books."""
        announced(self._run)
        self.exports.write(form, book_id)

    def write_site(self, book_id: str | None = None) -> None:
        """Write a book of the reading room from its file and its scans, or its shelf."""
        announced(self._run)
        self.site.write_book(book_id) if book_id else self.site.write()

    def write_words(self, book_id: str, threads: int) -> None:
        """Write where the words of a book stand, from its page files and its scans."""
        announced(self._run)
        self.words.write_book(book_id, threads)
