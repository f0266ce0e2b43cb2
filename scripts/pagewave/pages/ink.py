"""How much is printed on a page, told from its image: enough to tell blank paper from print.

Old paper is not white. It is toned, darker at the edges and in the gutter, and lets the other side
shine through. So ink is what is thin and clearly darker than the paper right around it: wide dark
things (shadows, stains, the bed of the scanner) and pale ones (bleed-through) do not count.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageStat

from pagewave.pages.image_files import FORMATS, opened
from pagewave.pages.seen import seen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

LONGER_SIDE = 600
"""Pixels to which an image is scaled down: a line of small type is still 6 or more high."""
PRINT_SIDE = LONGER_SIDE // 2
"""The same where lines are looked for, and no letters."""
MARGIN = 0.05
"""Share of each side that is cut off: edges of leaves, rulers, fingers."""
WIDENINGS = 4
"""Steps of one pixel that close strokes of up to twice so many; letters of titles are narrower."""
DARKER = 0.18
"""Ink is darker than the paper by this share of the paper's lightness. On the sample's paper,
bleed-through is by 8 %, print by 35 % and more; by 18 % even print faded to a third is found."""
LEAST_DARKER = 20
"""Grey levels that ink is darker at least, where paper or a cover is dark."""


def share_of_ink(path: Path) -> float:
    """The share of an image's area that ink covers, from 0 to 1. A dense page has 0.05 to 0.1.

    Raises:
        DataError: the image can't be read.
    """
    return ink_of(_small_and_grey(path, LONGER_SIDE))


def ink_of(small: Image.Image) -> float:
    """The same, of a grey image whose longer side has `LONGER_SIDE` pixels at most."""
    grey = _without_margins(small)
    paper = paper_of(grey, WIDENINGS)
    lightness = ImageStat.Stat(paper).median[0]
    least = max(LEAST_DARKER, round(DARKER * lightness))
    darkness = ImageChops.subtract(paper, grey).histogram()
    return sum(darkness[least:]) / (grey.width * grey.height)


def share_of_print(path: Path) -> float:
    """About the share of an image's area that lines of print take up, from 0 to 1.

    Quicker and rougher than `share_of_ink`: 25 ms a page. A dense page has 0.15.

    Raises:
        DataError: the image can't be read.
    """
    return print_of(_small_and_grey(path, PRINT_SIDE))


def print_of(small: Image.Image) -> float:
    """The same, of a grey image whose longer side has `PRINT_SIDE` pixels at most."""
    return print_and_ink_of(small)[0]


def print_and_ink_of(small: Image.Image) -> tuple[float, float]:
    """Two shares of such an image's area: of lines of print, and of pixels as dark as ink.

    A pixel is the mean of four that `share_of_ink` sees, so one of them is as dark: that share is a
    quarter of this one or more.
    """
    grey = _without_margins(small)
    paper = paper_of(grey, WIDENINGS // 2)
    lightness = ImageStat.Stat(paper).median[0]
    darkness = ImageChops.subtract(paper, grey).histogram()
    of_print = max(LEAST_DARKER // 2, round(DARKER / 2 * lightness))
    of_ink = max(LEAST_DARKER, round(DARKER * lightness))
    area = grey.width * grey.height
    return sum(darkness[of_print:]) / area, sum(darkness[of_ink:]) / area


def paper_of(grey: Image.Image, widenings: int) -> Image.Image:
    """A grey image without its print: what is light is widened by so many pixels, and narrowed
    again, which wipes out thin dark strokes (a morphological closing with a square)."""
    import numpy as np

    values: Grey = np.asarray(grey)
    for pick in (np.maximum, np.minimum):
        for axis in (0, 1):
            values = _picked(values, widenings, pick, axis)
    return Image.fromarray(np.ascontiguousarray(values))


def _picked(values: Grey, reach: int, pick: np.ufunc, axis: int) -> Grey:
    """Of each pixel and its neighbours up to `reach` along an axis the one that `pick` picks.

    Runs of 2, 4, 8 … pixels are put together from two of half their length, so that it takes log₂
    steps; edges go on as they are.
    """
    import numpy as np

    runs = values if axis == 0 else values.T
    # Not `np.pad`: of a picture so small that takes twice as long as all that follows.
    runs = np.concatenate([*[runs[:1]] * reach, runs, *[runs[-1:]] * reach])
    length, wanted = 1, 2 * reach + 1
    while length < wanted:
        step = min(length, wanted - length)
        runs = pick(runs[:-step], runs[step:])
        length += step
    return runs if axis == 0 else runs.T


def _small_and_grey(path: Path, side: int) -> Image.Image:
    with opened(path) as file, Image.open(file, formats=FORMATS) as image:
        # A JPEG is decoded at a fraction of its size at once.
        image.draft("L", (side, side))
        grey = seen(image).convert("L")
    grey.thumbnail((side, side), Image.Resampling.BOX)
    return grey


def _without_margins(grey: Image.Image) -> Image.Image:
    left, top = round(grey.width * MARGIN), round(grey.height * MARGIN)
    return grey.crop((left, top, grey.width - left, grey.height - top))
