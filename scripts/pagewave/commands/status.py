"""How the newest run stands: pages, lanes, batches at the service, money, time left.

Only looks: safe at any time, from another terminal while a run is going on, and after a crash."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict

from rich.live import Live

from pagewave.commands.command import (
    Place,
    add_ledger_option,
    command_parser,
    find_place,
    print_json,
    printer,
    require_ledger,
    run_command,
)
from pagewave.commands.status_view import view
from pagewave.ledger import Ledger
from pagewave.ledger.lock import holder
from pagewave.waves.status import RunStatus, Watch

EXAMPLES = """examples:
  %(prog)s                 the newest run, once
  %(prog)s --watch         again every two seconds, until the run ends or Ctrl-C
  %(prog)s --watch 30
  %(prog)s --json"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and show the run; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    parser.add_argument(
        "--watch", nargs="?", type=float, const=2.0, metavar="SECONDS", help="look again (2)"
    )
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    return run_command(lambda: _show(options))


def _show(options: argparse.Namespace) -> int:
    place = find_place(options)
    ledger = Ledger.peek(require_ledger(place.ledger))
    execution = place.settings.execution
    goes_on = execution.on_dead_letter == "continue"
    watch = Watch(ledger, execution.max_concurrent_batches, goes_on, place.settings)
    status = watch.look()
    if status is None:
        print_json(None) if options.json else print("No run yet.")
        return 0
    if options.json:
        estimate = status.estimate._asdict()
        print_json(asdict(status) | {"estimate": estimate, "process": holder(place.state_dir)})
    elif options.watch:
        _follow(watch, status, place, options.watch)
    else:
        printer().print(view(status, holder(place.state_dir)))
    return 0


def _follow(watch: Watch, status: RunStatus, place: Place, seconds: float) -> None:
    process = holder(place.state_dir)
    with Live(view(status, process), console=printer(), auto_refresh=False) as live:
        while process and not status.ended_at:
            time.sleep(seconds)
            process = holder(place.state_dir)
            status = watch.look() or status
            live.update(view(status, process), refresh=True)
