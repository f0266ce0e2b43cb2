"""Start anew with an empty ledger. The old one is kept beside it under a dated name.

Forgotten are dead letters, stored answers (a page without its file is paid for again) and what was
spent. Page files, books and the embedded server's jobs stay, and what was written into the files is
still known. Asks before it does anything, and
refuses while a run is going on or batches are in flight."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pagewave.command_line import script
from pagewave.commands.batch_views import BatchView, open_views, total_usd
from pagewave.commands.command import (
    Place,
    add_ledger_option,
    command_parser,
    find_place,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.config.settings import Settings
from pagewave.errors import LedgerError
from pagewave.ledger import Ledger
from pagewave.ledger.belonging import pass_on
from pagewave.ledger.connection import empty
from pagewave.ledger.lock import take_lock
from pagewave.ledger.soundness import backup_name
from pagewave.wording import count, dollars

EXAMPLES = """examples:
  %(prog)s --dry-run     what would be forgotten
  %(prog)s               asks first
  %(prog)s --confirm     does not ask"""

NOT_CONFIRMED = 1
"""Exit code when the question was not answered with yes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and empty the ledger; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only say what would be forgotten")
    how.add_argument("--confirm", action="store_true", help="do not ask")
    parser.add_argument(
        "--recreate-tables",
        action="store_true",
        help="drop the tables and make them anew, instead of emptying them",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="even if batches are in flight (they go on, are paid for, and are never collected), "
        "or if the ledger can't be read",
    )
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    if options.json and not (options.dry_run or options.confirm):
        parser.error("--json can't ask: add --dry-run or --confirm")
    return run_command(lambda: _nuke(options))


def _nuke(options: argparse.Namespace) -> int:
    place = find_place(options)
    require_ledger(place.ledger)
    if options.dry_run:
        return _carry_out(place, options)
    with take_lock(place.state_dir, "pagewave nuke-database"):
        return _carry_out(place, options)


def _carry_out(place: Place, options: argparse.Namespace) -> int:
    held, open_batches, damage = _look(place)
    if not options.json:
        _tell(place, held, damage)
    if damage and not options.force:
        raise LedgerError(
            f"{damage} Nobody can tell what is in flight; --force moves it away all the same."
        )
    if open_batches and not options.force:
        refusal = (
            f"{cost_of(open_batches)}. Without the ledger nothing collects them. Let a run collect "
            f"them or cancel them ({script('batches', '--cancel', 'all')}) first, or give --force."
        )
        if not options.dry_run:
            raise LedgerError(refusal)
        print(f"It would be refused: {refusal}", file=sys.stderr)
    report: dict[str, Any] = {
        "ledger": str(place.ledger),
        "contents": held,
        "in_flight": [asdict(view) for view in open_batches],
        "backup": None,
    }
    if options.dry_run:
        if options.json:
            print_json(report | {"dry_run": True})
        return 0
    if not options.confirm and not _asked(open_batches):
        print("Nothing was changed.", file=sys.stderr)
        return NOT_CONFIRMED
    remove = move_away if damage else empty
    backup = remove(place.ledger, recreate_tables=options.recreate_tables)
    if not damage:
        _begin_anew(place)
    if options.json:
        print_json(report | {"dry_run": False, "backup": str(backup)})
    else:
        print(f"The ledger is empty. The old one is {backup}.")
    return 0


def _begin_anew(place: Place) -> None:
    """The empty ledger goes on with the page files; what it would not know was given up."""
    ledger = Ledger.open(place.ledger)
    ledger.identity.forget(time.time())
    pass_on(ledger, place.ledger, place.settings.paths.output_dir)
    ledger.close()


def _look(place: Place) -> tuple[dict[str, Any] | None, list[BatchView], str | None]:
    """What the ledger holds, what is in flight, and why neither can be told."""
    try:
        return contents(place.ledger), in_flight(place.ledger, place.settings), None
    except LedgerError as error:
        return None, [], str(error)


def _tell(place: Place, held: dict[str, Any] | None, damage: str | None) -> None:
    if held:
        print(
            f"{place.ledger} holds {held['runs']} runs, {held['batches']} batches, "
            f"{held['attempts']} attempts ({held['answers']} good answers, "
            f"{dollars(held['usd'])} USD) and {held['failures']} failures "
            f"({held['uncleared_failures']} not cleared)."
        )
    elif damage:
        print(damage)


def _asked(open_batches: Sequence[BatchView]) -> bool:
    """Does the person at the terminal say yes?"""
    if open_batches:
        print(f"{cost_of(list(open_batches))}; they will be paid for and never collected.")
    try:
        return input("Empty it (a copy is kept)? Type yes: ").strip().lower() == "yes"
    except EOFError:
        print()
        return False


SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a ledger."""


def contents(path: Path) -> dict[str, int | float | None]:
    """What a ledger holds: numbers of rows, and USD spent (None: some prices are unknown)."""
    ledger = Ledger.peek(path)
    ledger.check()
    held = ledger.history.contents()
    ledger.close()
    return held


def in_flight(path: Path, settings: Settings) -> list[BatchView]:
    """The batches that a ledger would forget while they are at the service."""
    ledger = Ledger.peek(path)
    views = open_views(ledger, settings)
    ledger.close()
    return views


def cost_of(views: list[BatchView]) -> str:
    """What batches in flight cost, in words."""
    return (
        f"{len(views)} {'batch is' if len(views) == 1 else 'batches are'} in flight with "
        f"{count(sum(view.records for view in views), 'record')}, about "
        f"{dollars(total_usd(view.usd for view in views))} USD"
    )


def move_away(path: Path, *, recreate_tables: bool) -> Path:
    """As `empty`, for a ledger that can't be read: its files are renamed as they are.

    Without `recreate_tables` the next run makes a new one.
    """
    backup = backup_name(path)
    path.rename(backup)
    for suffix in SIDE_FILES:
        side = Path(f"{path}{suffix}")
        if side.exists():
            side.rename(f"{backup}{suffix}")
    if recreate_tables:
        Ledger.open(path).close()
    return backup
