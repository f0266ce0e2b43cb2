"""What exporters are given: books with their pages, and the same as rows of tables.

It comes from the files of books, which hold corrections; ledger, key and network are not needed.
Of what those files tell only the fields in PUBLISHED go on: no paths, keys or addresses; prices
only where they are asked for.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pagewave import command_line
from pagewave.characters import clean
from pagewave.config.citation import Citation
from pagewave.errors import DataError
from pagewave.exports.divided_words import Joiner
from pagewave.exports.rows import Cell, Row, RowMaker, codebook, link_to
from pagewave.exports.schema import Schema, Table, schema_of
from pagewave.levels import DEFAULT, Levels
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book as BookOfPages
from pagewave.pages.dataset import BookPlace
from pagewave.pages.dataset import Page as PageOfBook
from pagewave.pages.json_files import json_text, problem_of
from pagewave.words.audit.certificate import Audited

__all__ = ["PUBLISHED", "Book", "Books", "Cell", "Page", "Row"]

COSTS = ("prompt_tokens", "output_tokens", "thoughts_tokens", "cached_tokens", "usd")
"""Told where `citation.costs` says so, and nowhere else: in data package and reading room."""
PUBLISHED = {
    "page": (
        *("key", "number", "page", "corrected", "provenance"),
        *("corrected_at", "corrects", "fields_changed"),
    ),
    "provenance": (
        *("engine", "model", "model_served", "flags", "attempt", "read_at", "fingerprint"),
        *("image_sha256", "prompt_name", "prompt_version", "prompt_sha256", *COSTS),
    ),
    "flag": ("guard", "what"),  # as book files of earlier versions have it
    "correction": ("attempt", "fingerprint", "sha256"),
    "missing": ("key", "reason"),
    "finding": ("kind", "page", "other", "what"),
    "runs over": ("page", "other", "text"),
}
"""The fields of book.json that exports may tell; of a reason only its beginning goes on."""

NOT_FINISHED = "its book is not finished"
NOT_READ_YET = "not read yet"


class Remark(NamedTuple):
    """What a book's pages say of each other: of which (its key), with which other one, and what."""

    kind: str
    page: str
    other: str | None
    what: str


@dataclass(frozen=True)
class Page:
    """A page: `answer` is what was read, as corrected; where that is None, `missing` says why.

    `changed` are the places that a person changed, such as `courses[0].level`; `provenance` and
    `correction` are what may be told of how it came about.
    """

    key: str
    number: int
    answer: PageModel | None = None
    missing: str | None = None
    corrected: bool = False
    flags: tuple[str, ...] = ()
    model_served: str | None = None
    changed: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    correction: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_waiting(self) -> bool:
        """Is it of a book that is being read, and not read yet?"""
        return self.missing == NOT_READ_YET

    @property
    def text(self) -> str:
        """All its words, without control characters; empty where it was not read."""
        return clean(self.answer.text()) if self.answer else ""


@dataclass(frozen=True)
class Book(BookPlace):
    """A book and its pages in order; `is_finished`: its file is there. `findings` are what is odd
    about its leaves, heads and courses, `runs_over` what goes on on the next page.

    What its folders say has their levels' names: `book.state`, `book.year`; all are in `place`.
    """

    pages: tuple[Page, ...]
    is_finished: bool = True
    levels: Levels = DEFAULT
    findings: tuple[Remark, ...] = ()
    runs_over: tuple[Remark, ...] = ()

    @cached_property
    def place(self) -> dict[str, str | int]:
        """Its folders by level, a year as a number."""
        return self.levels.values(self.folders)

    @property
    def names(self) -> list[str]:
        """Its folders for people, the nearest name first, the year last."""
        return self.levels.spoken(self.folders)

    def __getattr__(self, name: str) -> Any:
        """The folder of a level."""
        if name in type(self).__dataclass_fields__ or name not in self.levels.names:
            raise AttributeError(f"a book has no {name}; its levels are {self.levels.form}")
        return self.place[name]

    @cached_property
    def joiner(self) -> Joiner:
        """Joins divided words as the book itself writes them."""
        return Joiner(page.text for page in self.pages)

    def joined(self, page: Page) -> str:
        """A page's text, words that are divided at line ends joined."""
        return self.joiner.join(page.text)


