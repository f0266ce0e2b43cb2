"""When to look at a batch again: often about when batches like it end, else as configured.

A look every 30 seconds costs a wave 15 on average, and chains are as long as all of their waves.
"""

from collections.abc import Sequence

FEWEST_BATCHES = 5
"""Of fewer it is not known when they usually end."""
EARLY, LATE = 0.9, 1.5
"""Shares of how long the quickest and the slowest of the last ones took: in between is soon."""
SHARE_LOST = 0.02
"""Of the time that a batch goes on: so much of it may pass between its end and the next look."""
SHORTEST_SECONDS = 0.05
"""Of a server on this machine, where a look takes milliseconds. A service's batches take minutes,
and the share of that is seconds."""


def seconds_to_next_look(interval: float, age: float, usual: Sequence[float]) -> float:
    """How long to wait: never longer than `interval`, the configured one.

    Args:
        interval: in seconds, as all of these.
        age: since the batch was created.
        usual: how long the last ones took.
    """
    if len(usual) < FEWEST_BATCHES or age > LATE * max(usual):
        return interval
    soon = min(interval, max(SHORTEST_SECONDS, SHARE_LOST * age))
    return min(interval, max(soon, EARLY * min(usual) - age))
