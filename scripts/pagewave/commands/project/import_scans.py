"""Take in a folder of scans, whatever they are named like.

Shows which pages of which books they are, asks once, and links (or copies) them to where they are
read. Names tell book and page: `catalog 1859 p.12.jpg`, `Elm 1859-60 iv.tif`, or
`scan_0001_left.tif`; a PDF or TIFF of many pages is a book, or the pages that it names. What a
camera counted is taken in that order. What can't be told is listed with the reason; nothing is left
out without a word, and the folder itself stays as it is. The same command again takes in what is
new."""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pagewave.atomic import write_atomically
from pagewave.command_line import snakemake
from pagewave.commands.command import command_parser, find_place, print_json, run_command
from pagewave.commands.folders import typed_path
from pagewave.commands.selection import add_level_option, known_level
from pagewave.config.settings import Settings
from pagewave.console import printable, printer, table
from pagewave.errors import DataError
from pagewave.levels import DEFAULT, YEAR, Levels
from pagewave.pages.drawer.books import NO_NAME, NO_YEAR, Drawer, FoundBook, look_into
from pagewave.pages.drawer.placing import Move, carry_out, moves
from pagewave.pages.drawer.tables import as_csv, from_csv
from pagewave.wording import count

EXAMPLES = """examples:
  %(prog)s ~/scans/drawer                       shows the table, then asks
  %(prog)s ~/scans/drawer --state Ohio --year 1859
  %(prog)s ~/scans/drawer --level archive="City archive"     where paths.levels has an archive
  %(prog)s ~/scans/drawer --yes --copy          without asking; copies in place of links
  %(prog)s ~/scans/drawer -n --table found.csv  to be corrected in a spreadsheet, and then
  %(prog)s found.csv"""

