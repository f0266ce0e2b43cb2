"""What a form of export is: the one class that exporters, users' own too, derive from.

docs/exports.md has an example. `forms/` has ours; `registry` finds all of them by name.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pagewave.exports.content import Book, Books, Page
from pagewave.exports.schema import Table

__all__ = ["Book", "Books", "Exporter", "Page"]


class Exporter(ABC):
    """A form in which readers get books.

    `name` is what the configuration calls it, and its folder in `paths.exports_dir`; `suffixes` are
    those of its files; `per` says what a job writes: all books, or one book at a time.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    per: ClassVar[Literal["library", "book"]] = "library"
    carries_certificate: ClassVar[bool] = False
    """Is it made again when `pagewave audit` certifies something else?"""
    packages: ClassVar[tuple[str, ...]] = ()
    """Modules that it imports beyond what pagewave needs; imported when it writes, not before."""
    reads_words: ClassVar[bool] = False
    """Does it ask where words stand (`placed.pages_of`)? Then it is by book, and waits for them."""

    needs_address: ClassVar[bool] = False
    """Does it name addresses on the web, which begin with `citation.url`?"""

    def files(self, tables: Sequence[Table]) -> list[str]:
        """The names of its files of all books: `books` with each suffix."""
        return [f"books{suffix}" for suffix in self.suffixes]

    @abstractmethod
    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write the files, in the order of `files`, or of `suffixes` for one book.

        They are put in their places when this returns, so it may stop anywhere; what has to be
        told of them is told by `books.tell`.
        """


class TableExporter(Exporter):
    """One that writes a file for each table."""

    def files(self, tables: Sequence[Table]) -> list[str]:
        """The names of its files: those of the tables."""
        return [f"{table.name}{suffix}" for table in tables for suffix in self.suffixes]
