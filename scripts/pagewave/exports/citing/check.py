"""Is a data package as it was written, and does it agree with itself? Looked at without anything
else: no ledger, page model or network.

The manifest says which bytes each file had. Tables, numbers and descriptions follow from the page
files, so they are made again of those and compared.
"""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pagewave.errors import DataError
from pagewave.exports.citing.archive import MANIFEST, Package, hashes_in, manifest, opened
from pagewave.exports.citing.metadata import DESCRIPTION as CRATE
from pagewave.exports.citing.records import PAGES, Record, book_of, page_name
from pagewave.exports.citing.summary import FILE as SUMMARY
from pagewave.exports.citing.summary import Summary
from pagewave.exports.citing.tables import DESCRIPTION as TABLES
from pagewave.exports.citing.tables import schema_in
from pagewave.exports.content import NOT_FINISHED
from pagewave.exports.divided_words import Joiner
from pagewave.exports.forms.csv_files import csv_cell
from pagewave.exports.rows import RowMaker, link_to
from pagewave.exports.schema import Table
from pagewave.levels import Levels
from pagewave.wording import count

SHOWN = 80
"""Characters of a value that is shown."""

Cells = Sequence[str]


@dataclass(frozen=True)
class Problem:
    """What is not as it was: in which file, and of which page (its key), where it is of one."""

    file: str
    what: str
    page: str | None = None

    def __str__(self) -> str:
        return f"{self.file}: {f'page {self.page}: ' if self.page else ''}{self.what}"


@dataclass
class Checked:
    """What was looked at, and what was found."""

    files: int = 0
    pages: int = 0
    cells: int = 0
    records: dict[str, Record] = field(default_factory=dict)
    """Pages that were asked for, by key."""
    problems: list[Problem] = field(default_factory=list)


def check(path: Path, keys: Sequence[str] = ()) -> Checked:
    """Check a whole package.

    Args:
        path: the zip, or the folder that it was unpacked to.
        keys: pages whose files are wanted.

    Raises:
        DataError: there is none.
    """
    with opened(path) as package:
        return _Check(package, frozenset(keys)).carry_out()


class _Check:
    def __init__(self, package: Package, keys: frozenset[str]) -> None:
        self._package = package
        self._keys = keys
        self._found = Checked()
        self._hashes: dict[str, str] = {}

    def carry_out(self) -> Checked:
        self._check_bytes()
        self._check_crate()
        if summary := self._check_tables():
            said = self._json(SUMMARY)
            if said is not None and said != summary.as_json():
                self._add(SUMMARY, "its numbers are not those of the pages")
        return self._found

    def _add(self, file: str, what: str, page: str | None = None) -> None:
        self._found.problems.append(Problem(file, what, page or _page_of(file)))

    # Bytes

    def _check_bytes(self) -> None:
        try:
            text = self._package.read(MANIFEST).decode("utf-8", "replace")
        except DataError as error:
            self._add(MANIFEST, str(error))
            text = ""
        said = hashes_in(text)
        names = self._package.names - {MANIFEST}
        for name in sorted(names | said.keys()):
            if name not in names:
                self._add(name, "is missing")
            elif name not in said:
                self._add(name, f"is not in {MANIFEST}")
            try:
                self._hashes[name] = self._package.sha256(name)
            except DataError as error:
                if name in names:
                    self._add(name, str(error))
                continue
            if name in said and said[name] != self._hashes[name]:
                self._add(name, f"was changed: its hash is not that of {MANIFEST}")
        if not said or text != manifest(said):
            self._add(MANIFEST, "is not as it was written")
        for name in sorted(self._package.empty_folders):
            self._add(name, "is a folder that was not there")
        self._found.files = len(names)

    def _check_crate(self) -> None:
        try:
            entities = (self._json(CRATE) or {})["@graph"]
            told = {unquote(each["@id"]): each["sha256"] for each in entities if _is_file(each)}
        except (KeyError, TypeError):
            self._add(CRATE, "is no description of this package")
            return
        for name, sha256 in told.items():
            if self._hashes.get(name) != sha256:
                self._add(CRATE, f"the hash that it has of {name} is not that of the file")

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._package.read(name))
        except DataError:  # told with the manifest
            return None
        except ValueError as error:
            self._add(name, f"is no JSON ({error})")
            return None

    # Tables

    def _check_tables(self) -> Summary | None:
        """The numbers of the pages; None where it can't be told what the tables are."""
        about = self._json(TABLES)
        try:
            schema, files = schema_in(about)
            for each in about["resources"]:
                if each["hash"] != f"sha256:{self._hashes.get(each['path'])}":
                    self._add(TABLES, f"the hash that it has of {each['path']} is not the file's")
            tables = [_Rows(self._package, files[table.name], table) for table in schema.tables]
            room = about.get("readingRoom")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            self._add(TABLES, f"does not describe the tables that there are ({error!r})")
            return None
        except (DataError, csv.Error) as error:
            self._add(TABLES, f"one of its tables {error}")
            return None
        maker, summary = RowMaker(schema, lambda _: None), Summary(schema.levels)
        names = sorted(name for name in self._package.names if name.startswith(f"{PAGES}/"))
        for _, of_book in groupby(names, key=lambda name: name.rpartition("/")[0]):
            records = [
                (name, record) for name in of_book if (record := self._record(name, schema.levels))
            ]
            joiner = Joiner(record["text"] for _, record in records)
            for name, record in records:
                try:
                    summary.add(record)
                    expected = _expected(maker, record, joiner, room)
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    self._add(name, f"is no page's file ({error!r})")
                    continue
                for table in tables:
                    self._compare(table, name, record["key"], expected[table.name])
        for table in tables:
            for key in table.rows:
                self._add(table.file, "has rows of it, and there is no such page", key)
        self._found.pages = len(names)
        return summary

    def _record(self, name: str, levels: Levels) -> Record | None:
        record = self._json(name)
        try:
            if record is None or page_name(record, levels) == name:
                if record and record["key"] in self._keys:
                    self._found.records[record["key"]] = record
                return record if record and isinstance(record["text"], str) else None
            self._add(name, "is the file of another page")
        except (KeyError, TypeError) as error:
            self._add(name, f"is no page's file ({error!r})")
        return None

    def _compare(self, table: "_Rows", name: str, key: str, expected: Sequence[Cells]) -> None:
        found = table.rows.pop(_cell(key), [])
        if len(found) != len(expected):
            what = f"{count(len(found), 'row')} of it, and {len(expected)} in {name}"
            self._add(table.file, what, key)
            return
        for number, (cells, wanted) in enumerate(zip(found, expected, strict=True), 1):
            if len(cells) != len(wanted):
                self._add(table.file, f"row {number} of it has {count(len(cells), 'cell')}", key)
                continue
            self._found.cells += len(cells)
            for column, cell, value in zip(table.columns, cells, wanted, strict=True):
                if cell != value:
                    what = f"row {number} of it, {column}: {_shown(cell)}, and by {name} "
                    self._add(table.file, f"{what}{_shown(value)}", key)


