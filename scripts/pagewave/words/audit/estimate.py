"""From judged lines to a share of the whole collection, with an interval that holds near zero too.

The estimate is the prediction-powered one with its weight tuned from the data (PPI++: Angelopoulos,
Duchi, Zrnic, arXiv:2311.01453, `ppi_mean_ci` of ppi_py), by strata (Fisch et al., Stratified
Prediction-Powered Inference, arXiv:2406.04291): what was predicted of all lines, put right by how
far the judged ones were from it. Its interval is not the normal one, which has no width where no
error was seen: it is the gamma interval of Fay and Feuer (Statistics in Medicine 16, 1997, 791-801)
for weighted sums of rare counts, whose upper end reckons with one more than was seen. That one
weighs what such a one weighs on average (after Tiwari, Clegg and Zou, Statistical Methods in
Medical Research 15, 2006, 547-569), wherever errors are expected. Slips and whole lines have an
interval each, as a few large errors hide among many small ones; both are put together by MOVER
(Zou and Donner, Statistics in Medicine 27, 2008, 1693-1702). `benchmarks/audit.py` says how often
it holds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MISSED = 0.05
"""The share of intervals that may miss the truth."""
STEPS = 60
"""Halvings until a quantile is known to the last digits."""


class Share(NamedTuple):
    """A share of the collection and its 95 % interval; `n` units were judged."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Stratum:
    """A part of the collection, and what was judged of a simple random sample of its units."""

    size: int
    """Units in it, judged or not."""
    expected: float
    """How many of the collection's errors are thought to be here, as any multiple of it."""
    predicted_error: float
    """The sum of the errors predicted of all of its units."""
    predicted_whole: float
    """The same of what they are a share of."""
    errors: Floats
    """Of each judged unit."""
    wholes: Floats
    predicted_errors: Floats
    predicted_wholes: Floats

    @property
    def n(self) -> int:
        """Judged units."""
        return len(self.errors)

    @property
    def weight(self) -> float:
        """How many units each judged one stands for."""
        return self.size / self.n

    def variance(self, values: Floats) -> float:
        """Of the stratum's total, from a value of each judged unit (drawn without replacement)."""
        if self.n < 2:
            return 0.0
        factor = self.size * self.weight * (1 - self.n / self.size)
        return factor * float(values.var(ddof=1))

    def covariance(self, one: Floats, other: Floats) -> float:
        """Of two such totals."""
        if self.n < 2:
            return 0.0
        factor = self.size * self.weight * (1 - self.n / self.size)
        return factor * float(((one - one.mean()) * other).sum()) / (self.n - 1)


class _Part(NamedTuple):
    """A sum over the collection and the ends of its interval."""

    total: float
    low: float
    high: float


def share(strata: Sequence[Stratum], largest: float) -> Share:
    """The sum of all errors, of the sum of all wholes, in the collection.

    Args:
        strata: all of them; each has at least two judged units, or as many as it has.
        largest: the errors of a unit that is wrong as a whole, such as the characters of a line.
    """
    n = sum(each.n for each in strata)
    whole = sum(
        each.predicted_whole + each.weight * float((each.wholes - each.predicted_wholes).sum())
        for each in strata
    )
    if whole <= 0:
        return Share(0.0, 0.0, 1.0, n)
    split = largest / 2
    slips = [np.where(each.errors <= split, each.errors, 0.0) for each in strata]
    whole_lines = [np.where(each.errors > split, each.errors, 0.0) for each in strata]
    tuned = [(errors, _tuning(strata, errors)) for errors in (slips, whole_lines)]
    value = sum(_total(strata, errors, tuning) for errors, tuning in tuned) / whole
    parts = [
        # How long lines are adds to one of them alone.
        _part(strata, slips, tuned[0][1], split, value),
        _part(strata, whole_lines, tuned[1][1], largest, 0.0),
    ]
    below = math.hypot(*(part.total - part.low for part in parts))
    above = math.hypot(*(part.high - part.total for part in parts))
    low, high = value - below / whole, value + above / whole
    return Share(min(value, 1.0), max(low, 0.0), min(high, 1.0), n)


def _tuning(strata: Sequence[Stratum], errors: Sequence[Floats]) -> float:
    """How far predictions are believed: 0, not at all, to 1; where the variance is smallest."""
    both = sum(
        each.covariance(each.predicted_errors, of) for each, of in zip(strata, errors, strict=True)
    )
    own = sum(each.variance(each.predicted_errors) for each in strata)
    return min(max(both / own, 0.0), 1.0) if own > 0 else 0.0


def _total(strata: Sequence[Stratum], errors: Sequence[Floats], tuning: float) -> float:
    total = 0.0
    for each, of in zip(strata, errors, strict=True):
        rectified = float((of - tuning * each.predicted_errors).sum())
        total += tuning * each.predicted_error + each.weight * rectified
    return max(total, 0.0)


def _part(
    strata: Sequence[Stratum],
    errors: Sequence[Floats],
    tuning: float,
    largest: float,
    value: float,
) -> _Part:
    total, variance = _total(strata, errors, tuning), 0.0
    for each, of in zip(strata, errors, strict=True):
        # What a unit adds to the error of the ratio, to the first order.
        gap = each.wholes - each.predicted_wholes
        variance += each.variance(of - tuning * each.predicted_errors - value * gap)
    seen = np.concatenate([of[of > 0] for of in errors])
    # As large as those that were seen (root mean square), with one at its worst among them.
    size = math.sqrt((largest**2 + float((seen**2).sum())) / (1 + len(seen)))
    left = [each for each in strata if each.n < each.size]
    expected = sum(each.expected for each in left)
    weight = sum(each.expected * each.weight for each in left) / expected if left else 0.0
    square = sum(each.expected * each.weight**2 for each in left) / expected if left else 0.0
    low, high = gamma_interval(total, variance, size * weight, size**2 * square)
    return _Part(total, min(low, total), max(high, total))


def gamma_interval(
    total: float, variance: float, one_more: float, one_more_variance: float
) -> tuple[float, float]:
    """Ends of the 95 % interval for a weighted sum of rare counts (Fay and Feuer, 1997).

    Args:
        total: the sum; 0 where nothing was seen.
        variance: of the sum, as estimated.
        one_more: what one more event would add to the sum.
        one_more_variance: and to its variance.
    """
    low = total
    if total > 0 and variance > 0:
        low = variance / total * gamma_quantile(total * total / variance, MISSED / 2)
    more, varies = total + one_more, variance + one_more_variance
    if varies <= 0:
        return low, total
    return low, varies / more * gamma_quantile(more * more / varies, 1 - MISSED / 2)


def gamma_quantile(shape: float, share_below: float) -> float:
    """The point of the gamma distribution (scale 1) below which this share of it lies."""
    low, high = 0.0, shape + 20 * math.sqrt(shape) + 20
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _gamma_below(shape, middle) < share_below:
            low = middle
        else:
            high = middle
    return high


def _gamma_below(shape: float, point: float) -> float:
    """The regularised lower incomplete gamma function, by its series (Abramowitz and Stegun,
    6.5.29)."""
    if point <= 0:
        return 0.0
    term = math.exp(shape * math.log(point) - point - math.lgamma(shape + 1))
    total, step = term, 0
    while term > total * 1e-12 or point > shape + step:
        step += 1
        term *= point / (shape + step)
        total += term
        if term == 0:
            break
    return min(total, 1.0)
