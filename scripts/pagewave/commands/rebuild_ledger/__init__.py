"""Rebuild a lost ledger, or complete one restored from an older copy, as far as that goes.

Takes in what the ledger lacks: batches at the service that bear our prefix (raw lines, attempts,
failures, answers, so that none is paid for again), answers that books tell of, and which answer
each page file holds. A damaged ledger is moved away first (nuke-database --force). May be
repeated. Refuses while a run is going on."""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path

from pagewave.command_line import script
from pagewave.commands.command import Place, command_parser, find_place, print_json, run_command
from pagewave.commands.rebuild_ledger.from_service import NOT_RECOVERED, Rebuilt, rebuild
from pagewave.gemini.connect import open_session, serving
from pagewave.ledger import Ledger
from pagewave.ledger.belonging import pass_on
from pagewave.ledger.lock import take_lock
from pagewave.log import log_to_terminal
from pagewave.pages.dataset import scan
from pagewave.wording import dollars
from pagewave.workspace import REQUESTS

EXAMPLES = """examples:
  %(prog)s --dry-run       what would be taken in
  %(prog)s                 do it
  %(prog)s --files-only    from books and page files alone, without the service"""

COMMAND = "pagewave rebuild-ledger"
INCOMPLETE = 1
"""Exit code when a batch in flight may hold pages of ours: a run now could pay twice for them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and rebuild; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be taken in")
    parser.add_argument("--files-only", action="store_true", help="do not ask the service")
    options = parser.parse_args(arguments)
    return run_command(lambda: _carry_out(options))


def _carry_out(options: argparse.Namespace) -> int:
    place = find_place(options, needs_config=True)
    log_to_terminal()
    with take_lock(place.state_dir, COMMAND), tempfile.TemporaryDirectory() as scratch:
        path = _copy(place, Path(scratch)) if options.dry_run else place.ledger
        ledger = Ledger.open(path)
        ledger.check()
        dataset = scan(place.settings)
        ledger.identity.note_levels(dataset.levels)
        session = open_session(place.settings, dataset, ledger)
        with nullcontext() if options.files_only else serving(session):
            found = rebuild(session, ask_service=not options.files_only)
        if not (options.dry_run or found.unclear or found.unseen):
            if not options.files_only:
                ledger.identity.forget(time.time())  # what is unknown now never came to be
            pass_on(ledger, place.ledger, place.settings.paths.output_dir)
        session.ledger.close()
    if options.json:
        print_json(
            {"dry_run": options.dry_run, **asdict(found), "not_recovered": list(NOT_RECOVERED)}
        )
    else:
        _print(found, place, options.dry_run)
    return INCOMPLETE if found.unclear or found.unseen else 0


def _copy(place: Place, folder: Path) -> Path:
    """A copy of the ledger to try things on; a name without a file where there is none."""
    copy = folder / "ledger.sqlite"
    if place.ledger.exists():
        with closing(sqlite3.connect(place.ledger)) as source, closing(sqlite3.connect(copy)) as to:
            source.backup(to)
    return copy


def _print(found: Rebuilt, place: Place, dry_run: bool) -> None:
    if dry_run:
        print("Dry run: nothing was written. It would be:")
    print(
        f"From the service: {found.batches} batches with {found.answers} good answers and "
        f"{found.failures} failures, {dollars(found.usd)} USD at the prices configured."
    )
    print(
        f"From books alone: {found.batches_of_books} batches with {found.answers_of_books} answers."
    )
    print(f"Page files whose answer is known again: {found.pages_marked}.")
    notes = {
        "in flight, collected by the next run": found.in_flight,
        "ended without results, or they were deleted": found.without_answers,
        "of other data (no page of this data set)": found.of_other_data,
        "books that can't be read": found.unreadable_books,
        "page files whose answer nobody knows; they stay as they are": found.pages_without_answer,
    }
    for what, names in notes.items():
        if names:
            print(f"{len(names)} {what}: {_few(names)}")
    if found.asked_differently:
        print(
            f"{found.asked_differently} of these answers were asked with another prompt or other "
            "settings than today's: they are kept, but not used. With the configuration of that "
            "time they would be; rebuild from nothing with it."
        )
    print("Not recovered, as only the ledger knew it:")
    for what in NOT_RECOVERED:
        print(f"  - {what}")
    if found.unclear:
        print(
            f"In flight, and nothing here says with which pages: {_few(found.unclear)}\n"
            "If they are of this data set, a run now would pay for their pages twice. Run this "
            f"command again when they have ended ({script('batches', '--live')})."
        )
    if found.unseen:
        folder = place.settings.paths.state_dir / REQUESTS
        print(
            f"Sent from here, and with this GEMINI_API_KEY neither they nor their images are seen: "
            f"{_few(found.unseen)}\nIf they were sent with another key, put that one back and run "
            "this command again: else their pages may be paid for twice. To give them up, delete "
            f"their files in {folder}."
        )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more; --json names all" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
