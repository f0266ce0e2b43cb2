"""Books of a IIIF manifest or collection: writes labels and a list of image addresses.

The next run fetches the images, each once, and reads them. Nothing that is there is overwritten.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from typing import Any

from pagewave.characters import clean
from pagewave.command_line import script, snakemake
from pagewave.commands.command import command_parser, find_place, print_json, run_command
from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.remote.lists import Written, book_place, write_list
from pagewave.remote.manifests import Found, Library
from pagewave.remote.web import Web
from pagewave.wording import count

EXAMPLES = """examples:
  %(prog)s https://example.org/iiif/catalog/manifest.json --book "Ohio/Ashgrove College/1852"
  %(prog)s collection.json --book "Ohio/Ashgrove College"     years from the manifests
  %(prog)s collection.json --book "Ohio/Ashgrove College" --dry-run"""

NOT_ALL = 1
"""Exit code where not every manifest became a book."""
LISTED = 20
"""Remarks on pages that are told of a book; JSON has all."""


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
    told: list[dict[str, Any]] = []
    for found in library.books(options.source, place):
        written, why_not = None, found.why_not
        if found.book and not options.dry_run:
            try:
                written = write_list(settings, book_place(found.book_id, levels), found.book)
            except DataError as error:
                why_not = str(error)
        told.append(_as_json(found, written, why_not))
        if not options.json:
            _tell(found, written, why_not, settings)
    if options.json:
        print_json(told)
    elif not options.dry_run and any(not each["why_not"] for each in told):
        print(f"\nWhat reading takes: {snakemake('-n', profile=False)}\nTo read: {snakemake()}")
    refused = [each for each in told if each["why_not"]]
    if refused and len(told) == 1:
        raise DataError(f"{options.source}: {refused[0]['why_not']}")
    return NOT_ALL if refused else 0


def _tell(found: Found, written: Written | None, why_not: str, settings: Settings) -> None:
    if why_not:
        again = script("iiif", found.source, "--book", settings.paths.tree.form.upper())
        print(clean(f"{found.source} ({found.label}): not taken: {why_not}"), file=sys.stderr)
        if not found.book_id:
            print(f"  To say where it goes: {again}", file=sys.stderr)
        return
    pages = count(len(found.book.pages if found.book else ()), "page")
    print(clean(f"{found.book_id}: {pages} of {found.source} ({found.label})"))
    if found.book and found.book.rights:
        print(clean(f"  rights: {found.book.rights}"))
    if written and written.was_there:
        print("  its list is there already, and says the same: nothing was written")
    elif written:
        where = settings.paths.image_source_dir / found.book_id
        print(f"  {count(written.labels, 'label')} written, and the list of its scans in {where}")
    notes = [*found.notes, *(written.notes if written else ())]
    for note in notes[:LISTED]:
        print(clean(f"  {note}"))
    if len(notes) > LISTED:
        print(f"  and {len(notes) - LISTED} more remarks")


def _as_json(found: Found, written: Written | None, why_not: str) -> dict[str, Any]:
    return {
        "source": found.source,
        "title": found.label,
        "book": found.book_id,
        "pages": len(found.book.pages) if found.book else 0,
        "labels_written": written.labels if written else 0,
        "was_there": bool(written and written.was_there),
        "notes": [*found.notes, *(written.notes if written else ())],
        "why_not": why_not,
    }
