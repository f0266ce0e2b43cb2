"""What ALTO and PAGE-XML share: a zip a book, in it an XML file of each page that has words."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from pagewave.exports.citing.archive import Archive
from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.placed import PlacedPage, pages_of


class PageFiles(Exporter):
    """`{state}/{school}/{year}.zip`."""

    suffixes = (".zip",)
    per = "book"
    reads_words = True

    @abstractmethod
    def content(self, page: PlacedPage) -> bytes:
        """The file of a page that has words."""

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write one book, of each page that has words a file."""
        [book] = books
        with Archive(files[0]) as archive:
            for page in pages_of(books, book):
                if page.tree:
                    archive.add(f"{page.name}.xml", self.content(page))
