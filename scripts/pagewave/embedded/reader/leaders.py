"""Rows of leader dots: what they are told by, and taking them out.

A dot is small beside the letters of its own page, round and full, with paper above and below it; a
leader is five or more of them, alike, level and evenly spaced, with nothing in between. Letters
that stand alone are none of that, and neither are dots of i, full stops and dotted notes.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pagewave.embedded.reader.blobs import Blobs, Mask, Numbers

DOTS_IN_A_ROW = 5

# As shares of the height of the page's usual small letters.
_SMALLEST, _LARGEST = 0.1, 0.5
_ROOM = 0.4
_DRIFT = 0.35
_REACH = 4.5

_ROUND = 1.8
_FULL = 0.55
_TALLER, _CLOSE = 1.3, 0.6
_ALIKE = 0.6
"""Least share that a dot's size, or the space before it, may be of its neighbour's."""


def find_leaders(blobs: Blobs, dark: Mask, letter: float) -> list[Blobs]:
    """The dots of each leader, from left to right.

    Args:
        letter: how high the page's usual small letters are, in pixels.
    """
    width, height = blobs.width, blobs.height
    larger, smaller = np.maximum(width, height), np.minimum(width, height)
    small = (larger <= _LARGEST * letter) & (larger >= _SMALLEST * letter)
    # A pixel more or less says nothing of dots that have two or three.
    full = (larger <= np.maximum(_ROUND * smaller, smaller + 1)) & (
        blobs.ink >= _FULL * width * height
    )
    dots = blobs.chosen(small & full)
    if len(dots.left) < DOTS_IN_A_ROW:
        return []
    ink = _Ink(dark)
    room = max(1, round(_ROOM * letter))
    above = ink.within(dots.left, dots.top - room, dots.right, dots.top)
    below = ink.within(dots.left, dots.bottom, dots.right, dots.bottom + room)
    dots = dots.chosen((above == 0) & (below == 0))
    if len(dots.left) < DOTS_IN_A_ROW:
        return []
    dots = dots.chosen(np.argsort(dots.left, kind="stable"))
    leaders = []
    for row in _rows(dots, ink, letter):
        if len(row) >= DOTS_IN_A_ROW:
            leader = dots.chosen(np.array(row, np.int64))
            is_stop = _ends_a_word(leader, ink, letter)
            leaders.append(leader.chosen(slice(1, None)) if is_stop else leader)
    return leaders


def _ends_a_word(row: Blobs, ink: "_Ink", letter: float) -> bool:
    """Whether the first dot of a row is a full stop or a comma: close to a letter, or longer."""
    gap = float(np.median(row.left[1:] - row.right[:-1]))
    first = row.chosen(slice(0, 1))
    is_longer = first.height[0] > _TALLER * np.median(row.height) + 1
    top = first.top - round(letter / 2)
    before = ink.within(first.left - round(_CLOSE * gap), top, first.left, first.bottom)
    return bool(is_longer or before[0])


def _rows(dots: Blobs, ink: "_Ink", letter: float) -> Iterator[list[int]]:
    """Dots in rows, each followed by its neighbour to the right."""
    following = _following(dots, ink, letter)
    middle = dots.left + dots.right
    started: dict[int, list[int]] = {}
    for dot, after in enumerate(following):
        row = started.pop(dot, [dot])
        if after < 0 or after in started:
            yield row
            continue
        if len(row) > 1 and not _alike(middle[dot] - middle[row[-2]], middle[after] - middle[dot]):
            yield row
            row = [dot]  # two leaders may share the dot between them
        started[after] = [*row, after]
    yield from started.values()


def _alike(one: int, other: int) -> bool:
    return bool(min(one, other) >= _ALIKE * max(one, other))


def _following(dots: Blobs, ink: "_Ink", letter: float) -> list[int]:
    """For each dot the next one to its right on the same level, like it; -1 where there is none."""
    y, x = (dots.top + dots.bottom) / 2, dots.left
    band = np.floor(y / (_DRIFT * letter)).astype(np.int64)
    far = int(dots.right.max()) + 1
    key = band * far + x
    order = np.argsort(key, kind="stable")
    size = dots.width + dots.height
    best = np.full(len(x), -1)
    nearest = np.full(len(x), _REACH * letter)
    for beside in (-1, 0, 1):
        place = np.searchsorted(key[order], (band + beside) * far + x, "right")
        found = order[np.minimum(place, len(order) - 1)]
        gap = x[found] - dots.right
        # What follows closer is a broken line.
        fits = (place < len(order)) & (gap >= np.maximum(2, dots.width / 2)) & (gap < nearest)
        fits &= abs(y[found] - y) <= _DRIFT * letter
        fits &= np.minimum(size, size[found]) + 2 >= _ALIKE * np.maximum(size, size[found])
        best[fits], nearest[fits] = found[fits], gap[fits]
    half = max(1, round(_DRIFT * letter))
    level = np.round(y).astype(np.int64)
    between = ink.within(dots.right, level - half, x[best], level + half)
    best[between > 0] = -1
    return [int(after) for after in best]


class _Ink:
    """How much ink any box holds."""

    def __init__(self, dark: Mask) -> None:
        self._sum: NDArray[np.int32] = np.zeros((dark.shape[0] + 1, dark.shape[1] + 1), np.int32)
        np.cumsum(dark, axis=1, dtype=np.int32, out=self._sum[1:, 1:])
        for above, row in pairwise(self._sum):  # five times as quick as along an axis
            row += above

    def within(self, left: Numbers, top: Numbers, right: Numbers, bottom: Numbers) -> Numbers:
        """Dark pixels in boxes, cut off at the page's edges."""
        rows, columns = self._sum.shape[0] - 1, self._sum.shape[1] - 1
        left, right = np.clip(left, 0, columns), np.clip(right, 0, columns)
        top, bottom = np.clip(top, 0, rows), np.clip(bottom, 0, rows)
        total = self._sum
        count = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        return count.astype(np.int64)
