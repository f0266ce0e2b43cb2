"""How sure a figure is that was measured on a few pages: intervals by resampling those pages."""

import random
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")

RESAMPLES = 2000
"""Percentile intervals want 1,000 or more (Efron and Tibshirani, An Introduction to the Bootstrap,
chapter 13)."""

MIN_PAGES = 6
"""With fewer there is no interval: five pages all say the same by chance once in 16 times (sign
test), which is more than 5 %, and resampling them would not show it."""

SEED = 0


class Interval(NamedTuple):
    """A figure and its 95 % interval; `low` and `high` are None where there is none."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """In percent, such as `1.22% [0.64, 1.96]`."""
        if self.low is None or self.high is None:
            return f"{self.value:.2%}"
        return f"{self.value:.2%} [{100 * self.low:.2f}, {100 * self.high:.2f}]"

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval is above or below 0; else 0: the sign is open."""
        if self.low is not None and self.low > 0:
            return 1
        return -1 if self.high is not None and self.high < 0 else 0


def interval(
    pages: Sequence[T], statistic: Callable[[Sequence[T]], float | None], seed: int = SEED
) -> Interval | None:
    """A statistic of pages with its 95 % percentile interval, None where it has no value.

    For paired figures a page's two measurements travel together in one item of `pages`. Resamples
    without a value, such as a precision where no course was read, are left out. There is no
    interval from fewer than `MIN_PAGES` pages.

    Args:
        statistic: None where it has no value for these pages.
        seed: the same seed draws the same resamples.
    """
    value = statistic(pages) if pages else None
    if value is None:
        return None
    if len(pages) < MIN_PAGES:
        return Interval(value, None, None)
    draw = random.Random(seed)
    found = (statistic(draw.choices(pages, k=len(pages))) for _ in range(RESAMPLES))
    drawn = [figure for figure in found if figure is not None]
    # Cut into 40 parts, the outer ones hold 2.5 % each.
    cuts = statistics.quantiles(drawn, n=40, method="inclusive")
    return Interval(value, cuts[0], cuts[-1])
