"""What two readings of the same strip of a page have in common: lines of text, items of lists.

They are readings of the same print, so they differ by a letter or two at most; and what stands at
the edge may be cut off in the one and whole in the other.
"""

import math
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

LONG = 20
"""Characters from which on a line may differ a little and be the same."""
ALIKE = 0.95
MOST_OF_A_HALF = 0.4
"""More lines of a half are no strip that both show (a fifth, as the halves are cut)."""
CERTAIN_CHARS = 8


def alike(one: str, other: str) -> bool:
    """Do two lines say the same, but for a letter of a long one? Digits count."""
    one, other = _plain(one), _plain(other)
    if one == other:
        return True
    if min(len(one), len(other)) < LONG or re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return min(matcher.real_quick_ratio(), matcher.quick_ratio()) >= ALIKE <= matcher.ratio()


def overlap(upper: Sequence[str], lower: Sequence[str]) -> int:
    """How many of the lower half's first lines stand at the end of the upper one as well.

    The last line of the one and the first of the other may be cut through, and say something else.
    A single line proves little: it has to be at both edges, and of some length.
    """
    most = max(2, math.ceil(MOST_OF_A_HALF * min(len(upper), len(lower))))
    best = 0
    for left in (0, 1):
        for skipped in (0, 1):
            above = upper[: len(upper) - left]
            for size in range(min(most, len(above), len(lower) - skipped), 0, -1):
                if size == 1 and (left or skipped or len(_plain(lower[0])) < CERTAIN_CHARS):
                    continue
                ends = zip(above[-size:], lower[skipped : skipped + size], strict=True)
                if all(alike(one, other) for one, other in ends):
                    best = max(best, skipped + size)
                    break
    return best


def doubled(upper: Sequence[str], lower: Sequence[str]) -> list[range]:
    """Which of the lower half's lines the upper one has as well, as both show the same strip.

    At the edges, where the page has one column. Of two columns the first one's stand at the lower
    half's beginning and somewhere in the upper one, the second one's the other way round.
    """
    if size := overlap(upper, lower):
        return [range(size)]
    most = max(2, math.ceil(MOST_OF_A_HALF * min(len(upper), len(lower))))
    sizes = range(min(most, len(upper), len(lower)), 1, -1)
    first = next(
        (
            range(skipped + size)
            for size in sizes
            for skipped in (0, 1)
            if _place_of(lower[skipped : skipped + size], upper) is not None
        ),
        range(0),
    )
    second = next(
        (
            range(at, at + size)
            for size in sizes
            for left in (0, 1)
            if (at := _place_of(upper[len(upper) - left - size : len(upper) - left], lower))
            is not None
        ),
        range(0),
    )
    return [first, second] if first and second and first.stop <= second.start else []


def _place_of(some: Sequence[str], lines: Sequence[str]) -> int | None:
    """Where these lines stand among others, one after another."""
    for at in range(len(lines) - len(some) + 1) if len(some) > 1 else ():
        if all(alike(one, other) for one, other in zip(some, lines[at:], strict=False)):
            return at
    return None


def merged(upper: list[Any], lower: list[Any]) -> list[Any]:
    """Two lists one behind the other; what ends the one and begins the other is there once."""
    for size in range(min(len(upper), len(lower)), 0, -1):
        pairs = list(zip(upper[-size:], lower[:size], strict=True))
        if all(_same_item(one, other) for one, other in pairs):
            return [
                *upper[:-size],
                *(_fuller(one, other) for one, other in pairs),
                *lower[size:],
            ]
    return [*upper, *lower]


def _same_item(one: Any, other: Any) -> bool:
    """Are two items readings of the same one, of which either may be cut off?"""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return isinstance(one, str) and isinstance(other, str) and alike(one, other)
    texts = [(value, other.get(name)) for name, value in one.items() if isinstance(value, str)]
    is_any_same = any(isinstance(b, str) and a.strip() and alike(a, b) for a, b in texts)
    return is_any_same and _may_be_same(one, other)


def _may_be_same(one: Any, other: Any) -> bool:
    """Does nothing in them say that they are not? Numbers count items, as a rule."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_may_be_same(value, other.get(name)) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        few, many = sorted((one, other), key=len)
        return all(any(_may_be_same(a, b) for b in many) for a in few)
    if isinstance(one, str) and isinstance(other, str):
        return alike(one, other) or _plain(one) in _plain(other) or _plain(other) in _plain(one)
    return True


def _fuller(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _fuller(value, other.get(name)) for name, value in one.items()}
    if isinstance(one, list | str) and isinstance(other, list | str):
        return other if len(other) > len(one) else one
    return other if one is None else one


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
