"""What is worth a look in a book: what its pages say of each other, and which of them are in doubt.

The first is in the book's file. The second follows from the trees of words; where words are not
looked for there is nothing of it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pagewave.exports.content import Book, Remark
from pagewave.pages.dataset import Book as BookOfPages

LEAST_DOUBT = 0.02
"""A page is named of whose words such a share is thought to be wrong, or that has a fault larger
than a word."""
MOST_PAGES = 25
"""So many are named, the worst: who looks at all of them goes on in review."""

Told = dict[str, Any]


class PageDoubt(NamedTuple):
    """What the tree of a page says of it: the share of its words that is thought to be wrong, and
    faults larger than a word, each with its kind, text and the key of the other page."""

    doubt: float
    faults: Sequence[tuple[str, str, str | None]]


def page_doubts(words: Path, book: BookOfPages) -> dict[str, PageDoubt]:
    """That of each page that has a tree, by key; `words`: the folder of all trees."""
    found = {}
    for page in book.pages:
        try:
            tree = json.loads((words / f"{page.name}.json").read_bytes())
            faults = [
                (str(each["kind"]), str(each["text"]), each.get("other"))
                for each in tree.get("findings", ())
            ]
            found[page.key] = PageDoubt(float(tree["doubt"]), faults)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # who looks at words is told; a reader can do without
    return found


def told(book: Book, doubts: Mapping[str, PageDoubt]) -> Told:
    """What is worth a look, for the browser: pages by their numbers, nothing where there is none.

    `findings` are kind, page, other page (or none) and what; `pages`, the worst first, page, doubt
    and faults (kind, text, other page); `runs_over` page, next page and text.
    """
    numbers = {page.key: page.number for page in book.pages}

    def remarks(found: Sequence[Remark]) -> list[list[Any]]:
        return [
            [each.kind, numbers[each.page], numbers.get(each.other or ""), each.what]
            for each in found
            if each.page in numbers
        ]

    worst = sorted(
        (key for key in doubts if key in numbers),
        key=lambda key: (-doubts[key].doubt, numbers[key]),
    )
    named = [k for k in worst if doubts[k].doubt >= LEAST_DOUBT or doubts[k].faults][:MOST_PAGES]
    pages = [
        [
            numbers[key],
            round(doubts[key].doubt, 3),
            [[kind, text, numbers.get(other or "")] for kind, text, other in doubts[key].faults],
        ]
        for key in named
    ]
    parts = {
        "findings": remarks(book.findings),
        "pages": pages,
        "runs_over": [each[1:] for each in remarks(book.runs_over)],
    }
    return {name: part for name, part in parts.items() if part}


def pages_of(worth: Told) -> int:
    """How many pages are worth a look, of what `told` says."""
    named = [each[1] for each in worth.get("findings", ())]
    return len({*named, *(each[0] for each in worth.get("pages", ()))})
