"""Open what was read in the programs of this computer: a page beside its scan, or the results.

Without --page the tables and texts of all books, where `exports` makes them; else the books, else
the pages. --now is for reading while a run goes on: it writes nothing that a run would miss."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pagewave.command_line import snakemake
from pagewave.commands.command import (
    add_page_option,
    command_parser,
    find_place,
    print_json,
    run_command,
)
from pagewave.commands.selection import page_named
from pagewave.console import printable
from pagewave.errors import DataError
from pagewave.exports.site.site import Site
from pagewave.pages.dataset import scan
from pagewave.workspace import chosen_prompt

EXAMPLES = """examples:
  %(prog)s                                                   the results
  %(prog)s --now                                             the reading room, as far as it is read
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3'    a page, and its scan
  %(prog)s --print --page 'Ohio:Merrivale Female Seminary:1859:3'"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, open, say what; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    add_page_option(parser, help="this page: its scan, and what was read of it")
    what = "the reading room, with all that is read by now of books that are not finished"
    parser.add_argument("--now", action="store_true", dest="room", help=what)
    what = "only say where they are, as on a machine without a screen"
    parser.add_argument("--print", action="store_true", dest="only_print", help=what)
    options = parser.parse_args(arguments)
    return run_command(lambda: _open(options))


def _open(options: argparse.Namespace) -> int:
    if options.room:
        found = [_room(options)]
    else:
        found = _of_page(options) if options.page else [_results(options)]
    if options.json:
        print_json([str(path) for path in found])
        return 0
    for path in found:
        print(printable(str(path)))
        # Its own word for that nothing could be opened is a code other than 0; of a machine without
        # a screen it has none.
        if not options.only_print and (not _has_screen() or click.launch(str(path.resolve()))):
            raise DataError(f"This machine opens no files by itself; {path} is the place.")
    return 0


def _has_screen() -> bool:
    """Can a window be shown? On Linux that is in the environment, elsewhere it can."""
    return sys.platform != "linux" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


def _of_page(options: argparse.Namespace) -> list[Path]:
    settings = find_place(options, needs_config=True).settings
    page = page_named(scan(settings), options.page)
    file = settings.paths.page_file(page.name)
    return [page.scan, file] if file.exists() else [page.scan]


def _room(options: argparse.Namespace) -> Path:
    settings = find_place(options, needs_config=True).settings
    site = Site(settings, scan(settings), chosen_prompt(settings).page_model)
    if not site.is_made:
        why = site.notices or ["site.enabled is false, so there is no reading room"]
        raise DataError(why[0])
    print("What was read since is put into the reading room …", file=sys.stderr)
    site.write_so_far()
    return site.index


def _results(options: argparse.Namespace) -> Path:
    paths = find_place(options, needs_config=True).settings.paths
    for folder in (paths.exports_dir, paths.books_dir, paths.output_dir):
        if folder.is_dir() and any(folder.iterdir()):
            return folder
    raise DataError(f"Nothing is read yet. To read: {snakemake()}")
