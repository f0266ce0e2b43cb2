"""The reading room as a whole: what there is of it, what a run makes, and what is out of date.

Whoever reads while it is made, or after a kill, finds whole books: see `made`.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from pagewave.atomic import write_atomically
from pagewave.config.settings import Settings
from pagewave.exports.schema import schema_of
from pagewave.exports.site.accuracy import Accuracy
from pagewave.exports.site.books import BookWriter
from pagewave.exports.site.made import RECORD, ROOM, Record, program, read_record
from pagewave.exports.site.shelf import Shelf
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book, Dataset
from pagewave.wording import count

_BYTES_A_PIXEL = 0.075
"""Of both pictures and the data of a page, for each pixel of a square of `site.longest_side`."""


class Site:
    """The reading room of a configuration."""

    def __init__(self, settings: Settings, dataset: Dataset, model: type[PageModel]) -> None:
        self.folder = settings.paths.site_dir
        self._options = settings.site
        self._costs = settings.citation.costs
        self._dataset = dataset
        self._model = model
        self._writer = BookWriter(settings, model)
        self._languages = settings.words.languages
        self._accuracy = Accuracy(settings.paths, dataset)
        self._shelf = Shelf(settings, dataset.books, self._accuracy)

    # What there is

    @property
    def is_made(self) -> bool:
        """Is it wanted, and not too large?"""
        most = self._options.max_gigabytes
        return self._options.enabled and (most is None or self._bytes <= most * 1e9)

    @property
    def index(self) -> Path:
        """Where reading begins."""
        return self.folder / "index.html"

    @property
    def _bytes(self) -> float:
        pages = sum(len(book.pages) for book in self._dataset.books)
        return pages * _BYTES_A_PIXEL * self._options.longest_side**2

    @property
    def size(self) -> str:
        """How large it will be, roughly, in words."""
        megabytes = self._bytes / 1e6
        is_large = megabytes >= 1000
        about = f"{megabytes / 1000:.1f} GB" if is_large else f"{math.ceil(megabytes)} MB"
        pages = sum(len(book.pages) for book in self._dataset.books)
        return f"{count(pages, 'page')}, about {about}"

    @property
    def notices(self) -> list[str]:
        """What a person should know before it is made, or why it is not."""
        if not self._options.enabled or self.is_made:
            return []
        return [
            f"no reading room is made: {self.size}, and site.max_gigabytes is "
            f"{self._options.max_gigabytes:g}. Set it higher (or to null), site.longest_side "
            "lower, or site.enabled to false."
        ]

    # Its files. A rule has the records alone, which are written last: all others may be written at
    # any time, as by `pagewave open --now`.

    def book_file(self, book_id: str) -> str:
        """The file that stands for a finished book; a rule has a pattern of it."""
        return f"{self.folder}/{book_id}/{RECORD}"

    @property
    def shelf_file(self) -> str:
        """The file that stands for the shelf and the index for searching."""
        return f"{self.folder}/{ROOM}/{RECORD}"

    def files(self) -> list[str]:
        """What a run makes of it: the shelf, and each book, which would not be missed if the shelf
        alone were named; nothing where it is off."""
        books = [self.book_file(book.id) for book in self._dataset.books]
        return [*books, self.shelf_file] if self.is_made else []

    @property
    def is_due(self) -> bool:
        """Is any of its files to be made?"""
        return any(not Path(file).exists() for file in self.files()) or bool(self.outdated())

    def outdated(self) -> set[str]:
        """Records of what would be made otherwise now, or whose page is gone."""
        if not self.is_made:
            return set()
        made_of = {self.book_file(b.id): (b.id, self._made_of([b])) for b in self._dataset.books}
        made_of[self.shelf_file] = ("", self._shelf_made_of())
        return {
            file
            for file, (place, wanted) in made_of.items()
            if (record := read_record(Path(file)))
            if record.made_of != wanted or not (self.folder / place / "index.html").exists()
        }

    def _made_of(self, books: Sequence[Book]) -> str:
        """A hash of what decides about its files, but for the books' contents and scans."""
        options = self._options.model_dump_json(exclude={"enabled", "max_gigabytes"})
        given = [program(), self._schema, options, str(self._costs), *self._languages]
        given += [book.id for book in books]
        return hashlib.sha256("\n".join(given).encode()).hexdigest()

    def _shelf_made_of(self) -> str:
        books, accuracy = self._made_of(self._dataset.books), self._accuracy.made_of
        return hashlib.sha256(f"{books}\n{accuracy}".encode()).hexdigest()

    @cached_property
    def _schema(self) -> str:
        return repr(schema_of(self._model, self._dataset.levels))

    # Written

    def write_book(self, book_id: str) -> None:
        """Write a book whose file is there, and put it onto the shelf.

        Raises:
            DataError: the book's file can't be read.
            PagewaveError: the disk is full.
        """
        book = self._dataset.book(book_id)
        self._shelf.write_assets()
        self._writer.write(book, self._made_of([book]))
        self._shelf.put(book)

    def write(self) -> None:
        """Write the shelf and the index for searching, with what is read of unfinished books.

        Raises:
            PagewaveError: the disk is full.
        """
        made_of = self._shelf_made_of()  # a certificate that is written meanwhile makes it again
        self.write_so_far()
        self._shelf.tidy()
        record = Record(made_of=made_of)
        write_atomically(Path(self.shelf_file), record.model_dump_json())

    def write_so_far(self) -> None:
        """The same at any time, also while a run goes on: no file of a rule is touched.

        Raises:
            PagewaveError: the disk is full.
        """
        self._shelf.write_assets()
        for book in self._dataset.books:
            self._writer.write_so_far(book, self._made_of([book]))
        self._shelf.write()
