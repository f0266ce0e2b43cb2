"""Stata: a .dta file for each table, with labels from the page model. For Stata 14 and later.

Limits of Stata (its manual, [D] Data types and [R] Limits): names of 32 characters, labels of 80,
a text of more than 2,045 bytes is a strL, whole numbers are exact up to 2^53, no empty text is
told from a missing one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pagewave.exports.content import Books
from pagewave.exports.exporter import TableExporter
from pagewave.exports.forms import frames
from pagewave.exports.schema import Kind, Table
from pagewave.exports.stata_names import LONGEST, stata_names

if TYPE_CHECKING:
    import polars

LONGEST_LABEL = 80
EXACT = 2**53


class Stata(TableExporter):
    """`pages.dta`, and one for each list of the page model."""

    name = "stata"
    suffixes = (".dta",)
    packages = (frames.PACKAGE, "pyreadstat")

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write all of them."""
        import pyreadstat

        content = frames.frames(books)
        for table, file in zip(books.tables, files, strict=True):
            names = stata_names(table.columns)
            pyreadstat.write_dta(
                _for_stata(content.pop(table.name), table, names, books),
                str(file),
                file_label=_label(table.meaning),
                column_labels=[_label(column.meaning) for column in table.columns],
                variable_value_labels={
                    name: {0: "no", 1: "yes"}
                    for column, name in zip(table.columns, names, strict=True)
                    if column.kind == Kind.BOOLEAN
                },
                version=15,
            )


def _for_stata(
    frame: polars.DataFrame, table: Table, names: Sequence[str], books: Books
) -> polars.DataFrame:
    """The frame with names and types that Stata has; what is other than elsewhere is told."""
    import polars

    for column, name in zip(table.columns, names, strict=True):
        if name != column.name:
            books.tell(
                f"{table.name}: {column.name} is called {name}: names have {LONGEST} characters "
                "at most and are no words of Stata's."
            )
        if column.kind == Kind.BOOLEAN:
            frame = frame.with_columns(polars.col(column.name).cast(polars.Int8))
        elif column.kind == Kind.INTEGER and any(
            abs(value) > EXACT for value in frame[column.name].drop_nulls()
        ):
            books.tell(f"{table.name}: {name} is text: Stata has no whole numbers so large.")
            frame = frame.with_columns(polars.col(column.name).cast(polars.String))
    # Stata has no other missing text; and a missing strL is one that pyreadstat can't write.
    frame = frame.with_columns(polars.col(polars.String).fill_null(""))
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _label(meaning: str) -> str:
    """A meaning as a label; the codebook has it whole."""
    return meaning if len(meaning) <= LONGEST_LABEL else meaning[: LONGEST_LABEL - 1] + "…"
