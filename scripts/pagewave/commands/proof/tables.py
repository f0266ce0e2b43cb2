"""What tables of all books have of a page, beside what its book says: the last links of a proof."""

import csv
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pagewave.errors import DataError, PagewaveError
from pagewave.exports.citing.records import Record, record_of
from pagewave.exports.content import Books
from pagewave.exports.forms.csv_files import csv_cell
from pagewave.exports.schema import Kind, Table
from pagewave.pages.dataset import Page
from pagewave.workspace import Workspace

State = Literal["shown", "broken", "not shown"]


@dataclass(frozen=True)
class Link:
    """One link: `broken` where something says otherwise, `not shown` where a witness is gone."""

    name: str
    state: State
    what: str


class Tables:
    """The tables of all books that exports made, and what books say should be in them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._model = workspace.prompt.page_model
        self._folder = workspace.settings.paths.exports_dir
        self._found: dict[str, dict[str, list[tuple[str, ...]]]] = {}
        self._records: dict[str, Record] = {}
        self._expected: dict[str, dict[str, dict[str, list[tuple[str, ...]]]]] = {}

    def links(self, page: Page) -> Iterator[Link]:
        """A link for each form that was made and can be read here."""
        for form, read in (("csv", self._csv), ("sqlite", self._sqlite)):
            there = [table for table in self._tables if self._file(form, table).exists()]
            if not there:
                continue
            try:
                problem = self._difference(page, form, there, read)
            except (OSError, ValueError, sqlite3.Error, csv.Error, PagewaveError) as error:
                problem = str(error)
            folder = self._folder / form
            if problem:
                yield Link(form, "broken", f"{folder}: {problem}")
            else:
                yield Link(form, "shown", f"{folder}: all values of the page")

    def values(self, page: Page, column: str) -> list[tuple[str, str]]:
        """What a column has for a page, each value with its place in the page's file."""
        wanted, _, name = column.rpartition(".")
        found = []
        for table in self._tables:
            if wanted and table.name != wanted:
                continue
            for place, each in enumerate(table.columns):
                if each.name == name:
                    rows = self._rows(page).get(table.name, [])
                    found += [(row[place], _where(each.field, n)) for n, row in enumerate(rows)]
                    break
            else:
                continue
            return found
        names = ", ".join(table.name for table in self._tables)
        raise DataError(f"There is no column {column}. The tables: {names}; docs/exports.md.")

    def record(self, page: Page) -> Record | None:
        """What a data package is to tell of a page; raises DataError if its book can't be read."""
        self._rows(page)
        return self._records.get(page.key)

    @property
    def _tables(self) -> Sequence[Table]:
        return self._books([]).tables

    def _books(self, books: Sequence[Any]) -> Books:
        settings, levels = self._workspace.settings, self._workspace.dataset.levels
        folder = settings.paths.books_dir
        return Books(folder, books, self._model, settings.citation, levels=levels)

    def _file(self, form: str, table: Table) -> Path:
        name = f"{table.name}.csv" if form == "csv" else "books.sqlite"
        return self._folder / form / name

    def _rows(self, page: Page) -> Mapping[str, list[tuple[str, ...]]]:
        """The rows of a page by table, as its book has them."""
        if page.book_id not in self._expected:
            books = self._books([self._workspace.dataset.book(page.book_id)])
            self._records = {p.key: record_of(book, p) for book in books for p in book.pages}
            by_key: dict[str, dict[str, list[tuple[str, ...]]]] = {}
            for table, row in books.rows():
                cells = tuple(_cell(value) for value in row)
                by_key.setdefault(str(row[0]), {}).setdefault(table.name, []).append(cells)
            self._expected = {page.book_id: by_key}
        return self._expected[page.book_id].get(page.key, {})

    def _difference(
        self,
        page: Page,
        form: str,
        tables: Sequence[Table],
        read: Callable[[Table], dict[str, list[tuple[str, ...]]]],
    ) -> str | None:
        for table in tables:
            if f"{form}/{table.name}" not in self._found:
                self._found[f"{form}/{table.name}"] = read(table)
            found = self._found[f"{form}/{table.name}"].get(_cell(page.key), [])
            wanted = self._rows(page).get(table.name, [])
            if len(found) != len(wanted):
                return f"{table.name} has {len(found)} rows of the page, its book {len(wanted)}"
            for cells, values in zip(found, wanted, strict=True):
                for column, cell, value in zip(table.columns, cells, values, strict=True):
                    if cell != value:
                        return f"{table.name}.{column.name} is {cell!r}, in its book {value!r}"
        return None

    def _csv(self, table: Table) -> dict[str, list[tuple[str, ...]]]:
        csv.field_size_limit(sys.maxsize)
        rows: dict[str, list[tuple[str, ...]]] = {}
        with self._file("csv", table).open(encoding="utf-8", newline="") as file:
            for row in list(csv.reader(file))[1:]:
                rows.setdefault(row[0], []).append(tuple(row))
        return rows

    def _sqlite(self, table: Table) -> dict[str, list[tuple[str, ...]]]:
        rows: dict[str, list[tuple[str, ...]]] = {}
        truths = [column.kind == Kind.BOOLEAN for column in table.columns]
        address = f"{self._file('sqlite', table).resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            for row in database.execute(f'SELECT * FROM "{table.name}" ORDER BY rowid'):
                cells = (
                    bool(value) if is_truth and value is not None else value
                    for is_truth, value in zip(truths, row, strict=True)
                )
                rows.setdefault(_cell(row[0]), []).append(tuple(_cell(each) for each in cells))
        return rows


def _cell(value: Any) -> str:
    cell = csv_cell(value)
    return "" if cell is None else str(cell)


def _where(field: str, number: int) -> str:
    """Where a value is in a page's file, such as `courses[0].term`; empty: pagewave added it."""
    return field.replace("[]", f"[{number}]", 1)
