"""A page's file in the data package: what it says, and how that came about.

With its hashes it stands for one request: `image_sha256` is of the image that was sent,
`prompt_sha256` of the template, and `fingerprint` of all that determines the answer
(docs/architecture.md). What a person corrected is named as such.
"""

import json
from collections.abc import Mapping
from typing import Any

from pagewave.exports.content import Book, Page
from pagewave.levels import Levels

PAGES = "pages"
"""The folder of all page files."""

Record = Mapping[str, Any]


def record_of(book: Book, page: Page) -> Record:
    """What is told of a page; `answer` is None, and `text` empty, where it was not read."""
    return {
        "key": page.key,
        **book.place,
        "page": page.number,
        "missing": page.missing,
        "flags": list(page.flags),
        "corrected": page.corrected,
        "correction": dict(page.correction) or None,
        "model_served": page.model_served,
        "provenance": dict(sorted(page.provenance.items())) or None,
        "text": page.text,
        "answer": page.answer.model_dump(mode="json") if page.answer else None,
    }


def book_folder(book_id: str) -> str:
    """Where the page files of a book are."""
    return f"{PAGES}/{book_id}"


def book_of(record: Record, levels: Levels) -> str:
    """The id of a page's book."""
    return "/".join(str(record[level]) for level in levels.names)


def page_name(record: Record, levels: Levels) -> str:
    """Where a page's file is."""
    return f"{book_folder(book_of(record, levels))}/{record['page']}.json"


def as_text(record: Record) -> str:
    """What a page's file holds; escapes where a text can't be written as it is."""
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(record, indent=1) + "\n"
    return text
