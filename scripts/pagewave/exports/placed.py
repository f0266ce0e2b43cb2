"""A page as formats of libraries want it: every word of the reading with a place, the divided ones
with what they are whole.

What only the engine saw is in no format. A word without a place of its own is given the room
between its neighbours, where it must stand if it is on the page at all, and is marked.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from statistics import median_low

import pagewave
from pagewave.characters import clean
from pagewave.errors import DataError
from pagewave.exports.content import Book, Books, Page
from pagewave.exports.divided_words import Joiner
from pagewave.pages.dataset import Page as PageOfBook
from pagewave.words.tree import Box, Line, PageTree, Source, how_to_make_book

LINES = 40
"""On a page of which no line has a place."""


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word of the reading. `is_known`: its box was found, and not only the room that is left.

    `whole`: of a word that is divided at a line's end, what it is in one; `is_first`: is it the
    part before the hyphen?
    """

    text: str
    box: Box
    is_known: bool
    doubt: float
    whole: str | None = None
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A printed line."""

    words: tuple[PlacedWord, ...]
    box: Box

    @property
    def text(self) -> str:
        """Its words with a space between each two."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """Lines that belong together."""

    lines: tuple[PlacedLine, ...]
    kind: str | None

    @property
    def box(self) -> Box:
        """Around all of its lines."""
        box = self.lines[0].box
        for line in self.lines[1:]:
            box = box.around(line.box)
        return box


@dataclass(frozen=True, slots=True)
class PlacedPage:
    """A page of a book: what may be told of it, its scan, and its words in reading order.

    `tree` is None where nobody knows its words: it was not read, or its scan can't be.
    """

    page: Page
    scan: PageOfBook
    tree: PageTree | None
    blocks: tuple[PlacedBlock, ...] = ()

    @property
    def name(self) -> str:
        """Its file's name in every tree, without suffix."""
        return self.scan.stem

    @property
    def lines(self) -> Iterator[PlacedLine]:
        """All lines in reading order."""
        for block in self.blocks:
            yield from block.lines

    @property
    def language(self) -> str | None:
        """Its first language as XML has it, such as eng; None where the engine has another name."""
        first = self.tree.language.partition("+")[0] if self.tree else ""
        return first.replace("_", "-") if re.fullmatch(r"[a-z]{3}(_[A-Za-z]+)?", first) else None

    def steps(self) -> Iterator[tuple[str, dict[str, str]]]:
        """What was done to have its words: a name, `what`, by `who`, and `when` if that is known.

        Only of a page that has a tree.
        """
        told, corrected_at = self.page.provenance, self.page.correction.get("corrected_at")
        read = {"what": "words read", "who": self.page.model_served or "the embedded reader"}
        yield "reading", read | ({"when": str(told["read_at"])} if told.get("read_at") else {})
        if self.page.corrected:
            by = {"what": "words corrected", "who": "a person"}
            yield "correction", by | ({"when": str(corrected_at)} if corrected_at else {})
        eye = self.tree.eye if self.tree else ""
        yield "places", {"what": "places of words found", "who": eye}
        version = pagewave.__version__
        yield "writing", {"what": "this file written", "who": "pagewave", "version": version}


def pages_of(books: Books, book: Book) -> Iterator[PlacedPage]:
    """The pages of a book, one after another.

    Raises:
        DataError: it isn't known where words stand, or a file that says so can't be read.
    """
    assert books.words is not None  # exports.py gives it
    found = 0
    for page in book.pages:
        scan = books.scan(page.key)
        file = books.words / f"{scan.name}.json"
        tree = PageTree.read_if_there(file) if page.answer else None
        found += tree is not None
        blocks = place_words(tree, book.joiner) if tree else ()
        yield PlacedPage(page, scan, tree, blocks)
    if not found and any(page.answer for page in book.pages):
        raise DataError(
            f"Where the words of {book.id} stand is in no file of {books.words}. To have it made: "
            + how_to_make_book(books.words / book.id)
        )


def place_words(tree: PageTree, joiner: Joiner) -> tuple[PlacedBlock, ...]:
    """The blocks of a page; those that the reading has no word of are left out."""
    blocks = [
        (block.kind, found)
        for block in tree.blocks
        if (found := [read for line in block.lines if (read := _of_reading(line))])
    ]
    lines = [line for _, found in blocks for line in found]
    placed = iter(_joined(_placed(lines, tree), joiner))
    return tuple(PlacedBlock(tuple(next(placed) for _ in found), kind) for kind, found in blocks)