class Books:
    """The books that an export is of, one after another; iterate it as often as you like.

    Args:
        folder: where book files are.
        books: which books there are.
        model: what a page's answer looks like.
        levels: what the folders are called in which books lie.
        citation: how they are to be cited, where their reading room is, and whether costs are told.
        pages: where page files are; given, what is read of unfinished books is told as well.
        words: where trees of words are, for forms that read them.

    Attributes:
        audited: the certificate of `pagewave audit`, where there is one.
        notes: what `tell` was told.
        page_count, unread: pages of the last pass, and how many of each book were not read.
    """

    def __init__(
        self,
        folder: Path,
        books: Sequence[BookOfPages],
        model: type[PageModel],
        citation: Citation | None = None,
        *,
        levels: Levels = DEFAULT,
        pages: Path | None = None,
        words: Path | None = None,
    ) -> None:
        self._folder = folder
        self.words = words
        self._page_files = pages
        self._books = books
        self.model = model
        self.levels = levels
        self.citation = citation or Citation()
        self.audited: Audited | None = None
        self.notes: list[str] = []
        self.page_count = 0
        self.unread: dict[str, int] = {}

    @property
    def schema(self) -> Schema:
        """The tables that the page model makes."""
        return schema_of(self.model, self.levels)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The same: one of pages, then one for each list of objects."""
        return self.schema.tables

    def __iter__(self) -> Iterator[Book]:
        """Each book in turn.

        Raises:
            DataError: a book's file can't be read.
        """
        self.page_count, self.unread = 0, {}
        for each in self._books:
            book = self._read(each)
            self.page_count += len(book.pages)
            if unread := sum(page.answer is None for page in book.pages):
                self.unread[book.id] = unread
            yield book

    def rows(self) -> Iterator[tuple[Table, Row]]:
        """All rows of all tables, book after book."""
        maker = RowMaker(self.schema, self.tell)
        for book in self:
            for page in book.pages:
                yield from self._rows(maker, book, page)

    def rows_of(self, table: Table) -> Iterator[Row]:
        """The rows of one table."""
        return (row for each, row in self.rows() if each is table)

    def chunks(self, size: int = 5000) -> Iterator[tuple[Table, list[Row]]]:
        """All rows, some of one table at a time: each table at least once, in order."""
        waiting: dict[str, list[Row]] = {table.name: [] for table in self.tables}
        for table, row in self.rows():
            rows = waiting[table.name]
            rows.append(row)
            if len(rows) >= size:
                yield table, rows
                waiting[table.name] = []
        for table in self.tables:
            yield table, waiting[table.name]

    def codebook(self) -> list[Row]:
        """The rows of CODEBOOK_TABLE."""
        return codebook(self.tables)

    def scan(self, key: str) -> PageOfBook:
        """The page as the data set has it, with its scan."""
        return self._scans[key]

    @cached_property
    def _scans(self) -> dict[str, PageOfBook]:
        return {page.key: page for book in self._books for page in book.pages}

    def tell(self, note: str) -> None:
        """Say what a reader has to know of this export, such as a limit that was met; once."""
        if note not in self.notes:
            self.notes.append(note)

    def _read(self, book: BookOfPages) -> Book:
        path = self._folder / book.id / "book.json"
        try:
            content = json.loads(path.read_bytes())
            read = {each["key"]: self._page(each) for each in _published(content, "pages", "page")}
            lost = {
                each["key"]: each["reason"].partition(": ")[0]
                for each in _published(content, "missing", "missing")
            }
            findings = [Remark(**each) for each in _published(content, "findings", "finding")]
            over = [
                Remark("runs over", each["page"], each["other"], each["text"])
                for each in _published(content, "runs_over", "runs over")
            ]
        except FileNotFoundError:
            pages = tuple(self._page_so_far(page) for page in book.pages)
            return Book(book.folders, pages, is_finished=False, levels=self.levels)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = problem_of(error) if isinstance(error, ValueError) else str(error)
            again = command_line.snakemake("-f", str(path))
            raise DataError(
                f"{path}: {why}. It can't be exported. To have it made again, of the same pages: "
                f"{again}"
            ) from error
        pages = tuple(
            read.get(p.key) or Page(p.key, p.number, missing=lost.get(p.key, NOT_FINISHED))
            for p in book.pages
        )
        return Book(
            book.folders,
            pages,
            levels=self.levels,
            findings=tuple(findings),
            runs_over=tuple(over),
        )

    def _page_so_far(self, page: PageOfBook) -> Page:
        """A page of a book that has no file: what its own file says is all that is known."""
        if self._page_files is None:
            return Page(page.key, page.number, missing=NOT_FINISHED)
        file = self._page_files / f"{page.name}.json"
        try:
            answer = self.model.model_validate_json(json_text(file.read_bytes()))
        except FileNotFoundError:
            return Page(page.key, page.number, missing=NOT_READ_YET)
        except (OSError, ValueError):
            return Page(page.key, page.number, missing="its file can't be read")
        return Page(page.key, page.number, answer)

    def _page(self, told: Mapping[str, Any]) -> Page:
        [known] = _published({"": [told["provenance"] or {}]}, "", "provenance")
        flags = [flag.get("guard") or flag["what"] for flag in _published(known, "flags", "flag")]
        hidden = ("flags", *(() if self.citation.costs else COSTS))
        asked, served = known.get("model"), known.get("model_served")
        if known.get("engine") != "gemini":
            # The local reader has no model, and its server gives back the name it is asked for.
            served = None if served == asked else served
            hidden, asked = (*hidden, "model", "model_served"), None
        correction = {}
        if told.get("corrected"):
            names = ("corrected_at", "fields_changed")
            correction = {name: told[name] for name in names if name in told}
            if corrects := told.get("corrects"):
                [correction["corrects"]] = _published({"": [corrects]}, "", "correction")
        return Page(
            key=told["key"],
            number=told["number"],
            answer=self.model.model_validate(told["page"]),
            corrected=bool(told.get("corrected")),
            flags=tuple(dict.fromkeys(flags)),
            model_served=served or asked,
            provenance={name: value for name, value in known.items() if name not in hidden},
            changed=tuple(told.get("fields_changed") or ()),
            correction=correction,
        )

    def rows_of_page(self, book: Book, page: Page) -> Iterator[tuple[Table, Row]]:
        """The rows of one page: of the table of pages, then of each list."""
        return self._rows(RowMaker(self.schema, self.tell), book, page)

    def _rows(self, maker: RowMaker, book: Book, page: Page) -> Iterator[tuple[Table, Row]]:
        answer = page.answer.model_dump(mode="json") if page.answer else None
        is_shown = page.missing != NOT_FINISHED
        link = link_to(book.id, page.number, self.citation.url) if is_shown else None
        flags = "; ".join(page.flags) or None
        return maker.rows(
            place=(page.key, *book.place.values(), page.number),
            missing=page.missing,
            reading=(page.corrected, flags, page.model_served, link),
            texts=(page.text or None, book.joined(page) or None) if answer else (),
            answer=answer,
        )


def _published(holder: Mapping[str, Any], name: str, kind: str) -> list[dict[str, Any]]:
    """The objects of a list in book.json, with the fields alone that may be told."""
    allowed = PUBLISHED[kind]
    return [
        {field: value for field, value in each.items() if field in allowed}
        for each in holder.get(name, ())
    ]
