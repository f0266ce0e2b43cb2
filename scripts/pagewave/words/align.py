"""Which word of a reading is which word that an eye saw.

Neither has all words right, nor all of them, nor columns in the same order. So words that stand in
the same order in both are paired first (dynamic programming over all of them), then, of what is
left, those that stand in the same order there, and so on: a block that comes later in one than in
the other is a run of its own. What lies between sure pairs is paired by its letters, where one word
may be two in the other: parted at the end of a line, or run together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Indel, Levenshtein

_ALIKE = 0.6
"""Similarity (of letters in common) from which on two words may be the same one."""
_SURE = 0.9
"""Similarity from which on it isn't asked again whether a word is but a part of another."""
_FOLLOWS = 1.0
"""What it counts, in letters, that a pair follows another at once."""
_PASSES = 8
_JUMP = 2
"""Words that a run may pass over, in either of both, and still be one."""
_WEIGHT, _WEIGHT_LATER = 6.0, 9.0
"""Letters that a run must have in common, in the first pass and in those after it."""
_LONELY = 4
"""Letters of a word from which on, where both have it once among what is left, it is the same."""
_MOST_CELLS = 4000
"""Of the table for what lies between two sure pairs; more is no gap but another text."""
_MOST_PARTS = 3
_LACKING, _JOINT = 0.55, 0.08
"""What a word without its like costs, and each joint of one that is parted; a pair without a
letter in common costs 1."""


class Pair(NamedTuple):
    """Words of the reading, and those of the eye that they are: one each, but for parted words."""

    reading: tuple[int, ...]
    eye: tuple[int, ...]
    similarity: float
    """From 0 to 1, by letters and digits alone."""


class _Match(NamedTuple):
    reading: int
    eye: int
    similarity: float


def align(reading: Sequence[str], eye: Sequence[str]) -> list[Pair]:
    """Pair the words of a reading with those that an eye saw.

    Args:
        reading: its words in order, as `folding.key_of` has them; "" stands for no word.
        eye: the same of the eye.

    Returns:
        Pairs in the order of the reading; no word is in two of them.
    """
    matches = _blocks_first(reading, eye)
    sure = [match for match in matches if match.similarity >= _SURE]
    pairs = [Pair((match.reading,), (match.eye,), match.similarity) for match in sure]
    pairs += _between(reading, eye, sure)
    pairs += _lonely(reading, eye, pairs)
    return sorted(pairs)


def _blocks_first(reading: Sequence[str], eye: Sequence[str]) -> list[_Match]:
    """Runs of words that stand in the same order in both, the longest first."""
    left_reading = [at for at, word in enumerate(reading) if word]
    left_eye = [at for at, word in enumerate(eye) if word]
    if not left_reading or not left_eye:
        return []
    alike = np.zeros((len(reading), len(eye)), np.float32)
    alike[np.ix_(left_reading, left_eye)] = _similarities(
        [reading[at] for at in left_reading], [eye[at] for at in left_eye]
    )
    found: list[_Match] = []
    for number in range(_PASSES):
        rows, columns = np.array(left_reading), np.array(left_eye)
        lengths = np.array([len(reading[at]) for at in left_reading], np.float32)
        in_order = _in_order(alike[np.ix_(rows, columns)], lengths)
        least = _WEIGHT_LATER if number else _WEIGHT
        kept = [
            _Match(left_reading[row], left_eye[column], float(alike[rows[row], columns[column]]))
            for run in _runs(in_order)
            if sum(lengths[r] * alike[rows[r], columns[c]] for r, c in run) >= least
            for row, column in run
        ]
        if not kept:
            break
        found += kept
        taken_reading, taken_eye = {m.reading for m in kept}, {m.eye for m in kept}
        left_reading = [at for at in left_reading if at not in taken_reading]
        left_eye = [at for at in left_eye if at not in taken_eye]
        if not left_reading or not left_eye:
            break
    return sorted(found)


