"""JSON lines for language models: a line a book, with the span of each page in its text.

    {"id": "Ohio/Elm/1850", "state": …, "text": "…", "pages": [{"page": 1, "start": 0, "end": 812,
     …}, …]}

`start` and `end` count characters (Unicode code points) of `text`, as Python's slices do.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from pagewave.exports.content import Book, Books
from pagewave.exports.exporter import Exporter

BETWEEN = "\n\n"
"""Stands between two pages, and is in no span."""


class JsonLines(Exporter):
    """`books.jsonl`."""

    name = "jsonl"
    suffixes = (".jsonl",)

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write a line for each book of which any page was read."""
        with files[0].open("w", encoding="utf-8", newline="\n") as lines:
            for book in books:
                if any(page.answer for page in book.pages):
                    lines.write(json.dumps(_line(book), ensure_ascii=False) + "\n")


def _line(book: Book) -> dict[str, object]:
    texts: list[str] = []
    pages: list[dict[str, object]] = []
    start = 0
    for page in book.pages:
        about: dict[str, object] = {"page": page.number, "key": page.key}
        if page.answer is None:
            pages.append(about | {"missing": page.missing})
            continue
        text = book.joined(page)
        end = start + len(text)
        pages.append(
            about
            | {
                "start": start,
                "end": end,
                "corrected": page.corrected,
                "flags": list(page.flags),
                "model_served": page.model_served,
            }
        )
        texts.append(text)
        start = end + len(BETWEEN)
    return {
        "id": book.id,
        **book.place,
        "text": BETWEEN.join(texts),
        "pages": pages,
    }
