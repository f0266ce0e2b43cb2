"""How long a wave of single calls goes on, and how many pages of a chain it is thought to carry."""

import math
from statistics import median

from pagewave.config.settings import Settings
from pagewave.ledger import BY_BATCH, RECENT, Ledger

USUAL_CALL_SECONDS = 27.0
"""What others saw of flex, until this ledger knows better."""
SHORTEST_SECONDS, LONGEST_SECONDS = 15 * 60.0, 2 * 3600.0
CALLS_IN_A_BOX = 60
"""A simulation's: with fewer, waves cost time; with more, lanes are looked at too rarely."""


def call_seconds(ledger: Ledger, settings: Settings, before: float | None = None) -> float:
    """How long a call takes: the median of the last ones, once there were enough.

    Args:
        before: only what was answered before this time counts (Unix seconds).
    """
    transport, model = settings.execution.transport, settings.model.name
    seconds = ledger.history.seconds(settings.engine, model, transport, RECENT, before)
    return median(seconds) if len(seconds) == RECENT else USUAL_CALL_SECONDS


def box_seconds(ledger: Ledger, settings: Settings, before: float | None = None) -> float:
    """For how long a wave begins calls."""
    if settings.calls.wave_seconds is not None:
        return settings.calls.wave_seconds
    usual = CALLS_IN_A_BOX * call_seconds(ledger, settings, before)
    return min(max(usual, SHORTEST_SECONDS), LONGEST_SECONDS)


def pages_ahead(ledger: Ledger, settings: Settings, before: float | None = None) -> int:
    """How many pages of each chain a wave is thought to carry; of a batch it is one.

    Args:
        before: when the run began, so that all its processes think the same.
    """
    if settings.execution.transport == BY_BATCH:
        return 1
    box = box_seconds(ledger, settings, before)
    return max(1, math.floor(box / max(call_seconds(ledger, settings, before), 0.001)))
