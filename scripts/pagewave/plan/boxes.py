"""How long a wave of single calls goes on, and how many pages of a chain it is thought to carry."""

import math
from statistics import median

from pagewave.config.settings import Settings
from pagewave.ledger import BY_BATCH, RECENT, Ledger
from pagewave.plan import roads
from pagewave.plan.pace import FLEX_SECONDS_SEEN


def call_seconds(ledger: Ledger, settings: Settings, before: float | None = None) -> float:
    """How long a call takes: the median of the last ones, once there were enough.

    Args:
        before: only what was answered before this time counts (Unix seconds).
    """
    transport, model = settings.execution.expected_road, settings.model.name
    seconds = ledger.history.seconds(settings.engine, model, transport, RECENT, before)
    return median(seconds) if len(seconds) == RECENT else FLEX_SECONDS_SEEN


def box_seconds(ledger: Ledger, settings: Settings, before: float | None = None) -> float:
    """For how long a wave begins calls."""
    if settings.calls.wave_seconds is not None:
        return settings.calls.wave_seconds
    return roads.box_seconds(call_seconds(ledger, settings, before))


def pages_ahead(ledger: Ledger, settings: Settings, before: float | None = None) -> int:
    """How many pages of each chain a wave is thought to carry; of a batch it is one.

    Args:
        before: when the run began, so that all its processes think the same.
    """
    if settings.execution.transport == BY_BATCH:
        return 1
    box = box_seconds(ledger, settings, before)
    return max(1, math.floor(box / max(call_seconds(ledger, settings, before), 0.001)))
