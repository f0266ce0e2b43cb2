"""The tree of one page, made of its text and of what an eye saw."""

from collections.abc import Sequence

from pagewave.words.doubt import (
    chance,
    clarity_of,
    doubt_of,
    doubt_of_page,
    left_out_features,
    weights,
)
from pagewave.words.eyes import Eye, Seen
from pagewave.words.findings import findings_of
from pagewave.words.overlay import LaidWord, Overlay, lay
from pagewave.words.tree import Block, Line, PageTree, Source, Word

LEAST_CONFIDENCE = 0.3
"""What an eye saw with less, and no reading has, is a speck."""


def tree_of(
    key: str, text: str, seen: Seen, eye: Eye, *, reading_sha256: str, scan_sha256: str
) -> PageTree:
    """The tree of a page.

    Args:
        key: the page's.
        text: of its page file, a line for each that is printed; a blank one parts blocks.
        reading_sha256: of the page file's bytes, and `scan_sha256` of the scan's.
    """
    overlay = lay(text, seen)
    clarity = clarity_of(overlay)
    doubts = [doubt_of(word, clarity) for word in overlay.words]
    left_out = {
        at: round(chance(features, weights("left_out")), 3)
        for at, features in left_out_features(overlay).items()
        if seen.words[at].confidence >= LEAST_CONFIDENCE
    }
    return PageTree(
        key=key,
        width=seen.sheet.width,
        height=seen.sheet.height,
        language=eye.language,
        eye=eye.name,
        reading_sha256=reading_sha256,
        scan_sha256=scan_sha256,
        blocks=_Layout(overlay, doubts, left_out).blocks(),
        findings=tuple(findings_of(overlay)),
        doubt=doubt_of_page(doubts, list(left_out.values())),
    )


class _Layout:
    """Words gathered to lines and blocks as they are printed, in the order of the reading."""

    def __init__(
        self, overlay: Overlay, doubts: Sequence[float], left_out: dict[int, float]
    ) -> None:
        self._overlay = overlay
        self._seen = overlay.seen
        self._doubts = doubts
        self._left_out = left_out
        self._owner: dict[int, int] = {}
        for at, word in enumerate(overlay.words):
            for eye in word.seen:
                self._owner[eye] = at

    def blocks(self) -> tuple[Block, ...]:
        """All blocks of the page."""
        behind, pending = self._places_of_left_out()
        blocks: list[list[list[Word]]] = []

        def alone(runs: Sequence[Sequence[int]]) -> None:
            if runs and not blocks:
                blocks.append([])
            for eyes in runs:
                blocks[-1].append([self._of_eye(at) for at in eyes])

        here: int | None = None
        for number, line in enumerate(self._lines()):
            first = [eyes for eyes in pending if self._on_line(eyes[0], line)]
            alone([eyes for eyes in pending if eyes not in first])
            block = self._block_of(line)
            starts = self._overlay.words[line[0]].starts_block
            if number == 0 or starts or (block is not None and here is not None and block != here):
                blocks.append([])
            here = block if block is not None and (starts or block != here) else here
            words = [self._of_eye(at) for eyes in first for at in eyes]
            pending = []
            for at in line:
                words.append(self._word(at))
                for eyes in behind.get(at, []):
                    if self._on_line(eyes[0], line):
                        words += map(self._of_eye, eyes)
                    else:
                        pending.append(eyes)
            blocks[-1].append(words)
        alone(pending)
        return tuple(
            Block(lines=tuple(Line(words=tuple(words)) for words in block)) for block in blocks
        )

    def _lines(self) -> list[list[int]]:
        """Words of the reading by printed line: a line of it may be a whole paragraph."""
        lines: list[list[int]] = []
        edge = (-1, -1)
        for at, word in enumerate(self._overlay.words):
            placed = self._edge(word)
            begins = not lines or word.line != self._overlay.words[at - 1].line
            if begins or (placed and edge[0] >= 0 and _goes_down(edge, placed)):
                lines.append([])
                edge = (-1, -1)
            lines[-1].append(at)
            if placed:
                edge = placed[1], placed[3]
        return lines

    def _edge(self, word: LaidWord) -> tuple[int, int, int, int] | None:
        if not word.box or not word.seen:
            return None
        box = word.box
        return box.left, box.right, box.top, box.bottom

    def _block_of(self, line: Sequence[int]) -> int | None:
        """The eye's block that most words of a line are in."""
        blocks = [
            self._seen.words[self._overlay.words[at].seen[0]].block
            for at in line
            if self._overlay.words[at].seen
        ]
        return max(set(blocks), key=blocks.count) if blocks else None

    def _places_of_left_out(self) -> tuple[dict[int, list[list[int]]], list[list[int]]]:
        """The words that the eye alone saw, by line, behind which word of the reading they stand;
        and those before all of them."""
        behind: dict[int, list[list[int]]] = {}
        first: list[list[int]] = []
        last: int | None = None
        run: list[int] | None = None
        for at, word in enumerate(self._seen.words):
            if at in self._owner:
                last, run = self._owner[at], None
            elif at in self._left_out:
                if run is None or self._seen.words[run[-1]].line != word.line:
                    run = []
                    (first if last is None else behind.setdefault(last, [])).append(run)
                run.append(at)
        return behind, first

    def _on_line(self, eye: int, line: Sequence[int]) -> bool:
        """Does a word of the eye stand on the line of these words of the reading?"""
        here = self._seen.words[eye].line
        return any(
            self._seen.words[other].line == here
            for at in line
            for other in self._overlay.words[at].seen
        )

    def _word(self, at: int) -> Word:
        word = self._overlay.words[at]
        return Word(
            text=word.text,
            box=self._seen.sheet.in_scan(word.box) if word.box else None,
            source=Source.BOTH if word.seen else Source.READING,
            seen=word.seen_text,
            confidence=round(word.confidence, 3) if word.seen else None,
            doubt=self._doubts[at],
        )

    def _of_eye(self, at: int) -> Word:
        seen = self._seen.words[at]
        return Word(
            text=seen.text,
            box=self._seen.sheet.in_scan(seen.box),
            source=Source.EYE,
            seen=seen.text,
            confidence=seen.confidence,
            doubt=self._left_out[at],
        )


def _goes_down(edge: tuple[int, int], box: tuple[int, int, int, int]) -> bool:
    """Does a word stand below the one before it, and not to its right on the same line?

    Args:
        edge: right and bottom of the one before.
        box: left, right, top, bottom of the word.
    """
    left, _, top, bottom = box
    right_before, bottom_before = edge
    return left < right_before and (top + bottom) / 2 > bottom_before
