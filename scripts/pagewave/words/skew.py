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
STEP = 0.1
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
    margin = round(MARGIN * rows) + int(np.abs(across).max() * np.tan(np.radians(MOST_DEGREES))) + 1
    inside = np.arange(margin, rows - margin)
    if len(inside) < rows / 4:
        return 0.0

    def sharpness(degrees: float) -> float:
        moved = np.rint(across * np.tan(np.radians(degrees))).astype(int)
        summed = counts[inside[:, None] + moved, np.arange(counts.shape[1])].sum(1)
        return float(np.square(np.diff(summed)).sum())

    angles = np.arange(-MOST_DEGREES, MOST_DEGREES + STEP / 2, STEP)
    found = [sharpness(float(angle)) for angle in angles]
    best = int(np.argmax(found))
    clear = found[best] >= max(_LEAST_SHARPNESS, LEAST_GAIN * sharpness(0.0))
    degrees = round(float(angles[best]), 1)
    return degrees if clear and abs(degrees) >= LEAST_DEGREES else 0.0
