"""Faults larger than a word: lines left out, made up, doubled, of another page.

What a page by itself shows, its reading laid over what an eye saw, is found first. Then the pages
of its book say where lines come from that don't stand on it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import mean

from rapidfuzz import fuzz

from pagewave.words.folding import key_of
from pagewave.words.overlay import ENOUGH_INK, LaidWord, Overlay
from pagewave.words.tree import Box, Finding, Kind, Line, PageTree, Source

LEAST_WORDS = 3
"""Fewer in a row are doubtful words and no finding."""
_LEAST_LETTERS = 8
_LEFT_OUT_SHARE = 0.6
"""Of a line's letters, those that no reading has."""
_SURE = 0.62
"""Mean confidence of a line from which on it is print and no stain."""
_SAME = 82.0
"""Of 100: how alike lines are of which one is the other."""
_FOREIGN_WORDS, _FOREIGN_SAME, _FOREIGN_HERE = 15, 0.35, 0.5
"""A reading of so many words is of another page if so many of its pairs of words are seen there,
and of them no more than so many here."""
_TWICE = 0.9
"""Pages of which so many pairs of words are the same are one, scanned twice."""


def findings_of(overlay: Overlay) -> list[Finding]:
    """What a page by itself shows."""
    return [*_without_ink(overlay), *_left_out(overlay)]


def _without_ink(overlay: Overlay) -> list[Finding]:
    """Runs of words that don't stand on the page: doubled where the page has them once."""
    lines: dict[int, list[LaidWord]] = {}
    for word in overlay.words:
        lines.setdefault(word.line, []).append(word)
    known = {
        number: " ".join(word.key for word in words if word.key)
        for number, words in lines.items()
        if sum(bool(word.seen) for word in words if word.key) * 2 >= len(words)
    }
    found: list[Finding] = []
    for run in _runs(overlay.words):
        for number in sorted({word.line for word in run}):
            words = [word for word in run if word.line == number]
            keys = [word.key for word in words if word.key]
            if len(keys) < LEAST_WORDS:
                continue
            text, joined = " ".join(word.text for word in words), " ".join(keys)
            doubled = len(joined) >= _LEAST_LETTERS and any(
                _is_within(joined, line) for other, line in known.items() if other != number
            )
            found.append(Finding(kind=Kind.DOUBLED if doubled else Kind.INVENTED, text=text))
    return found


def _runs(words: Sequence[LaidWord]) -> list[list[LaidWord]]:
    """Words without ink that follow each other; a word or two among them may have been paired by
    chance."""
    runs: list[list[LaidWord]] = [[]]
    spare = 0
    for word in words:
        if word.key and not word.seen and word.ink < ENOUGH_INK:
            runs[-1].append(word)
            spare = 0
        elif not word.key or (runs[-1] and spare < 1 and word.similarity < 1):
            spare += bool(word.key)
            if runs[-1]:
                runs[-1].append(word)
        else:
            runs.append([])
            spare = 0
    found = []
    for run in runs:
        while run and (run[-1].seen or not run[-1].key):
            run.pop()
        if sum(bool(word.key) for word in run) >= LEAST_WORDS:
            found.append(run)
    return found


def _left_out(overlay: Overlay) -> list[Finding]:
    """Lines that the eye saw and the reading lacks."""
    words, lacking = overlay.seen.words, set(overlay.lacking)
    lines: dict[int, list[int]] = {}
    for at, word in enumerate(words):
        if key_of(word.text):
            lines.setdefault(word.line, []).append(at)
    garbled = [word.box for word in overlay.words if word.box and word.key and not word.seen]
    found: list[Finding] = []
    for line in lines.values():
        alone = [at for at in line if at in lacking]
        letters = sum(len(key_of(words[at].text)) for at in alone)
        whole = sum(len(key_of(words[at].text)) for at in line)
        if len(alone) < LEAST_WORDS or letters < _LEAST_LETTERS:
            continue
        if letters < _LEFT_OUT_SHARE * whole or mean(words[at].confidence for at in alone) < _SURE:
            continue
        box = words[alone[0]].box
        for at in alone[1:]:
            box = box.around(words[at].box)
        if sum(_meet(box, other) for other in garbled) * 2 >= len(alone):
            continue  # it is there, and the eye read it badly
        text = " ".join(words[at].text for at in alone)
        found.append(Finding(kind=Kind.LEFT_OUT, text=text, box=overlay.seen.sheet.in_scan(box)))
    return found


