"""Lines of which Tesseract made two, for the wide space in them, put together again."""

import re
from collections.abc import Sequence
from dataclasses import replace

from pagewave.embedded.reader.cleaning import Leader
from pagewave.embedded.reader.paragraphs import LEADER, Line

_STRAY_DOTS = re.compile(r"(?: [.·]+)* \.\.\.(?: [.·]+)*(?= )")
"""A leader of which a few dots were left, or in two parts, is one."""
_PIECE_HEIGHTS = 5
_LEADER_HEIGHTS = 4
"""How far from its dots what a leader leads from or to may stand, in heights of the line."""


def join_leaders(lines: list[Line], leaders: Sequence[Leader], scale: float) -> list[Line]:
    """Join what stands at the two ends of a leader: dots say so, however far apart they are.

    Args:
        leaders: in pixels of the image, which is `scale` times as large as the lines' page.
    """
    found = dict(enumerate(lines))
    for leader in leaders:
        start, start_y, end, end_y = (edge / scale for edge in (*leader.start, *leader.end))
        before = _nearest({at: start - line.right for at, line in found.items()}, found, start_y)
        after = _nearest({at: line.left - end for at, line in found.items()}, found, end_y)
        if before is not None and after is not None and before != after:
            right = found.pop(after)
            found[before] = _joined(found[before], right, f" {LEADER} ")
    return list(found.values())


def _nearest(gaps: dict[int, float], lines: dict[int, Line], y: float) -> int | None:
    """The line on whose level a dot is and that is close to it; `gaps`: how far each is away."""
    near = (
        (gaps[at], at)
        for at, line in lines.items()
        if line.top < y < line.bottom + line.height / 4
        and -line.height / 2 < gaps[at] < _LEADER_HEIGHTS * line.height
    )
    return min(near, default=(0.0, None))[1]


def join_pieces(lines: list[Line]) -> list[Line]:
    """Put a line's end that was read a little later, for a wide space in it, back in its place."""
    joined: list[Line] = []
    for line in lines:
        for index in range(len(joined) - 1, max(-1, len(joined) - 3), -1):
            if _goes_on(joined[index], line):
                joined[index] = _joined(joined[index], line)
                break
        else:
            joined.append(line)
    return [replace(line, text=_STRAY_DOTS.sub(f" {LEADER}", line.text)) for line in joined]


def _goes_on(left: Line, right: Line) -> bool:
    """Whether two pieces stand on one line, next to each other."""
    height = max(left.height, right.height)
    level = abs(left.top + left.bottom - right.top - right.bottom) / 2 < 0.45 * height
    return level and 0 < right.left - left.right < _PIECE_HEIGHTS * height


def _joined(left: Line, right: Line, between: str = " ") -> Line:
    """Two pieces of a line as one."""
    top, bottom = min(left.top, right.top), max(left.bottom, right.bottom)
    text = f"{left.text}{between}{right.text}"
    return Line(text, left.left, top, right.right, bottom, left.paragraph)
