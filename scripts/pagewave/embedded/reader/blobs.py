"""What hangs together in ink: a box for each letter, dot, rule and speck of a page."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]

_NARROWEST, _WIDEST = 0.2, 2.5
_LEAST_FULL = 0.15
_SMALLER, _LARGER = 0.4, 2.5
_ENOUGH_LETTERS = 20


@dataclass(frozen=True)
class Blobs:
    """Boxes in pixels, right and bottom excluded, and how many pixels of each are ink."""

    left: Numbers
    top: Numbers
    right: Numbers
    bottom: Numbers
    ink: Numbers

    @property
    def width(self) -> Numbers:
        """How wide the boxes are."""
        return self.right - self.left

    @property
    def height(self) -> Numbers:
        """How high the boxes are."""
        return self.bottom - self.top

    def boxes(self) -> Iterator[tuple[int, int, int, int]]:
        """Left, top, right, bottom of each."""
        edges = (self.left, self.top, self.right, self.bottom)
        return zip(*(edge.tolist() for edge in edges), strict=True)

    def chosen(self, those: Mask | Numbers | slice) -> "Blobs":
        """Some of them."""
        return Blobs(
            self.left[those],
            self.top[those],
            self.right[those],
            self.bottom[those],
            self.ink[those],
        )


def find_blobs(dark: Mask) -> Blobs:
    """Everything dark, gathered to what touches, corners included."""
    width = dark.shape[1] + 2
    flat = np.pad(dark, ((0, 0), (1, 1))).ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    start, end = edges[0::2], edges[1::2]
    label = _joined(len(start), *_touching(start + width, end + width, start, end))
    # Runs of the same blob side by side.
    order = np.argsort(label, kind="stable")
    first = np.flatnonzero(np.diff(label[order], prepend=-1))
    if not len(first):
        return Blobs(*(np.zeros(0, np.int64) for _ in range(5)))
    start, end = start[order], end[order]
    row, left = np.divmod(start - 1, width)
    length = end - start
    return Blobs(
        left=np.minimum.reduceat(left, first),
        top=np.minimum.reduceat(row, first),
        right=np.maximum.reduceat(left + length, first),
        bottom=np.maximum.reduceat(row, first) + 1,
        ink=np.add.reduceat(length, first),
    )


def letter_height(blobs: Blobs) -> float | None:
    """How high the usual small letters are, in pixels; None where there are hardly any letters.

    Rules, staves and pictures are no letters by their shape. Dots and dust may be more than letters
    are, so a first guess weighs each blob by its ink.
    """
    shape = blobs.width / np.maximum(1, blobs.height)
    full = blobs.ink / np.maximum(1, blobs.width * blobs.height)
    likely = (shape > _NARROWEST) & (shape < _WIDEST) & (full > _LEAST_FULL) & (blobs.height > 3)
    heights, ink = blobs.height[likely], blobs.ink[likely]
    if not len(heights):
        return None
    order = np.argsort(heights)
    weight = ink[order].cumsum()
    guess = heights[order][np.searchsorted(weight, weight[-1] / 2)]
    usual = heights[(heights > _SMALLER * guess) & (heights < _LARGER * guess)]
    return float(np.median(usual)) if len(usual) >= _ENOUGH_LETTERS else None


def _touching(from_: Numbers, to: Numbers, start: Numbers, end: Numbers) -> tuple[Numbers, Numbers]:
    """Pairs of a run and one below it: `from_` and `to` are the runs' edges moved down a row."""
    low = np.searchsorted(end, from_, "left")
    high = np.searchsorted(start, to, "right")
    count = np.maximum(0, high - low)
    upper = np.repeat(np.arange(len(from_)), count)
    within = np.arange(len(upper)) - np.repeat(count.cumsum() - count, count)
    return upper, low[upper] + within


def _joined(count: int, one: Numbers, other: Numbers) -> Numbers:
    """A label for each of `count` things, the same for those that pairs tie together."""
    label = np.arange(count)
    while len(one):
        a, b = label[one], label[other]
        apart = a != b
        one, other = one[apart], other[apart]
        np.minimum.at(label, np.maximum(a, b)[apart], np.minimum(a, b)[apart])
        while (above := label[label]).tobytes() != label.tobytes():
            label = above
    return label
