"""What is not sent yet by a run that does not wait (`execution.wait: false`), and why.

A run that waits has Snakemake keep count of the batches in flight, and pauses where a pause is due.
One that doesn't leaves its batches behind, so the ledger counts them, and a pause is left to the
time between runs.
"""

import time
from collections.abc import Sequence

from .requests import Request
from .workbench import Workbench


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
