"""A look at a picture as its reader will see it (8 bits, on white), before it is paid for.

Most of what goes wrong between a scanner and a reader shows in a few numbers: a picture that is
dark all over, empty though its file is not, of too few pixels, or grey from some line on.

A look takes three decodings. A `glance` takes one, at a fraction of the size, and tells of most
pictures that there is no doubt, and how much is printed on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from pagewave.pages.image_files import FORMATS, opened
from pagewave.pages.ink import LONGER_SIDE, PRINT_SIDE, ink_of, print_and_ink_of
from pagewave.pages.seen import seen

DARK = 64
"""Grey level: paper, however toned, is lighter; a negative from microfilm is not."""

EMPTY_SPREAD = 2
"""Grey levels between the darkest and the lightest point: the sensor's noise alone makes more."""

BYTES_OF_NOTHING = 4_000
PIXELS_A_BYTE_OF_NOTHING = 100
"""A file without a picture in it has so many bytes at most, with one more for so many pixels."""

LEAST_DPI = 100
"""Small print is 1 mm high: at 100 dpi that is four pixels."""

CUT = "cut_picture"
CUT_SHARE = 0.04
"""Share of the height that is one even grey at the lower end, as where a JPEG was cut off."""
CUT_GREYS = range(126, 131)
"""What decoders fill in there: all coefficients of it are zero."""

JPEG_MARK = b"\xff\xd8\xff"
JPEG_COLOURS = {"YCbCr": "RGB", "Gray": "GRAY"}
"""Of JPEG files that every program shows alike, and what they are decoded to."""
TORN = ("premature end", "found marker 0xd9 instead")
"""What libjpeg warns of where data end before the picture does; Pillow passes its warnings over.
D9 is the mark of an end."""
NEAR_CUT_GREYS = range(CUT_GREYS.start - 2, CUT_GREYS.stop + 2)
CERTAIN_BY = 16
"""Grey levels: a smaller picture differs from the picture by less, but for how far its greys
spread, which is less in it."""

INKED = 0.01
"""Share of a small picture's area that is dark: eight times what makes certain of ink (`BLANK` in
answers/guards.py is 0.0003, a quarter of the dark share counts), and a third of a title page's."""

SMALLEST = 64
"""Pixels of a side: a JPEG is decoded at an eighth of its size, or at what is no smaller."""


class Doubt(NamedTuple):
    """Why a picture may not be readable: a flag, and what was seen."""

    what: str
    message: str


@dataclass(frozen=True)
class Look:
    """What a picture looks like: its median grey (0 is black), the share of it that is ink, grey
    levels between darkest and lightest, the share of its height that is even grey at its end."""

    median: int
    ink: float
    spread: int
    even_end: float


def look_at(path: Path) -> Look:
    """A look at an image file; raises DataError when it can't be decoded."""
    with opened(path) as file, Image.open(file, formats=FORMATS) as image:
        image.draft("L", (LONGER_SIDE, LONGER_SIDE))  # a JPEG is decoded at a fraction of its size
        return look(seen(image))


def look(image: Image.Image) -> Look:
    """A look at an image that is seen already, see `seen.seen`."""
    import numpy as np

    grey = image.convert("L")
    darkest, lightest = grey.getextrema()
    assert isinstance(darkest, int) and isinstance(lightest, int)
    grey.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.BOX)
    values = np.asarray(grey)
    last = int(values[-1, 0])
    even = (values == last).all(axis=1)[::-1]
    rows = len(even) if even.all() else int(even.argmin())
    return Look(
        median=int(np.median(values)),
        ink=ink_of(grey),
        spread=lightest - darkest,
        even_end=rows / len(even) if last in CUT_GREYS else 0.0,
    )


