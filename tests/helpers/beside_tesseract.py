"""Drawn pages read by the embedded reader and, beside it, by Tesseract as it is."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from helpers.drawn_pages import DrawnPage, tokens
from pagewave.answers.scores import character_error_rate
from pagewave.embedded.reader.reader import Reader
from pagewave.embedded.reader.recognition import LANGUAGE, tessdata_folder

SHARE_OF_STYLE = 0.01
"""How many of a style's words ours may find fewer than plain Tesseract."""
SHARE_OF_PAGE, WORDS_OF_PAGE = 0.05, 3
"""The same of any one page, the larger of both."""


@dataclass(frozen=True)
class Beside:
    """How many of a page's words either found, how wrong their letters are, what ours took for
    courses."""

    page: DrawnPage
    ours: int
    plain: int
    our_errors: float
    plain_errors: float
    courses: list[str]

    @property
    def is_lost(self) -> bool:
        """Whether ours is worse on this page than it may be."""
        spare = max(SHARE_OF_PAGE * len(self.page.words), WORDS_OF_PAGE)
        return self.ours < self.plain - spare


def readers() -> Callable[[DrawnPage], Beside]:
    """What reads a page with both."""
    ours, plain = Reader(), _plain_tesseract()

    def read(page: DrawnPage) -> Beside:
        answer: dict[str, Any] = json.loads(ours.read(page.jpeg, ""))
        text = "\n".join(block["text"] for block in answer["raw_ocr"]["text_blocks"])
        other = plain(page.jpeg)
        return Beside(
            page,
            page.found(text),
            page.found(other),
            _errors(page, text),
            _errors(page, other),
            [course["course_name"] for course in answer["courses"]],
        )

    return read


def _plain_tesseract() -> Callable[[bytes], str]:
    """Tesseract with its own settings, told the image's resolution."""
    from tesserocr import PSM, LeptLogLevel, PyTessBaseAPI, set_leptonica_log_level

    set_leptonica_log_level(LeptLogLevel.NONE)
    api = PyTessBaseAPI(path=str(tessdata_folder()), lang=LANGUAGE, psm=PSM.AUTO)

    def read(jpeg: bytes) -> str:
        with Image.open(io.BytesIO(jpeg)) as image:
            api.SetImage(image)
            api.SetSourceResolution(round(image.info["dpi"][0]))
        text = str(api.GetUTF8Text())
        api.Clear()
        return text

    return read


def _errors(page: DrawnPage, text: str) -> float:
    return character_error_rate(" ".join(page.words), " ".join(tokens(text)))
