"""PDF to search and copy from: a file a book, each page its scan with its words behind it.

A page is as large as its scan says, or as at 300 pixels an inch. Pages that were not read are there
without words.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import StatisticsError, linear_regression

from PIL import Image

from pagewave.errors import DataError
from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.placed import PlacedLine, PlacedPage, pages_of
from pagewave.exports.searchable import HiddenWord, PdfPage, SearchablePdf
from pagewave.log import log
from pagewave.pages import scan_files
from pagewave.words.tree import Box

LONGEST_SIDE = 2400
"""Pixels of an image; a JPEG that has no more is taken as it is."""
QUALITY = 70
DPI = 300
"""Where a scan doesn't say it."""
GAP = 0.2
"""Between two words, of the line's height: poppler asks for 0.1."""
POINTS_PER_INCH = 72
UNKNOWN = "19700101000000"


class Pdf(Exporter):
    """`{state}/{school}/{year}.pdf`."""

    name = "pdf"
    suffixes = (".pdf",)
    per = "book"
    reads_words = True

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write one book."""
        [book] = books
        pages = list(pages_of(books, book))
        letters = {c for page in pages for line in page.lines for w in line.words for c in w.text}
        pdf = SearchablePdf(letters)
        scans = _Scans()
        for page in pages:
            if made := _page(page, scans):
                pdf.add(made)
        pdf.save(files[0], max(map(_moment, pages), default=UNKNOWN))


class _Scans:
    """Looks into scans, into each file once."""

    def __init__(self) -> None:
        self._leaves: dict[Path, list[scan_files.Leaf]] = {}

    def of(self, page: PlacedPage) -> tuple[bytes, scan_files.Leaf]:
        """A page's scan as a JPEG, and what is known of it; raises DataError."""
        file, number = page.scan.scan, max(page.scan.leaf, 1)
        if file not in self._leaves:
            self._leaves[file] = scan_files.leaves(file, DPI)
        leaf = self._leaves[file][number - 1]
        is_jpeg = page.scan.leaf == 0 and leaf.sendable and _is_jpeg(file)
        if is_jpeg and max(leaf.width, leaf.height) <= LONGEST_SIDE:
            return file.read_bytes(), leaf
        image = scan_files.load_to_look_at(file, number, DPI, LONGEST_SIDE)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        return _jpeg(image), leaf


def _is_jpeg(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(2) == b"\xff\xd8"


def _jpeg(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.convert("L" if image.mode in ("1", "L") else "RGB").save(content, "JPEG", quality=QUALITY)
    return content.getvalue()


def _page(page: PlacedPage, scans: _Scans) -> PdfPage | None:
    """A page; None where there is neither scan nor word."""
    image, leaf = None, None
    try:
        image, leaf = scans.of(page)
    except (DataError, OSError) as error:
        log.warning("exports: pdf: no picture of %s: %s", page.page.key, error)
    tree = page.tree
    if tree is None and leaf is None:
        return None
    width, height = (tree.width, tree.height) if tree else (leaf.width, leaf.height)  # type: ignore[union-attr]
    points = POINTS_PER_INCH / ((leaf.dpi if leaf else 0) or DPI)
    words = tuple(word for line in page.lines for word in _hidden(line, height, points))
    return PdfPage(width * points, height * points, image, words)


def _hidden(line: PlacedLine, page_height: int, points: float) -> Iterator[HiddenWord]:
    """The words of a line on one straight base, as programs take what jumps for another line."""
    boxes = [word.box for word in line.words]
    size = sorted(box.bottom - box.top for box in boxes)[len(boxes) // 2]
    try:
        slope, start = linear_regression(list(map(_middle, boxes)), [box.bottom for box in boxes])
    except StatisticsError:  # of one word, or of words in one place
        slope, start = 0.0, float(max(box.bottom for box in boxes))
    for word, behind in zip_longest(line.words, boxes[1:]):
        box = word.box
        width = float(box.right - box.left)
        # Where boxes touch, programs would take two words for one.
        if behind and behind.left > box.left:
            width = max(width / 2, min(width, behind.left - GAP * size - box.left))
        bottom = page_height - (start + slope * _middle(box))
        left, size_in_points = box.left * points, size * points
        yield HiddenWord(
            word.text, left, bottom * points, width * points, size_in_points, behind is not None
        )


def _middle(box: Box) -> float:
    return (box.left + box.right) / 2


def _moment(page: PlacedPage) -> str:
    """When it was read, as a PDF has it."""
    told = str(page.page.provenance.get("read_at", ""))
    digits = "".join(c for c in told.partition(".")[0].partition("+")[0] if c.isdecimal())
    return digits if len(digits) == len(UNKNOWN) else UNKNOWN
