"""Scan files of every format: the pages in them, what their headers say, and their pixels.

A scan is a file as it was delivered; it is never changed. An image is what is sent: the scan
itself, or what is made of one of its pages (`prepare`).
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import BufferedReader
from pathlib import Path
from typing import IO

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from pagewave.errors import DataError
from pagewave.pages import pdf, png, samples, tiff
from pagewave.pages.image_files import (
    FORMATS,
    MIME_TYPES,
    is_too_large,
    opened,
    refuse_cut_off,
    too_large,
)
from pagewave.pages.image_kinds import (
    FORM_RECIPE,
    RECIPE,
    is_ordinary,
    is_part_of_jpeg,
    is_shown_by_pillow,
    looks_the_same,
    may_be_a_kind,
    unreadable,
)
from pagewave.pages.look import CUT, JPEG_COLOURS, Doubt, plausible_dpi
from pagewave.pages.seen import (
    made_square,
    oblong,
    seen,
    squared,
    turned_upright,
)
from pagewave.pages.tiff import Frame

PDF_MARK = b"%PDF-"
PDF_MARK_WITHIN = 1024
"""Bytes at a PDF's start in which its mark stands: some programs put theirs before it."""

UPRIGHT = 1
LYING = (5, 6, 7, 8)
"""Values of the Exif orientation; with the latter width and height change places."""

NOT_ALL_OF_IT = Doubt(CUT, "the last scans of a progressive JPEG are missing: it was cut off")

_BROKEN = (OSError, ValueError, SyntaxError, EOFError)
"""What Pillow raises for images that it can't decode."""

_DECODABLE: set[tuple[object, ...]] = set()
"""Kinds of TIFF pages of which this process has decoded one."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page in a scan file: size in pixels as it is seen upright.

    `sendable`: the file is this page alone, upright, in a format that Gemini reads, and every
    reader sees the same in it. `recipe`: how its picture is made, see `image_kinds.RECIPE`.
    `dpi`: pixels an inch, 0 where the file doesn't say or can't be right. `doubts`: why this may
    not be all that the file holds.
    `problem`: why it can't be read, if it can't.
    """

    width: int
    height: int
    sendable: bool = False
    grey: bool = False
    problem: str = ""
    recipe: int = 0
    dpi: float = field(default=0.0, compare=False)
    doubts: tuple[Doubt, ...] = field(default=(), compare=False)


def leaves(path: Path, pdf_dpi: int) -> list[Leaf]:
    """All pages of a scan file, from its headers.

    Pixels are decoded only where the file looks cut off, and a strip of each kind of TIFF page that
    was not met before: whether it can be decoded at all is known before anything is sent.

    Raises:
        DataError: it is no scan, or broken as a whole; names it.
    """
    with opened(path) as file:
        if _is_pdf(file):
            drawn, doubt = pdf.sizes(path, pdf_dpi), pdf.doubt(path)
            return [_leaf_of_pdf(page, (doubt,) if doubt else ()) for page in drawn]
        if tiff.is_tiff(file):
            return [_tiff_leaf(file, frame) for frame in _tiff_pages(file)]
        try:
            return [_leaf(file)]
        except _BROKEN:
            if (bare := png.pixels_alone(file)) is None:
                raise
            _picture(bare, None)  # are its pixels whole?
            return [replace(_leaf(bare), sendable=False, recipe=RECIPE)]


def count(path: Path) -> int:
    """How many pages a PDF or TIFF file has; raises DataError when that can't be told."""
    with opened(path) as file:
        if _is_pdf(file):
            return pdf.count(path)
        if tiff.is_tiff(file):
            return len(_tiff_pages(file))
        with Image.open(file, formats=FORMATS):
            return 1


def load(path: Path, number: int, pdf_dpi: int, longest_side: int | None) -> Image.Image:
    """The pixels of a page, upright, in grey or RGB (RGBX of a PDF), at least `longest_side` long
    if it is so long.

    Args:
        number: of the page in the file, from 1.
        pdf_dpi: pixels per inch of a PDF page, see `pdf.sizes`.

    Raises:
        DataError: it can't be decoded; names file and page.
    """
    with opened(path, f", page {number}") as file:
        if _is_pdf(file):
            return pdf.render(path, number, pdf_dpi, longest_side)
        if tiff.is_tiff(file):
            frames = _tiff_pages(file)
            if number > len(frames):
                raise DataError(f"{path}: has no page {number}")
            frame = frames[number - 1]
            if is_too_large(*frame.stored_size):
                raise Image.DecompressionBombError
            try:
                return made_square(_pixels(file, frame), _oblong_tiff(frame))
            except (OSError, ValueError) as error:
                if not may_be_a_kind(frame, error):
                    raise
                raise DataError(f"{path}, page {number}: {unreadable(frame)}") from None
        if number != 1:
            raise DataError(f"{path}: has no page {number}")
        try:
            return _picture(file, longest_side)
        except _BROKEN:
            if (bare := png.pixels_alone(file)) is None:
                raise
            return _picture(bare, longest_side)


