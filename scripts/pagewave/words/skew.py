"""How far a page's lines are askew, told in a few milliseconds.

`pages/deskew.py` turns a copy of the page by every angle, which takes half as long as Tesseract.
Here rows of ink are counted once, in upright strips, and the counts are moved against each other.
"""

import numpy as np
from PIL import Image, ImageOps

from pagewave.pages.deskew import LEAST_GAIN, MARGIN, MOST_DEGREES

STRIPS = 24
ROWS = 1200
"""Height of the copy in pixels: a line of print is then about 12 high."""
COARSE_STEP, STEP = 0.4, 0.1
"""Degrees from one angle that is tried to the next: of all, then around the best."""
_LEAST_SHARPNESS = 1.0
"""Of blank paper it is nothing but what numbers are rounded by."""
LEAST_DEGREES = 1.0
"""Tesseract follows lines that are less askew by itself."""


def skew_of(grey: Image.Image) -> float:
    """Degrees by which to turn a grey page counter-clockwise; 0 where nothing clear is found."""
    rows = min(ROWS, grey.height)
    small = ImageOps.invert(grey.resize((STRIPS, rows), Image.Resampling.BOX))
    counts = np.asarray(small, np.float32)
    counts = counts[:, round(MARGIN * STRIPS) : STRIPS - round(MARGIN * STRIPS)]
    counts = counts - counts.mean(0)
    # A strip's middle, in rows of the copy, from the middle of the page.
    across = (np.arange(counts.shape[1]) - (counts.shape[1] - 1) / 2) * grey.width / STRIPS
    across *= rows / grey.height
    most = np.tan(np.radians(MOST_DEGREES + COARSE_STEP))
    margin = round(MARGIN * rows) + int(np.abs(across).max() * most) + 1
    inside = np.arange(margin, rows - margin)
    if len(inside) < rows / 4:
        return 0.0

    def sharpness(degrees: float) -> float:
        moved = np.rint(across * np.tan(np.radians(degrees))).astype(int)
        summed = counts[inside[:, None] + moved, np.arange(counts.shape[1])].sum(1)
        return float(np.square(np.diff(summed)).sum())

    straight = best = sharpness(0.0)
    degrees = 0.0
    for step, reach in ((COARSE_STEP, MOST_DEGREES), (STEP, COARSE_STEP)):
        middle = degrees
        for angle in np.arange(middle - reach, middle + reach + step / 2, step):
            if (sharp := sharpness(float(angle))) > best:
                degrees, best = float(angle), sharp
    degrees = min(MOST_DEGREES, max(-MOST_DEGREES, round(degrees, 1)))
    clear = best >= max(_LEAST_SHARPNESS, LEAST_GAIN * straight)
    return degrees if clear and abs(degrees) >= LEAST_DEGREES else 0.0
