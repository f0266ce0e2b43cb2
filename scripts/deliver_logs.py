"""Send what waits in the ledger's outbox to Braintrust, or say how that stands.

Runs deliver by themselves, in the background; this is for what they left. It does no harm beside a
run: a row that is sent twice replaces itself.
"""

import argparse
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from pagewave.errors import ConfigError, LedgerError, PagewaveError, ServiceError
from pagewave.keys import Secrets, load_secrets
from pagewave.ledger import Ledger
from pagewave.settings import Tracking
from pagewave.tracking.delivery import Delivery
from pagewave.tracking.redaction import redaction
from pagewave.tracking.service import Braintrust, KeyRefused, why_off

EXAMPLES = """examples:
  deliver_logs.py --status     rows that wait, are delivered, are refused, and why
  deliver_logs.py              send what waits
  deliver_logs.py --parked     and what was refused again and again

Exit codes: 0 nothing is left, 1 something is, 2 Braintrust is not configured, 4 no ledger, 5 the
key is refused."""


def main() -> int:
    """Parse the command line, deliver or tell; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--status", action="store_true", help="only say how it stands")
    parser.add_argument("--parked", action="store_true", help="try refused rows again too")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument(
        "--timeout",
        type=float,
        default=Tracking().timeout_seconds,
        metavar="S",
        help="seconds after which a silent service is given up (%(default)s)",
    )
    parser.add_argument("--ledger", type=Path, default=Path("state/ledger.sqlite"))
    options = parser.parse_args()
    logging.basicConfig(format="pagewave: %(message)s", level=logging.INFO)
    try:
        if not options.ledger.exists():
            raise LedgerError(
                f"{options.ledger}: no ledger here; run this where snakemake runs, or --ledger"
            )
        return _status(options) if options.status else _deliver(options)
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)
        return error.exit_code


def _status(options: argparse.Namespace) -> int:
    ledger = Ledger.peek(options.ledger)
    _tell(ledger, options, {"off": why_off(load_secrets(Path.cwd()))})
    return 0


def _deliver(options: argparse.Namespace) -> int:
    secrets = load_secrets(Path.cwd())
    if reason := why_off(secrets):
        raise ConfigError(f"{reason}. Set it in the environment or in .env (see .env.example).")
    ledger = Ledger.open(options.ledger)
    if options.parked:
        ledger.retry_parked()
    delivery = _delivery(ledger, secrets, options.timeout)
    try:
        delivery.deliver_all()
    except KeyRefused as error:
        raise ServiceError(f"Braintrust refuses BRAINTRUST_API_KEY: {error}") from None
    finally:
        _tell(ledger, options, {"delivered_now": delivery.delivered})
    counts = ledger.outbox_counts()
    return 1 if counts.waiting or counts.parked else 0


def _delivery(ledger: Ledger, secrets: Secrets, timeout_seconds: float) -> Delivery:
    return Delivery(ledger, Braintrust(secrets, timeout_seconds), redaction(secrets))


def _tell(ledger: Ledger, options: argparse.Namespace, more: dict[str, Any]) -> None:
    """Print how the outbox stands, and what more there is to say."""
    counts, outage = ledger.outbox_counts(), ledger.outage()
    parked = [dict(row) for row in ledger.parked_rows()]
    if options.json:
        report = {
            **more,
            **counts._asdict(),
            "outage": outage._asdict() if outage else None,
            "parked_rows": parked,
        }
        print(json.dumps(report, indent=1, ensure_ascii=False))
        return
    if more.get("off"):
        print(more["off"])
    if "delivered_now" in more:
        print(f"{more['delivered_now']} rows delivered now.")
    print(f"{counts.waiting} rows wait, {counts.delivered} are delivered, {counts.parked} refused.")
    if outage:
        seconds = max(0, round(outage.next_try_at - time.time()))
        print(f"The last try failed: {outage.error}. A run tries again in {seconds} s.")
    for row in parked:
        print(f"refused {row['refusals']} times: {row['key']}: {row['last_error']}")


if __name__ == "__main__":
    sys.exit(main())