def doubts_of(look: Look, scan_bytes: float, pixels: int) -> list[Doubt]:
    """What a look gives reason to doubt.

    Args:
        scan_bytes: of the scan's file, or its share in a file of many pages.
        pixels: of the picture.
    """
    if look.spread <= EMPTY_SPREAD:
        is_full = scan_bytes > BYTES_OF_NOTHING + pixels / PIXELS_A_BYTE_OF_NOTHING
        what = f"nothing is to be seen (one grey of {look.median}), though its file is not empty"
        return [Doubt("empty_picture", what)] if is_full else []
    found = []
    if look.median < DARK:
        found.append(
            Doubt("dark_picture", f"half of it is darker than grey level {look.median} of 255")
        )
    if look.even_end >= CUT_SHARE:
        share = f"{look.even_end:.0%}"
        found.append(Doubt(CUT, f"the last {share} of it are one even grey, as of a file cut off"))
    return found


def torn(path: Path) -> Doubt | None:
    """Why a JPEG may lack a part though it ends as it should; None for other files.

    Found wherever it was cut, in the last scan of a progressive one too: all its data are read.
    """
    import simplejpeg

    with opened(path) as file:
        if file.read(len(JPEG_MARK)) != JPEG_MARK:
            return None
        file.seek(0)
        data = file.read()
    try:
        *_, colours, _ = simplejpeg.decode_jpeg_header(data)
        shown = "CMYK" if colours in ("CMYK", "YCCK") else "GRAY"
        simplejpeg.decode_jpeg(
            data, shown, fastdct=True, min_height=SMALLEST, min_width=SMALLEST, min_factor=1
        )
    except ValueError as error:  # a warning, or nothing that it knows
        if any(words in str(error).lower() for words in TORN):
            return Doubt(CUT, "the JPEG's data end before its picture does: it was cut")
    return None


class Glance(NamedTuple):
    """The share of a picture's area that lines of print take up, from 0 to 1; is it certain that a
    `look` at it finds nothing to doubt, as it is upright; and that there is ink on it?"""

    share_of_print: float
    is_sound: bool
    is_inked: bool


def glance(path: Path) -> Glance | None:
    """A glance at a JPEG; None: it takes a look, as it is another file or not all of it is there.

    Raises:
        DataError: it can't be read.
    """
    import numpy as np
    import simplejpeg

    with opened(path) as file:
        data = file.read()
    if not data.startswith(JPEG_MARK):
        return None
    try:
        *_, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in JPEG_COLOURS:
            return None
        values = simplejpeg.decode_jpeg(
            data, "GRAY", min_height=PRINT_SIDE, min_width=PRINT_SIDE, min_factor=1
        )[:, :, 0]
    except (ValueError, MemoryError):  # a warning, or nothing that it knows
        return None
    last = values[-1]
    ends_even = int(last.max()) - int(last.min()) <= 2 and int(last[0]) in NEAR_CUT_GREYS
    small = Image.fromarray(np.ascontiguousarray(values))
    small.thumbnail((PRINT_SIDE, PRINT_SIDE), Image.Resampling.BOX)
    is_sound = (
        not ends_even
        and 2 * sum(small.histogram()[: DARK + CERTAIN_BY]) < small.width * small.height
        and int(values.max()) - int(values.min()) > EMPTY_SPREAD + CERTAIN_BY
    )
    share_of_print, dark = print_and_ink_of(small)
    return Glance(share_of_print, is_sound, dark >= INKED)


def coarse(dpi: float, share: float) -> Doubt | None:
    """What is said of a picture of too few pixels.

    Args:
        dpi: pixels an inch before it is scaled down; 0 where that isn't known.
        share: of its pixels along a side that are left.
    """
    left = (dpi or ASSUMED_DPI) * share
    if left >= LEAST_DPI or not (dpi or share < 1):
        return None
    known = "" if dpi else ", if it was scanned at 300"
    return Doubt(
        "coarse_picture",
        f"it is sent with about {left:.0f} pixels an inch{known}; small print needs more. A long "
        "sheet is better cut into pages",
    )


ASSUMED_DPI = 300
MOST_INCHES = 20
"""A page is no longer: what is said to be has an invented resolution, such as 72."""


def plausible_dpi(dpi: float, pixels: int) -> float:
    """A stated resolution, 0 where it can't be that of a page with a side of so many pixels."""
    return dpi if dpi > 0 and pixels / dpi <= MOST_INCHES else 0.0
