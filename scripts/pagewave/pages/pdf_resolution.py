"""How finely a PDF page is drawn: by the finest thing on it.

A page that is one scan, and nothing else that is to be seen, is drawn with the scan's own pixels,
whatever inches it is said to have. Text, paths, form fields and notes are drawn as configured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from pagewave.pages.pdf_marks import Marks

POINTS_PER_INCH = 72
"""A PDF's own unit is the point."""

SCAN_SHARE = 0.8
"""A page whose images cover this share of it, with nothing else to be seen on them, is a scan."""

WHOLE = 0.98
"""An image that covers this share of the page hides what was drawn before it."""

OVERLAP = 1.1
"""Images that cover more than this share of a page lie on each other."""

LEAST_DPI = 200
"""Of images that lie on each other, one may be finer than PDFium says: text in a mask."""

INVISIBLE = 3
"""The way in which recognised text is laid over a scan (ISO 32000-1, table 106)."""

NOT_ONE_TOO_MANY = 0.5
"""Taken off a number of pixels, as PDFium rounds up: no scan is blurred for one pixel more."""

DEEPEST = 15
"""Forms within forms: deeper ones are not looked into."""

Matrix = tuple[float, float, float, float]
_Laid = tuple[Any, Matrix]


class _Picture(NamedTuple):
    """An image on a page: its share of the page, its pixels a point, and whether they are black or
    white."""

    share: float
    pixels: float
    is_bilevel: bool = False


class Fineness(NamedTuple):
    """Pixels a point to draw a page with, whether it is one scan, and one of black and white."""

    pixels: float
    is_scan: bool = False
    is_bilevel: bool = False


def pixels_a_point(page: Any, dpi: int, marks: Marks, has_fields: bool) -> Fineness:
    """How finely to draw a page.

    Args:
        dpi: pixels an inch, of what is no scan.
        has_fields: fields of forms are drawn on some pages of the document.
    """
    width, height = page.get_size()
    wanted: float = dpi * marks.unit / POINTS_PER_INCH - NOT_ONE_TOO_MANY / max(width, height)
    pictures: list[_Picture] = []
    for thing in _things(page, page, (1.0, 0.0, 0.0, 1.0), 0):
        if thing is None:
            return Fineness(wanted)
        found = _picture(page, *thing, width * height, marks)
        if found.share:
            pictures.append(found)
    covered = sum(picture.share for picture in pictures)
    if covered < SCAN_SHARE or _has_notes(page, has_fields):
        return Fineness(wanted)
    finest = max(picture.pixels for picture in pictures)
    if covered <= OVERLAP:
        return Fineness(finest, True, all(picture.is_bilevel for picture in pictures))
    least = LEAST_DPI * marks.unit / POINTS_PER_INCH
    return Fineness(min(wanted, max(finest, least)))


def _things(page: Any, within: Any, matrix: Matrix, depth: int) -> list[_Laid | None]:
    """Images that are to be seen, with the matrices that lay them on the page; None for anything
    else. What an image hides that covers the page is left out."""
    from pypdfium2 import raw

    shown: list[_Laid | None] = []
    size = page.get_size()
    for thing in _objects(page, within):
        kind = raw.FPDFPageObj_GetType(thing)
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            if raw.FPDFTextObj_GetTextRenderMode(thing) != INVISIBLE:
                shown.append(None)
        elif kind == raw.FPDF_PAGEOBJ_IMAGE:
            laid = _product(_matrix(thing), matrix)
            if _area(laid) >= WHOLE * size[0] * size[1] and not raw.FPDFPageObj_HasTransparency(
                thing
            ):
                shown = [each for each in shown if each is not None]
            shown.append((thing, laid))
        elif kind == raw.FPDF_PAGEOBJ_FORM:
            if depth < DEEPEST:
                shown += _things(page, thing, _product(_matrix(thing), matrix), depth + 1)
        elif _is_drawn(thing, kind):
            shown.append(None)
    return shown


def _objects(page: Any, within: Any) -> Iterator[Any]:
    from pypdfium2 import raw

    if within is page:
        for index in range(raw.FPDFPage_CountObjects(page)):
            yield raw.FPDFPage_GetObject(page, index)
    else:
        for index in range(raw.FPDFFormObj_CountObjects(within)):
            yield raw.FPDFFormObj_GetObject(within, index)


def _is_drawn(thing: Any, kind: int) -> bool:
    """Is a path filled or stroked, or the thing a shading?"""
    import ctypes

    from pypdfium2 import raw

    if kind != raw.FPDF_PAGEOBJ_PATH:
        return True
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    known = raw.FPDFPath_GetDrawMode(thing, fill, stroke)
    return not known or bool(fill.value) or bool(stroke.value)


def _matrix(thing: Any) -> Matrix:
    from pypdfium2 import raw

    found = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(thing, found):
        return 1.0, 0.0, 0.0, 1.0
    return found.a, found.b, found.c, found.d


def _product(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d = first
    e, f, g, h = then
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _area(matrix: Matrix) -> float:
    a, b, c, d = matrix
    return abs(a * d - b * c)


def _picture(page: Any, thing: Any, matrix: Matrix, area: float, marks: Marks) -> _Picture:
    """An image fills a unit square, which the matrix lays on the page."""
    import ctypes

    from pypdfium2 import raw

    a, b, c, d = matrix
    wide, high = math.hypot(a, b), math.hypot(c, d)
    columns, rows = ctypes.c_uint(), ctypes.c_uint()
    known = raw.FPDFImageObj_GetImagePixelSize(thing, columns, rows)
    if not wide or not high or not area or not known:
        return _Picture(0.0, 0.0)
    size = (columns.value, rows.value)
    across, down = max(size, marks.masks.get(size, size))
    pixels = max((across - NOT_ONE_TOO_MANY) / wide, (down - NOT_ONE_TOO_MANY) / high)
    return _Picture(_area(matrix) / area, pixels, _is_bilevel(page, thing))


def _is_bilevel(page: Any, thing: Any) -> bool:
    """Has an image black and white pixels, and no others? Of a mask its colour isn't known."""
    from pypdfium2 import raw

    said = raw.FPDF_IMAGEOBJ_METADATA()
    known = raw.FPDFImageObj_GetImageMetadata(thing, page, said)
    return bool(
        known and (said.bits_per_pixel, said.colorspace) == (1, raw.FPDF_COLORSPACE_DEVICEGRAY)
    )


def _has_notes(page: Any, has_fields: bool) -> bool:
    """Is anything drawn on a page beside its content: a field of a form, a stamp, a note?"""
    from pypdfium2 import raw

    silent = {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP}
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        note = raw.FPDFPage_GetAnnot(page, index)
        kind, flags = raw.FPDFAnnot_GetSubtype(note), raw.FPDFAnnot_GetFlags(note)
        raw.FPDFPage_CloseAnnot(note)
        is_field = kind == raw.FPDF_ANNOT_WIDGET
        if kind not in silent and not flags & _HIDDEN and (has_fields or not is_field):
            return True
    return False


_HIDDEN = 2 | 32
"""Flags of an annotation: hidden, not shown on a screen (ISO 32000-1, table 165)."""
