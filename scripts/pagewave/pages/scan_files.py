"""Scan files of every format: the pages in them, what their headers say, and their pixels.

A scan is a file as it was delivered; it is never changed. An image is what is sent: the scan
itself, or what is made of one of its pages (`prepare`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from pagewave.errors import DataError
from pagewave.pages import pdf
from pagewave.pages.image_files import (
    FORMATS,
    MIME_TYPES,
    is_too_large,
    opened,
    refuse_cut_off,
    too_large,
)

PDF_MARK = b"%PDF-"
PDF_MARK_WITHIN = 1024
"""Bytes at a PDF's start in which its mark stands: some programs put theirs before it."""

UPRIGHT = 1
LYING = (5, 6, 7, 8)
"""Values of the Exif orientation; with the latter width and height change places."""

NO_PAGE = 1 | 4
"""Bits of a TIFF image's NewSubfileType: a small copy of another one, or a mask for it."""

BOX_TAGS = ((273, 279), (324, 325))
"""Where the strips, or the tiles, of a TIFF image start in the file, and their lengths."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page in a scan file: size in pixels as it is seen upright.

    `sendable`: the file is this page alone, upright and in a format that Gemini reads.
    `problem`: why it can't be read, if it can't.
    """

    width: int
    height: int
    sendable: bool = False
    grey: bool = False
    problem: str = ""


def leaves(path: Path, pdf_dpi: int) -> list[Leaf]:
    """All pages of a scan file, from its headers; pixels are decoded only if it looks cut off.

    Raises:
        DataError: it is no scan, or broken as a whole; names it.
    """
    with opened(path) as file:
        if _is_pdf(file):
            return [_leaf_of_pdf(size) for size in pdf.sizes(path, pdf_dpi)]
        with Image.open(file, formats=FORMATS) as image:
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                return list(_tiff_leaves(file, image))
            refuse_cut_off(file, image)
            return [_leaf(image)]


def count(path: Path) -> int:
    """How many pages a PDF or TIFF file has; raises DataError when that can't be told."""
    with opened(path) as file:
        if _is_pdf(file):
            return pdf.count(path)
        with Image.open(file, formats=FORMATS) as image:
            return sum(1 for _ in _tiff_pages(image))


def load(path: Path, number: int, pdf_dpi: int, longest_side: int | None) -> Image.Image:
    """The pixels of a page, upright, in grey or RGB, at least `longest_side` long if it is so long.

    Args:
        number: of the page in the file, from 1.
        pdf_dpi: pixels per inch of a PDF page, see `pdf.sizes`.

    Raises:
        DataError: it can't be decoded; names file and page.
    """
    with opened(path, f", page {number}") as file:
        if _is_pdf(file):
            return pdf.render(path, number, pdf_dpi, longest_side)
        with Image.open(file, formats=FORMATS) as image:
            if number not in (place for place, _ in enumerate(_tiff_pages(image), start=1)):
                raise DataError(f"{path}: has no page {number}")
            if longest_side and image.format == "JPEG":
                # Decodes at a half or a quarter where that is still large enough.
                image.draft(None, (longest_side, longest_side))
            return _plain(ImageOps.exif_transpose(image))


def _is_pdf(file: BufferedReader) -> bool:
    start = file.read(PDF_MARK_WITHIN)
    file.seek(0)
    return PDF_MARK in start


def _leaf_of_pdf(size: tuple[int, int] | str) -> Leaf:
    return Leaf(0, 0, problem=size) if isinstance(size, str) else Leaf(*size)


def _leaf(image: Image.Image) -> Leaf:
    width, height = image.size
    # Reading the orientation takes longer than all the rest: only where there can be one.
    has_tags = any(str(name).lower().endswith(("exif", "xmp")) for name in image.info)
    turned = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) if has_tags else UPRIGHT
    if turned in LYING:
        width, height = height, width
    sendable = image.format in MIME_TYPES and turned not in range(UPRIGHT + 1, 9)
    return Leaf(width, height, sendable, grey=image.mode in ("1", "L"))


def _tiff_pages(image: Image.Image) -> Iterator[int]:
    """Turns to one page after the other; images of other formats are one page."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        yield 0
        return
    frame = 0
    while True:
        try:
            image.seek(frame)
        except EOFError:
            return
        if not image.tag_v2.get(254, 0) & NO_PAGE:
            yield frame
        frame += 1


def _tiff_leaves(file: BufferedReader, image: TiffImagePlugin.TiffImageFile) -> Iterator[Leaf]:
    size = file.seek(0, 2)
    for _ in _tiff_pages(image):
        width, height = image.size  # Pillow has them upright already
        problem = too_large() if is_too_large(width, height) else ""
        if not problem and _is_cut_off(image, size):
            try:
                image.load()
            except (OSError, ValueError, EOFError) as error:
                problem = f"cannot be read ({error}); put the scan there again"
        yield Leaf(width, height, problem=problem)


def _is_cut_off(image: TiffImagePlugin.TiffImageFile, size: int) -> bool:
    """Should there be pixels behind the end of the file, or are there none at all?"""
    boxes = [
        (start, length)
        for starts, lengths in BOX_TAGS
        for start, length in zip(
            image.tag_v2.get(starts, ()), image.tag_v2.get(lengths, ()), strict=False
        )
    ]
    return not boxes or any(start + length > size for start, length in boxes)


def _plain(image: Image.Image) -> Image.Image:
    """The image in grey or RGB, on white where it is transparent."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.mode in ("1", "L"):
        return image.convert("L")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        paper = Image.new("RGBA", layers.size, "white")
        return Image.alpha_composite(paper, layers).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """An image of finer greys: 16 bits in most scanners' files, else what its values reach."""
    wide = image.convert("F")
    darkest, lightest = wide.getextrema()
    assert isinstance(darkest, float) and isinstance(lightest, float)
    if image.mode.startswith("I") and darkest >= 0 and lightest <= 65_535:
        darkest, lightest = 0.0, 65_535.0
    span = (lightest - darkest) or 1.0
    return wide.point(lambda value: value * (255 / span) - darkest * 255 / span).convert("L")
