"""The codebook as a page to read: what each column of the tables is, from the page model."""

from collections.abc import Sequence
from pathlib import Path

from pagewave.exports.content import Books, Cell
from pagewave.exports.exporter import Exporter
from pagewave.exports.schema import CODEBOOK, CODEBOOK_TABLE, Table


class Codebook(Exporter):
    """`codebook.md`: a section for each table."""

    name = CODEBOOK
    suffixes = (".md",)

    def files(self, tables: Sequence[Table]) -> list[str]:
        """One, whatever the tables."""
        return [f"{CODEBOOK}.md"]

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write it; no book is looked at."""
        rows = books.codebook()
        shown = [column.name for column in CODEBOOK_TABLE.columns[1:]]
        lines = ["# Codebook", ""]
        for table in books.tables:
            lines += [f"## {table.name}", "", table.meaning, "", _line(shown), _line(["---"] * 6)]
            lines += [_line(row[1:]) for row in rows if row[0] == table.name]
            lines.append("")
        files[0].write_text("\n".join(lines), encoding="utf-8")


def _line(cells: Sequence[Cell]) -> str:
    texts = (str(cell or "").replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(texts)} |"
