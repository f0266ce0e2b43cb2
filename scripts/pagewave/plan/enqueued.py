"""Tokens that batches in flight have: each model has a limit, by tier, beyond which are none taken.

What is expected of a batch is counted from its intent on, so two lanes at once never take the same
room. A batch that finds none waits for one in flight, and is not refused by the service.
"""

from collections.abc import Sequence

from pagewave.config.models import limits
from pagewave.config.settings import Settings
from pagewave.ledger import Ledger, Record
from pagewave.plan.budget import NoRoom


def enqueued_limit(settings: Settings) -> int | None:
    """Input tokens that all batches in flight may have together; None: not known.

    Where the configuration names none it is the model's limit in tier 1, the lowest of those paid.
    """
    given = settings.batch.enqueued_tokens
    if given is not None or settings.engine != "gemini":
        return given
    by_tier = limits(settings.model.name).enqueued_tokens
    return by_tier[0] if by_tier else None


def reserve_tokens(
    ledger: Ledger, settings: Settings, what: str, records: Sequence[Record]
) -> None:
    """Make sure that these records fit beside what is in flight; called as `budget.reserve` is.

    Where nothing is in flight they are sent, however many tokens they have: who knows the limit
    better is the service.

    Raises:
        NoRoom: they do not fit now.
    """
    limit, model = enqueued_limit(settings), settings.model.name
    if limit is None:
        return
    in_flight = ledger.spending.enqueued_tokens(settings.engine, model)
    wanted = sum(record.expected_input_tokens or 0 for record in records)
    taken = sum(in_flight.values())
    if in_flight and taken + wanted > limit:
        raise NoRoom(
            f"{what}: not sent yet. Of {limit:,} tokens that batches of {model} in flight may have "
            f"(batch.enqueued_tokens) they have about {taken:,}, and it has {wanted:,}.",
            list(in_flight),
        )


def batches_that_fit(settings: Settings, tokens_a_batch: float) -> int:
    """How many batches may be in flight at once."""
    most, limit = settings.execution.max_concurrent_batches, enqueued_limit(settings)
    if limit is None or not tokens_a_batch:
        return most
    return max(1, min(most, int(limit / tokens_a_batch)))
