"""Eyes: plain OCR engines, which read worse than a model, know places and make nothing up.

An eye takes a page's image and says which words it saw where, and what is ink. Another one than
Tesseract needs to have no more than `Eye` says.
"""

import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pagewave.embedded.reader.blobs import Blobs, find_blobs, letter_height
from pagewave.embedded.reader.cleaning import (
    DARK,
    REFERENCE_HEIGHT,
    REFERENCE_WIDTH,
    drop_leaders,
    flatten,
    scale_of,
)
from pagewave.embedded.reader.leaders import find_leaders
from pagewave.embedded.reader.recognition import REFERENCE_DPI
from pagewave.embedded.reader.tessdata import tessdata_folder
from pagewave.words.skew import skew_of
from pagewave.words.tree import Box

_DARK = 120
"""Of 255, on paper made even: what is darker is ink. Stains and what shines through are paler."""

_BANDS, _BAND, _LEAST_BAND = 8, 0.03, 60
"""How many bands are looked at first, and how high each is: a share of the page, or pixels."""
_LARGE_LETTER, _LETTER = 15.0, 12.0
"""Pixels of small letters from which on a page is made smaller, and what they have then: Tesseract
reads no better above 10."""


class SeenWord(NamedTuple):
    """A word that an eye saw; confidence from 0 to 1; lines and blocks numbered as it read them."""

    text: str
    box: Box
    """In pixels of the sheet that the eye looked at, see `Sheet`."""
    confidence: float
    line: int
    block: int


@dataclass(frozen=True)
class Sheet:
    """What an eye looked at: the scan turned upright by so many degrees, then made smaller."""

    width: int
    """Of the scan, in pixels; so is the height."""
    height: int
    degrees: float = 0.0
    """Counter-clockwise, about the middle, on a sheet large enough for all of it."""
    shrink: float = 1.0
    """Pixels of the scan to one of the sheet."""

    def in_scan(self, box: Box) -> Box:
        """The smallest box around a box of the sheet, in pixels of the scan and within it."""
        left, top, right, bottom = (edge * self.shrink for edge in box)
        if self.degrees:
            sine, cosine = math.sin(self._angle), math.cos(self._angle)
            across, down = self._middle
            corners = [(x - across, y - down) for x in (left, right) for y in (top, bottom)]
            xs = [cosine * x - sine * y + self.width / 2 for x, y in corners]
            ys = [sine * x + cosine * y + self.height / 2 for x, y in corners]
            left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
        x, y = min(max(0, round(left)), self.width - 1), min(max(0, round(top)), self.height - 1)
        return Box(
            *(x, y),
            max(x + 1, min(self.width, round(right))),
            max(y + 1, min(self.height, round(bottom))),
        )

    @property
    def _angle(self) -> float:
        return math.radians(self.degrees)

    @cached_property
    def _middle(self) -> tuple[float, float]:
        """Of the sheet before it was made smaller."""
        sine, cosine = abs(math.sin(self._angle)), abs(math.cos(self._angle))
        width = self.width * cosine + self.height * sine
        return width / 2, (self.width * sine + self.height * cosine) / 2


@dataclass(frozen=True)
class Seen:
    """All that an eye saw of a page: words in its reading order, and where ink is."""

    words: tuple[SeenWord, ...]
    sheet: Sheet
    ink: NDArray[np.bool_]
    """True where the sheet is dark; without leader dots."""


class Eye(Protocol):
    """A plain OCR engine; may be shared by threads."""

    @property
    def name(self) -> str:
        """The engine and its version."""

    @property
    def language(self) -> str:
        """The languages that it reads."""

    def see(self, image: Image.Image) -> Seen:
        """The words on a page's image."""