def load_to_look_at(path: Path, number: int, pdf_dpi: int, longest_side: int) -> Image.Image:
    """As `load`, for pictures that are not sent: a plain JPEG is decoded at as few eighths of its
    size as suffice, in half of the time; those pixels are not to the bit the same."""
    return _at_eighths(path, longest_side) or load(path, number, pdf_dpi, longest_side)


def _at_eighths(path: Path, longest_side: int) -> Image.Image | None:
    """A JPEG of colours or greys that is upright, and larger than asked for; None for any other."""
    import simplejpeg

    data = path.read_bytes()
    if data[:2] != b"\xff\xd8":
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            is_plain = _orientation(image) == UPRIGHT and _oblong(image) == 1
        if not is_plain or colours not in JPEG_COLOURS or max(height, width) <= longest_side:
            return None
        share = longest_side / max(height, width)
        sides = {"min_height": int(height * share), "min_width": int(width * share)}
        pixels = simplejpeg.decode_jpeg(data, JPEG_COLOURS[colours], **sides)
    except (*_BROKEN, Image.DecompressionBombError):  # `load` says what is wrong, or does better
        return None
    return Image.fromarray(pixels.squeeze())


def is_pdf(path: Path) -> bool:
    """Is a scan a PDF? Raises OSError where it can't be opened."""
    with path.open("rb") as file:
        return _is_pdf(file)


def _is_pdf(file: BufferedReader) -> bool:
    start = file.read(PDF_MARK_WITHIN)
    file.seek(0)
    return PDF_MARK in start


def _leaf_of_pdf(page: pdf.Drawn | str, doubts: tuple[Doubt, ...]) -> Leaf:
    if isinstance(page, str):
        return Leaf(0, 0, problem=page)
    recipe = FORM_RECIPE if page.has_fields else RECIPE
    return Leaf(page.width, page.height, recipe=recipe, dpi=page.dpi, doubts=doubts)


def _picture(file: IO[bytes], longest_side: int | None) -> Image.Image:
    with Image.open(file, formats=FORMATS) as image:
        if longest_side and image.format == "JPEG":
            # Decodes at a half or a quarter where that is still large enough.
            image.draft(None, (longest_side, longest_side))
        png.note_tags_behind(image)
        ratio = _oblong(image)
        return made_square(seen(image), ratio)


def _leaf(file: IO[bytes]) -> Leaf:
    with Image.open(file, formats=FORMATS) as image:
        refuse_cut_off(file, image)
        return _leaf_of_image(file, image)


def _leaf_of_image(file: IO[bytes], image: ImageFile.ImageFile) -> Leaf:
    width, height = image.size
    is_late = png.note_tags_behind(image)
    turned = _orientation(image)
    if turned in LYING:
        width, height = height, width
    ratio = _oblong(image)
    width, height = squared(width, height, ratio)
    as_it_is = looks_the_same(file, image) and ratio == 1
    sendable = as_it_is and image.format in MIME_TYPES and turned not in range(UPRIGHT + 1, 9)
    return Leaf(
        width,
        height,
        sendable,
        grey=image.mode in ("1", "L"),
        recipe=0 if as_it_is and (sendable or not is_late) else RECIPE,
        dpi=_dpi(image, max(width, height)),
        doubts=(NOT_ALL_OF_IT,) if is_part_of_jpeg(file, image) else (),
    )


def _dpi(image: Image.Image, pixels: int) -> float:
    try:
        return plausible_dpi(max(map(float, image.info.get("dpi", (0.0,)))), pixels)
    except (TypeError, ValueError):
        return 0.0


def _orientation(image: Image.Image) -> int:
    return png.tags(image).get(ExifTags.Base.Orientation, UPRIGHT) if _has_tags(image) else UPRIGHT


def _has_tags(image: Image.Image) -> bool:
    # Reading the orientation takes longer than all the rest: only where there can be one.
    return _are_tags(tuple(map(str, image.info)))


@lru_cache(maxsize=64)
def _are_tags(names: tuple[str, ...]) -> bool:
    """Asked three times of each scan, and most of them say alike things."""
    return any(name.lower().endswith(("exif", "xmp")) for name in names)


def _oblong(image: Image.Image) -> float:
    """How many times as high as wide the pixels of an image are that is seen upright."""
    stated = [image.info.get(name) for name in ("jfif_density", "aspect", "dpi")]
    if _has_tags(image):
        tags = png.tags(image)
        stated.append((tags.get(ExifTags.Base.XResolution), tags.get(ExifTags.Base.YResolution)))
    ratio = 1.0
    for pair in stated:
        if ratio == 1 and isinstance(pair, tuple) and len(pair) == 2:
            with contextlib.suppress(TypeError, ValueError):  # tags may hold anything
                ratio = oblong(float(pair[0]), float(pair[1]))
    return 1 / ratio if _orientation(image) in LYING else ratio


