"""Batches at the service: list them, cancel them, settle those of unknown fate.

Listing only looks, and is safe at any time. Cancelling is allowed while a run is going on: the run
collects what was read by then, which is paid for, and sends the rest again. To stop spending, stop
the run first."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from pagewave.commands.batch_views import (
    BatchView,
    Orphan,
    all_views,
    cancel,
    live_states,
    open_views,
    reconcile,
    total_usd,
)
from pagewave.commands.command import (
    Place,
    add_ledger_option,
    command_parser,
    find_place,
    positive,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.console import printer, table
from pagewave.errors import LedgerError
from pagewave.gemini.connect import going_on, open_session, reaching, serving
from pagewave.ledger import Ledger
from pagewave.ledger.lock import LockedError, take_lock
from pagewave.log import log_to_terminal
from pagewave.pages.dataset import Dataset
from pagewave.wording import age, count, dollars

EXAMPLES = """examples:
  %(prog)s                        what the ledger says is at the service
  %(prog)s --live                 ask the service too; shows batches the ledger doesn't know
  %(prog)s --cancel batches/abc   or a display name, or `all`
  %(prog)s --reconcile            look for batches that a crash left without a name"""

COMMAND = "pagewave batches"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it asks for; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="list batches of the past as well")
    what.add_argument("--live", action="store_true", help="ask the service for their states now")
    what.add_argument("--cancel", metavar="NAME", help="cancel one batch, or `all` open ones")
    what.add_argument(
        "--reconcile",
        action="store_true",
        help="find out what became of batches that a run was about to create when it ended",
    )
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="with --all: only the newest N batches"
    )
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    if options.limit and not options.all:
        parser.error("--limit goes with --all")
    if options.ledger and (options.live or options.cancel or options.reconcile):
        parser.error("the service is found by the configuration: --configfile instead of --ledger")
    return run_command(lambda: _carry_out(options))


def _carry_out(options: argparse.Namespace) -> int:
    asks_service = bool(options.live or options.cancel or options.reconcile)
    place = find_place(options, needs_config=asks_service)
    require_ledger(place.ledger)
    if options.reconcile:
        return _reconcile(place, options.json)
    ledger = Ledger.peek(place.ledger)
    if options.cancel:
        return _cancel(place, ledger, options)
    if options.all:
        views = all_views(ledger, place.settings, options.limit)
    else:
        views = open_views(ledger, place.settings)
    orphans: list[Orphan] = []
    if options.live:
        session = open_session(place.settings, Dataset(()), ledger)
        with reaching(session, COMMAND):
            states, orphans = live_states(session, views)
        views = [replace(v, state=states.get(v.display_name, v.state)) for v in views]
    if options.json:
        report: dict[str, Any] = {"batches": [asdict(view) for view in views]}
        if options.live:
            report["not_in_the_ledger"] = [asdict(orphan) for orphan in orphans]
        print_json(report)
    else:
        _print_list(views, orphans, everything=options.all)
    return 0


def _cancel(place: Place, ledger: Ledger, options: argparse.Namespace) -> int:
    run = going_on(place.state_dir)
    session = open_session(place.settings, Dataset(()), ledger)
    with reaching(session, COMMAND):
        cancelled = cancel(session, options.cancel)
    if options.json:
        batches = [{"name": name, "state": state} for name, state in cancelled]
        print_json({"cancelled": batches, "run_going_on": run.holder if run else None})
        return 0
    for name, state in cancelled:
        print(f"{name}: cancelled, now {state}.")
    unconfirmed = sum(batch.name is None for batch in ledger.batches.open(session.engine))
    if unconfirmed:
        print(
            f"Not cancelled, because their creation is not confirmed: {unconfirmed}. While a run "
            "is going on try again in a moment, else --reconcile first."
        )
    if not cancelled:
        print("No batch was cancelled.")
    elif run:
        print(
            f"A run is going on (process {run.holder}): it collects what was read by then and "
            "sends the rest again. To stop spending, stop the run as well."
        )
    else:
        print("What was read by then is paid for; snakemake collects it and sends the rest again.")
    return 0


def _reconcile(place: Place, as_json: bool) -> int:
    try:
        lock = take_lock(place.state_dir, COMMAND)
    except LockedError as held:
        raise LedgerError(f"{held} (A run settles such batches itself when it begins.)") from None
    log_to_terminal()
    with lock:
        session = open_session(place.settings, Dataset(()), Ledger.open(place.ledger))
        with serving(session):
            settled = reconcile(session)
    if as_json:
        print_json({"settled": [asdict(batch) for batch in settled]})
        return 0
    for batch in settled:
        if batch.name:
            print(f"{batch.display_name}: found as {batch.name}; snakemake collects it.")
        else:
            print(f"{batch.display_name}: {batch.error}; its pages will be sent again.")
    if not settled:
        print("No batch is of unknown fate.")
    return 0


def _print_list(views: Sequence[BatchView], orphans: Sequence[Orphan], everything: bool) -> None:
    console = printer()
    columns = ("=batch", "wave", "status", "state", "=age", ">records", ">USD", "model")
    rows = [
        (
            view.name or view.display_name,
            f"{view.run} lane {view.lane} wave {view.wave}",
            view.status,
            view.state,
            age(view.age_seconds),
            view.records,
            ("about " if view.estimated else "") + dollars(view.usd),
            view.model if view.engine == "gemini" else "(embedded)",
        )
        for view in views
    ]
    if rows:
        console.print(table(columns, rows))
        cost = dollars(total_usd(view.usd for view in views))
        records = count(sum(view.records for view in views), "record")
        console.print(f"{len(views)} {'in all' if everything else 'open'}, {records}, {cost} USD.")
    else:
        console.print("There are no batches." if everything else "No batch is open.")
    if orphans:
        found = [(o.name, o.display_name, o.state, o.created_at, o.model) for o in orphans]
        title = "At the service, but not in this ledger (rebuild-ledger takes in what is ours)"
        found_columns = ("=batch", "=display name", "state", "=created", "model")
        console.print(table(found_columns, found, title))
