"""How likely each word of a reading is wrong, by what an eye saw at its place.

A logistic model of a few features, fitted by `python benchmarks/words.py --fit` on drawn pages with
planted faults: of words with doubt d, about a share d is wrong there. Its numbers are in
`doubt.json`, with the seed they came from.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pagewave.words.folding import key_of, marks_of
from pagewave.words.overlay import LaidWord, Overlay

OF_MARK = 0.02
"""Doubt of a dash, a dot or the like, which nobody looks for."""
_LONG = 8

_ALIKE = str.maketrans("1|j05bcuftyqgz", "iiioshenssvgq2")
_ALIKE_PAIRS = (("rn", "m"), ("vv", "w"), ("li", "h"), ("ii", "n"), ("cl", "d"))
"""What engines take for each other, the long s and f among it; digits stay apart."""


class Feature(NamedTuple):
    """What decides about a word: values from 0 to 1, by name."""

    bias: float = 1.0
    marks: float = 0.0
    """The same word with other marks around it."""
    unsure: float = 0.0
    """The same word, but the eye was not sure of it."""
    other: float = 0.0
    """The eye saw another word."""
    other_sure: float = 0.0
    """Another word, times the eye's confidence."""
    other_far: float = 0.0
    """Another word, times how unlike both are."""
    other_far_sure: float = 0.0
    """Another word, times both."""
    other_clear: float = 0.0
    """Another word, times how well the eye reads this page."""
    mistakable: float = 0.0
    """Another word, by letters that engines take for each other."""
    digits: float = 0.0
    """Another word, and either is a number."""
    digits_sure: float = 0.0
    """The same, times the eye's confidence."""
    run_together: float = 0.0
    """Another word, which the eye ran together with its neighbour or parted."""
    lacking: float = 0.0
    """The eye saw nothing like it there."""
    lacking_ink: float = 0.0
    """The same, times the share of its ink that is there."""
    lacking_clear: float = 0.0
    """Nothing like it, times how well the eye reads this page."""
    lacking_short: float = 0.0
    """Nothing like it, of one or two letters."""


class LeftOutFeature(NamedTuple):
    """What decides about a word that the eye alone saw."""

    bias: float = 1.0
    confidence: float = 0.0
    length: float = 0.0
    """In letters, 1 from eight on."""
    in_line: float = 0.0
    """The share of its line that the reading lacks as well."""
    sure_line: float = 0.0
    """The same, times the mean confidence of these words."""


@cache
def weights(of: str) -> tuple[float, ...]:
    """The fitted numbers of a model: `reading` or `left_out`."""
    content = json.loads((files(__package__) / "doubt.json").read_text(encoding="utf-8"))
    names = Feature._fields if of == "reading" else LeftOutFeature._fields
    return tuple(float(content[of][name]) for name in names)


def chance(features: Sequence[float], numbers: Sequence[float]) -> float:
    """What a logistic model says, from 0 to 1."""
    score = sum(value * number for value, number in zip(features, numbers, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def doubt_of(word: LaidWord, clarity: float) -> float:
    """The doubt about a word of the reading.

    Args:
        clarity: how well the eye reads the page, see `clarity_of`.
    """
    if not word.key:
        return OF_MARK
    return round(chance(features_of(word, clarity), weights("reading")), 3)


def clarity_of(overlay: Overlay) -> float:
    """How well the eye reads a page: the share of paired words that both have alike."""
    paired = [word for word in overlay.words if word.seen and word.key]
    # As if it had read eight words middling well before: few words say little.
    return (sum(word.similarity == 1 for word in paired) + 6) / (len(paired) + 8)


def features_of(word: LaidWord, clarity: float) -> Feature:
    """The features of a word of the reading."""
    if not word.seen:
        return Feature(
            lacking=1,
            lacking_ink=word.ink,
            lacking_clear=clarity,
            lacking_short=float(len(word.key) <= 2),
        )
    if word.similarity == 1:
        same_marks = word.shared or marks_of(word.text) == marks_of(word.seen_text or "")
        return Feature(marks=float(not same_marks), unsure=1 - word.confidence)
    seen, sure = key_of(word.seen_text or ""), word.confidence
    digits = float(any(map(str.isdigit, word.key)) or any(map(str.isdigit, seen)))
    far = 1 - word.similarity
    return Feature(
        other=1,
        other_sure=sure,
        other_far=far,
        other_far_sure=far * sure,
        other_clear=clarity,
        mistakable=float(_as_mistaken(word.key) == _as_mistaken(seen)),
        digits=digits,
        digits_sure=digits * sure,
        run_together=float(word.shared or len(word.seen) > 1),
    )


def left_out_features(overlay: Overlay) -> dict[int, LeftOutFeature]:
    """The features of each word that the eye alone saw, by its place among the eye's words."""
    words = overlay.seen.words
    of_line: dict[int, list[int]] = {}
    for at, word in enumerate(words):
        if key_of(word.text):
            of_line.setdefault(word.line, []).append(at)
    lacking = set(overlay.lacking)
    found = {}
    for line in of_line.values():
        alone = [at for at in line if at in lacking]
        if not alone:
            continue
        share = len(alone) / len(line)
        sure = sum(words[at].confidence for at in alone) / len(alone)
        few = min(1.0, len(alone) / 3)
        for at in alone:
            length = min(1.0, len(key_of(words[at].text)) / _LONG)
            confidence = words[at].confidence
            found[at] = LeftOutFeature(1.0, confidence, length, share * few, share * few * sure)
    return found


def doubt_of_page(doubts: Sequence[float], of_left_out: Sequence[float]) -> float:
    """The share of a page's words that is expected to be wrong or left out, from 0 to 1.

    Args:
        doubts: of the words of the reading.
        of_left_out: of those that the eye alone saw.
    """
    whole = len(doubts) + sum(of_left_out)
    return round((sum(doubts) + sum(of_left_out)) / whole, 4) if whole else 0.0


def _as_mistaken(key: str) -> str:
    for pair, letter in _ALIKE_PAIRS:
        key = key.replace(pair, letter)
    return key if key.isdigit() else key.translate(_ALIKE)
