"""CSV: a file for each table, and the codebook. UTF-8, with commas; an empty cell holds nothing.

A text that a spreadsheet would take for a formula gets an apostrophe in front (`harmless`).
"""

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pagewave.characters import harmless
from pagewave.exports.content import Books, Cell
from pagewave.exports.exporter import TableExporter
from pagewave.exports.schema import CODEBOOK_TABLE, Table


class CsvFiles(TableExporter):
    """`pages.csv`, one for each list of the page model, and `codebook.csv`."""

    name = "csv"
    suffixes = (".csv",)

    def files(self, tables: Sequence[Table]) -> list[str]:
        """Those of the tables, and the codebook's."""
        return super().files([*tables, CODEBOOK_TABLE])

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write all of them in one pass over the books."""
        guarded = 0
        with ExitStack() as stack:
            writers: dict[str, Any] = {}
            for table, file in zip((*books.tables, CODEBOOK_TABLE), files, strict=True):
                opened = stack.enter_context(file.open("w", encoding="utf-8", newline=""))
                writers[table.name] = csv.writer(opened, lineterminator="\n")
                writers[table.name].writerow(column.name for column in table.columns)
            writers[CODEBOOK_TABLE.name].writerows(books.codebook())
            for table, row in books.rows():
                cells = [csv_cell(value) for value in row]
                guarded += sum(
                    isinstance(value, str) and cell != value
                    for cell, value in zip(cells, row, strict=True)
                )
                writers[table.name].writerow(cells)
        if guarded:
            books.tell(
                "texts that a spreadsheet would take for a formula (they begin with = + - @) have "
                "an apostrophe in front of them; the other forms have them as they are."
            )


def csv_cell(value: Cell) -> Cell:
    """A cell as the table has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value)  # type: ignore[return-value]