def _of_reading(line: Line) -> list[tuple[str, Box | None, float]]:
    return [
        (clean(word.text), word.box, word.doubt)
        for word in line.words
        if word.source != Source.EYE and word.text
    ]


def _placed(
    lines: Sequence[list[tuple[str, Box | None, float]]], tree: PageTree
) -> Iterator[PlacedLine]:
    page = Box(0, 0, tree.width, tree.height)
    known = [[_within(box, page) for _, box, _ in line] for line in lines]
    around = _rooms([_around(boxes) for boxes in known], page)
    for line, boxes, room in zip(lines, known, around, strict=True):
        places = _fill(boxes, [len(text) for text, _, _ in line], room)
        words = tuple(
            PlacedWord(text, place, box is not None, doubt)
            for (text, _, doubt), box, place in zip(line, boxes, places, strict=True)
        )
        yield PlacedLine(words, _around([word.box for word in words]) or room)


def _within(box: Box | None, page: Box) -> Box | None:
    """What of it is on the page; None where nothing is."""
    if box is None:
        return None
    left, right = max(box.left, 0), min(box.right, page.right)
    top, bottom = max(box.top, 0), min(box.bottom, page.bottom)
    return Box(left, top, right, bottom) if left < right and top < bottom else None


def _around(boxes: Sequence[Box | None]) -> Box | None:
    whole: Box | None = None
    for box in filter(None, boxes):
        whole = whole.around(box) if whole else box
    return whole


def _rooms(boxes: Sequence[Box | None], page: Box) -> list[Box]:
    """Of each line its box, or its share of the room between the lines before and behind it."""
    rooms: list[Box] = []
    heights = [box.bottom - box.top for box in boxes if box]
    usual = median_low(heights) if heights else max(1, page.bottom // LINES)
    for is_known, run in groupby(enumerate(boxes), key=lambda each: each[1] is not None):
        places = list(run)
        if is_known:
            rooms += [box for _, box in places if box]
            continue
        first, last = places[0][0], places[-1][0]
        before = boxes[first - 1] if first else None
        behind = boxes[last + 1] if last + 1 < len(boxes) else None
        sides = _around([before, behind]) or page
        top = before.bottom if before else 0
        # Behind a column the next line stands at the top of the page: then what is below is left.
        bottom = behind.top if behind and behind.top > top else page.bottom
        for start, end in _shares(top, bottom, [1] * len(places), page.bottom):
            # It is no higher than others are, however much room there is.
            rooms.append(Box(sides.left, start, sides.right, min(end, start + usual)))
    return rooms


def _fill(boxes: Sequence[Box | None], lengths: Sequence[int], room: Box) -> list[Box]:
    """Of each word its box, or its share of the room between its neighbours."""
    places: list[Box] = []
    for is_known, run in groupby(enumerate(boxes), key=lambda each: each[1] is not None):
        some = list(run)
        if is_known:
            places += [box for _, box in some if box]
            continue
        first, last = some[0][0], some[-1][0]
        before = boxes[first - 1] if first else None
        behind = boxes[last + 1] if last + 1 < len(boxes) else None
        left = before.right if before else room.left
        right = behind.left if behind else room.right
        shares = _shares(left, right, lengths[first : last + 1], room.right)
        places += [Box(start, room.top, end, room.bottom) for start, end in shares]
    return places


def _shares(start: int, end: int, weights: Sequence[int], most: int) -> list[tuple[int, int]]:
    """A length divided by weight; each part has a pixel at least, and none ends behind `most`."""
    whole, length = sum(weights), max(0, end - start)
    edges = [start + length * sum_ // whole for sum_ in (0, *accumulate(weights))]
    begins = [min(edge, most - 1) for edge in edges[:-1]]
    return [(begin, max(begin + 1, edge)) for begin, edge in zip(begins, edges[1:], strict=True)]


def _joined(lines: Iterator[PlacedLine], joiner: Joiner) -> list[PlacedLine]:
    """The lines, of each word that goes on in the next line both parts told what it is whole."""
    joined = list(lines)
    for number, following in enumerate(joined[1:]):
        last, first = joined[number].words[-1], following.words[0]
        whole = joiner.whole(last.text, first.text)
        if whole is None:
            continue
        last, first = replace(last, whole=whole, is_first=True), replace(first, whole=whole)
        joined[number] = replace(joined[number], words=(*joined[number].words[:-1], last))
        joined[number + 1] = replace(following, words=(first, *following.words[1:]))
    return joined
