"""Send what waits in the ledger's outbox to Braintrust, or say how that stands.

Runs deliver by themselves, in the background; this is for what they left. Harmless beside a run: a
row that is sent twice replaces itself."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pagewave.commands.command import (
    Place,
    add_ledger_option,
    command_parser,
    find_place,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.config.keys import load_secrets
from pagewave.console import printable
from pagewave.errors import ConfigError, ServiceError
from pagewave.ledger import Ledger
from pagewave.tracking.background import delivery_for
from pagewave.tracking.service import KeyRefused, why_off
from pagewave.wording import count

EXAMPLES = """examples:
  %(prog)s --status     rows that wait, are delivered, are refused, and why
  %(prog)s              send what waits
  %(prog)s --parked     and what was refused again and again"""

ROWS_LEFT = 1
"""The exit code when some rows could not be delivered."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, deliver or tell; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    parser.add_argument("--status", action="store_true", help="send nothing, say how it stands")
    parser.add_argument("--parked", action="store_true", help="try refused rows again too")
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    command = _status if options.status else _deliver
    return run_command(lambda: command(find_place(options), options))


def _status(place: Place, options: argparse.Namespace) -> int:
    ledger = Ledger.peek(require_ledger(place.ledger))
    _tell(ledger, options, off=why_off(load_secrets(Path.cwd())))
    return 0


def _deliver(place: Place, options: argparse.Namespace) -> int:
    secrets = load_secrets(Path.cwd())
    if reason := why_off(secrets):
        raise ConfigError(f"{reason}. Set it in the environment or in .env.")
    ledger = Ledger.open(require_ledger(place.ledger))
    if options.parked:
        ledger.outbox.retry_parked()
    delivery = delivery_for(place.settings.tracking, secrets, ledger)
    try:
        delivery.deliver_all()
    except KeyRefused as error:
        raise ServiceError(f"Braintrust refuses BRAINTRUST_API_KEY: {error}") from None
    _tell(ledger, options, delivered_now=delivery.delivered)
    counts = ledger.outbox.counts()
    return ROWS_LEFT if counts.waiting or counts.parked else 0


def _tell(ledger: Ledger, options: argparse.Namespace, **more: Any) -> None:
    """Print how the outbox stands, and what more there is to say."""
    counts, outage = ledger.outbox.counts(), ledger.outbox.outage()
    parked = [dict(row) for row in ledger.outbox.parked()]
    if options.json:
        down = outage._asdict() if outage else None
        print_json({**more, **counts._asdict(), "outage": down, "parked_rows": parked})
        return
    if more.get("off"):
        print(more["off"])
    if "delivered_now" in more:
        print(f"{count(more['delivered_now'], 'row')} delivered now.")
    print(
        f"In all {count(counts.delivered, 'row')} delivered, {counts.waiting} waiting, "
        f"{counts.parked} refused."
    )
    if outage:
        seconds = max(0, round(outage.next_try_at - time.time()))
        print(f"The last try failed: {printable(outage.error)}. A run tries again in {seconds} s.")
    for row in parked:
        print(printable(f"refused ({row['refusals']}x): {row['key']}: {row['last_error']}"))
