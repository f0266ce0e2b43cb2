"""Tables as polars frames, with the types of their columns: for the writers that take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pagewave.exports.content import Books, Row
from pagewave.exports.schema import Kind, Table

if TYPE_CHECKING:
    import polars

PACKAGE = "polars"


def frames(books: Books) -> dict[str, polars.DataFrame]:
    """A frame for each table, those without a row too.

    Rows are put into frames a few at a time: as Python's values they would take much memory.
    """
    import polars

    parts: dict[str, list[polars.DataFrame]] = {table.name: [] for table in books.tables}
    for table, rows in books.chunks():
        parts[table.name].append(frame(table, rows))
    return {name: polars.concat(found) for name, found in parts.items()}


def frame(table: Table, rows: Sequence[Row]) -> polars.DataFrame:
    """These rows, typed by the table's columns alone."""
    import polars

    types = {
        Kind.TEXT: polars.String,
        Kind.INTEGER: polars.Int64,
        Kind.NUMBER: polars.Float64,
        Kind.BOOLEAN: polars.Boolean,
        Kind.DATE: polars.Date,
        Kind.JSON: polars.String,
    }
    schema = {column.name: types[column.kind] for column in table.columns}
    return polars.DataFrame(rows, schema=schema, orient="row")
