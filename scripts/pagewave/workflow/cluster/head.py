"""The jobs of a run that go to other machines: which there are, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pagewave.exports.facts import facts_file
from pagewave.pages.dataset import Book
from pagewave.pages.prepare import scans_to_prepare
from pagewave.workflow.cluster.images import handfuls
from pagewave.workflow.cluster.orphans import Announcement, announce, withdraw
from pagewave.workspace import JOBS, Workspace


class RemoteJobs:
    """What a head sends away: jobs for images, each with its books, and jobs for book files.

    Args:
        folder: the run's folder of manifests, on a file system that the jobs share.
        books: those of which images are to be made, the most urgent ones first.
    """

    def __init__(self, workspace: Workspace, folder: Path, books: Sequence[Book]) -> None:
        self._workspace = workspace
        self._folder = folder
        self._image_jobs = handfuls(books)
        self._number_of = {
            book_id: number for number, ids in enumerate(self._image_jobs) for book_id in ids
        }

    def books(self, number: int) -> list[Book]:
        """The books of which a job makes images."""
        return [self._workspace.dataset.book(book_id) for book_id in self._image_jobs[number]]

    def scans(self, number: int) -> list[str]:
        """Paths of the scans of which a job makes images; raises DataError for a broken one."""
        images = self._workspace.images
        return sorted({scan for b in self.books(number) for scan in scans_to_prepare(images, b)})

    def report(self, book: Book) -> Path | None:
        """What the job that makes a book's images will write; None where no job makes them."""
        number = self._number_of.get(book.id)
        return None if number is None else self.report_of(number)

    def report_of(self, number: int) -> Path:
        """What a job for images will write."""
        return self._folder / JOBS / f"images{number}.json"

    def facts(self, book: Book) -> Path:
        """Where the job that writes a book's files finds what the ledger knows of its pages."""
        return facts_file(self._folder, book)

    def announce(self, slurm_name: str | None) -> None:
        """Let the jobs do their work; `slurm_name` is what all of them are called at Slurm."""
        state = str(self._workspace.settings.paths.state_dir.resolve())
        announce(
            self._folder,
            Announcement(state_dir=state, slurm_name=slurm_name, image_jobs=self._image_jobs),
        )

    def withdraw(self) -> None:
        """All jobs have ended."""
        withdraw(self._folder)
