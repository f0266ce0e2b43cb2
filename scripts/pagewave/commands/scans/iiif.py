"""Books of a IIIF manifest or collection: writes labels and a list of image addresses.

The next run fetches the images, each once, and reads them. Nothing that is there is overwritten.
"""

import argparse
import sys
import threading
from collections.abc import Sequence

from pagewave.command_line import script
from pagewave.commands.command import command_parser, find_place, print_json, run_command
from pagewave.commands.scans.listing import Listed, exit_code, list_book, tell_what_next
from pagewave.errors import DataError
from pagewave.levels import Levels
from pagewave.remote.lists import book_place
from pagewave.remote.manifests import Found, Library
from pagewave.remote.web import Web

EXAMPLES = """examples:
  %(prog)s https://example.org/iiif/catalog/manifest.json --book "Ohio/Ashgrove College/1852"
  %(prog)s collection.json --book "Ohio/Ashgrove College"     years from the manifests
  %(prog)s collection.json --book "Ohio/Ashgrove College" --dry-run"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, ask, write; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "a manifest or collection (Presentation API 2 or 3): its address, or a file"
    parser.add_argument("source", metavar="URL", help=what)
    what = "where the book goes: STATE/SCHOOL/YEAR, or STATE/SCHOOL to have years derived"
    parser.add_argument("--book", required=True, metavar="PLACE", help=what)
    parser.add_argument("-n", "--dry-run", action="store_true", help="tell, and write nothing")
    options = parser.parse_args(arguments)
    return run_command(lambda: _list(options))


def _list(options: argparse.Namespace) -> int:
    settings = find_place(options, needs_config=True).settings
    levels = settings.paths.tree
    parts = options.book.strip("/").count("/") + 1
    place = book_place(options.book, levels, year=not levels.lacks_year(parts))
    web = Web(settings.fetch, threading.Event())
    library = Library(web, settings.images.longest_side, levels)
    told: list[tuple[Found, Listed]] = []
    for found in library.books(options.source, place):
        given = (found.book_id, found.book, found.why_not, found.notes)
        listed = list_book(settings, *given, dry_run=options.dry_run)
        told.append((found, listed))
        if not options.json:
            _tell(found, listed, levels)
    all_listed = [listed for _, listed in told]
    if options.json:
        print_json(
            [{"source": f.source, "title": f.label, **listed.as_json()} for f, listed in told]
        )
    else:
        tell_what_next(all_listed, dry_run=options.dry_run)
    if len(told) == 1 and (why_not := all_listed[0].why_not):
        raise DataError(f"{options.source}: {why_not}")
    return exit_code(all_listed)


def _tell(found: Found, listed: Listed, levels: Levels) -> None:
    listed.tell(f"{found.source} ({found.label})")
    if listed.why_not and not found.book_id:
        again = script("iiif", found.source, "--book", levels.form.upper())
        print(f"  To say where it goes: {again}", file=sys.stderr)
