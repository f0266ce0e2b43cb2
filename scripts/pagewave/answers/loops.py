"""Finds loops: places where a model stopped reading and wrote the same words over and over.

Old catalogs repeat themselves too (ditto columns, time-tables, leader dots), and a page that is
wrongly called a loop is bought again for nothing. So a loop is only what no printed page holds: the
very same characters, at least six times in a row, filling about half a dense page.
"""

import re
from dataclasses import dataclass

MIN_REPEATS = 6
MIN_CHARS = 1000
"""A dense page has 1,500 to 2,500 characters; a time-table's like cells come to a few hundred."""
MIN_CHARS_WITHOUT_LETTERS = 4000
"""Leader dots, rules of a blank form and columns of figures may fill a page; a loop fills more."""
LONGEST_UNIT = 1000

# Loops are looked for at every STEP-th character, by so many characters: even the shortest loop
# holds a place whose characters come again one unit later, still inside of the loop.
STEP = MIN_CHARS // 4
PROBE = 50

# A number that is a JSON value: in a loop over blocks it counts on, `"block_id": 57`, 58, 59.
COUNTER = re.compile(r"(?<=[:,\[])(\s*)-?\d+(?=\s*[,}\]])")


@dataclass(frozen=True, slots=True)
class Loop:
    """What is repeated, and how often."""

    unit: str
    repeats: int


def find_loop(text: str, min_chars: int = MIN_CHARS) -> Loop | None:
    """The first loop in a text, of at least `min_chars` characters in all; None without one."""
    for start in range(0, len(text) - min_chars + STEP, STEP):
        probe = text[start : start + PROBE]
        limit = start + LONGEST_UNIT + PROBE
        again = text.find(probe, start + 1, limit)
        while again != -1:
            period = again - start
            begin, end = _stretch(text, start, period)
            unit, length = text[begin : begin + period], end - begin
            least = min_chars if any(map(str.isalpha, unit)) else MIN_CHARS_WITHOUT_LETTERS
            if length >= max(least, MIN_REPEATS * period):
                return Loop(unit, length // period)
            # Before the end of this stretch there are only multiples of its period.
            again = text.find(probe, max(again + 1, end - PROBE + 1), limit)
    return None


def find_loop_in_json(text: str, min_chars: int = MIN_CHARS) -> Loop | None:
    """As `find_loop`, in JSON text, whole or cut off; numbers that count on don't hide a loop."""
    return find_loop(COUNTER.sub(r"\g<1>0", text), min_chars)


def _stretch(text: str, start: int, period: int) -> tuple[int, int]:
    """The stretch around `start` in which every character comes again one period later."""
    end = start + period
    while end < len(text) and text[end] == text[end - period]:
        end += 1
    begin = start
    while begin > 0 and text[begin - 1] == text[begin - 1 + period]:
        begin -= 1
    return begin, end