class TesseractEye:
    """Tesseract in process, from the embedded reader's wheels: one pass a page."""

    def __init__(self, languages: Sequence[str]) -> None:
        """Find the models.

        Args:
            languages: Tesseract's names of them, such as eng, the main one first.

        Raises:
            ConfigError: a language's model is not installed.
        """
        self.language = "+".join(languages)
        self._folder = tessdata_folder(languages)
        self._local = threading.local()

    @cached_property
    def name(self) -> str:
        """The engine and its version."""
        from tesserocr import tesseract_version

        return str(tesseract_version()).splitlines()[0].strip()

    def see(self, image: Image.Image) -> Seen:
        """The words on a page's image."""
        from tesserocr import PSM

        ready, sheet = made_ready(image)
        api = self._api()
        api.SetPageSegMode(PSM.AUTO)
        api.SetImage(ready)
        api.SetSourceResolution(max(70, round(REFERENCE_DPI * scale_of(*ready.size))))
        api.Recognize()
        try:
            words = tuple(_words(api.GetIterator()))
        finally:
            api.Clear()
        return Seen(words, sheet, np.asarray(ready) < _DARK)

    def _api(self) -> Any:
        """This thread's Tesseract."""
        if not hasattr(self._local, "api"):
            os.environ["OMP_THREAD_LIMIT"] = "1"  # read once, when the library loads
            from tesserocr import LeptLogLevel, PyTessBaseAPI, set_leptonica_log_level

            set_leptonica_log_level(LeptLogLevel.NONE)
            self._local.api = PyTessBaseAPI(path=str(self._folder), lang=self.language)
        return self._local.api


def made_ready(image: Image.Image) -> tuple[Image.Image, Sheet]:
    """A scan made ready for Tesseract, in far less time than that takes, and what was done to it.

    Upright, no larger than its letters need, of even paper, without leader dots. No smaller than a
    leaf at 200 dpi: beside the large letters of a title page there are small ones.
    """
    whole = image.convert("L")
    letter, has_leaders = _glance(whole)
    grey = whole
    if letter is not None and letter >= _LARGE_LETTER:
        least = math.sqrt(REFERENCE_WIDTH * REFERENCE_HEIGHT / (whole.width * whole.height))
        share = min(1.0, max(_LETTER / letter, least))
        size = (max(1, round(whole.width * share)), max(1, round(whole.height * share)))
        grey = whole.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)
    shrink = whole.width / grey.width
    degrees = skew_of(grey)
    if degrees:
        # Smoother ways to turn take three times as long, and Tesseract reads no better.
        grey = grey.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=255)
    even = flatten(grey)
    if has_leaders:
        even, _ = drop_leaders(even)
    ready = Image.fromarray((even * 255).astype(np.uint8))
    return ready, Sheet(*whole.size, degrees, shrink)


def _glance(grey: Image.Image) -> tuple[float | None, bool]:
    """How high small letters are, in pixels, and whether there are leader dots: from a few bands
    of the page, as the whole of it takes a tenth of Tesseract's time."""
    height = max(_LEAST_BAND, round(_BAND * grey.height))
    found: list[Blobs] = []
    bands = []
    for number in range(_BANDS):
        top = round((number + 0.5) / _BANDS * grey.height - height / 2)
        band = flatten(grey.crop((0, max(0, top), grey.width, min(grey.height, top + height))))
        dark = band < DARK
        found.append(find_blobs(dark))
        bands.append(dark)
    letter = letter_height(
        Blobs(
            *(
                np.concatenate([getattr(blobs, edge) for blobs in found])
                for edge in ("left", "top", "right", "bottom", "ink")
            )
        )
    )
    if letter is None:
        return None, False
    leaders = sum(
        len(find_leaders(blobs, dark, letter)) for blobs, dark in zip(found, bands, strict=True)
    )
    return letter, leaders > 1  # a single one may be dust


def _words(iterator: Any) -> list[SeenWord]:
    """All words; the iterator is None for an empty page."""
    if iterator is None:
        return []
    from tesserocr import RIL, iterate_level

    found: list[SeenWord] = []
    line = block = -1
    for item in iterate_level(iterator, RIL.WORD):
        line += item.IsAtBeginningOf(RIL.TEXTLINE)
        block += item.IsAtBeginningOf(RIL.BLOCK)
        try:
            text = item.GetUTF8Text(RIL.WORD).strip()
        except RuntimeError:  # tesserocr's word for no text here
            continue
        box = item.BoundingBox(RIL.WORD)
        if text and box:
            confidence = min(1.0, max(0.0, item.Confidence(RIL.WORD) / 100))
            found.append(SeenWord(text, Box(*box), round(confidence, 3), line, block))
    return found
