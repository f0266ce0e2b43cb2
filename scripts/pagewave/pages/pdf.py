"""Pages of a PDF file, by PDFium: how large they are, and what they look like."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from pagewave.errors import DataError
from pagewave.pages.image_files import is_too_large, too_large

POINTS_PER_INCH = 72
"""A PDF's own unit is the point."""

SCAN_SHARE = 0.8
"""A page whose images cover this share of it, with no text to be seen on them, is a scan."""

INVISIBLE = 3
"""The way in which recognised text is laid over a scan (ISO 32000-1, table 106)."""

NOT_ONE_TOO_MANY = 0.5
"""Taken off a number of pixels, as PDFium rounds up: no scan is blurred for one pixel more."""

_ONE_AT_A_TIME = threading.Lock()
"""PDFium keeps state of its own and must not be called by two threads at once."""


def count(path: Path) -> int:
    """How many pages a PDF has; raises DataError when it is broken or encrypted."""
    with _opened(path) as document:
        return len(document)


def sizes(path: Path, dpi: int) -> list[tuple[int, int] | str]:
    """Width and height in pixels of every page as it would be drawn, or why it can't be.

    Args:
        dpi: pixels per inch; a page that is one scan never gets more than the scan has.

    Raises:
        DataError: the file is broken or encrypted.
    """
    with _opened(path) as document:
        return [_size(document, index, dpi) for index in range(len(document))]


def render(path: Path, number: int, dpi: int, longest_side: int | None) -> Image.Image:
    """Draw a page.

    Args:
        number: the page's, from 1.
        dpi: as for `sizes`.
        longest_side: pixels that its longer side has at most; None: no limit.

    Raises:
        DataError: the file is broken or encrypted, the page too.
    """
    with _opened(path) as document:
        if number > len(document):
            raise DataError(f"{path}: has no page {number}")
        page = _page(document, number - 1)
        if isinstance(page, str):
            raise DataError(f"{path}, page {number}: {page}")
        scale = _scale(page, dpi)
        longest = max(page.get_size())
        if longest_side:
            scale = min(scale, (longest_side - NOT_ONE_TOO_MANY) / longest)
        width, height = _pixels(page, scale)
        if is_too_large(width, height):
            raise DataError(f"{path}, page {number}: {too_large()}")
        image = page.render(scale=scale, rev_byteorder=True).to_pil()
        assert isinstance(image, Image.Image)
        return image.copy()  # the bitmap's memory goes with the document


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The document, for the one thread that may call PDFium; its errors as DataErrors.

    That the file can be read at all `image_files.opened` has seen before.
    """
    import pypdfium2  # here, as most data sets have no PDF and its import takes 0.3 s

    with _ONE_AT_A_TIME:
        try:
            document = pypdfium2.PdfDocument(path)
            try:
                yield document
            finally:
                document.close()
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise DataError(
                    f"{path}: is encrypted; save a copy without a password in its place"
                ) from None
            raise DataError(f"{path}: is a broken PDF ({error}); put it there again") from None


def _size(document: Any, index: int, dpi: int) -> tuple[int, int] | str:
    page = _page(document, index)
    if isinstance(page, str):
        return page
    size = _pixels(page, _scale(page, dpi))
    page.close()
    return size


def _page(document: Any, index: int) -> Any:
    """A page of a document, or why it can't be had: the others may be whole."""
    import pypdfium2

    try:
        return document[index]
    except pypdfium2.PdfiumError as error:
        return f"cannot be read ({error}); put the PDF there again"


def _pixels(page: Any, scale: float) -> tuple[int, int]:
    width, height = page.get_size()
    return math.ceil(width * scale), math.ceil(height * scale)


def _scale(page: Any, dpi: int) -> float:
    """Pixels a point: as configured, but no more than a page that is a scan has itself."""
    from pypdfium2 import raw

    width, height = page.get_size()
    wanted: float = dpi / POINTS_PER_INCH - NOT_ONE_TOO_MANY / max(width, height)
    covered = native = 0.0
    for thing in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_TEXT]):
        if thing.type == raw.FPDF_PAGEOBJ_TEXT:
            if raw.FPDFTextObj_GetTextRenderMode(thing) != INVISIBLE:
                return wanted
            continue
        # An image fills a unit square, which the matrix lays on the page.
        a, b, c, d, _, _ = thing.get_matrix().get()
        wide, high = math.hypot(a, b), math.hypot(c, d)
        if wide and high:
            columns, rows = thing.get_px_size()
            covered += abs(a * d - b * c)
            native = max(
                native, (columns - NOT_ONE_TOO_MANY) / wide, (rows - NOT_ONE_TOO_MANY) / high
            )
    if native and covered >= SCAN_SHARE * width * height:
        return min(native, wanted)
    return wanted
