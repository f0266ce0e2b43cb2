"""From the words of a page to type on a sheet: line breaks, positions, and the text as printed.

Only arithmetic over the table of letter widths: no fonts, no images. Lengths are pixels of the
finished page, about 200 to the inch of an octavo leaf of 5.5 x 8.6 in.
"""

from __future__ import annotations

from collections.abc import Iterable

from printed import (
    Catalog,
    Columns,
    Display,
    Item,
    Leader,
    Line,
    Paragraph,
    PrintedPage,
    Rule,
    Space,
)
from sheet import Block, Letters, Piece, Sheet, Stroke, Word, as_read, words_of
from type_metrics import Style, advance

PAGE_WIDTH, PAGE_HEIGHT = 1100, 1720
MARGIN = 120
TOP = 92
LOWEST = PAGE_HEIGHT - 110
"""Where the type should end; the leading may then fill up to 20 pixels more."""

COLUMN_GAP = 34
SMALL_CAP = 0.78
WORD_SPACE = 0.27

BODY_SIZES = range(30, 20, -1)
STRETCHES = (1.34, 1.28, 1.22, 1.16, 1.10, 1.05, 1.0)

# style: (size over body size, tracking, bold, space above, space below)
LINE_STYLES: dict[str, tuple[float, float, bool, float, float]] = {
    "h1": (1.50, 2.5, False, 4, 6),
    "h2": (1.12, 1.5, False, 8, 4),
    "h3": (0.96, 0, False, 3, 2),
    "bold": (1.05, 0, True, 6, 3),
}
# style: (size over body size, indent of the first line, of the others, space below)
PARAGRAPH_STYLES: dict[str, tuple[float, float, float, float]] = {
    "p": (1.0, 18, 0, 5),
    "hang": (1.0, 0, 26, 2),
    "item": (1.0, 26, 52, 1),
    "small": (0.84, 18, 0, 5),
}

_VOWELS = "aeiouy"


def typeset(catalog: Catalog, page: PrintedPage) -> Sheet:
    """Fill the page: the largest type, then the widest leading, with which the words fit.

    Raises ValueError when they don't fit at all.
    """
    if page.number is None:
        return _Compositor(catalog, page, catalog.body_size, 1.0).sheet

    def end(size: float, stretch: float) -> float:
        return _Compositor(catalog, page, size, stretch).end

    size = next((size for size in BODY_SIZES if end(size, 1.0) <= LOWEST), None)
    if size is None:
        raise ValueError(f"{catalog.school}, page {page.number}: too many words for a page")
    stretch = next(stretch for stretch in STRETCHES if end(size, stretch) <= LOWEST + 20)
    return _Compositor(catalog, page, size, stretch).sheet


