"""Trees of the sample's pages, made of truth and generator: what a perfect pair of eyes would see.

Boxes are where the generator sets the words, before its camera bends and turns the leaf: on the
scans they are off by some pixels.
"""

import hashlib
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from helpers.sample import SAMPLE, TRUTH
from pagewave.words.tree import Block, Box, Line, PageTree, Source, Word

WIDTH, HEIGHT = 1100, 1720
ASCENT, DESCENT = 0.75, 0.22
"""Of the size of the type, above and below its line."""
DOUBT = 0.01


@cache
def sample_trees() -> dict[str, PageTree]:
    """The trees of all pages of the sample, by key."""
    return {tree.key: tree for tree in _trees()}


def trees_of(book_id: str) -> list[PageTree]:
    """The trees of a book such as `Vermont/Linden Grove Academy/1866`, in order."""
    begin = book_id.replace("/", ":") + ":"
    return [tree for key, tree in sample_trees().items() if key.startswith(begin)]


def write_trees(folder: Path, trees: Iterable[PageTree]) -> None:
    """Write trees of pages as the rule does, `folder` being `paths.words_dir`."""
    for tree in trees:
        file = folder / f"{tree.key.replace(':', '/')}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        tree.write(file)


def in_old_type(tree: PageTree) -> PageTree:
    """The same page as an older printer would have set it: the long s within words, ligatures."""

    def old(text: str) -> str:
        text = re.sub(r"s(?=[a-z])", "\u017f", text)
        return text.replace("ffi", "ﬃ").replace("fi", "ﬁ").replace("fl", "ﬂ")

    def word(each: Word) -> Word:
        return each.model_copy(update={"text": old(each.text)})

    def line(each: Line) -> Line:
        return Line(words=tuple(map(word, each.words)))

    blocks = tuple(Block(lines=tuple(map(line, b.lines)), kind=b.kind) for b in tree.blocks)
    return tree.model_copy(update={"blocks": blocks})


def placed_word(text: str, *box: int, source: Source = Source.BOTH) -> Word:
    """A word, with the place of these four numbers or with none."""
    return Word(text=text, box=Box(*box) if box else None, source=source, doubt=0.5)


def _trees() -> list[PageTree]:
    generator = str(SAMPLE / "generator")
    sys.path.insert(0, generator)
    try:
        from books import BOOKS  # type: ignore[import-not-found]
        from typesetting import typeset  # type: ignore[import-not-found]
    finally:
        sys.path.remove(generator)
    return [
        _tree(f"{catalog.state}/{catalog.school}/{catalog.year}/{number}", typeset(catalog, page))
        for catalog in BOOKS
        for number, page in enumerate(catalog.pages, 1)
    ]


def _tree(name: str, sheet: Any) -> PageTree:
    left = [("".join(letters.text for letters in word), word) for word in sheet.words]

    def word(text: str) -> Word:
        # A page's number may be set after its running head and read before it.
        at = next((i for i, (set_text, _) in enumerate(left) if set_text == text), None)
        # A leader is many dots on the sheet and three in the text: it has no place.
        box = None if at is None else _box(left.pop(at)[1])
        return Word(text=text, box=box, source=Source.BOTH, seen=text, confidence=0.95, doubt=DOUBT)

    def line(text: str) -> Line:
        return Line(words=tuple(word(each) for each in text.split()))

    return PageTree(
        key=name.replace("/", ":"),
        width=WIDTH,
        height=HEIGHT,
        language="eng",
        eye="the generator",
        reading_sha256=_sha256(TRUTH / f"{name}.json"),
        scan_sha256=_sha256(SAMPLE / "images" / f"{name}.jpg"),
        blocks=tuple(Block(lines=tuple(map(line, b.lines)), kind=b.kind) for b in sheet.blocks),
        doubt=DOUBT,
    )


def _box(word: Any) -> Box:
    last = word[-1]
    wide = 0.55 * last.size  # of the last letter
    return Box(
        round(word[0].places[0]),
        round(min(letters.baseline - ASCENT * letters.size for letters in word)),
        round(last.places[-1] + wide),
        round(max(letters.baseline + DESCENT * letters.size for letters in word)),
    )


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
