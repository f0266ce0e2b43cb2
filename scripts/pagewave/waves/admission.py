"""What a run that does not wait (`execution.wait: false`) does not send yet, and what it leaves.

A run that waits has Snakemake keep count of the batches in flight, and pauses where a pause is due.
One that doesn't leaves its batches behind, so the ledger counts them, and a pause is left to the
time between runs.
"""

import time
from collections.abc import Sequence

from pagewave.prompts.request import Request
from pagewave.workspace import Workbench


def why_not_yet(bench: Workbench, new: Sequence[Request]) -> str | None:
    """Why these requests are left to a later run; None where they may be sent, or none are."""
    if bench.waits or not new:
        return None
    limit = bench.most_batches or bench.settings.execution.max_concurrent_batches
    if len(bench.ledger.open_batches(bench.engine)) >= limit:
        return f"{limit} batches are in flight, the most there may be"
    if (due := _pause_over_at(bench, new)) > time.time():
        at = time.strftime("%H:%M:%S", time.localtime(due))
        return f"whole batches failed before, sent again from {at} on"
    return None


def _pause_over_at(bench: Workbench, new: Sequence[Request]) -> float:
    """When the pause after the last batch that failed as a whole is over (Unix seconds)."""
    counts = bench.ledger.failure_counts(bench.engine)
    failed = min(counts[request.key].of_batches for request in new)
    failures = [bench.ledger.last_failure(request.key) for request in new] if failed else []
    last = max((failure["created_at"] for failure in failures if failure), default=0.0)
    return float(last) + bench.retry_pause(failed)


def what_is_left(bench: Workbench) -> str:
    """What such a run leaves to the next one, for the person or the log that reads how it ended."""
    batches = bench.ledger.open_batches(bench.engine)
    if not batches:
        return "not all is read yet, and nothing is in flight. Run the same command again later."
    pages = len(bench.ledger.keys_in_flight(bench.engine))
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(min(b.intent_at for b in batches)))
    return (
        f"not all is read yet. In flight: {len(batches)} batches with {pages} pages, the oldest "
        f"since {since}. Run the same command again later, such as every hour."
    )