class _Compositor:
    """Sets one page at one size and leading; `end` is where its type ends."""

    def __init__(self, catalog: Catalog, page: PrintedPage, body: float, stretch: float) -> None:
        self.sheet = Sheet(catalog.face)
        self.body = body
        self.stretch = stretch
        width = PAGE_WIDTH - 2.0 * MARGIN
        y: float = TOP
        if page.number is not None:
            y = self.running_head(catalog.running_head, page.number, width)
        self.end = self.flow(page.body.items, MARGIN, width, y)

    # -- words ----------------------------------------------------------------

    def runs(self, word: Word, size: float, bold: bool) -> list[tuple[str, Style, float]]:
        runs: list[tuple[str, Style, float]] = []
        for piece in word:
            style: Style = "bold" if bold and piece.style == "roman" else piece.style
            if not piece.small_caps:
                runs.append((piece.text, style, size))
                continue
            runs.append((piece.text[:1].upper(), style, size))
            if piece.text[1:]:
                runs.append((piece.text[1:].upper(), style, size * SMALL_CAP))
        return runs

    def width(self, word: Word, size: float, bold: bool = False, tracking: float = 0) -> float:
        return sum(
            advance(self.sheet.face, style, c) * run_size + tracking
            for text, style, run_size in self.runs(word, size, bold)
            for c in text
        )

    def widths(
        self, words: list[Word], size: float, gap: float, bold: bool = False, tracking: float = 0
    ) -> float:
        total = sum(self.width(w, size, bold, tracking) for w in words)
        return total + gap * (len(words) - 1)

    def put(
        self,
        x: float,
        baseline: float,
        word: Word,
        size: float,
        bold: bool = False,
        tracking: float = 0,
    ) -> float:
        """Set a word; returns where it ends."""
        letters = []
        for text, style, run_size in self.runs(word, size, bold):
            places = []
            for c in text:
                places.append(x)
                x += advance(self.sheet.face, style, c) * run_size + tracking
            letters.append(Letters(tuple(places), baseline, text, style, run_size))
        self.sheet.words.append(letters)
        return x

    def start(self, kind: str) -> None:
        self.sheet.blocks.append(Block(kind))

    def note(self, text: str) -> None:
        self.sheet.blocks[-1].lines.append(text)

    # -- lines and paragraphs -------------------------------------------------

    def running_head(self, head: str, number: int, width: float) -> float:
        self.start("header")
        words = words_of(head)
        x = MARGIN + (width - self.widths(words, 21, 8, tracking=2.5)) / 2
        for word in words:
            x = self.put(x, TOP + 20, word, 21, tracking=2.5) + 8
        folio: Word = (Piece(str(number), "roman"),)
        even = number % 2 == 0
        self.put(MARGIN if even else MARGIN + width - self.width(folio, 23), TOP + 20, folio, 23)
        self.note(f"{number} {head}" if even else f"{head} {number}")
        return self.rule(Rule("thin"), MARGIN, width, TOP + 26) + 12

    def centered(
        self, y: float, text: str, size: float, x: float, width: float, bold: bool, tracking: float
    ) -> float:
        words = words_of(text)

        def gap() -> float:
            return size * 0.30 + tracking

        while self.widths(words, size, gap(), bold, tracking) > width and size > 10:
            size *= 0.96
            tracking *= 0.9
        self.start("heading")
        at = x + (width - self.widths(words, size, gap(), bold, tracking)) / 2
        for word in words:
            at = self.put(at, y + size * 0.9, word, size, bold, tracking) + gap()
        self.note(as_read(words))
        return y + size * 1.36 * self.stretch

    def paragraph(
        self, y: float, text: str, size: float, x: float, width: float, indents: tuple[float, float]
    ) -> float:
        self.start("paragraph")
        words = words_of(text)
        indent, hang = indents
        while words:
            line, words = self.break_line(words, size, width - indent)
            self.set_line(line, x + indent, y + size * 0.9, width - indent, size, bool(words))
            y += size * 1.27 * self.stretch
            indent = hang
        return y

    def break_line(
        self, words: list[Word], size: float, width: float
    ) -> tuple[list[Word], list[Word]]:
        """The words that fit on a line, the last perhaps divided, and those that are left."""
        gap = size * WORD_SPACE
        line: list[Word] = []
        used = 0.0
        for number, word in enumerate(words):
            wide = self.width(word, size)
            if line and used + wide + gap * 0.82 * len(line) > width:
                parts = self.divide(word, size, width - used - gap * len(line))
                if parts is None:
                    return line, words[number:]
                return [*line, parts[0]], [parts[1], *words[number + 1 :]]
            line.append(word)
            used += wide
        return line, []

    def divide(self, word: Word, size: float, room: float) -> tuple[Word, Word] | None:
        """A long roman word cut before a consonant, where that saves a wide gap."""
        text = word[0].text
        plain = len(word) == 1 and word[0].style == "roman" and not word[0].small_caps
        if room <= size * 2.2 or not plain or len(text) <= 7 or not text.isalpha():
            return None
        for cut in range(len(text) - 3, 2, -1):
            if text[cut - 1] in _VOWELS or text[cut] not in _VOWELS or cut < 4:
                continue
            head: Word = (Piece(text[: cut - 1] + "-", "roman"),)
            if self.width(head, size) <= room:
                return head, (Piece(text[cut - 1 :], "roman"),)
        return None

    def set_line(
        self, words: list[Word], x: float, baseline: float, width: float, size: float, justify: bool
    ) -> None:
        gap = size * WORD_SPACE
        if len(words) > 1:
            fitting = (width - self.widths(words, size, 0)) / (len(words) - 1)
            gap = min(fitting, size * 0.80 if justify else gap)
        for word in words:
            x = self.put(x, baseline, word, size) + gap
        self.note(as_read(words))

    def leader(self, y: float, item: Leader, size: float, x: float, width: float) -> float:
        left, right = words_of(item.left), words_of(item.right)
        gap, step = size * WORD_SPACE, size * 0.62
        baseline = y + size * 0.9
        right_x = x + width - self.widths(right, size, gap)
        for word in left:
            x = self.put(x, baseline, word, size) + gap
        at = right_x - gap * 1.2 - step
        while at > x:
            self.put(at, baseline, (Piece(".", "roman"),), size)
            at -= step
        for word in right:
            right_x = self.put(right_x, baseline, word, size) + gap
        if self.sheet.blocks[-1].kind != "table":
            self.start("table")
        self.note(f"{as_read(left)} ... {as_read(right)}")
        return y + size * 1.3 * self.stretch

    def rule(self, rule: Rule, x: float, width: float, y: float) -> float:
        middle, at, half = x + width / 2, y + 8, width * 0.10
        if rule.kind == "swell":
            points = ((middle - half, at), (middle, at - 2), (middle + half, at), (middle, at + 2))
            self.sheet.strokes.append(Stroke(points))
            return y + 20
        self.sheet.strokes.append(
            Stroke(((x, at), (x + width, at)), 2.5 if rule.kind == "double" else 1.5)
        )
        if rule.kind == "double":
            self.sheet.strokes.append(Stroke(((x, at + 5), (x + width, at + 5))))
        return y + 20

    def columns(self, item: Columns, x: float, width: float, y: float) -> float:
        column = (width - COLUMN_GAP) / 2
        end = max(
            self.flow(item.left, x, column, y),
            self.flow(item.right, x + column + COLUMN_GAP, column, y),
        )
        middle = x + width / 2
        self.sheet.strokes.append(Stroke(((middle, y + 6), (middle, end - 4))))
        return end

    def flow(self, items: Iterable[Item], x: float, width: float, y: float) -> float:
        """Set items one under the other; returns where the last one ends."""
        for item in items:
            y = self.set_item(item, x, width, y)
        return y

    def set_item(self, item: Item, x: float, width: float, y: float) -> float:
        match item:
            case Space():
                return y + item.height
            case Line():
                scale, tracking, bold, above, below = LINE_STYLES[item.style]
                size = self.body * scale
                return self.centered(y + above, item.text, size, x, width, bold, tracking) + below
            case Display():
                end = self.centered(y, item.text, item.size, x, width, item.bold, item.tracking)
                return end + 8
            case Paragraph():
                scale, indent, hang, below = PARAGRAPH_STYLES[item.style]
                size = self.body * scale
                return self.paragraph(y, item.text, size, x, width, (indent, hang)) + below
            case Leader():
                return self.leader(y, item, self.body, x, width)
            case Rule():
                return self.rule(item, x, width, y)
            case Columns():
                return self.columns(item, x, width, y)
