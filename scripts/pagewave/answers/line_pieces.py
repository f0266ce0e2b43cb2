"""How much of an image is lines of print, told without reading it.

Ink says little of letters: a woodcut has more of it than a page of prose, and so has a stave. So
what counts is ink of the height of a line with paper above and below it, in narrow strips of the
page, where lines that are a little askew are level.
"""

from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from pagewave.pages.image_files import FORMATS, opened
from pagewave.pages.ink import paper_of

LONGER_SIDE = 900
"""Pixels to which an image is scaled down: small letters of small type are still 4 high."""
MARGIN = 0.04
"""Share of each side that is cut off: edges of leaves, fingers, the bed of the scanner."""
STRIP = 30
"""Pixels: about four letters side by side."""
WIDENINGS = 4
"""Steps of one pixel that close the strokes of letters; what is wider is a shadow or a picture."""
DARKER, LEAST_DARKER = 0.12, 14
"""Print is darker than paper by this share of the paper's lightness, and so many grey levels."""
PITCH = 8
"""Pixels at least from one line to the next; the strokes of a woodcut's sky are closer."""
PRINTED, EMPTY = 18, 6
"""Of 255: in a line of print, and in the paper between lines, how much of a strip's row is ink."""
LEAST_HEIGHT, MOST_HEIGHT = 3, 22
"""Pixels of a piece of a line: staves' lines are thinner; staves and woodcuts are higher."""


def pieces_of_lines(path: Path) -> int:
    """How many pieces of lines an image has; a dense page of prose has about a thousand.

    Raises:
        DataError: the image can't be read.
    """
    ink = _ink(path)
    strips = max(1, ink.width // STRIP)
    rows = ink.resize((strips, ink.height), Image.Resampling.BOX).transpose(
        Image.Transpose.TRANSPOSE
    )
    shares = rows.tobytes()
    return sum(
        _pieces(shares[strip * ink.height : (strip + 1) * ink.height]) for strip in range(strips)
    )


def _pieces(column: bytes) -> int:
    """Runs of printed rows of a line's height, a line's way apart, with paper above and below."""
    found, started, highest = 0, 0, 0
    before = -PITCH
    is_inside = column[0] > EMPTY  # what the edge cuts is no piece
    for row, share in enumerate(column):
        if share <= EMPTY:
            height = row - started
            if is_inside and highest >= PRINTED and LEAST_HEIGHT <= height <= MOST_HEIGHT:
                found += started - before >= PITCH
            before = started if is_inside else before
            is_inside, highest = False, 0
        else:
            started = started if is_inside else row
            is_inside, highest = True, max(highest, share)
    return found


def _ink(path: Path) -> Image.Image:
    """White where the image has print, and black elsewhere."""
    with opened(path) as file, Image.open(file, formats=FORMATS) as image:
        # A JPEG is decoded at a fraction of its size at once.
        image.draft("L", (LONGER_SIDE, LONGER_SIDE))
        grey = image.convert("L")
    grey.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.BOX)
    left, top = round(grey.width * MARGIN), round(grey.height * MARGIN)
    grey = grey.crop((left, top, grey.width - left, grey.height - top))
    paper = paper_of(grey, WIDENINGS)
    least = max(LEAST_DARKER, round(DARKER * ImageStat.Stat(paper).median[0]))
    return ImageChops.subtract(paper, grey).point(lambda darkness: 255 * (darkness >= least))
