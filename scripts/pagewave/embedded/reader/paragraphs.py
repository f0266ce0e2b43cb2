"""Printed lines put together to entries: hanging lines go to the entry above them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pagewave.embedded.reader.headings import is_heading
from pagewave.embedded.reader.subjects import plain_text

LEADER = "..."
"""Stands in a line for the gap that leader dots filled."""

_INDENT = 8
_SAME_EDGE = 12
_SAME_COLUMN = 160
_LOOSE = 1.3


@dataclass(frozen=True)
class Line:
    """A printed line: its words and its box, in pixels of a page that is 1100 wide."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    paragraph: int = 0

    @property
    def height(self) -> int:
        """How high the box is."""
        return self.bottom - self.top


@dataclass
class _Paragraph:
    text: str
    left: int
    last: Line
    right: int
    lines: int = 1


def join_lines(lines: Iterable[Line]) -> list[str]:
    """The text of each heading, entry and paragraph; words divided at line ends are closed."""
    usable = [
        (line, text) for line in lines if re.search(r"[A-Za-z]{2}", text := plain_text(line.text))
    ]
    pitch = _usual_pitch([line for line, _ in usable])
    joined: list[_Paragraph] = []
    for line, text in usable:
        if joined and _continues(joined[-1], line, text, pitch):
            above = joined[-1]
            divided = above.text.endswith("-") and text[:1].islower()
            above.text = above.text[:-1] + text if divided else f"{above.text} {text}"
            above.last, above.lines = line, above.lines + 1
            above.right = max(above.right, line.right)
        else:
            joined.append(_Paragraph(text, line.left, line, line.right))
    return [paragraph.text for paragraph in joined]


def _usual_pitch(lines: list[Line]) -> float:
    """The usual way down from a line to the next one, in pixels."""
    drops = [below.top - above.top for above, below in pairwise(lines) if below.top > above.top]
    return median(drops) if drops else 0.0


def _continues(above: _Paragraph, line: Line, text: str, pitch: float) -> bool:
    """Whether a line goes on with the entry above it."""
    drop = line.top - above.last.top
    if is_heading(text) or is_heading(above.text) or not 0 < drop <= _LOOSE * pitch:
        return False
    shift = abs(line.left - above.last.left)
    if shift >= _SAME_COLUMN:
        return False
    if above.lines > 1 and line.left > above.left + _SAME_EDGE and shift < _SAME_EDGE:
        return True
    if above.text.endswith(".") or LEADER in text or LEADER in above.text:
        return False
    if above.text.endswith(("-", ";", ",")) or above.lines > 1 or text[:1].islower():
        return True
    return line.left > above.left + _INDENT or _is_full(above, line)


def _is_full(above: _Paragraph, line: Line) -> bool:
    """Whether the line above reaches as far as its successor, as in an unindented paragraph."""
    same_block = above.last.paragraph == line.paragraph
    return same_block and above.last.right >= line.right - _SAME_EDGE and ";" in above.text
