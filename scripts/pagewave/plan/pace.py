"""How long a batch and a call take: as measured here, or as others saw; and what a run knows by it.

No service publishes these: Google aims at 24 hours for a batch, and at 1 to 15 minutes for flex.
What others saw stands here until this ledger knows better: the constants say where that is from.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pagewave.config.models import DAY_SECONDS, MIDNIGHT_UTC_SECONDS
from pagewave.config.settings import Settings
from pagewave.ledger import BY_BATCH, RECENT, Ledger
from pagewave.plan.budget import budgets
from pagewave.plan.enqueued import enqueued_limit
from pagewave.plan.roads import Facts, Refusals
from pagewave.prompts.costs import INTERACTIVE_PRICE_FACTOR, Estimate, usd

FLEX_SECONDS_SEEN = 27.0
"""The mean where half take 20 s. Five small calls of somebody's in April 2026 took 2 to 5 s."""
STANDARD_SECONDS_SEEN = 14.0
BATCH_SECONDS_SEEN = 30 * 60.0
"""Between the 10 minutes and the 9 hours that users of 2026 wrote of; most are below an hour."""
DOCUMENTED_BATCH_SECONDS = 24 * 3600.0
"""What Google aims at (ai.google.dev, "Batch API")."""
AVERAGE_OF_MEDIAN = 1.5
"""So many times its median a batch takes on average: spans of waiting are skewed, and one batch in
a hundred was seen to hang for a day."""
FEWEST_CALLS = 20
"""Calls of a run that tell more than what others saw; those of a probe do from the first on."""
RECENT_CALLS = 200
ASK_AGAIN_PAUSES = 60
"""Flex that refuses is left alone for so many `calls.retry_pause_seconds`: five minutes."""


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
    calls, history = ledger.calls, ledger.history
    flex = history.seconds(engine, model, "flex", RECENT_CALLS)
    standard = history.seconds(engine, model, "standard", RECENT_CALLS)
    probes = calls.seconds(engine, model, "probe", RECENT_CALLS)
    trials = calls.seconds(engine, model, "trial", RECENT_CALLS)
    batches = history.seconds(engine, model, BY_BATCH, RECENT)
    return Paces(
        _mean(flex + probes, 1 if probes else FEWEST_CALLS, FLEX_SECONDS_SEEN),
        _mean(standard + trials, FEWEST_CALLS, STANDARD_SECONDS_SEEN),
        Pace(statistics.median(batches), len(batches)) if batches else Pace(BATCH_SECONDS_SEEN),
    )


def facts(
    ledger: Ledger,
    settings: Settings,
    known: Paces,
    a_page: Estimate,
    *,
    began: float | None = None,
    run_id: str | None = None,
) -> Facts:
    """What `auto` is to know now: all of it is in the ledger.

    Args:
        a_page: tokens of an average page.
        began: when the run did (Unix seconds); None: it would now.
        run_id: of the run whose budget counts; None: of one that has not begun.
    """
    execution, engine, model = settings.execution, settings.engine, settings.model.name
    now, enqueued = time.time(), enqueued_limit(settings)
    renewal = renewal_seconds(now)
    at_once = execution.max_concurrent_batches * execution.batch_size_limit
    if enqueued and a_page.input_tokens:
        at_once = min(at_once, enqueued // a_page.input_tokens)
    deadline = execution.deadline
    left = [budget.left for budget in budgets(ledger, settings, run_id)]
    return Facts(
        call_seconds=known.flex.seconds,
        standard_seconds=known.standard.seconds,
        batch_seconds=AVERAGE_OF_MEDIAN * known.batch.seconds,
        input_tokens=a_page.input_tokens,
        calls_at_once=settings.calls.in_flight,
        batch_pages_at_once=max(1, at_once),
        limits=settings.calls.limits(model),
        calls_today=ledger.history.calls_since(engine, model, now + renewal - DAY_SECONDS),
        is_used_up=0 < ledger.closures.used_up_until(engine, model) - now <= DAY_SECONDS,
        renewal_seconds=renewal,
        refused_seconds=refusals(ledger, settings).seconds(now),
        deadline_seconds=None if deadline is None else deadline.at(began or now) - now,
        usd_left=min(left, default=None),
        usd_a_page=usd(settings.pricing, model, a_page.input_tokens, a_page.output_tokens),
        standard_factor=INTERACTIVE_PRICE_FACTOR,
    )


def refusals(ledger: Ledger, settings: Settings) -> Refusals:
    """What the ledger knows of flex, in Unix seconds."""
    known = ledger.closures.refused(settings.engine, settings.model.name)
    pause = ASK_AGAIN_PAUSES * settings.calls.retry_pause_seconds
    return Refusals(pause, *known) if known else Refusals(pause)


def renewal_seconds(now: float) -> float:
    """How long it is until the service counts the calls of a new day."""
    return DAY_SECONDS - (now - MIDNIGHT_UTC_SECONDS) % DAY_SECONDS


def _mean(seconds: Sequence[float], fewest: int, else_seen: float) -> Pace:
    if len(seconds) < fewest:
        return Pace(else_seen)
    return Pace(statistics.fmean(seconds), len(seconds))
