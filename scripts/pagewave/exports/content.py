"""What exporters are given: books with their pages, and the same as rows of tables.

It comes from the files of books, which hold corrections; ledger, key and network are not needed.
Of what those files tell only the fields in PUBLISHED go on: no paths, keys or addresses; prices
only where they are asked for.
"""

import datetime
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pagewave import command_line
from pagewave.characters import clean
from pagewave.errors import DataError
from pagewave.exports.divided_words import Joiner
from pagewave.exports.schema import CODEBOOK_TABLE, Column, Kind, Schema, Table, schema_of
from pagewave.exports.stata_names import stata_names
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book as BookOfPages
from pagewave.pages.json_files import problem_of

PUBLISHED = {
    "page": ("key", "number", "page", "corrected", "fields_changed", "provenance"),
    "provenance": (
        *("engine", "model", "model_served", "flags"),
        *("prompt_name", "prompt_version", "attempt", "read_at", "usd"),
    ),
    "flag": ("guard",),
    "missing": ("key", "reason"),
}
"""The fields of book.json that exports may tell; of a reason only its beginning goes on."""

PRICE = "usd"
"""The field of PUBLISHED that is told only where prices are asked for."""
NOT_FINISHED = "its book is not finished"
LARGEST = 2**63 - 1

Cell = str | int | float | bool | datetime.date | None
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Page:
    """A page: `answer` is what was read, as corrected; where that is None, `missing` says why.

    `changed` are the places that a person changed, such as `courses[0].level`; `provenance` is what
    may be told of how it was read.
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

    @property
    def text(self) -> str:
        """All its words, without control characters; empty where it was not read."""
        return clean(self.answer.text()) if self.answer else ""


@dataclass(frozen=True)
class Book:
    """A book and its pages in order; `is_finished`: its file is there."""

    state: str
    school: str
    year: int
    pages: tuple[Page, ...]
    is_finished: bool = True

    @property
    def id(self) -> str:
        """`state/school/year`."""
        return f"{self.state}/{self.school}/{self.year}"

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
        prices: are pages to tell what they cost?

    Attributes:
        notes: what `tell` was told.
        page_count, unread: pages of the last pass, and how many of each book were not read.
    """

    def __init__(
        self,
        folder: Path,
        books: Sequence[BookOfPages],
        model: type[PageModel],
        *,
        prices: bool = False,
    ) -> None:
        self._prices = prices
        self._folder = folder
        self._books = books
        self._model = model
        self.notes: list[str] = []
        self.page_count = 0
        self.unread: dict[str, int] = {}

    @property
    def schema(self) -> Schema:
        """The tables that the page model makes."""
        return schema_of(self._model)

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
        for book in self:
            for page in book.pages:
                yield from self.rows_of_page(book, page)

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
        except FileNotFoundError:
            pages = tuple(Page(p.key, p.number, missing=NOT_FINISHED) for p in book.pages)
            return Book(book.state, book.school, book.year, pages, is_finished=False)
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
        return Book(book.state, book.school, book.year, pages)

    def _page(self, told: Mapping[str, Any]) -> Page:
        [known] = _published({"": [told["provenance"] or {}]}, "", "provenance")
        flags = [flag["guard"] for flag in _published(known, "flags", "flag")]
        told_too = {n: v for n, v in known.items() if n != "flags" and (n != PRICE or self._prices)}
        asked = known.get("model") if known.get("engine") == "gemini" else None
        return Page(
            key=told["key"],
            number=told["number"],
            answer=self._model.model_validate(told["page"]),
            corrected=bool(told.get("corrected")),
            flags=tuple(dict.fromkeys(flags)),
            model_served=known.get("model_served") or asked,
            changed=tuple(told.get("fields_changed") or ()),
            provenance=told_too,
        )

    def rows_of_page(self, book: Book, page: Page) -> Iterator[tuple[Table, Row]]:
        """The rows of one page: of the table of pages, then of each list."""
        place: list[Cell] = [page.key, book.state, book.school, book.year, page.number]
        reading: list[Cell] = [page.corrected, "; ".join(page.flags) or None, page.model_served]
        if page.answer is None:
            first = self.tables[0]
            missing = clean(page.missing or "")
            cells = [*place, *([None] if self.schema.printed else []), missing, None, None, None]
            yield first, tuple(cells + [None] * (len(first.columns) - len(cells)))
            return
        answer = page.answer.model_dump(mode="json")
        for table in self.tables:
            printed = [c for c in table.columns if c.name == "printed_page"][:1]
            number = [self._cell(c, _at(answer, self.schema.printed), page) for c in printed]
            start = [*place, *(number if self.schema.printed else [])]
            if not table.path:
                start += [None, *reading, page.text or None, book.joined(page) or None]
                yield table, self._row(table, start, answer, page)
                continue
            for position, item in enumerate(_at(answer, table.path) or (), 1):
                yield table, self._row(table, [*start, position, *reading], item, page)

    def _row(self, table: Table, start: list[Cell], value: Any, page: Page) -> Row:
        cells = list(start)
        prefix = f"{'.'.join(table.path)}[]." if table.path else ""
        for column in table.columns[len(start) :]:
            path = column.field.removeprefix(prefix).split(".")
            cells.append(self._cell(column, _at(value, path), page))
        return tuple(cells)

    def _cell(self, column: Column, value: Any, page: Page) -> Cell:
        """A value as its column's kind has it; one that fits no table is left out, and told."""
        if value is None:
            return None
        if column.kind == Kind.JSON:
            return clean(json.dumps(value, ensure_ascii=False))
        if column.kind == Kind.DATE:
            return datetime.date.fromisoformat(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not (math.isfinite(value) and abs(value) <= LARGEST):
            self.tell(f"{page.key}: {column.name} is {value}, which no table holds: left empty.")
            return None
        if column.kind == Kind.NUMBER:
            return float(value)
        return clean(value) if isinstance(value, str) else value


def codebook(tables: Sequence[Table]) -> list[Row]:
    """A row for each column of these tables."""
    return [
        (
            table.name,
            column.name,
            stata,
            str(column.kind),
            clean(column.meaning) or None,
            "; ".join(column.choices) or None,
            column.field or None,
        )
        for table in (*tables, CODEBOOK_TABLE)
        for column, stata in zip(table.columns, stata_names(table.columns), strict=True)
    ]


def _published(holder: Mapping[str, Any], name: str, kind: str) -> list[dict[str, Any]]:
    """The objects of a list in book.json, with the fields alone that may be told."""
    allowed = PUBLISHED[kind]
    return [
        {field: value for field, value in each.items() if field in allowed}
        for each in holder.get(name, ())
    ]


def _at(value: Any, path: Sequence[str]) -> Any:
    """What a model's dump has at a path; None where an object on the way is."""
    for name in path:
        if value is None:
            return None
        value = value[name]
    return value
