"""What the files of the reading room say: a book, each of its pages, the shelf.

Each is a script that hands one value to `readingRoom` (`assets/room.js`), as a browser loads no
other file from disk. All that was read travels as JSON and is shown as text.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pagewave.config.data import Paths
from pagewave.exports.content import Book, Books, Page
from pagewave.exports.schema import Column, Kind, Table
from pagewave.exports.site.images import Picture
from pagewave.page_model import PageModel

FLAGS = {
    "repetition": "The same words over and over: the reader may have got stuck.",
    "echo": "Much of it is what the page before says.",
    "empty_on_ink": "No text was read, though the page has print.",
    "text_on_blank": "Text was read, though the page looks blank.",
    "few_letters": "Fewer letters than so many lines of print should have.",
    "repaired": "The answer's form was put right; its words are as they came.",
    "null_word": "A word for nothing, such as N/A, was taken for nothing.",
    "characters": "Characters that can't be printed were replaced.",
    "halves": "Read as an upper and a lower half, which were joined.",
    "other_model": "Another model answered than the one that was asked.",
}
"""What flags mean, in a reader's words; any other is shown by its name."""

ABOUT = {
    "model": "Model asked",
    "model_served": "Model that answered",
    "prompt": "Prompt",
    "attempt": "Attempt",
    "read_at": "Read at",
    "usd": "Price in USD",
}
"""What is told of how a page was read, in this order."""


def script(name: str, value: object) -> bytes:
    """A file that hands a value to the page that loads it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Both end a line of a script in old browsers; `<` can't begin a tag wherever this lands.
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("<", "\\u003c")
    # A lone surrogate can't be written.
    return f"readingRoom({json.dumps(name)},{text});\n".encode(errors="replace")


def value_of(content: bytes) -> Any:
    """The value that such a file hands over."""
    text = content.decode()
    return json.loads(text[text.index(",") + 1 : text.rindex(")")])


class Shown:
    """How the pages of a book are shown: which of its fields and lists, and what of them.

    Lists and fields that only repeat the page's text are left out.
    """

    def __init__(self, books: Books, book: Book) -> None:
        self._first, *lists = books.tables
        self._fields = {table.name: _fields(table) for table in books.tables}
        self.book = book
        self._joined = [column.name for column in self._first.columns].index("text_joined")
        self._rows = {
            page.key: [(t, row) for t, row in books.rows_of_page(book, page)]
            for page in book.pages
            if page.answer is not None
        }
        self.lists = [table for table in lists if not self._is_the_text(table)]
        self._printed = (
            [c.name for c in self._first.columns].index("printed_page")
            if (books.schema.printed)
            else None
        )

    def schema(self) -> list[dict[str, Any]]:
        """The tables, that of pages first: name, meaning, and columns with theirs."""
        return [
            {
                "name": table.name,
                "meaning": table.meaning,
                "columns": [
                    {"name": c.name, "meaning": c.meaning, "field": c.field, "kind": str(c.kind)}
                    for _, c in self._fields[table.name]
                ],
            }
            for table in (self._first, *self.lists)
        ]

    def label(self, page: Page) -> str | None:
        """The number printed on a page."""
        if self._printed is None or page.answer is None:
            return None
        value = self._rows[page.key][0][1][self._printed]
        return None if value is None else str(value)

    def page(self, page: Page, picture: Picture | None) -> dict[str, Any]:
        """All that a page's file says."""
        content: dict[str, Any] = {"n": page.number, "image": image(picture)}
        if page.answer is None:
            return content | {"missing": page.missing or ""}
        text = page.text
        fields: list[Any] = []
        lists: list[list[list[Any]]] = [[] for _ in self.lists]
        for table, row in self._rows[page.key]:
            cells = [_plain(row[place]) for place, _ in self._fields[table.name]]
            if table is self._first:
                fields = [None if _is_same(cell, text) else cell for cell in cells]
            elif table in self.lists:
                lists[self.lists.index(table)].append(cells)
        return content | {
            "text": text,
            "fields": fields,
            "lists": lists,
            "flags": [[flag, FLAGS.get(flag, flag)] for flag in page.flags],
            "corrected": page.corrected,
            "changed": list(page.changed),
            "about": _about(page.provenance),
        }

    def searched(self, page: Page) -> str:
        """The words under which a page is found: its text, divided words joined, and its lists."""
        if page.answer is None:
            return ""
        text = page.text
        parts = []
        for table, row in self._rows[page.key]:
            if table is self._first:
                parts.append(row[self._joined] or "")
            elif table not in self.lists:
                continue
            cells = (
                row[n] for n, c in self._fields[table.name] if c.kind in (Kind.TEXT, Kind.JSON)
            )
            parts += [cell for cell in cells if cell and not _is_same(cell, text)]
        return "\n".join(map(str, parts))

    def _is_the_text(self, table: Table) -> bool:
        """Is a list nothing but the page's text, piece by piece?"""
        places = [place for place, c in self._fields[table.name] if c.kind == Kind.TEXT]
        pages = [page for page in self.book.pages if page.answer is not None and page.text.strip()]
        if not pages:
            return False
        return any(
            all(
                "".join("".join(str(row[place] or "").split()) for t, row in rows if t is table)
                == "".join(page.text.split())
                for page in pages
                if (rows := self._rows[page.key])
            )
            for place in places
        )


def alone(answer: PageModel, key: str, paths: Paths) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What is told of a page by itself, without its book: as `Shown.page` and `Shown.schema`."""
    page = Page(key, 0, answer)
    books = Books(paths.books_dir, [], type(answer), levels=paths.tree)
    shown = Shown(books, Book(paths.tree.folders(key), (page,), levels=paths.tree))
    return shown.page(page, None), shown.schema()


def image(picture: Picture | None) -> list[Any] | None:
    """A picture as the browser needs it."""
    return [picture.name, picture.width, picture.height] if picture else None


def on_shelf(book: Book, pictures: Sequence[Picture | None]) -> dict[str, Any]:
    """What the shelf says of a book."""
    return {
        "pages": len(book.pages),
        "read": sum(page.answer is not None for page in book.pages),
        "flagged": sum(bool(page.flags) for page in book.pages),
        "corrected": sum(page.corrected for page in book.pages),
        "cover": image(next((picture for picture in pictures if picture), None)),
    }


def _fields(table: Table) -> tuple[tuple[int, Column], ...]:
    """The columns that are the page model's own, and their places in a row."""
    return tuple(
        (place, column)
        for place, column in enumerate(table.columns)
        if column.field and column.name != "printed_page"
    )


def _plain(cell: Any) -> Any:
    return cell.isoformat() if hasattr(cell, "isoformat") else cell


def _is_same(cell: Any, text: str) -> bool:
    if not isinstance(cell, str) or not text or 2 * len(cell) < len(text):
        return False
    return cell.split() == text.split() != []


def _about(known: Mapping[str, Any]) -> list[list[str]]:
    """How a page was read, as pairs of words."""
    prompt = " ".join(str(known[n]) for n in ("prompt_name", "prompt_version") if known.get(n))
    told = {**known, "prompt": prompt}
    if known.get("engine") == "embedded":
        told["model"] = "read on this machine"
    return [[words, str(told[name])] for name, words in ABOUT.items() if told.get(name)]
