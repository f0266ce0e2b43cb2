"""What the server waits for: that some seconds go by, or that a test says they have.

A test that lets go of what is held needs no guess at how long the machine takes to get there.
"""

import asyncio
import time

LOOK_SECONDS = 0.2


class Delays:
    """Delays by the wall clock, as jobs outlive the server; `end` ends all that have begun."""

    def __init__(self) -> None:
        self._ended_at = 0.0

    def end(self) -> None:
        """Whatever has begun to wait waits no more."""
        self._ended_at = time.time()

    def is_over(self, begun: float, seconds: float) -> bool:
        """Has a delay of so many seconds from `begun` (Unix time) gone by, or been ended?"""
        return begun <= self._ended_at or time.time() >= begun + seconds

    async def wait(self, begun: float, seconds: float) -> None:
        """Until the delay is over: for ever where that is infinite and nobody ends it.

        The clock is looked at all the while: it goes on when the machine sleeps, and may be set.
        """
        while not self.is_over(begun, seconds):
            left = begun + seconds - time.time()
            await asyncio.sleep(min(max(left, 0.0), LOOK_SECONDS))
