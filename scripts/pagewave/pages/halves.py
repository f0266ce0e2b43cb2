"""A page's image cut into an upper and a lower half that have a strip in common."""

import io
from pathlib import Path

from PIL import Image, ImageOps

from pagewave.pages.image_files import FORMATS, opened

JPEG_QUALITY = 95
"""So that what is cut is read as the whole page would be."""


def cut(path: Path, ends_at: float, begins_at: float) -> tuple[tuple[bytes, bytes], str]:
    """The halves of an image as files of their own, and what such a file's name ends with.

    Columns are not cut. A JPEG stays one; all else becomes PNG, which loses nothing.

    Args:
        path: the image.
        ends_at: where its upper half ends; begins_at: where the lower one begins (share of the
            height, from the top).

    Raises:
        DataError: it can't be read.
    """
    with opened(path) as file, Image.open(file, formats=FORMATS) as image:
        is_jpeg = image.format in ("JPEG", "MPO")
        profile = image.info.get("icc_profile")
        upright = ImageOps.exif_transpose(image)
        width, height = upright.size
        boxes = (
            (0, 0, width, round(height * ends_at)),
            (0, round(height * begins_at), width, height),
        )
        upper, lower = (_saved(upright.crop(box), is_jpeg, profile) for box in boxes)
    return (upper, lower), ".jpg" if is_jpeg else ".png"


def _saved(image: Image.Image, is_jpeg: bool, profile: bytes | None) -> bytes:
    file = io.BytesIO()
    kind = {"format": "JPEG", "quality": JPEG_QUALITY} if is_jpeg else {"format": "PNG"}
    image.save(file, icc_profile=profile, **kind)
    return file.getvalue()
