"""Eyes: plain OCR engines, which read worse than a model, know places and make nothing up.

An eye takes a page's image and says which words it saw where, and what is ink. Another one than
Tesseract needs to have no more than `Eye` says.
"""

import importlib.util
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

from pagewave.embedded.reader.cleaning import prepare, scale_of
from pagewave.embedded.reader.recognition import REFERENCE_DPI, tessdata_folder
from pagewave.errors import ConfigError
from pagewave.pages.deskew import turn
from pagewave.words.skew import skew_of
from pagewave.words.tree import Box

_DARK = 190
"""Of 255, on paper made even: what is darker is ink, worn letters too."""


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
            ConfigError: Tesseract, or a language's model, is not installed.
        """
        if importlib.util.find_spec("tesserocr") is None:
            raise ConfigError(
                "words.languages: words are found by Tesseract, which is not installed. Install "
                "it with: pip install 'pagewave[embedded]'; or set words.languages to [] for a run "
                "without it"
            )
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

        grey = image.convert("L")
        degrees = skew_of(grey)
        clean = prepare(turn(grey, degrees) if degrees else grey).image
        upright = Sheet(*grey.size, degrees)
        width = turn(grey, degrees).width if degrees else grey.width
        sheet = Sheet(upright.width, upright.height, degrees, width / clean.width)
        api = self._api()
        api.SetPageSegMode(PSM.AUTO)
        api.SetImage(clean)
        api.SetSourceResolution(max(70, round(REFERENCE_DPI * scale_of(*clean.size))))
        api.Recognize()
        try:
            words = tuple(_words(api.GetIterator()))
        finally:
            api.Clear()
        return Seen(words, sheet, np.asarray(clean) < _DARK)

    def _api(self) -> Any:
        """This thread's Tesseract."""
        if not hasattr(self._local, "api"):
            os.environ["OMP_THREAD_LIMIT"] = "1"  # read once, when the library loads
            from tesserocr import LeptLogLevel, PyTessBaseAPI, set_leptonica_log_level

            set_leptonica_log_level(LeptLogLevel.NONE)
            self._local.api = PyTessBaseAPI(path=str(self._folder), lang=self.language)
        return self._local.api


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
