"""One quick decoding of a picture, in place of three: for most it tells all that is asked of them.

A JPEG is decoded at a fraction of its size, all its data once: so it is known whether they are all
there, how much is printed, and, but for pictures near a limit of `look`, that there is no doubt.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from pagewave.pages.image_files import opened
from pagewave.pages.ink import PRINT_SIDE, print_of
from pagewave.pages.look import CUT_GREYS, DARK, EMPTY_SPREAD, JPEG_MARK

MARGIN = 16
"""Grey levels: a smaller picture differs from the picture by less, but for how far its greys
spread, which is less in it."""


class Glance(NamedTuple):
    """The share of a picture's area that lines of print take up, from 0 to 1; and is it certain
    that a `look` at it finds nothing to doubt, as it is upright?"""

    share_of_print: float
    is_sound: bool


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
        if colours not in ("Gray", "YCbCr"):
            return None
        values = simplejpeg.decode_jpeg(
            data, "GRAY", min_height=PRINT_SIDE, min_width=PRINT_SIDE, min_factor=1
        )[:, :, 0]
    except (ValueError, MemoryError):  # a warning, or nothing that it knows
        return None
    last = values[-1]
    ends_even = int(last.max()) - int(last.min()) <= 2 and int(last[0]) in _NEAR_CUT
    small = Image.fromarray(np.ascontiguousarray(values))
    small.thumbnail((PRINT_SIDE, PRINT_SIDE), Image.Resampling.BOX)
    is_sound = (
        not ends_even
        and int(np.median(np.asarray(small))) >= DARK + MARGIN
        and int(values.max()) - int(values.min()) > EMPTY_SPREAD + MARGIN
    )
    return Glance(print_of(small), is_sound)


_NEAR_CUT = range(CUT_GREYS.start - 2, CUT_GREYS.stop + 2)
