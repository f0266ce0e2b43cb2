"""Pages of a PDF file, by PDFium: how large they are, and what they look like."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from pagewave.errors import DataError
from pagewave.pages.image_files import is_too_large, too_large
from pagewave.pages.look import Doubt, plausible_dpi
from pagewave.pages.pdf_marks import Marks, marks
from pagewave.pages.pdf_resolution import (
    NOT_ONE_TOO_MANY,
    POINTS_PER_INCH,
    Fineness,
    pixels_a_point,
)

ONE_AT_A_TIME = threading.Lock()
"""PDFium keeps state of its own and must not be called by two threads at once."""


def count(path: Path) -> int:
    """How many pages a PDF has; raises DataError when it is broken or encrypted."""
    with _opened(path) as document:
        return len(document)


class Drawn(NamedTuple):
    """A page as it would be drawn: its size in pixels, and pixels an inch where its inches mean
    something (0: it is one scan, of a size that no page has). `has_fields`: its file has fields of
    forms."""

    width: int
    height: int
    dpi: float
    has_fields: bool = False


def sizes(path: Path, dpi: int) -> list[Drawn | str]:
    """Every page as it would be drawn, or why it can't be.

    Args:
        dpi: pixels per inch; a page that is one scan never gets more than the scan has.

    Raises:
        DataError: the file is broken or encrypted.
    """
    known = marks(path)
    with _opened(path) as document:
        return [_size(document, index, dpi, known) for index in range(len(document))]


def doubt(path: Path) -> Doubt | None:
    """Why the pages of a PDF may not be what it holds; raises as `count` does."""
    from pypdfium2 import raw

    with _opened(path) as document:
        files = raw.FPDFDoc_GetAttachmentCount(document)
        if files and marks(path).is_portfolio:
            return Doubt(
                "portfolio",
                f"the PDF is a portfolio: what is read is its cover, not the {files} files inside; "
                "save these beside it",
            )
        if document.get_formtype() == raw.FORMTYPE_XFA_FULL:
            return Doubt(
                "please_wait",
                "the PDF is a form that Adobe's reader alone can show (XFA): others see a notice; "
                "print it to a PDF",
            )
    return None


def render(path: Path, number: int, dpi: int, longest_side: int | None) -> Image.Image:
    """Draw a page, in RGB of four bytes a pixel (Pillow's RGBX).

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
        known = marks(path)
        scale, _, is_bilevel = _scale(document, page, dpi, known)
        longest = max(page.get_size())
        if longest_side:
            scale = min(scale, (longest_side - NOT_ONE_TOO_MANY) / longest)
        width, height = _pixels(page, scale)
        if is_too_large(width, height):
            raise DataError(f"{path}, page {number}: {too_large()}")
        # What is drawn as before stays the same to the byte: greys are made of finer scans alone.
        is_grey = is_bilevel and scale > dpi * known.unit / POINTS_PER_INCH
        # Four bytes a pixel, as Pillow has them: its memory is the image's, and nothing is copied.
        drawn = page.render(
            scale=scale,
            rev_byteorder=True,
            may_draw_forms=True,
            prefer_bgrx=True,
            grayscale=is_grey,
        )
        image = drawn.to_pil()
        assert isinstance(image, Image.Image)
        return image


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The document, for the one thread that may call PDFium; its errors as DataErrors.

    That the file can be read at all `image_files.opened` has seen before.
    """
    import pypdfium2  # here, as most data sets have no PDF and its import takes 0.3 s

    with ONE_AT_A_TIME:
        try:
            document = pypdfium2.PdfDocument(path)
            try:
                document.init_forms()  # without it no field of a form is drawn
                yield document
            finally:
                document.close()
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise DataError(
                    f"{path}: is encrypted; save a copy without a password in its place"
                ) from None
            raise DataError(f"{path}: is a broken PDF ({error}); put it there again") from None


def _size(document: Any, index: int, dpi: int, known: Marks) -> Drawn | str:
    page = _page(document, index)
    if isinstance(page, str):
        return page
    scale, is_scan, _ = _scale(document, page, dpi, known)
    width, height = _pixels(page, scale)
    page.close()
    inch = scale * POINTS_PER_INCH / known.unit
    inch = plausible_dpi(inch, max(width, height)) if is_scan else inch
    return Drawn(width, height, inch, document.formenv is not None)


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


def _scale(document: Any, page: Any, dpi: int, known: Marks) -> Fineness:
    return pixels_a_point(page, dpi, known, has_fields=document.formenv is not None)
