"""How far a page's lines are askew, and the page turned upright.

In a page that is straight, rows of ink and rows of paper alternate; in one that is not, every row
has some of both. So a small copy is turned by many angles, and the one with the sharpest change
from row to row is taken.
"""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

from PIL import Image, ImageOps

MOST_DEGREES = 5.0
"""Pages further askew are rather drawings or tables that stand on their side."""

SMALL_SIDE = 1000
"""Longer side of the copy in pixels: a line of text is then about 10 high, enough to tell 0.1°."""

MARGIN = 0.08
"""Share of each side that is not looked at: the scan's black edges are straight by themselves."""

LEAST_DEGREES = 0.15
"""Less is not worth the blur of turning."""

LEAST_GAIN = 1.15
"""Rows must be sharper by this factor: pictures and blank pages are left alone."""


def skew(image: Image.Image) -> float:
    """Degrees by which to turn a page counter-clockwise; 0 where nothing clear is found."""
    small = ImageOps.invert(image.convert("L"))
    small.thumbnail((SMALL_SIDE, SMALL_SIDE))
    straight = _sharpness(small, 0.0)
    best, best_sharpness = 0.0, straight
    for step, reach in ((0.5, MOST_DEGREES), (0.1, 0.4)):
        middle = best
        for index in range(-round(reach / step), round(reach / step) + 1):
            degrees = middle + index * step
            if (sharpness := _sharpness(small, degrees)) > best_sharpness:
                best, best_sharpness = degrees, sharpness
    clear = abs(best) >= LEAST_DEGREES and best_sharpness >= LEAST_GAIN * straight
    return round(best, 1) if clear else 0.0


def turn(image: Image.Image, degrees: float) -> Image.Image:
    """The page turned counter-clockwise, on a sheet that is large enough, filled with white."""
    white = (255,) * len(image.getbands())
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=white)


def _sharpness(ink: Image.Image, degrees: float) -> float:
    """How much ink changes from one row to the next in the middle of a page turned so far."""
    turned = ink.rotate(degrees, Image.Resampling.BILINEAR) if degrees else ink
    side, top = math.ceil(MARGIN * ink.width), math.ceil(MARGIN * ink.height)
    middle = turned.crop((side, top, ink.width - side, ink.height - top))
    # As numbers with a fraction: rounded to whole ones, faint lines would vanish.
    rows = middle.convert("F").resize((1, middle.height), Image.Resampling.BOX)
    values = array("f", rows.tobytes())
    return sum((after - before) ** 2 for before, after in pairwise(values))
