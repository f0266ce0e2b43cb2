"""Forgive the failures of pages, so that dead letters are tried again by the next run.

Safe while a run is going on; that run still leaves alone what it has given up."""

import argparse
from collections.abc import Sequence

from pagewave.commands.command import (
    add_ledger_option,
    add_page_option,
    command_parser,
    find_place,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.commands.failures import clearable
from pagewave.commands.selection import add_selection, refuse_unknown, selection_of, selects_any
from pagewave.ledger import Ledger
from pagewave.wording import count

EXAMPLES = """examples:
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3'
  %(prog)s --states Ohio Vermont --year-start 1850 --year-end 1860 --dry-run
  %(prog)s --all"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and clear what it names; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "only this page, state:school:year:page; may be repeated"
    add_page_option(parser, "--key", dest="keys", action="append", default=[], help=what)
    add_selection(parser)
    parser.add_argument("--all", action="store_true", help="every page with failures")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be cleared")
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    if selects_any(options) == options.all:
        parser.error(
            "say which pages: --all, or some of --page, --level, --states, --schools, --year-start "
            "and --year-end"
        )
    return run_command(lambda: _clear(options))


def _clear(options: argparse.Namespace) -> int:
    place = find_place(options)
    path = require_ledger(place.ledger)
    ledger = Ledger.peek(path) if options.dry_run else Ledger.open(path)
    selection = selection_of(options, place.settings.paths.tree)
    refuse_unknown(selection, ledger, place.settings.paths)
    rows = clearable(ledger, selection)
    if not options.dry_run:
        ledger.failures.clear(key for key, _, _ in rows)
    ledger.close()
    if options.json:
        names = ("key", "failures", "failures_of_batches")
        pages = [dict(zip(names, row, strict=True)) for row in rows]
        print_json({"dry_run": options.dry_run, "pages": pages})
        return 0
    for key, own, of_batches in rows:
        print(f"{key}  failures: {own}, of whole batches: {of_batches}")
    verb = "would be cleared" if options.dry_run else "cleared; run snakemake to try them again"
    print(f"{count(len(rows), 'page')} {verb}.")
    return 0
