"""Page images: what a request and a price need to know of them, without decoding any."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from .errors import DataError

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
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
    )
]
"""What is recognised at all, so that an error can name it: Pillow never tries its other parsers."""


LONGEST_TAIL = 4096
"""Bytes at a file's end in which its end mark is looked for: scanners put padding behind it."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image file: SHA-256 (hex), size in pixels and in bytes, time of change (Unix ns)."""

    sha256: str
    width: int
    height: int
    mime_type: str
    size_bytes: int
    modified_ns: int


def inspect(path: Path) -> ImageFacts:
    """Hash a file and read its header; raises DataError when it is no image that Gemini reads."""
    with opened(path) as file:
        status = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        mime_type, width, height = _header(path, file)
    return ImageFacts(digest, width, height, mime_type, status.st_size, status.st_mtime_ns)


def dimensions(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone; raises DataError as `inspect` does."""
    with opened(path) as file:
        _, width, height = _header(path, file)
    return width, height


def find_broken(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Images that `inspect` would refuse, each with the reason, in the order given."""
    broken = []
    for path in paths:
        try:
            dimensions(path)
        except DataError as error:
            broken.append((path, str(error).removeprefix(f"{path}: ")))
    return broken


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """The file, and every way in which it is no image as a DataError that names it."""
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such image") from None
    except UnidentifiedImageError:
        what = "is empty" if path.stat().st_size == 0 else "is no image"
        raise DataError(f"{path}: {what}; put the scan there again") from None
    except Image.DecompressionBombError:
        raise DataError(
            f"{path}: has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels; scale it down"
        ) from None
    # Pillow's plugins raise these for a header that is cut off or makes no sense.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read ({reason}); put the scan there again") from None


def _header(path: Path, file: BufferedReader) -> tuple[str, int, int]:
    """Media type, width and height; no pixel is decoded unless the file's end looks cut off."""
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        if image.format not in MIME_TYPES:
            raise DataError(
                f"{path}: is {image.format}, which Gemini does not read; make it JPEG or PNG"
            )
        mime_type = MIME_TYPES[image.format]
        if not _ends_well(file, mime_type):
            file.seek(0)
            image.load()  # raises OSError where pixels are missing
        return mime_type, width, height


def _ends_well(file: BufferedReader, mime_type: str) -> bool:
    """Is the mark that ends such a file where it should be? Cheap, as every image is looked at."""
    size = file.seek(0, io.SEEK_END)
    if mime_type == "image/webp":  # a RIFF file, which says its own length
        file.seek(4)
        return int.from_bytes(file.read(4), "little") + 8 <= size
    file.seek(max(0, size - LONGEST_TAIL))
    return (b"\xff\xd9" if mime_type == "image/jpeg" else b"IEND") in file.read()
