"""A drawer as a table for a spreadsheet: what was found, to be kept, or corrected and taken in.

A row a file: where it goes, or why it does not. Programs that save it may divide columns by
semicolons.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from pagewave.characters import harmless
from pagewave.config.types import unfit_for_snakemake
from pagewave.errors import DataError
from pagewave.levels import DEFAULT, YEAR, Levels
from pagewave.pages.drawer.books import Drawer, FoundBook, Place, opened
from pagewave.pages.drawer.numbering import LeftOut, Placed, apart

LISTED = 10
LAST_YEAR = 9999


def columns_of(levels: Levels) -> tuple[str, ...]:
    """The columns of a table."""
    return ("file", *levels.names, "first page", "last page", "not read")


def as_csv(drawer: Drawer) -> str:
    """Every file of the drawer: where it goes, or why it does not."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns_of(drawer.levels))
    for book in drawer.books:
        where = tuple(map(harmless, book.place.folders))
        for one in book.placed:
            rows.writerow((harmless(str(one.scan.path)), *where, one.first, one.last, ""))
    for left in drawer.left_out:
        nowhere = [""] * (len(drawer.levels) + 2)
        rows.writerow((harmless(str(left.path)), *nowhere, harmless(left.why)))
    return text.getvalue()


def from_csv(table: Path, levels: Levels = DEFAULT) -> Drawer:
    """The drawer that a table describes; what has no page in it is left out.

    Args:
        levels: what the folders are called to which its books go.

    Raises:
        DataError: it can't be read, or rows of it are wrong; names them.
    """
    by_place: dict[Place, list[Placed]] = defaultdict(list)
    left: list[LeftOut] = []
    problems: list[str] = []
    for number, row in _rows(table, levels):
        path = table.parent / row["file"]
        if not row["first page"]:
            left.append(LeftOut(path, row["not read"] or "the table tells no page of it"))
            continue
        try:
            place, placed = _row(path, row, levels)
        except DataError as error:
            problems.append(f"  row {number}, {path.name}: {error}")
        else:
            by_place[place].append(placed)
    books = []
    for place, all_placed in sorted(by_place.items()):
        kept, doubles = apart(sorted(all_placed, key=lambda one: (one.first, one.last)))
        problems += [f"  {place}, {double.path.name}: {double.why}" for double in doubles]
        books.append(FoundBook(place, tuple(kept), "the table", ()))
    if problems:
        more = f"\n  and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
        raise DataError(
            f"{table} can't be taken in as it is:\n" + "\n".join(problems[:LISTED]) + more
        )
    return Drawer(table.parent, tuple(books), tuple(left), levels)


def _rows(table: Path, levels: Levels) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table} can't be read as a table: {error}") from None
    head = text.partition("\n")[0]
    divider = ";" if head.count(";") > head.count(",") else ","
    rows = csv.DictReader(io.StringIO(text), delimiter=divider)
    columns = columns_of(levels)
    if missing := [name for name in columns if name not in (rows.fieldnames or ())]:
        raise DataError(
            f"{table} has no column {', '.join(missing)}. Begin with a table that --table wrote."
        )
    for row in rows:
        yield rows.line_num, {name: _plain(row[name] or "") for name in columns}


def _plain(cell: str) -> str:
    """A cell without the mark that keeps spreadsheets from calculating it."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and harmless(text[1:]) == text else text


def _row(path: Path, row: Mapping[str, str], levels: Levels) -> tuple[Place, Placed]:
    folders = {level: row[level] for level in levels.names}
    try:
        year, first = int(folders.get(YEAR, 0)), int(row["first page"])
        last = int(row["last page"] or first)
    except ValueError:
        raise DataError("year and pages are whole numbers") from None
    if not (0 <= year <= LAST_YEAR and 0 <= first <= last):
        raise DataError("the year is 0 to 9999, and the first page not behind the last")
    if YEAR in folders:
        folders[YEAR] = str(year)
    for name in folders.values():
        why = unfit_for_snakemake(name) or (
            "can't be a folder's name" if not name or "/" in name or name[0] == "." else None
        )
        if why:
            raise DataError(f"{name!r} {why}")
    scan = opened(path)
    if scan.leaves != last - first + 1:
        raise DataError(f"it holds {scan.leaves} pages, and the table says {last - first + 1}")
    return Place(tuple(folders.values())), Placed(scan, first, last)
