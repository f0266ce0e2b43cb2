"""PDF to search and copy from: a file a book, each page its scan with its words behind it.

A page is as large as its scan says, or as at 300 pixels an inch. Pages that were not read are there
without words.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import StatisticsError, linear_regression

from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.placed import PlacedLine, PlacedPage, pages_of
from pagewave.exports.scan_pictures import DPI, ScanPictures
from pagewave.exports.searchable import HiddenWord, PdfPage, SearchablePdf
from pagewave.words.tree import Box

GAP = 0.2
"""Between two words, of the line's height: poppler asks for 0.1."""
HIGHEST = 3
"""How much higher than its letters are wide a line may be, on average; print has about 2."""
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
        scans = ScanPictures("pdf")
        for page in pages:
            if made := _page(page, scans):
                pdf.add(made)
        pdf.save(files[0], max(map(_moment, pages), default=UNKNOWN))


def _page(page: PlacedPage, scans: ScanPictures) -> PdfPage | None:
    """A page; None where there is neither scan nor word."""
    picture, tree = scans.of(page), page.tree
    if tree:
        width, height = tree.width, tree.height
    elif picture:
        width, height = picture.scan.width, picture.scan.height
    else:
        return None
    points = POINTS_PER_INCH / ((picture.scan.dpi if picture else 0) or DPI)
    words = tuple(word for line in page.lines for word in _hidden(line, height, points))
    return PdfPage(width * points, height * points, picture.jpeg if picture else None, words)


def _hidden(line: PlacedLine, page_height: int, points: float) -> Iterator[HiddenWord]:
    """The words of a line on one straight base, as programs take what jumps for another line."""
    boxes = [word.box for word in line.words]
    # Words without a place may be crammed: no letter is that narrow, and gaps go by the size.
    letters = sum(len(word.text) + 1 for word in line.words)
    most = HIGHEST * (line.box.right - line.box.left) / letters
    size = min(sorted(box.bottom - box.top for box in boxes)[len(boxes) // 2], most)
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
