"""Pages as rows of tables: what a page's answer and what is known of it come to, cell by cell."""

import datetime
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pagewave.characters import clean
from pagewave.exports.schema import CODEBOOK_TABLE, Column, Kind, Schema, Table
from pagewave.exports.stata_names import stata_names

LARGEST = 2**63 - 1
READING_ROOM = "site"
"""Where the reading room is, from the folder of results."""

Cell = str | int | float | bool | datetime.date | None
Row = tuple[Cell, ...]


def link_to(book_id: str, number: int, reading_room: str | None) -> str:
    """A page's address in the reading room.

    Args:
        reading_room: where that is published; None: `site`, relative to the folder of results.
    """
    return f"{reading_room or READING_ROOM}/{quote(book_id)}/index.html#page={number}"


class RowMaker:
    """Makes the rows of pages for the tables of one schema; `tell` is told what no table holds."""

    def __init__(self, schema: Schema, tell: Callable[[str], None]) -> None:
        self.schema = schema
        self._tell = tell

    def rows(
        self,
        place: Sequence[Cell],
        missing: str | None,
        reading: Sequence[Cell],
        texts: Sequence[Cell],
        answer: Mapping[str, Any] | None,
    ) -> Iterator[tuple[Table, Row]]:
        """All rows of one page.

        Args:
            place: key, the folder of each level, page.
            missing: why it was not read.
            reading: corrected, flags, model_served, link.
            texts: its text as printed, and with divided words joined.
            answer: what the page says, as JSON; None where it was not read.
        """
        key = str(place[0])
        printed = self.schema.printed
        pages = self.schema.tables[0]
        if answer is None:
            empty = [None] * bool(printed)
            cells = [*place, *empty, clean(missing or ""), None, None, None, reading[-1]]
            yield pages, tuple(cells + [None] * (len(pages.columns) - len(cells)))
            return
        start = list(place)
        if printed:
            column = next(each for each in pages.columns if each.name == "printed_page")
            start.append(self._cell(column, _at(answer, printed), key))
        for table in self.schema.tables:
            if not table.path:
                yield table, self._row(table, [*start, None, *reading, *texts], answer, key)
                continue
            for position, item in enumerate(_at(answer, table.path) or (), 1):
                yield table, self._row(table, [*start, position, *reading], item, key)

    def _row(self, table: Table, start: list[Cell], value: Any, key: str) -> Row:
        cells = list(start)
        prefix = f"{'.'.join(table.path)}[]." if table.path else ""
        for column in table.columns[len(start) :]:
            path = column.field.removeprefix(prefix).split(".")
            cells.append(self._cell(column, _at(value, path), key))
        return tuple(cells)

    def _cell(self, column: Column, value: Any, key: str) -> Cell:
        """A value as its column's kind has it; one that fits no table is left out, and told."""
        if value is None:
            return None
        if column.kind == Kind.JSON:
            return clean(json.dumps(value, ensure_ascii=False))
        if column.kind == Kind.DATE:
            return datetime.date.fromisoformat(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not (math.isfinite(value) and abs(value) <= LARGEST):
            self._tell(f"{key}: {column.name} is {value}, which no table holds: left empty.")
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


def _at(value: Any, path: Sequence[str]) -> Any:
    """What a model's dump has at a path; None where an object on the way is."""
    for name in path:
        if value is None:
            return None
        value = value[name]
    return value
