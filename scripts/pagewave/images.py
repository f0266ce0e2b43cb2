"""Page images: what a request and a price need to know of them, without decoding any."""

from __future__ import annotations

import hashlib
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


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image file: SHA-256 of its bytes as hex, size in pixels and bytes."""

    sha256: str
    width: int
    height: int
    mime_type: str
    size_bytes: int


def inspect(path: Path) -> ImageFacts:
    """Hash a file and read its header; raises DataError when it is no image that Gemini reads."""
    with _opened(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
        mime_type, width, height = _header(path, file)
    return ImageFacts(digest, width, height, mime_type, size)


def dimensions(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone; raises DataError as `inspect` does."""
    with _opened(path) as file:
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
def _opened(path: Path) -> Iterator[BufferedReader]:
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
    """Media type, width and height; Pillow opens lazily, so no pixel is decoded."""
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        if image.format not in MIME_TYPES:
            raise DataError(
                f"{path}: is {image.format}, which Gemini does not read; make it JPEG or PNG"
            )
        return MIME_TYPES[image.format], width, height
