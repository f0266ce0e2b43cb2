"""Which lines are judged: a random sample, by strata of book and doubt, that can grow.

Lines of which more errors are expected are drawn more often, each with a known probability. A line
has its random number from the seed and its own name, for good (permanent random numbers: Ohlsson,
in Business Survey Methods, 1995): the same seed draws the same lines, and a larger sample holds the
smaller one. The order in which strata get their next line is that of equal proportions, which is
Neyman's optimum in whole numbers and never takes a line back (Wright, The American Statistician 66,
2012, 217-224). So whoever stops in the middle has judged a smaller sample of the same kind.
"""

import hashlib
import heapq
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

CLASSES = 6
"""Strata of doubt in each group of books, of a sample that is large enough."""
LINES_A_STRATUM = 6
"""So many lines of the first sample a stratum has at least, on average."""
NOT_BELIEVED = 0.1
"""What is added to the errors expected of a line, as a share of their mean, before lines are chosen
by it: where doubt says that nothing is wrong is looked too."""


def random_number(seed: int, name: str) -> float:
    """A line's own number from 0 to 1, evenly spread, the same for good."""
    digest = hashlib.sha256(f"{seed}\n{name}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56


def spreads(expected: Floats) -> Floats:
    """The standard deviation that is thought of each line's errors, but for a factor.

    Errors that are counts vary as much as there are of them.
    """
    floor = NOT_BELIEVED * float(expected.mean()) if len(expected) else 0.0
    spread: Floats = np.sqrt(expected + (floor or 1.0))
    return spread


def strata(books: Sequence[int] | Whole, expected: Floats, lines: int) -> Whole:
    """The stratum of each line, from 0: by book, or a few books together, and in it by doubt.

    Args:
        books: the number of each line's book, from 0, in the order of books.
        expected: the errors expected of each line, from its doubts.
        lines: how many lines the first sample is to have.
    """
    spread, book = spreads(expected), np.asarray(books)
    classes = max(1, min(CLASSES, lines // LINES_A_STRATUM))
    groups = max(1, lines // (CLASSES * LINES_A_STRATUM))
    of_book: Floats = np.bincount(book, weights=spread).astype(np.float64)
    group = _parts(of_book, groups)[book]
    # Within a group by errors expected; a stable sort, so that the same lines give the same strata.
    order = np.lexsort((expected, group))
    found = np.empty(len(book), dtype=np.int64)
    for number in np.unique(group):
        members = order[group[order] == number]
        found[members] = number * classes + _parts(spread[members], classes)
    # Some are empty where there are few lines or books.
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _parts(amounts: Floats, parts: int) -> Whole:
    """Cuts a row of amounts into parts of nearly the same sum; the part of each (Dalenius and
    Hodges, Journal of the American Statistical Association 54, 1959, 88-101)."""
    middle = np.cumsum(amounts) - amounts / 2
    found: Whole = np.minimum(middle / amounts.sum() * parts, parts - 1).astype(np.int64)
    return found


def order(stratum: Whole, spread: Floats, numbers: Floats) -> Iterator[int]:
    """All lines, by their index, in the order in which they are drawn.

    Args:
        stratum: of each line.
        spread: what `spreads` says.
        numbers: the random number of each line.
    """
    ranked = np.lexsort((numbers, stratum))
    starts = np.flatnonzero(np.diff(stratum[ranked], prepend=-1))
    members = np.split(ranked, starts[1:])
    needs = [float(spread[each].sum()) for each in members]
    # One of each stratum first, the second of each next: without two there is no variance.
    waiting = [(0, -need, index, 0) for index, need in enumerate(needs)]
    heapq.heapify(waiting)
    while waiting:
        _, _, index, taken = heapq.heappop(waiting)
        yield int(members[index][taken])
        taken += 1
        if taken < len(members[index]):
            urgency = -needs[index] / math.sqrt(taken * (taken + 1))
            heapq.heappush(waiting, (min(taken, 2), urgency, index, taken))
