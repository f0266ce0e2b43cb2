"""Make a photographed page ready for Tesseract: even out the paper, take out leader dots.

Toned paper and rows of leader dots cost Tesseract one letter in ten of the sample; without them it
misses one in fifty. What a dot is says the size of the page's own letters, not that of its sheet.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pagewave.embedded.reader.blobs import Blobs, find_blobs, letter_height
from pagewave.embedded.reader.leaders import find_leaders

REFERENCE_WIDTH, REFERENCE_HEIGHT = 1100, 1720
"""The size in pixels of a leaf at about 200 dpi, for which lengths elsewhere were chosen."""

MANY_PIXELS = 6_000_000
"""Three times as many as that leaf has: it may be worth reading at half its size."""
ENOUGH_HEIGHT = 10
"""Pixels of small letters from which on Tesseract reads no better; of music it then finds more."""

_SHRINK = 8
_AROUND = 4
"""Pixels of the small copy on each side of one, among which paper is looked for."""
_INK, _PAPER = 0.25, 0.92

DARK = 0.75
"""Faint print too: where only half of a worn letter is dark, its pieces look like dots."""
_HALO = 0.15
"""Blur around a dot, as a share of the height of the small letters."""

Gray = NDArray[np.float32]


@dataclass(frozen=True)
class Leader:
    """Where a row of dots began and ended, in pixels."""

    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True)
class CleanPage:
    """A page in even gray, without leader dots, and no larger than it need be."""

    image: Image.Image
    leaders: list[Leader]


def prepare(image: Image.Image) -> CleanPage:
    """A photographed page made ready."""
    page, gray = image.convert("L"), None
    while page.width * page.height > MANY_PIXELS:
        half = page.reduce(2)
        gray_half = flatten(half)
        letter = letter_height(find_blobs(gray_half < DARK))
        if letter is None or letter < ENOUGH_HEIGHT:
            break
        page, gray = half, gray_half
    cleaned, leaders = drop_leaders(flatten(page) if gray is None else gray)
    return CleanPage(Image.fromarray((cleaned * 255).astype(np.uint8)), leaders)


def scale_of(width: int, height: int) -> float:
    """How much larger than the reference a page is, told by the shorter way to fit a leaf in it."""
    return min(width / REFERENCE_WIDTH, height / REFERENCE_HEIGHT)


def flatten(image: Image.Image) -> Gray:
    """Divide a gray page by its own paper: 0 is ink and 1 is paper, whatever their tones were."""
    shrink = max(4, round(_SHRINK * scale_of(*image.size)))
    small = (max(1, image.width // shrink), max(1, image.height // shrink))
    paper = (
        _lightest(image.resize(small, Image.Resampling.BOX))
        .filter(ImageFilter.GaussianBlur(6))
        .resize(image.size, Image.Resampling.BICUBIC)
    )
    flat: Gray = np.array(image, np.float32)  # one copy, changed in place: half the time
    flat /= np.maximum(np.asarray(paper, np.float32), 1)
    flat -= _INK
    flat /= _PAPER - _INK
    return np.clip(flat, 0, 1, out=flat)


def _lightest(image: Image.Image) -> Image.Image:
    """Each pixel as light as the lightest of the nine by nine around it.

    `ImageFilter.MaxFilter(9)` says the same in two hundred times as long.
    """
    light = np.pad(np.asarray(image), _AROUND, mode="edge")
    for _ in range(2):  # along the columns, then along the rows
        for step in (1, 2, 4, 1):  # two, four, eight, nine pixels
            light = np.maximum(light[:-step], light[step:])
        light = light.T
    return Image.fromarray(np.ascontiguousarray(light))


def drop_leaders(gray: Gray) -> tuple[Gray, list[Leader]]:
    """Whiten leader dots, and tell where they were; all else stays."""
    dark = gray < DARK
    blobs = find_blobs(dark)
    letter = letter_height(blobs)
    leaders = find_leaders(blobs, dark, letter) if letter else []
    cleaned = gray.copy() if leaders else gray
    halo = max(2, round(_HALO * (letter or 0)))
    boxes = [box for dots in leaders for box in dots.boxes()]
    for left, top, right, bottom in boxes:
        dark[top:bottom, left:right] = False
    for left, top, right, bottom in boxes:
        around = (
            slice(max(0, top - halo), bottom + halo),
            slice(max(0, left - halo), right + halo),
        )
        cleaned[around][~dark[around]] = 1  # a letter may reach into the blur
    return cleaned, [_ends(dots) for dots in leaders]


def _ends(dots: Blobs) -> Leader:
    y = (dots.top + dots.bottom) / 2
    start, end = float(dots.left[0]), float(dots.right[-1])
    return Leader((start, float(y[0])), (end, float(y[-1])))