NOT_CONFIRMED = 1
"""Exit code when the question was not answered with yes."""
SHOWN = 40
"""Books in the table; the record has all."""
SHOWN_FILES = 3
"""Files named for each reason why some are left out; the record has all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, look, show, ask, take in; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "the scans, and all folders in it; or a table that --table wrote"
    parser.add_argument("folder", type=typed_path, metavar="FOLDER", help=what)
    what = "a folder of all books in it, whatever names tell, such as box=3 (paths.levels)"
    add_level_option(parser, what)
    for name, kind in (("state", str), ("school", str), ("year", int)):
        what = f"the {name} of all books in it: --level {name}={name.upper()}"
        parser.add_argument(f"--{name}", type=kind, metavar=name.upper(), help=what)
    what = "copy the files; else links lead to where they are, and they have to stay there"
    parser.add_argument("--copy", action="store_true", help=what)
    what = "write what was found to this table too (CSV), a row a file"
    parser.add_argument("--table", type=typed_path, metavar="FILE", help=what)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show the table, take in none")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    if options.json and not (options.yes or options.dry_run):
        parser.error("--json can't ask: add --yes or --dry-run")
    return run_command(lambda: _import(options))


def _import(options: argparse.Namespace) -> int:
    settings = find_place(options, needs_config=True).settings
    drawer = _found(options, settings)
    planned = moves(drawer, settings.paths.image_source_dir)
    if not options.json:
        _show(drawer)
    if options.table:
        write_atomically(options.table, as_csv(drawer))
    if not planned:
        raise DataError(f"{options.folder}: there is no scan in it whose page its name tells.")
    if options.dry_run or not (options.yes or _agreed(planned)):
        print("Nothing was taken in.", file=sys.stderr)
        if options.json:
            print_json(_as_json(drawer))
        return 0 if options.dry_run else NOT_CONFIRMED
    labels = settings.paths.label_source_dir if settings.filters.labels == "files" else None
    carry_out(planned, labels, options.copy)
    record = _record(settings, drawer)
    if options.json:
        print_json(_as_json(drawer) | {"record": record})
        return 0
    new = sum(not move.is_there for move in planned)
    print(f"{count(new, 'file')} taken in, {len(planned) - new} were there. The record: {record}")
    print(f"What reading takes: {snakemake('-n', profile=False)}")
    print(f"Next: {snakemake()}")
    return 0


def _found(options: argparse.Namespace, settings: Settings) -> Drawer:
    levels = settings.paths.tree
    given = _given(options, levels)
    if options.folder.is_dir():
        _refuse_nested(options.folder, settings)
        return look_into(options.folder, given, levels)
    if options.folder.suffix.lower() != ".csv" or not options.folder.is_file():
        raise DataError(f"{options.folder} is no folder. Name the one that the scans are in.")
    if given:
        raise DataError("A table says itself which books they are: leave out --level and the like.")
    return from_csv(options.folder, levels)


def _given(options: argparse.Namespace, levels: Levels) -> dict[str, str]:
    """What a person says of all books, by level; raises UnknownName."""
    given = {known_level(level, levels): name for level, name in options.level}
    for level in DEFAULT.names:
        if (name := getattr(options, level)) is not None:
            given[known_level(level, levels, f"--{level}")] = str(name)
    return given


def _refuse_nested(folder: Path, settings: Settings) -> None:
    """What is taken in lies in the tree of scans, and would be found again as a scan to take in."""
    tree, drawer = settings.paths.image_source_dir.resolve(), folder.resolve()
    if drawer.is_relative_to(tree) or tree.is_relative_to(drawer):
        raise DataError(
            f"{folder} is, or holds, the folder that scans are read from (paths.image_source_dir: "
            f"{settings.paths.image_source_dir}). Move those that are to be taken in to a folder "
            "beside it."
        )


def _agreed(planned: Sequence[Move]) -> bool:
    pages = sum(move.placed.last - move.placed.first + 1 for move in planned)
    books = len({move.book.place for move in planned})
    question = f"Take in {count(pages, 'page')} of {count(books, 'book')}? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(drawer: Drawer) -> None:
    console = printer()
    if drawer.books:
        columns = ("=book", ">pages", "found as", "look at")
        console.print(table(columns, map(_row, drawer.books[:SHOWN])))
    if len(drawer.books) > SHOWN:
        console.print(f"and {len(drawer.books) - SHOWN} more books; --json shows all.")
    unclear = {why for book in drawer.books for why in book.unclear}
    hints = [
        f"{_option(level)} in place of {NO_YEAR if level == YEAR else NO_NAME}"
        for level in drawer.levels.names
        if f"no {level}" in unclear
    ]
    if hints:
        console.print(f"What no name tells, you can say: {', '.join(hints)}.")
    reasons: dict[str, list[str]] = defaultdict(list)
    for left in drawer.left_out:
        # What can't be opened says why in its own words.
        reasons[left.why].append(str(left.path.relative_to(drawer.folder)))
    if reasons:
        print(f"\nNot read: {count(len(drawer.left_out), 'file')}")
    for why, names in sorted(reasons.items()):
        some = ", ".join(names[:SHOWN_FILES])
        more = f" and {len(names) - SHOWN_FILES} more" if len(names) > SHOWN_FILES else ""
        print(printable(f"  {some}{more}: {why}"))


def _option(level: str) -> str:
    """How a person says a level."""
    name = "YEAR" if level == YEAR else "NAME"
    return f"--{level} {name}" if level in DEFAULT.names else f"--level {level}={name}"


def _row(book: FoundBook) -> Sequence[object]:
    first, last = book.placed[0], book.placed[-1]
    names = first.scan.path.name
    if first is not last:
        names = f"{names} … {last.scan.path.name}, by {book.order}"
    return str(book.place), book.pages, names, "; ".join(book.unclear)


def _as_json(drawer: Drawer) -> dict[str, Any]:
    return {
        "books": [
            {
                "book": str(book.place),
                "pages": book.pages,
                "order": book.order,
                "unclear": list(book.unclear),
                "files": [
                    {"file": str(one.scan.path), "first": one.first, "last": one.last}
                    for one in book.placed
                ],
            }
            for book in drawer.books
        ],
        "left_out": [{"file": str(left.path), "why": left.why} for left in drawer.left_out],
        "reasons": Counter(left.why for left in drawer.left_out),
    }


def _record(settings: Settings, drawer: Drawer) -> str:
    """Write down where each file went; returns where that is."""
    now = datetime.fromtimestamp(time.time(), UTC)
    path = settings.paths.logs_dir / "imports" / f"{now:%Y%m%dT%H%M%S%fZ}.csv"
    write_atomically(path, as_csv(drawer))
    return str(path)
