"""Image files: what a request and a price need to know of them, without decoding any."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from pagewave.errors import DataError
from pagewave.ledger import KnownImage
from pagewave.pages import image_kinds

MIME_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a JPEG with further pictures behind it, as some cameras write
    "PNG": "image/png",
    "WEBP": "image/webp",
}
"""What Gemini reads (ai.google.dev, image understanding) of what Pillow knows."""

FORMATS = [
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,  # opens MPO too
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        TiffImagePlugin.TiffImageFile,
        Jpeg2KImagePlugin.Jpeg2KImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
    )
]
"""What is recognised at all: Pillow never tries its other parsers."""

LONGEST_TAIL = 4096
"""Bytes at a file's end in which its end mark is looked for: scanners put padding behind it."""

END_MARKS = {
    "JPEG": b"\xff\xd9",
    "MPO": b"\xff\xd9",
    "JPEG2000": b"\xff\xd9",
    "PNG": b"IEND",
}


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image file: SHA-256 (hex), size in pixels and in bytes, time of change (Unix ns)."""

    sha256: str
    width: int
    height: int
    mime_type: str
    size_bytes: int
    modified_ns: int


def content(path: Path) -> KnownImage:
    """Hash a file, whatever it holds; raises DataError when it can't be read."""
    with opened(path) as file:
        return _content(file)


def inspect(path: Path) -> ImageFacts:
    """Hash a file and read its header; raises DataError when it is no image that Gemini reads."""
    with opened(path) as file:
        read = _content(file)
        mime_type, width, height = _header(path, file)
    return ImageFacts(read.sha256, width, height, mime_type, read.size_bytes, read.modified_ns)


def dimensions(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone; raises DataError as `inspect` does."""
    with opened(path) as file:
        _, width, height = _header(path, file)
    return width, height


@contextmanager
def opened(path: Path, page: str = "") -> Iterator[BufferedReader]:
    """The file, and every way in which it is no image as a DataError that names it.

    Args:
        page: which of the file's pages is looked at, for the error, such as `, page 7`.
    """
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such image") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}{page}: {_what_it_is(path)}") from None
    except Image.DecompressionBombError:
        raise DataError(f"{path}{page}: {too_large()}") from None
    # Pillow's plugins raise these for what is cut off or makes no sense.
    except (
        *(OSError, ValueError, TypeError, SyntaxError, EOFError, IndexError, KeyError),
        *(OverflowError, MemoryError, struct.error),
    ) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path}{page}: cannot be read ({reason}); put the scan there again"
        ) from None


def _what_it_is(path: Path) -> str:
    """What is said of a file that Pillow doesn't know."""
    with path.open("rb") as file:
        if said := image_kinds.what_it_is(file):
            return said
    what = "is empty" if path.stat().st_size == 0 else "is no image"
    return f"{what}; put the scan there again"


def too_large() -> str:
    """What is said of an image with so many pixels that decoding it may take all memory."""
    return f"has more than {_most_pixels():,} pixels; scale it down"


def is_too_large(width: int, height: int) -> bool:
    """Would decoding an image of so many pixels be dangerous?"""
    return width * height > _most_pixels()


def _most_pixels() -> int:
    # Pillow warns from MAX_IMAGE_PIXELS on, and refuses twice as many.
    return 2 * (Image.MAX_IMAGE_PIXELS or 0)


def ends_well(file: IO[bytes], image_format: str) -> bool:
    """Is the mark that ends such a file where it should be? Cheap, as every image is looked at."""
    size = file.seek(0, io.SEEK_END)
    if image_format == "WEBP":  # a RIFF file, which says its own length
        file.seek(4)
        return int.from_bytes(file.read(4), "little") + 8 <= size
    file.seek(max(0, size - LONGEST_TAIL))
    return END_MARKS.get(image_format, b"") in file.read()


def _content(file: BufferedReader) -> KnownImage:
    status = os.fstat(file.fileno())
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return KnownImage(status.st_size, status.st_mtime_ns, digest)


def _header(path: Path, file: BufferedReader) -> tuple[str, int, int]:
    """Media type, width and height; no pixel is decoded unless the file's end looks cut off."""
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        image_format = image.format or ""
        if image_format not in MIME_TYPES:
            raise DataError(
                f"{path}: is {image_format}, which Gemini does not read; make it JPEG or PNG"
            )
        refuse_cut_off(file, image)
        return MIME_TYPES[image_format], width, height


def refuse_cut_off(file: IO[bytes], image: Image.Image) -> None:
    """Raise OSError where pixels are missing; decodes the image if its end looks cut off."""
    if not ends_well(file, image.format or ""):
        file.seek(0)
        image.load()
