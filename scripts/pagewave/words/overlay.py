"""A page's reading laid over what an eye saw: where each word stands, and what has no like.

Words without a like get the place that is left for them, where there is ink that no other word
explains; a word with no ink is probably made up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pagewave.words.align import Pair, align, cuts
from pagewave.words.eyes import Seen, SeenWord
from pagewave.words.folding import key_of
from pagewave.words.tree import Box

_HALO = 0.2
"""Around the box of a word that is paired, as a share of its height: its own ink, blurred."""
_ROOM = 0.6
"""Height, in lines, from which on there is room for a line between two others."""
_UNUSUAL_INK = 3.0
"""No word has more of what ink its letters usually have; a blot would have."""
_FEW, _ONE_SIZE = 0.1, 1.4
"""The tenth of a page's words that is the lowest, and how much higher than they are its words may
be where all print is of one size: some letters are high, and some are not."""
ENOUGH_INK = 0.35
"""Of what ink so many letters usually have: with less there is no word."""


@dataclass
class LaidWord:
    """A word of the reading and what is under it."""

    text: str
    key: str
    line: int
    """Of the reading, counted from 0."""
    starts_block: bool = False
    seen: tuple[int, ...] = ()
    """Which of the eye's words it is; several where it is parted on the page."""
    shared: bool = False
    """The eye ran it together with its neighbour."""
    seen_text: str | None = None
    similarity: float = 0.0
    confidence: float = 0.0
    box: Box | None = None
    """On the sheet."""
    ink: float = 1.0
    """Of a word without a like: ink at its place that nothing else explains, as a share of what
    its letters usually have; 1 at most, and where it can't be told."""


@dataclass
class Overlay:
    """A reading over a page; words in its order."""

    words: list[LaidWord]
    seen: Seen
    lacking: list[int] = field(default_factory=list)
    """Words of the eye that no word of the reading is, in its order; marks are not among them."""

    @cached_property
    def paired(self) -> float:
        """The share of the reading's letters that stand on the page, as far as the eye saw them."""
        letters = sum(len(word.key) for word in self.words)
        found = sum(len(word.key) for word in self.words if word.seen)
        return found / letters if letters else 1.0


def lay(text: str, seen: Seen) -> Overlay:
    """Lay a page's text over what an eye saw of it; a blank line in it parts blocks."""
    words = _words_of(text)
    keys = [key_of(word.text) for word in seen.words]
    pairs = align([word.key for word in words], keys)
    for pair in pairs:
        _note(words, seen.words, keys, pair)
    paired = {at for word in words for at in word.seen}
    lacking = [at for at, key in enumerate(keys) if key and at not in paired]
    overlay = Overlay(words, seen, lacking)
    _Places(overlay).find()
    return overlay


def _words_of(text: str) -> list[LaidWord]:
    found: list[LaidWord] = []
    parted = True
    for number, line in enumerate(text.splitlines()):
        words = line.split()
        for at, word in enumerate(words):
            found.append(LaidWord(word, key_of(word), number, parted and at == 0))
        parted = not words if words else True
    return found


def _note(words: list[LaidWord], seen: Sequence[SeenWord], keys: Sequence[str], pair: Pair) -> None:
    """Note what the words of a pair are to each other."""
    theirs = [seen[at] for at in pair.eye]
    confidence = sum(word.confidence for word in theirs) / len(theirs)
    if len(pair.reading) == 1:
        word = words[pair.reading[0]]
        word.seen, word.similarity, word.confidence = pair.eye, pair.similarity, confidence
        word.seen_text = " ".join(other.text for other in theirs)
        word.box = _together(theirs)
        return
    whole, box = theirs[0], theirs[0].box
    parts = cuts([words[at].key for at in pair.reading], keys[pair.eye[0]])
    for at, cut in zip(pair.reading, parts, strict=True):
        word = words[at]
        word.seen, word.similarity, word.confidence = pair.eye, pair.similarity, confidence
        word.shared = True
        word.seen_text = whole.text
        width = box.right - box.left
        left = box.left + round(cut.start * width)
        right = max(left + 1, box.left + round(cut.end * width))
        word.box = Box(left, box.top, right, box.bottom)


def _together(words: Sequence[SeenWord]) -> Box:
    """Around the parts of a word; of one that goes on in the next line, the longer part."""
    box = words[0].box
    if any(word.line != words[0].line for word in words):
        return max(words, key=lambda word: word.box.right - word.box.left).box
    for word in words[1:]:
        box = box.around(word.box)
    return box


