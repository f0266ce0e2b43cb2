"""Look in the browser at words that may be wrong, the worst first, and put them right by keyboard.

Each page's scan beside its text, doubtful words lit in both: confirm a word, correct it, a line or
a field. All is saved at once as a correction, with who and when; what was confirmed does not come
again. Safe beside a run. Serves this machine alone, at the address it prints; Ctrl-C ends it."""

# `server` says which address is what; `desk` has the pages and saves, `opened` is one of them with
# its tree, `places` where its words stand in its file; `changes` makes entries of the `journal` of
# what a browser asks for, `told` says what it is told. `assets/` is what it runs, with no build.

import argparse
from collections.abc import Sequence

from pagewave.commands.browser.address import add_address_options, check_address, listen
from pagewave.commands.browser.review.desk import Desk
from pagewave.commands.browser.review.server import Review
from pagewave.commands.browser.reviewer import add_name_option, own_name
from pagewave.commands.browser.server import serve
from pagewave.commands.command import add_page_option, command_parser, find_place, run_command
from pagewave.commands.selection import add_selection, page_named, refuse_unknown, selection_of
from pagewave.ledger import Ledger
from pagewave.words.tree import FLAGGED

EXAMPLES = """examples:
  %(prog)s
  %(prog)s --states Ohio --name 'Ann Lee'
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3' --from-doubt 0.05"""

PORT = 8751


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve the page; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    add_page_option(parser, action="append", default=[], help="this page; may be repeated")
    add_selection(parser)
    add_name_option(parser)
    what = f"look at words of which at least this share is wrong, from 0 to 1 ({FLAGGED})"
    parser.add_argument("--from-doubt", type=_share, default=FLAGGED, metavar="D", help=what)
    add_address_options(parser, PORT)
    options = parser.parse_args(arguments)
    check_address(parser, options)
    return run_command(lambda: _review(options))


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if 0 < share <= 1:
        return share
    raise argparse.ArgumentTypeError(f"{text} is no share above 0, up to 1")


def _review(options: argparse.Namespace) -> int:
    place = find_place(options, needs_config=True)
    options.keys = options.page
    selection = selection_of(options, place.settings.paths.tree)
    ledger = Ledger.peek(place.ledger)
    try:
        refuse_unknown(selection, ledger, place.settings.paths)
    finally:
        ledger.close()
    desk = Desk(
        place.settings,
        lambda key: key in selection,
        options.name or own_name(),
        options.from_doubt,
    )
    for key in options.page:
        page_named(desk.dataset(), key)
    desk.pile()  # takes longest, or there is none: before anybody waits for it
    serve(Review(desk).app(), listen(options, "review"))
    return 0
