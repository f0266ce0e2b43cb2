"""Parquet: a file for each table, typed by the page model; for polars, pandas, R, DuckDB, Spark."""

from collections.abc import Sequence
from pathlib import Path

from pagewave.exports.content import Books
from pagewave.exports.exporter import TableExporter
from pagewave.exports.forms import frames


class Parquet(TableExporter):
    """`pages.parquet`, and one for each list of the page model."""

    name = "parquet"
    suffixes = (".parquet",)
    packages = (frames.PACKAGE,)

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write all of them."""
        for found, file in zip(frames.frames(books).values(), files, strict=True):
            found.write_parquet(file)