def _meet(one: Box, other: Box) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across > 0 and down > 0.4 * min(one.bottom - one.top, other.bottom - other.top)


def _is_within(text: str, line: str) -> bool:
    """Is a text the line, or a part of it?"""
    if len(text) > 1.25 * len(line):
        return False
    return fuzz.partial_ratio(text, line) >= _SAME


# Of a book


def with_the_book(trees: Mapping[str, PageTree]) -> dict[str, PageTree]:
    """The pages of a book with what only all of them together show.

    A function of the trees as they are, with or without what it found before.

    Args:
        trees: by the keys of their pages, in the order of the book.
    """
    pages = {key: _Pages(tree) for key, tree in trees.items()}
    return {
        key: tree.model_copy(update={"findings": tuple(_of_book(key, pages))})
        for key, tree in trees.items()
    }


class _Pages:
    """What of a page is compared with others."""

    def __init__(self, tree: PageTree) -> None:
        self.tree = tree
        lines = list(tree.lines())
        self.reading = [_joined(line, Source.EYE) for line in lines]
        self.seen = [_seen(line) for line in lines]
        self.read_pairs = _pairs(self.reading)
        self.seen_pairs = _pairs(self.seen)
        words = [w for w in tree.words() if w.source != Source.EYE and key_of(w.text)]
        self.count = len(words)


def _of_book(key: str, pages: Mapping[str, _Pages]) -> list[Finding]:
    page = pages[key]
    own = [
        f for f in page.tree.findings if not (f.kind in (Kind.WRONG_PAGE, Kind.DOUBLED) and f.other)
    ]
    others = {name: other for name, other in pages.items() if name != key}
    whole: list[Finding] = []
    if page.count >= _FOREIGN_WORDS:
        shares = {name: _share(page.read_pairs, other.seen_pairs) for name, other in others.items()}
        best = max(shares, key=lambda name: shares[name], default=None)
        here = _share(page.read_pairs, page.seen_pairs)
        if best is not None and shares[best] >= _TWICE * here and shares[best] >= _FOREIGN_SAME:
            text = "\n".join(_said(page))
            if here <= _FOREIGN_HERE * shares[best]:
                whole.append(Finding(kind=Kind.WRONG_PAGE, text=text, other=best))
            elif _share(pages[best].read_pairs, page.read_pairs) >= _TWICE:
                whole.append(Finding(kind=Kind.DOUBLED, text=text, other=best))
    return [*whole, *(_placed(finding, key, pages) for finding in own)]


def _placed(finding: Finding, key: str, pages: Mapping[str, _Pages]) -> Finding:
    """A line that doesn't stand on its page, with the page beside it on which it stands."""
    if finding.kind not in (Kind.INVENTED, Kind.PAST_THE_LEAF):
        return finding
    text = " ".join(filter(None, map(key_of, finding.text.split())))
    names = list(pages)
    at = names.index(key)
    for name in names[at + 1 : at + 3] + names[max(0, at - 2) : at][::-1]:
        if len(text) >= _LEAST_LETTERS and any(_is_within(text, line) for line in pages[name].seen):
            return finding.model_copy(update={"kind": Kind.PAST_THE_LEAF, "other": name})
    return finding.model_copy(update={"kind": Kind.INVENTED, "other": None})


def _joined(line: Line, without: Source) -> str:
    words = (key_of(word.text) for word in line.words if word.source != without)
    return " ".join(filter(None, words))


def _seen(line: Line) -> str:
    """What the eye saw of a line."""
    texts = (word.text if word.source == Source.EYE else word.seen or "" for word in line.words)
    return " ".join(filter(None, (key_of(text) for text in texts)))


def _said(page: _Pages) -> Iterable[str]:
    return filter(None, (line.text for line in page.tree.lines()))


def _pairs(lines: Sequence[str]) -> set[tuple[str, str]]:
    """Words that follow each other, of all lines."""
    return {pair for line in lines for pair in pairwise(line.split())}


def _share(of: set[tuple[str, str]], other: set[tuple[str, str]]) -> float:
    return len(of & other) / len(of) if of else 0.0
