"""A page in halves: a retry that asks for its upper and its lower half, each by itself.

What is too long for one answer, or leads the model into a loop, is half as long then. Both halves
have a strip in common, so that no line is lost at the cut.
"""

import math

from pagewave.halves import LOWER, UPPER
from pagewave.prompts.numbered import is_marked

KEY = "halves"
"""Marks such an attempt in its generation config, where the ledger keeps it; it is never sent."""
ENDS_AT, BEGINS_AT = 0.55, 0.45
"""Where the upper half ends and the lower one begins, as shares of a page's height: both show a
tenth of it, some five lines of a page of fifty."""

INSTRUCTIONS = {
    UPPER: "\n\nThe image is the upper half of a page, with a little more at its lower edge: read "
    "what it shows, and leave out a line that is cut through there. The page itself is whole.\n",
    LOWER: "\n\nThe image is the lower half of a page, with a little more at its upper edge: read "
    "what it shows, and leave out a line that is cut through there. The page itself is whole, and "
    "what was said of the page before comes before its upper half.\n",
}


def is_halved(generation_config: str) -> bool:
    """Was a page asked for in halves, by the generation config (JSON) that the ledger kept?"""
    return is_marked(generation_config, KEY)


def half_height(height: int) -> int:
    """How high a half of an image is, in px."""
    return math.ceil(height * ENDS_AT)