class _Places:
    """Places for words without a like, by the ink that is left."""

    def __init__(self, overlay: Overlay) -> None:
        self._words = overlay.words
        self._seen = overlay.seen
        self._boxes = [word.box for word in overlay.words if word.box and len(word.seen) == 1]
        heights = [box.bottom - box.top for box in self._boxes]
        self._height = max(6.0, median(heights)) if heights else 0.0

    def find(self) -> None:
        """Give words a box where there is ink for them, and note where there is none."""
        if not self._boxes:
            return
        for start, stop in self._runs():
            run = [word for word in self._words[start:stop] if word.key]
            if run:
                self._place(start, stop, run)
        self._place_marks()

    def _runs(self) -> list[tuple[int, int]]:
        """Words without a like that follow each other."""
        runs: list[tuple[int, int]] = []
        for at, word in enumerate(self._words):
            if word.seen or not word.key:
                continue
            if runs and all(not w.seen for w in self._words[runs[-1][1] : at]):
                runs[-1] = (runs[-1][0], at + 1)
            else:
                runs.append((at, at + 1))
        return runs

    @cached_property
    def _left(self) -> NDArray[np.bool_]:
        """Ink that no paired word explains."""
        left = self._seen.ink.copy()
        for word in self._words:
            for at in word.seen:
                box = self._seen.words[at].box
                halo = round(_HALO * (box.bottom - box.top)) + 1
                left[
                    max(0, box.top - halo) : box.bottom + halo,
                    max(0, box.left - halo) : box.right + halo,
                ] = False
        return left

    @cached_property
    def _a_letter(self) -> float:
        """Dark pixels that a letter has, on this page: in its smaller print, if it has several."""
        inks, letters, heights = list[int](), list[int](), list[int]()
        for word in self._words:
            if word.box and word.similarity == 1 and not word.shared and len(word.seen) == 1:
                box = word.box
                inks.append(int(self._seen.ink[box.top : box.bottom, box.left : box.right].sum()))
                letters.append(len(word.key))
                heights.append(box.bottom - box.top)
        if not letters:
            return 0.0
        usual = float(np.average(np.square(heights), weights=letters))
        smaller = (_ONE_SIZE * float(np.quantile(heights, _FEW))) ** 2 / usual
        return sum(inks) / sum(letters) * min(1.0, smaller)

    def _place(self, start: int, stop: int, run: list[LaidWord]) -> None:
        before = next((w for w in reversed(self._words[:start]) if w.box), None)
        after = next((w for w in self._words[stop:] if w.box), None)
        rooms = self._rooms(before, after)
        wanted = self._a_letter * sum(len(word.key) for word in run)
        if not wanted:
            return
        found = [(self._ink(room), room) for room in rooms]
        total = sum(min(ink, _UNUSUAL_INK * wanted) for ink, _ in found)
        share = min(1.0, total / wanted)
        for word in run:
            word.ink = share
        _, room = max(found, default=(0, None), key=lambda each: each[0])
        if room and share >= ENOUGH_INK and room.bottom - room.top < 2 * self._height:
            self._divide(room, run)

    def _rooms(self, before: LaidWord | None, after: LaidWord | None) -> list[Box]:
        """Where words between these two may stand: on the line between them; or behind the one,
        before the other, and between their lines."""
        one = before.box if before else None
        other = after.box if after else None
        edges = self._edges(one or other)
        low = round(_HALO * self._height)
        if one and other and _is_level(one, other) and one.right <= other.left:
            top, bottom = min(one.top, other.top), max(one.bottom, other.bottom)
            return [Box(one.right, top - low, other.left, bottom + low)]
        rooms = []
        if one:
            rooms.append(Box(one.right, one.top - low, edges.right, one.bottom + low))
        if other:
            left = self._edges(other).left
            rooms.append(Box(left, other.top - low, other.left, other.bottom + low))
        top = one.bottom if one else edges.top
        bottom = other.top if other else edges.bottom
        if other and bottom < top:  # on it goes in another column
            bottom = edges.bottom
            rooms.append(Box(self._edges(other).left, 0, self._edges(other).right, other.top))
        if bottom - top >= _ROOM * self._height:
            rooms.append(Box(edges.left, top, edges.right, bottom))
        return [room for room in map(self._within, rooms) if room]

    def _edges(self, box: Box | None) -> Box:
        """As far as lines may reach that are above or below a word: around all words of its
        block."""
        height, width = self._seen.ink.shape
        if box is None:
            return Box(0, 0, width, height)
        block = next((w.block for w in self._seen.words if w.box == box), None)
        boxes = [w.box for w in self._seen.words if w.block == block]
        if block is None or not boxes:
            return Box(0, 0, width, height)
        slack = round(self._height)
        left = max(0, min(b.left for b in boxes) - slack)
        return Box(left, 0, min(width, max(b.right for b in boxes) + slack), height)

    def _within(self, box: Box) -> Box | None:
        height, width = self._seen.ink.shape
        cut = Box(max(0, box.left), max(0, box.top), min(width, box.right), min(height, box.bottom))
        return cut if cut.left < cut.right and cut.top < cut.bottom else None

    def _ink(self, room: Box) -> int:
        return int(self._left[room.top : room.bottom, room.left : room.right].sum())

    def _divide(self, room: Box, run: Sequence[LaidWord]) -> None:
        """Divide the ink of a room among words, by their letters."""
        ink = self._left[room.top : room.bottom, room.left : room.right]
        columns = np.flatnonzero(ink.any(0))
        rows = np.flatnonzero(ink.any(1))
        left, right = room.left + int(columns[0]), room.left + int(columns[-1]) + 1
        top, bottom = room.top + int(rows[0]), room.top + int(rows[-1]) + 1
        letters = sum(len(word.key) for word in run) + len(run) - 1
        at = 0
        for word in run:
            start = left + round((right - left) * at / letters)
            at += len(word.key)
            end = left + round((right - left) * at / letters)
            at += 1
            word.box = Box(start, top, max(start + 1, end), bottom)

    def _place_marks(self) -> None:
        """A mark such as a dash stands between the words beside it, where there is a gap."""
        for at, word in enumerate(self._words):
            if word.key or word.box or not 0 < at < len(self._words) - 1:
                continue
            one, other = self._words[at - 1].box, self._words[at + 1].box
            if one and other and _is_level(one, other) and one.right < other.left:
                word.box = Box(one.right, one.top, other.left, one.bottom)


def _is_level(one: Box, other: Box) -> bool:
    """Do two boxes stand on one line?"""
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    return overlap > 0.4 * min(one.bottom - one.top, other.bottom - other.top)