def _similarities(reading: Sequence[str], eye: Sequence[str]) -> NDArray[np.float32]:
    """Of each word with each; words that are repeated are compared once."""
    rows, row_of = np.unique(reading, return_inverse=True)
    columns, column_of = np.unique(eye, return_inverse=True)
    table: NDArray[np.float32] = process.cdist(
        rows, columns, scorer=Indel.normalized_similarity, score_cutoff=_ALIKE, dtype=np.float32
    )
    return table[np.ix_(row_of, column_of)]


def _in_order(alike: NDArray[np.float32], lengths: NDArray[np.float32]) -> list[tuple[int, int]]:
    """The pairs that have most letters in common of all that are in the same order in both.

    Those that follow each other in both count for more: of a line that is there twice the whole is
    paired once, and not the beginning here and the end there.
    """
    score = alike * np.minimum(lengths, 8)[:, None]
    rows, columns = score.shape
    best = np.zeros((rows + 1, columns + 1), np.float32)
    paired = np.full((rows + 1, columns + 1), -np.inf, np.float32)
    """The best that ends with this very pair."""
    for row in range(rows):
        before = np.maximum(best[row, :-1], paired[row, :-1] + _FOLLOWS)
        paired[row + 1, 1:] = np.where(score[row] > 0, score[row] + before, -np.inf)
        best[row + 1, 1:] = np.maximum.accumulate(np.maximum(best[row, 1:], paired[row + 1, 1:]))
    found: list[tuple[int, int]] = []
    row, column = rows, columns
    while row and column:
        if best[row, column] == best[row - 1, column]:
            row -= 1
        elif best[row, column] == best[row, column - 1]:
            column -= 1
        else:
            while True:  # it ends with a pair, and so may what is before it
                row, column = row - 1, column - 1
                found.append((row, column))
                if paired[row, column] + _FOLLOWS <= best[row, column]:
                    break
    return found[::-1]


