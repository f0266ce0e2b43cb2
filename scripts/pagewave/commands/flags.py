"""List pages whose answers were taken in doubt, and those whose pictures may not be readable.

In doubt is also what was put right before it was taken. config/README.md, section `quality`, says
which flags there are. Of books that are put together it lists as well what their pages say of each
other: leaves that are missing, doubled or swapped, running heads that differ, courses against
their headings. Only looks: safe at any time, also while a run is going on."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from pagewave.commands.command import (
    add_ledger_option,
    add_page_option,
    command_parser,
    find_place,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.commands.selection import add_selection, refuse_others, refuse_unknown, selection_of
from pagewave.console import printer, table
from pagewave.ledger import Ledger
from pagewave.ledger.answers import FlaggedPage
from pagewave.wording import count

EXAMPLES = """examples:
  %(prog)s                                      the flags of all answers on file
  %(prog)s --states Ohio --json"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and list what it selects; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "only this page; may be repeated"
    add_page_option(parser, dest="keys", action="append", default=[], help=what)
    add_selection(parser)
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    return run_command(lambda: _list(options))


def _list(options: argparse.Namespace) -> int:
    place = find_place(options)
    ledger = Ledger.peek(require_ledger(place.ledger))
    selection = selection_of(options, place.settings.paths.tree)
    refuse_unknown(selection, ledger, place.settings.paths)
    refuse_others("page", selection.keys, ledger.runs.known_keys())
    found = ledger.answers.flagged_pages() + ledger.pictures.doubted()
    if not options.ledger:  # a backup's books are elsewhere
        found += _of_books(place.settings.paths.books_dir)
    flags = [flag for flag in sorted(found) if flag.key in selection]
    ledger.close()
    if options.json:
        print_json([flag._asdict() for flag in flags])
        return 0
    console = printer()
    if flags:
        console.print(table(("key", "flag", "what was found"), flags))
    console.print(f"{count(len({flag.key for flag in flags}), 'page')} flagged.")
    return 0


def _of_books(folder: Path) -> list[FlaggedPage]:
    """What the files of books say of their pages; those that can't be read have none."""
    found = []
    for file in sorted(folder.rglob("book.json")):
        try:
            listed = json.loads(file.read_bytes()).get("findings", ())
            for each in listed:
                other = f" ({each['other']})" if each["other"] else ""
                found.append(FlaggedPage(each["page"], each["kind"], each["what"] + other))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # a run names it, and what to do
    return found
