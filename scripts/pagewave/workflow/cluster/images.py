"""Jobs on other machines that make images, each for a book or a handful of them.

A job reports what it made in one file; from that the head writes the manifests of its books. What
can't be decoded is part of the report: it stops its own book alone, and the head says why.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from pagewave.atomic import write_atomically
from pagewave.errors import DataError, PagewaveError
from pagewave.pages.dataset import Book
from pagewave.pages.prepare import make_images, write_manifest
from pagewave.pages.prepared import Manifest, PreparedImages

PAGES_A_JOB = 200
"""A job takes further books until it has so many pages.

That is half a minute of work or more (a page of 9 megapixels: 0.1 to 0.3 seconds of CPU, 0.8 with
deskew); starting a Slurm job costs 5 seconds.
"""


class _Made(BaseModel):
    """What became of one book: its manifest, or why there is none."""

    manifest: Manifest | None = None
    error: str = ""


_REPORT = TypeAdapter(dict[str, _Made])


def handfuls(books: Iterable[Book]) -> list[list[str]]:
    """Books, by their ids and in this order, cut into jobs of about `PAGES_A_JOB` pages."""
    jobs: list[list[str]] = []
    pages = PAGES_A_JOB
    for book in books:
        if pages >= PAGES_A_JOB:
            jobs.append([])
            pages = 0
        jobs[-1].append(book.id)
        pages += len(book.pages)
    return jobs


def make_and_report(
    prepared: PreparedImages, books: Sequence[Book], report: Path, stop: threading.Event
) -> None:
    """Make the images of all these books, and report on each of them."""
    made: dict[str, _Made] = {}
    for book in books:
        try:
            made[book.id] = _Made(manifest=make_images(prepared, book, stop))
        except DataError as error:
            made[book.id] = _Made(error=str(error))
    write_atomically(report, _REPORT.dump_json(made, indent=1))


def take_over(prepared: PreparedImages, book: Book, report: Path) -> None:
    """Write a book's manifest from the report of the job that made its images.

    Raises:
        DataError: the job could not make them all; names what is broken.
        PagewaveError: the report can't be read, or says nothing of this book.
    """
    try:
        made = _REPORT.validate_json(report.read_bytes())[book.id]
    except (OSError, ValidationError, KeyError) as error:
        raise PagewaveError(
            f"{report}: what was made of {book.id} can't be read ({error}). Run the same command "
            "again; images that are there are not made again."
        ) from error
    if made.manifest is None:
        raise DataError(made.error)
    write_manifest(prepared, book, made.manifest)
