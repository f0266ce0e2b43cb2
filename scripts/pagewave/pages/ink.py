"""How much is printed on a page, told from its image: enough to tell blank paper from print.

Old paper is not white. It is toned, darker at the edges and in the gutter, and lets the other side
shine through. So ink is what is thin and clearly darker than the paper right around it: wide dark
things (shadows, stains, the bed of the scanner) and pale ones (bleed-through) do not count.
"""

from pathlib import Path

from PIL import Image, ImageChops, ImageFilter, ImageStat

from pagewave.pages.image_files import FORMATS, opened
from pagewave.pages.seen import seen

LONGER_SIDE = 600
"""Pixels to which an image is scaled down: a line of small type is still 6 or more high."""
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
    paper = _paper(grey, WIDENINGS)
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
    grey = _without_margins(_small_and_grey(path, LONGER_SIDE // 2))
    paper = _paper(grey, WIDENINGS // 2)
    least = max(LEAST_DARKER // 2, round(DARKER / 2 * ImageStat.Stat(paper).median[0]))
    darkness = ImageChops.subtract(paper, grey).histogram()
    return sum(darkness[least:]) / (grey.width * grey.height)


def _paper(grey: Image.Image, widenings: int) -> Image.Image:
    """The image without its print."""
    # Widening what is light by a few pixels and narrowing it again wipes out thin dark strokes.
    for filter_ in (ImageFilter.MaxFilter(3), ImageFilter.MinFilter(3)):
        for _ in range(widenings):
            grey = grey.filter(filter_)
    return grey


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
