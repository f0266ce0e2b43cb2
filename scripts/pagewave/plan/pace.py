"""How long a batch and a call take: as measured here, or as others saw; and what a run knows by it.

No service publishes these: Google aims at 24 hours for a batch, and at 1 to 15 minutes for flex.
What others saw stands here until this ledger knows better: the constants say where that is from.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pagewave.config.settings import Settings
from pagewave.ledger import Ledger
from pagewave.plan.budget import budgets
from pagewave.plan.roads import DAY_SECONDS, Facts, Limits
from pagewave.prompts.costs import INTERACTIVE_PRICE_FACTOR, Estimate, usd

FLEX_SECONDS_SEEN = 27.0
"""The mean where half take 20 s. Five small calls of somebody's in April 2026 took 2 to 5 s."""
STANDARD_SECONDS_SEEN = 14.0
BATCH_SECONDS_SEEN = 30 * 60.0
"""Between the 10 minutes and the 9 hours that users of 2026 wrote of; most are below an hour."""
AVERAGE_OF_MEDIAN = 1.5
"""So many times its median a batch takes on average: spans of waiting are skewed, and one batch in
a hundred was seen to hang for a day."""
FEWEST_CALLS = 20
"""Calls of a run that tell more than what others saw; those of a probe do from the first on."""
RECENT_CALLS = 200
RECENT_BATCHES = 20
MIDNIGHT_UTC_SECONDS = 8 * 3600.0
"""When a day begins for the service: midnight in California (in winter), in seconds of UTC's."""
CALLS_AT_ONCE = 64

# Of tier 1, as two dashboards had them in August and October 2026; Google shows them in AI Studio
# only, "not guaranteed". Enqueued tokens: ai.google.dev/gemini-api/docs/rate-limits.
LIMITS = (
    ("flash-lite", Limits(4_000, 4_000_000, 150_000, 10_000_000)),
    ("flash", Limits(1_000, 2_000_000, 10_000, 3_000_000)),
    ("pro", Limits(25, 2_000_000, 250, 5_000_000)),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one step; `measured` is how many steps tell so, 0: nobody measured here."""

    seconds: float
    measured: int = 0

    @property
    def source(self) -> str:
        """Where that is from, in words."""
        return "as measured here" if self.measured else "as others saw"


@dataclass(frozen=True, slots=True)
class Paces:
    """What is known of each road: calls on average, batches in their median."""

    flex: Pace
    standard: Pace
    batch: Pace


def paces(ledger: Ledger, engine: str, model: str) -> Paces:
    """What this ledger tells of a model, by an engine."""
    probes = ledger.calls.seconds(engine, model, "probe", RECENT_CALLS)
    trials = ledger.calls.seconds(engine, model, "trial", RECENT_CALLS)
    batches = ledger.spending.batch_seconds(engine, model, RECENT_BATCHES)
    return Paces(
        _mean(probes, 1, FLEX_SECONDS_SEEN),
        _mean(trials, FEWEST_CALLS, STANDARD_SECONDS_SEEN),
        Pace(statistics.median(batches), len(batches)) if batches else Pace(BATCH_SECONDS_SEEN),
    )


def limits_of(model: str) -> Limits:
    """What the service takes of a model's calls, for projects of tier 1; none for one unknown."""
    return next((limits for word, limits in LIMITS if word in model), Limits())


def facts(
    ledger: Ledger,
    settings: Settings,
    known: Paces,
    a_page: Estimate,
    *,
    began: float | None = None,
    run_id: str | None = None,
    calls_today: int = 0,
    refused_seconds: float = 0.0,
) -> Facts:
    """What `auto` is to know now.

    Args:
        a_page: tokens of an average page.
        began: when the run did (Unix seconds); None: it would now.
        run_id: of the run whose budget counts; None: of one that has not begun.
        calls_today: that count against the limit of a day.
        refused_seconds: for how long flex has refused what it was asked.
    """
    execution, model, now = settings.execution, settings.model.name, time.time()
    limits = limits_of(model)
    at_once = execution.max_concurrent_batches * execution.batch_size_limit
    if limits.enqueued_tokens and a_page.input_tokens:
        at_once = min(at_once, limits.enqueued_tokens // a_page.input_tokens)
    deadline = execution.deadline
    left = [budget.left for budget in budgets(ledger, settings, run_id)]
    return Facts(
        call_seconds=known.flex.seconds,
        standard_seconds=known.standard.seconds,
        batch_seconds=AVERAGE_OF_MEDIAN * known.batch.seconds,
        input_tokens=a_page.input_tokens,
        calls_at_once=CALLS_AT_ONCE,
        batch_pages_at_once=max(1, at_once),
        limits=limits,
        calls_today=calls_today,
        renewal_seconds=renewal_seconds(now),
        refused_seconds=refused_seconds,
        deadline_seconds=None if deadline is None else deadline.at(began or now) - now,
        usd_left=min(left, default=None),
        usd_a_page=usd(settings.pricing, model, a_page.input_tokens, a_page.output_tokens),
        standard_factor=INTERACTIVE_PRICE_FACTOR,
    )


def renewal_seconds(now: float) -> float:
    """How long it is until the service counts the calls of a new day."""
    return DAY_SECONDS - (now - MIDNIGHT_UTC_SECONDS) % DAY_SECONDS


def _mean(seconds: Sequence[float], fewest: int, else_seen: float) -> Pace:
    if len(seconds) < fewest:
        return Pace(else_seen)
    return Pace(statistics.fmean(seconds), len(seconds))