# TIFF


def _tiff_pages(file: BufferedReader) -> tuple[Frame, ...]:
    """Where the pages of a TIFF file are, which is looked for once for all of them."""
    status = os.fstat(file.fileno())
    # Dates of change and sizes may be the same again, as of a scan that was put back.
    return _frames_of(file.name, status.st_ctime_ns, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=4)
def _frames_of(name: str, *_state: int) -> tuple[Frame, ...]:
    with Path(name).open("rb") as file:
        return tuple(tiff.pages(file))


def _tiff_leaf(file: BufferedReader, frame: Frame) -> Leaf:
    width, height = frame.stored_size
    if frame.orientation in LYING:
        width, height = height, width
    ratio = _oblong_tiff(frame)
    width, height = squared(width, height, ratio)
    recipe = 0 if is_ordinary(frame) and ratio == 1 else RECIPE
    inch = {2: 1.0, 3: 2.54}.get(frame.value(tiff.UNIT, 2), 0.0)
    dpi = plausible_dpi(inch * max(frame.density), max(width, height))
    return Leaf(width, height, problem=_tiff_problem(file, frame), recipe=recipe, dpi=dpi)


def _oblong_tiff(frame: Frame) -> float:
    """As `_oblong`."""
    ratio = oblong(*frame.density)
    return 1 / ratio if frame.orientation in LYING else ratio


def _tiff_problem(file: BufferedReader, frame: Frame) -> str:
    """Why a page of a TIFF file can't be read, if it can't."""
    width, height = frame.stored_size
    if is_too_large(width, height):
        return too_large()
    size = file.seek(0, 2)
    boxes = frame.boxes
    is_whole = bool(boxes) and all(start + length <= size for start, length in boxes)
    if is_whole and frame.kind in _DECODABLE:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _pixels(file, frame, strips=1 if is_whole else None)
    except (OSError, ValueError, EOFError, TypeError, SyntaxError, KeyError, struct.error) as error:
        if may_be_a_kind(frame, error):
            return unreadable(frame)
        return f"cannot be read ({error}); put the scan there again"
    _DECODABLE.add(frame.kind)
    return ""


def _pixels(file: BufferedReader, frame: Frame, strips: int | None = None) -> Image.Image:
    """A page, or strips of it, upright, in grey or RGB."""
    if not is_shown_by_pillow(frame) and samples.can_take_apart(frame):
        return _taken_apart(file, frame, strips)
    if frame.value(tiff.COMPRESSION, 1) in tiff.WHOLE_IMAGES:
        if frame.value(tiff.PLANES, 1) == 2 or frame.value(tiff.PHOTOMETRIC, 1) not in (1, 2):
            raise UnidentifiedImageError  # their colours would be taken for others
        return turned_upright(_put_together(file, frame, strips), frame.orientation)
    if max(frame.bits) > 8 and frame.value(tiff.COMPRESSION, 1) not in samples.PLAIN_BYTES:
        raise UnidentifiedImageError  # Pillow would take twelve bits for eight
    if frame.value(tiff.COMPRESSION, 1) == tiff.OLD_JPEG:
        with Image.open(file, formats=FORMATS) as image:
            image.seek(frame.number)
            return seen(image)
    page = tiff.alone(file, frame, strips)
    with Image.open(page, formats=["TIFF"]) as image:
        picture = seen(image)
    if max(frame.bits) > 8 and samples.can_take_apart(frame) and samples.is_nearly_black(picture):
        return _taken_apart(file, frame, strips)
    return picture


def _put_together(file: BufferedReader, frame: Frame, strips: int | None) -> Image.Image:
    """A page whose strips or tiles are image files of other formats, as it lies in the file."""
    whole: Image.Image | None = None
    formats = [tiff.WHOLE_IMAGES[frame.value(tiff.COMPRESSION, 1)]]
    width, height = frame.stored_size
    for (start, length), place in list(zip(frame.boxes, frame.places, strict=False))[:strips]:
        file.seek(start)
        with Image.open(io.BytesIO(file.read(length)), formats=formats) as image:
            part = seen(image)
        whole = whole or Image.new(part.mode, (width, height), "white")
        whole.paste(part, place)
    if whole is None:
        raise ValueError("it has no pixels")
    return whole


def _taken_apart(file: BufferedReader, frame: Frame, strips: int | None) -> Image.Image:
    picture = samples.picture(frame, samples.samples_of(tiff.alone(file, frame, strips)))
    return turned_upright(picture, frame.orientation)