class _Rows:
    """A table: the rows of each page by its key."""

    def __init__(self, package: Package, file: str, table: Table) -> None:
        self.file = file
        self.name = table.name
        self.columns = [column.name for column in table.columns]
        text = package.read(file).decode("utf-8", "replace")
        csv.field_size_limit(sys.maxsize)  # a page's text may be long
        lines = csv.reader(io.StringIO(text, newline=""))
        if next(lines, []) != self.columns:
            raise ValueError(f"{file} has other columns")
        self.rows: dict[str, list[Cells]] = {}
        for row in lines:
            self.rows.setdefault("".join(row[:1]), []).append(row)


def _expected(
    maker: RowMaker, record: Record, joiner: Joiner, room: str | None
) -> dict[str, list[Cells]]:
    """The rows of a page by table, as a table has them."""
    levels = maker.schema.levels
    book_id = book_of(record, levels)
    is_finished = record["missing"] != NOT_FINISHED
    link = link_to(book_id, record["page"], room) if is_finished else None
    place = [record[name] for name in ("key", *levels.names, "page")]
    flags = "; ".join(record["flags"]) or None
    text = record["text"]
    found: dict[str, list[Cells]] = {table.name: [] for table in maker.schema.tables}
    rows = maker.rows(
        place=place,
        missing=record["missing"],
        reading=(record["corrected"], flags, record["model_served"], link),
        texts=(text or None, joiner.join(text) or None),
        answer=record["answer"],
    )
    for table, row in rows:
        found[table.name].append([_cell(value) for value in row])
    return found


def _cell(value: Any) -> str:
    """A cell as a table's file has it."""
    cell = csv_cell(value)
    return "" if cell is None else str(cell)


def _is_file(entity: Mapping[str, Any]) -> bool:
    kinds = entity["@type"]
    return "File" in (kinds if isinstance(kinds, list) else [kinds]) and "sha256" in entity


def _page_of(file: str) -> str | None:
    """The key of the page that a file is of."""
    parts = file.removesuffix(".json").split("/")
    return ":".join(parts[1:]) if len(parts) > 2 and parts[0] == PAGES else None


def _shown(value: str) -> str:
    return json.dumps(value if len(value) <= SHOWN else value[:SHOWN] + "…", ensure_ascii=False)
