"""Books in a bucket (S3, Google Cloud Storage): writes labels and lists of the scans in it.

The next run fetches the scans by Snakemake's storage plugin, each once, and reads them. Nothing
that is there is overwritten.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from pagewave.characters import clean
from pagewave.command_line import snakemake
from pagewave.commands.command import command_parser, find_place, print_json, run_command
from pagewave.errors import DataError
from pagewave.remote.buckets import books_in, list_objects
from pagewave.remote.lists import book_place, write_list
from pagewave.wording import count

EXAMPLES = """examples:
  %(prog)s s3://archive/scans              {state}/{school}/{year}/{page}.jpg under scans/
  %(prog)s gs://archive/scans --dry-run"""

NOT_ALL = 1
"""Exit code where not every book was listed."""
LISTED = 20


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
    told: list[dict[str, Any]] = []
    for book_id, book in books.items():
        entry: dict[str, Any] = {"book": book_id, "pages": len(book.pages), "why_not": ""}
        try:
            book_place(book_id, levels)
            if not options.dry_run:
                written = write_list(settings, book_id, book)
                entry |= {"labels_written": written.labels, "was_there": written.was_there}
                entry |= {"notes": list(written.notes)}
        except DataError as error:
            entry["why_not"] = str(error)
        told.append(entry)
    if options.json:
        print_json({"books": told, "ignored": ignored})
    else:
        _tell(told, ignored, options)
    return NOT_ALL if any(entry["why_not"] for entry in told) else 0


def _tell(told: Sequence[dict[str, Any]], ignored: Sequence[str], options: Any) -> None:
    for entry in told:
        if entry["why_not"]:
            print(clean(f"{entry['book']}: not taken: {entry['why_not']}"), file=sys.stderr)
            continue
        print(clean(f"{entry['book']}: {count(entry['pages'], 'page')} of {options.source}"))
        if entry.get("was_there"):
            print("  its list is there already, and says the same: nothing was written")
        elif not options.dry_run:
            print(f"  {count(entry['labels_written'], 'label')} written, and the list of its scans")
        for note in entry.get("notes", ()):
            print(clean(f"  {note}"))
    for line in ignored[:LISTED]:
        print(clean(f"not taken: {line}"))
    if len(ignored) > LISTED:
        print(f"and {len(ignored) - LISTED} more objects that are no scans")
    if not options.dry_run:
        print(f"\nWhat reading takes: {snakemake('-n', profile=False)}\nTo read: {snakemake()}")
