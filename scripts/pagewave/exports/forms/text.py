"""Plain text: a file a book, pages marked, words divided at line ends joined."""

from collections.abc import Sequence
from pathlib import Path

from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter


class Text(Exporter):
    """`{state}/{school}/{year}.txt`."""

    name = "text"
    suffixes = (".txt",)
    per = "book"

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write one book."""
        [book] = books
        parts = []
        for page in book.pages:
            words = f"[missing: {page.missing}]" if page.answer is None else book.joined(page)
            parts.append(f"[page {page.number}]\n{words}\n")
        files[0].write_text("\n".join(parts), encoding="utf-8")
