"""The embedded reader: a page's image to the JSON that a model would answer.

Cleaning, Tesseract, then rules that find the page's facts and courses.
"""

import io
import json
from dataclasses import replace
from statistics import median
from typing import Any

from PIL import Image

from pagewave.embedded.reader.cleaning import prepare, scale_of
from pagewave.embedded.reader.courses import Course, carried_over, find_courses
from pagewave.embedded.reader.page_facts import Facts, is_capitals, page_facts, running_head
from pagewave.embedded.reader.paragraphs import LEADER, Line
from pagewave.embedded.reader.recognition import Recognizer

_LARGE = 1.3
_COLUMN_LINES = 3

Size = tuple[float, float]
"""Width and height of a page in the pixels that its lines are measured in."""


class Reader:
    """Reads pages; may be shared by threads."""

    def __init__(self) -> None:
        """Find the model.

        Raises:
            ConfigError: the model is not installed.
        """
        self._recognizer = Recognizer()

    def read(self, image: bytes, prompt: str) -> str:
        """The page as JSON text in the shape of `prompts/page_ocr/page.py`.

        Args:
            image: the page's file, in a format that Pillow reads.
            prompt: the request's words; only the previous page's words and courses in it are used.
        """
        with Image.open(io.BytesIO(image)) as opened:
            page = prepare(opened)
        lines = self._recognizer.lines(page)
        head = running_head(lines)
        number = self._recognizer.corner_number(page.image, head.line) if head else None
        body = [line for line in lines if head is None or line is not head.line]
        if head:  # no dots lead from a page's number to its head
            plain = replace(head.line, text=head.line.text.replace(f" {LEADER} ", " "))
            lines = [plain if line is head.line else line for line in lines]
        courses = find_courses(body, carried_over(prompt))
        facts = page_facts(lines, head, number, courses)
        scale = scale_of(*page.image.size)
        size = (page.image.width / scale, page.image.height / scale)
        return json.dumps(_answer(lines, facts, courses, size), ensure_ascii=False)


def _answer(lines: list[Line], facts: Facts, courses: list[Course], size: Size) -> dict[str, Any]:
    """The whole answer for one page."""
    blank = facts.content_type == "blank"
    return {
        "raw_ocr": {
            "text_blocks": [] if blank else _blocks(lines, size),
            "layout_description": "Nothing is printed." if blank else _layout(lines, size),
        },
        "page_info": {
            "page_number": facts.page_number,
            "is_complete_page": True,
            "content_type": facts.content_type,
        },
        "school_name": facts.school_name,
        "catalog_year": facts.catalog_year,
        "academic_year": facts.academic_year,
        "courses": courses,
    }


def _blocks(lines: list[Line], size: Size) -> list[dict[str, Any]]:
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


def _position(block: list[Line], size: Size) -> str:
    """The third of the page, down and across, that holds the middle of a block."""
    x = (min(line.left for line in block) + max(line.right for line in block)) / 2
    y = (min(line.top for line in block) + max(line.bottom for line in block)) / 2
    down = ("top", "middle", "bottom")[min(2, int(3 * y / size[1]))]
    across = ("left", "center", "right")[min(2, int(3 * x / size[0]))]
    return f"{down} {across}"


def _font_style(block: list[Line], usual: float) -> str:
    """Tesseract does not tell fonts apart, so only what letters and heights show."""
    if is_capitals("".join(line.text for line in block)):
        return "capitals"
    return "large" if median(line.height for line in block) >= _LARGE * usual else "regular"


def _layout(lines: list[Line], size: Size) -> str:
    """How the page is set, in a sentence."""
    middle = size[0] / 2
    left = [line for line in lines if line.right < middle]
    right = [line for line in lines if line.left > middle]
    beside = sum(any(abs(a.top - b.top) < b.height for a in left) for b in right)
    columns = "Two columns" if beside >= _COLUMN_LINES else "One column"
    table = ", with a table of leader dots" if any(LEADER in line.text for line in lines) else ""
    return f"{columns}{table}; {len(lines)} lines. Read by the embedded reader."
