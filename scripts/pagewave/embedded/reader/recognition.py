"""Tesseract in process: a cleaned page to lines of words with their boxes.

Pages are read side by side, one thread each, so Tesseract itself gets one thread a page.
"""

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pagewave.embedded.reader.cleaning import CleanPage, scale_of
from pagewave.embedded.reader.paragraphs import LEADER, Line
from pagewave.embedded.reader.pieces import join_leaders, join_pieces
from pagewave.embedded.reader.tessdata import LANGUAGE, tessdata_folder

REFERENCE_DPI = 200
"""Dots an inch of a leaf of the reference size."""

_NOISE_CONFIDENCE = 25
_GAP_HEIGHTS, _GAP_PIXELS, _HIGHEST_LINE = 2.0, 60, 60
_DARK = 140
_HEAD_MARGIN = 8
_NUMBER_GAP, _WIDEST_NUMBER, _LEAST_INK = 40, 90, 30

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels of a page of the reference size."""


@dataclass(frozen=True)
class Word:
    """A word and where it stands."""

    text: str
    box: Box


class Recognizer:
    """Reads images; may be shared by threads, each of which gets its own Tesseract."""

    def __init__(self) -> None:
        """Find the model.

        Raises:
            ConfigError: the model is not installed.
        """
        self._tessdata = tessdata_folder()
        self._local = threading.local()

    def lines(self, page: CleanPage) -> list[Line]:
        """The lines of a cleaned page, in reading order."""
        from tesserocr import PSM

        api = self._api()
        api.SetVariable("tessedit_char_whitelist", "")
        api.SetPageSegMode(PSM.AUTO)
        api.SetImage(page.image)
        scale = scale_of(*page.image.size)
        api.SetSourceResolution(round(REFERENCE_DPI * scale))
        api.Recognize()
        try:
            lines = list(_lines(api.GetIterator(), scale))
            return join_pieces(join_leaders(lines, page.leaders, scale))
        finally:
            api.Clear()

    def corner_number(self, page: Image.Image, head: Line) -> str | None:
        """The page number at the left or right end of a running head, read by itself.

        Beside a wide space it is often overlooked or cut short among the words.
        """
        from tesserocr import PSM

        api = self._api()
        api.SetVariable("tessedit_char_whitelist", "0123456789")
        api.SetPageSegMode(PSM.SINGLE_LINE)
        for crop in _corners(page, head):
            api.SetImage(crop)
            api.SetSourceResolution(2 * REFERENCE_DPI)
            text = str(api.GetUTF8Text()).strip()
            api.Clear()
            if re.fullmatch(r"[1-9]\d{0,2}", text):
                return text
        return None

    def _api(self) -> Any:
        """This thread's Tesseract."""
        if not hasattr(self._local, "api"):
            # Read once, when the library loads.
            os.environ["OMP_THREAD_LIMIT"] = "1"
            from tesserocr import LeptLogLevel, PyTessBaseAPI, set_leptonica_log_level

            # It complains of boxes at the edge of the page, which does no harm.
            set_leptonica_log_level(LeptLogLevel.NONE)
            self._local.api = PyTessBaseAPI(path=str(self._tessdata), lang=LANGUAGE)
        return self._local.api


def _corners(page: Image.Image, head: Line) -> Iterator[Image.Image]:
    """Something narrow at the ends of a running head, at twice its size on white."""
    scale = scale_of(*page.size)
    top, bottom = head.top - _HEAD_MARGIN, head.bottom + _HEAD_MARGIN
    strip = page.crop((0, max(0, round(top * scale)), page.width, round(bottom * scale)))
    clusters = _clusters((np.asarray(strip) < _DARK).sum(0), round(_NUMBER_GAP * scale))
    if len(clusters) < 2:
        return
    for left, right in (clusters[0], clusters[-1]):
        if right - left <= _WIDEST_NUMBER * scale:
            size = (round((right - left) * 2 / scale), round(strip.height * 2 / scale))
            ink = strip.crop((left, 0, right, strip.height)).resize(size)
            white = Image.new("L", (size[0] + 4 * _HEAD_MARGIN, size[1] + 4 * _HEAD_MARGIN), 255)
            white.paste(ink, (2 * _HEAD_MARGIN, 2 * _HEAD_MARGIN))
            yield white


def _clusters(ink: NDArray[np.int64], gap: int) -> list[tuple[int, int]]:
    """Columns with ink, gathered to runs that are parted by at least `gap` columns."""
    runs: list[tuple[int, int]] = []
    for column in map(int, np.flatnonzero(ink)):
        if runs and column - runs[-1][1] < gap:
            runs[-1] = (runs[-1][0], column + 1)
        else:
            runs.append((column, column + 1))
    # A speck of dust is no number.
    return [(left, right) for left, right in runs if ink[left:right].sum() > _LEAST_INK]


def _lines(iterator: Any, scale: float) -> Iterator[Line]:
    """Words gathered to lines; the iterator is None for an empty page."""
    if iterator is None:
        return
    from tesserocr import RIL, iterate_level

    words: list[Word] = []
    paragraph = -1
    for item in iterate_level(iterator, RIL.WORD):
        if words and item.IsAtBeginningOf(RIL.TEXTLINE):
            yield _line(words, paragraph)
            words = []
        if item.IsAtBeginningOf(RIL.PARA):
            paragraph += 1
        if word := _word(item, RIL.WORD, scale):
            words.append(word)
    if words:
        yield _line(words, paragraph)


def _word(item: Any, level: Any, scale: float) -> Word | None:
    """A word and its box; None for a speck taken for letters."""
    try:
        text = item.GetUTF8Text(level).strip()
    except RuntimeError:  # tesserocr's word for no text here
        return None
    box = item.BoundingBox(level)
    if not text or not box:
        return None
    if len(text) <= 2 and item.Confidence(level) < _NOISE_CONFIDENCE:
        return None
    left, top, right, bottom = (round(edge / scale) for edge in box)
    return Word(text, (left, top, right, bottom))


def _line(words: list[Word], paragraph: int) -> Line:
    """Words on one line, with a mark where leader dots stood."""
    left, top = min(w.box[0] for w in words), min(w.box[1] for w in words)
    right, bottom = max(w.box[2] for w in words), max(w.box[3] for w in words)
    height = max(20, median(w.box[3] - w.box[1] for w in words))
    wide = max(_GAP_PIXELS, _GAP_HEIGHTS * height)
    text = words[0].text
    for before, word in pairwise(words):
        leader = word.box[0] - before.box[2] > wide and bottom - top < _HIGHEST_LINE
        text += f" {LEADER} {word.text}" if leader else f" {word.text}"
    return Line(text, left, top, right, bottom, paragraph)
