"""Excel: a workbook with a sheet for each table, and the codebook.

Limits of Excel (support.microsoft.com, "Excel specifications and limits"): 1,048,576 rows a sheet,
32,767 characters a cell, 15 digits of a number, no date before 1900. Dates are texts for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pagewave.exports.content import Books, Cell
from pagewave.exports.exporter import Exporter
from pagewave.exports.schema import CODEBOOK_TABLE, Column, Table

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_576
MOST_CHARACTERS = 32_767
MOST_NUMBER = 10**15
LONGEST_NAME = 31
"""Of a sheet."""

CUT = " […cut: {} characters; the other forms have all]"
# XML has no place for these two, which `clean` leaves (www.w3.org/TR/xml, 2.2).
_NO_XML = {0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}


class Excel(Exporter):
    """`books.xlsx`."""

    name = "excel"
    suffixes = (".xlsx",)
    packages = ("xlsxwriter",)

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write all sheets, row by row: memory holds one row of each."""
        import xlsxwriter

        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        with xlsxwriter.Workbook(str(files[0]), options) as workbook:
            sheets = {table.name: _Sheets(workbook, table, books) for table in books.tables}
            codebook = _Sheets(workbook, CODEBOOK_TABLE, books)
            for table, row in books.rows():
                sheets[table.name].add(row)
            for row in books.codebook():
                codebook.add(row)


class _Sheets:
    """The sheets of one table: a further one where the last is full."""

    def __init__(self, workbook: Workbook, table: Table, books: Books) -> None:
        self._workbook = workbook
        self._table = table
        self._books = books
        self._bold = workbook.add_format({"bold": True})
        self._count = 0
        self._sheet = self._begin()

    def add(self, row: Sequence[Cell]) -> None:
        """Add a row."""
        if self._row == MOST_ROWS:
            self._sheet = self._begin()
            self._books.tell(
                f"{self._table.name} goes on in the sheet {self._sheet.get_name()}: a sheet ends "
                f"at {MOST_ROWS:,} rows."
            )
        for place, (column, cell) in enumerate(zip(self._table.columns, row, strict=True)):
            self._write(place, column, cell, str(row[0]))
        self._row += 1

    def _begin(self) -> Worksheet:
        self._count += 1
        end = f" ({self._count})" if self._count > 1 else ""
        taken = {sheet.get_name().casefold() for sheet in self._workbook.worksheets()}
        name = self._table.name[: LONGEST_NAME - len(end)] + end
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{self._table.name[: LONGEST_NAME - len(end) - 4]}_{number}{end}"
        sheet = self._workbook.add_worksheet(name)
        if name != self._table.name and not end:
            self._books.tell(
                f"the table {self._table.name} is the sheet {name}: names of sheets end at "
                f"{LONGEST_NAME} characters."
            )
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._table.columns):
            sheet.write_string(0, place, column.name, self._bold)
        self._row = 1
        return sheet

    def _write(self, place: int, column: Column, cell: Cell, key: str) -> None:
        sheet: Any = self._sheet
        if cell is None:
            return
        if isinstance(cell, bool):
            sheet.write_boolean(self._row, place, cell)
        elif isinstance(cell, int | float) and abs(cell) < MOST_NUMBER:
            sheet.write_number(self._row, place, cell)
        else:
            text = str(cell).translate(_NO_XML)
            if len(text.encode("utf-16-le")) // 2 > MOST_CHARACTERS:  # as Excel counts
                note = CUT.format(f"{len(text):,}")
                self._books.tell(
                    f"{key}: {column.name} has {len(text):,} characters, and a cell takes "
                    f"{MOST_CHARACTERS:,}: it is cut there, and says so."
                )
                text = _cut(text, MOST_CHARACTERS - len(note)) + note
            sheet.write_string(self._row, place, text)


def _cut(text: str, units: int) -> str:
    """The beginning of a text, at most so many UTF-16 units long."""
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