def _runs(pairs: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Pairs gathered to runs that pass over few words in both."""
    runs: list[list[tuple[int, int]]] = []
    for pair in pairs:
        before = runs[-1][-1] if runs else None
        if before and max(pair[0] - before[0], pair[1] - before[1]) <= _JUMP + 1:
            runs[-1].append(pair)
        else:
            runs.append([pair])
    return runs


# Between sure pairs


def _between(reading: Sequence[str], eye: Sequence[str], sure: Sequence[_Match]) -> list[Pair]:
    """What lies between sure pairs that follow each other, paired by its letters."""
    taken = {match.eye for match in sure}
    ends = [_Match(-1, -1, 1.0), *sure, _Match(len(reading), len(eye), 1.0)]
    found: list[Pair] = []
    for before, after in pairwise(ends):
        words = [at for at in range(before.reading + 1, after.reading) if reading[at]]
        if not words:
            continue
        if not sure:
            seen = [at for at in range(len(eye)) if eye[at]]
        else:
            seen = _free_beside(before.eye, after.eye, len(words), eye, taken)
        if seen and len(words) * len(seen) <= _MOST_CELLS:
            pairs = _by_letters(words, seen, reading, eye)
            pairs = [pair for pair in pairs if _is_believable(pair, pairs)]
            taken |= {at for pair in pairs for at in pair.eye}
            found += pairs
    return found


def _free_beside(
    before: int, after: int, most: int, eye: Sequence[str], taken: set[int]
) -> list[int]:
    """Words of the eye behind one that is paired and before another, up to the next that is."""
    behind: list[int] = []
    at = before + 1
    while 0 <= at < len(eye) and at not in taken and at != after:
        behind.append(at)
        at += 1
    if at != after:  # another block begins somewhere between both
        behind = behind[: 2 * most + 2]
        ahead: list[int] = []
        at = after - 1
        while at >= 0 and at not in taken and at not in behind and len(ahead) < 2 * most + 2:
            ahead.append(at)
            at -= 1
        behind += ahead[::-1]
    return [at for at in behind if eye[at]]


def _by_letters(
    words: Sequence[int], seen: Sequence[int], reading: Sequence[str], eye: Sequence[str]
) -> list[Pair]:
    """The cheapest way to pair all of both in order, where one word may be up to three."""
    rows, columns = len(words), len(seen)
    steps = [(1, 1), *((1, n) for n in range(2, _MOST_PARTS + 1))]
    steps += [(n, 1) for n in range(2, _MOST_PARTS + 1)]
    cost = np.full((rows + 1, columns + 1), np.inf)
    came: dict[tuple[int, int], tuple[int, int, float]] = {}
    cost[0] = np.arange(columns + 1) * _LACKING
    cost[:, 0] = np.arange(rows + 1) * _LACKING
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            lacking = cost[row - 1, column], cost[row, column - 1]
            best, step = (
                min(lacking) + _LACKING,
                (1, 0, 0.0) if lacking[0] <= lacking[1] else (0, 1, 0.0),
            )
            for down, right in steps:
                if down > row or right > column:
                    continue
                one = "".join(reading[at] for at in words[row - down : row])
                other = "".join(eye[at] for at in seen[column - right : column])
                alike = Levenshtein.normalized_similarity(one, other)
                parts = down + right - 2
                if parts and alike < _ALIKE:
                    continue
                # A pair stands for more words where one is parted.
                price = cost[row - down, column - right]
                price += (1 - alike) * (1 + parts / 2) + parts * _JOINT
                if price < best:
                    best, step = price, (down, right, alike)
            cost[row, column], came[row, column] = best, step
    found: list[Pair] = []
    row, column = rows, columns
    while row and column:
        down, right, alike = came[row, column]
        if down and right:
            found.append(
                Pair(tuple(words[row - down : row]), tuple(seen[column - right : column]), alike)
            )
        row, column = row - down, column - right
    return found[::-1]


def _is_believable(pair: Pair, gap: Sequence[Pair]) -> bool:
    """A word may be wholly another one; hardly several in a row, which are another text."""
    if pair.similarity >= 0.35 or len(gap) < 3:
        return True
    return sum(other.similarity for other in gap) / len(gap) >= 0.35


def _lonely(reading: Sequence[str], eye: Sequence[str], pairs: Sequence[Pair]) -> list[Pair]:
    """Long words that both have once among what is left, such as a running head read last."""
    taken_reading = {at for pair in pairs for at in pair.reading}
    taken_eye = {at for pair in pairs for at in pair.eye}
    free_reading, free_eye = dict[str, list[int]](), dict[str, list[int]]()
    for words, taken, free in (
        (reading, taken_reading, free_reading),
        (eye, taken_eye, free_eye),
    ):
        for at, word in enumerate(words):
            if len(word) >= _LONELY and at not in taken:
                free.setdefault(word, []).append(at)
    return [
        Pair((ours[0],), (theirs[0],), 1.0)
        for word, ours in free_reading.items()
        if len(ours) == 1 and len(theirs := free_eye.get(word, [])) == 1
    ]


# Within words


@dataclass(frozen=True)
class Cut:
    """What of a text one of several words is, as a share of its length."""

    start: float
    end: float


def cuts(parts: Sequence[str], whole: str) -> list[Cut]:
    """Where in a text the parts lie that were run together in it, by their letters."""
    joined, length = "".join(parts), max(1, len(whole))
    places = [0.0] * (len(joined) + 1)
    for operation in Levenshtein.opcodes(joined, whole):
        span = max(1, operation.src_end - operation.src_start)
        for at in range(operation.src_start, operation.src_end + 1):
            share = (at - operation.src_start) / span
            places[at] = operation.dest_start + share * (operation.dest_end - operation.dest_start)
    found, at = [], 0
    for part in parts:
        found.append(Cut(places[at] / length, places[at + len(part)] / length))
        at += len(part)
    return found
