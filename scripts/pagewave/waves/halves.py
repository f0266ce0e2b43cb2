"""The request that makes its whole batch fail is found by halving, and the others are read.

Where a batch failed as a whole, each half of what failed is a batch of its own, and so on, until
the bad request stands alone: log2 n steps. Which halves there are follows from the ledger's
failures, so that it is the same after a crash.
"""

from collections import defaultdict
from collections.abc import Sequence

from pagewave.config.settings import Settings
from pagewave.ledger import Ledger
from pagewave.prompts.retries import asked
from pagewave.waves.submit import Submission


def split(
    ledger: Ledger, engine: str, submissions: Sequence[Submission]
) -> list[Sequence[Submission]]:
    """The batches that these requests go in: halves first, then all that are not suspected.

    The halves are first so that, where only one batch may go at a time, their chains don't fall
    behind the others: chains in step take the fewest batches.
    """
    failed = ledger.failures.bad_batches(engine)
    suspected: dict[int, list[Submission]] = defaultdict(list)
    others = []
    for submission in submissions:
        if submission.request.key in failed:
            suspected[failed[submission.request.key][0]].append(submission)
        else:
            others.append(submission)
    parts: list[Sequence[Submission]] = []
    for _, members in sorted(suspected.items()):
        failed_together = failed[members[0].request.key][1]
        size = (failed_together + 1) // 2
        parts += [members[start : start + size] for start in range(0, len(members), size)]
    return [*parts, others] if others else parts


def by_model(settings: Settings, part: Sequence[Submission]) -> list[Sequence[Submission]]:
    """The batches of requests that might be one: a batch asks one model, and a step of a retry may
    name another."""
    parts: dict[str, list[Submission]] = defaultdict(list)
    for each in part:
        parts[asked(settings, each.attempt_number, each.errors).model].append(each)
    return [*parts.values()]
