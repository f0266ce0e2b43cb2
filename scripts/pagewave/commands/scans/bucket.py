"""Books in a bucket (S3, Google Cloud Storage): writes labels and lists of the scans in it.

The next run fetches the scans by Snakemake's storage plugin, each once, and reads them. Nothing
that is there is overwritten.
"""

import argparse
from collections.abc import Sequence

from pagewave.characters import clean
from pagewave.commands.command import command_parser, find_place, print_json, run_command
from pagewave.commands.scans.listing import (
    LISTED,
    Listed,
    exit_code,
    list_book,
    tell_what_next,
)
from pagewave.errors import DataError
from pagewave.remote.buckets import books_in, list_objects

EXAMPLES = """examples:
  %(prog)s s3://archive/scans              {state}/{school}/{year}/{page}.jpg under scans/
  %(prog)s gs://archive/scans --dry-run"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, list, write; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "where the scans are: s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"
    parser.add_argument("source", metavar="ADDRESS", help=what)
    parser.add_argument("-n", "--dry-run", action="store_true", help="tell, and write nothing")
    options = parser.parse_args(arguments)
    return run_command(lambda: _list(options))


def _list(options: argparse.Namespace) -> int:
    settings = find_place(options, needs_config=True).settings
    levels = settings.paths.tree
    books, ignored = books_in(options.source, list_objects(options.source), levels)
    if not books:
        first = f", such as {ignored[0]}" if ignored else ""
        raise DataError(
            f"{options.source}: there is no scan under it: expected {levels.pattern}/{{page}}.jpg"
            f"{first}."
        )
    listed = [
        list_book(settings, book_id, book, dry_run=options.dry_run)
        for book_id, book in books.items()
    ]
    if options.json:
        print_json({"books": [each.as_json() for each in listed], "ignored": ignored})
    else:
        _tell(listed, ignored, options)
    return exit_code(listed)


def _tell(listed: Sequence[Listed], ignored: Sequence[str], options: argparse.Namespace) -> None:
    for each in listed:
        each.tell(options.source)
    for line in ignored[:LISTED]:
        print(clean(f"not taken: {line}"))
    if len(ignored) > LISTED:
        print(f"and {len(ignored) - LISTED} more objects that are no scans")
    tell_what_next(listed, dry_run=options.dry_run)
