"""A picture as every reader sees it: upright, 8 bits, grey or RGB, on white."""

from __future__ import annotations

from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps

from pagewave.pages import png
from pagewave.pages.image_kinds import jpeg2000_bits
from pagewave.pages.samples import top_of

SQUARE = 0.01
"""Densities across and down that differ by a smaller share are the same."""
MOST_OBLONG = 4.0
"""Fax pixels are twice as high as they are wide, or half as high; beyond this it is a slip."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def seen(image: ImageFile.ImageFile) -> Image.Image:
    """An opened image as it is seen.

    Raises:
        OSError, ValueError, and what else Pillow raises: it can't be decoded.
    """
    bits = _few_bits(image)
    if (layers := png.layers(image)) is None:
        plain = _plain(ImageOps.exif_transpose(image))
    else:
        plain = turned_upright(_plain(layers), png.tags(image).get(ExifTags.Base.Orientation, 1))
    if not bits:
        return plain
    white = (2**bits - 1) << (8 - bits)  # Pillow only moves what has fewer bits to the left
    return plain.point(
        [min(255, round(value * 255 / white)) for value in range(256)] * len(plain.getbands())
    )


def oblong(across: float, down: float) -> float:
    """How many times as high as wide a pixel is, from the pixels in a unit of length; 1 for square
    ones, and where nothing that makes sense is said."""
    if not (0 < across < float("inf") and 0 < down < float("inf")):
        return 1.0
    ratio = across / down
    is_square = abs(ratio - 1) < SQUARE or not 1 / MOST_OBLONG <= ratio <= MOST_OBLONG
    return 1.0 if is_square else ratio


def squared(width: int, height: int, ratio: float) -> tuple[int, int]:
    """The size in pixels once these are square: what there are fewer of is more of then."""
    return (width, round(height * ratio)) if ratio >= 1 else (round(width / ratio), height)


def made_square(image: Image.Image, ratio: float) -> Image.Image:
    """An image with square pixels, of one whose pixels are so many times as high as wide."""
    size = squared(*image.size, ratio)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """An image turned as its Exif orientation says."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _plain(image: Image.Image) -> Image.Image:
    """The image in grey or RGB, on white where it is transparent."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        paper = Image.new("RGBA", layers.size, "white")
        return Image.alpha_composite(paper, layers).convert("RGB")
    if image.mode in ("1", "L"):
        return image.convert("L")
    if image.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        assert converted is not None
        return converted
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """An image of finer greys: by the bits that are really used."""
    wide = image.convert("F")
    darkest, lightest = wide.getextrema()
    assert isinstance(darkest, float) and isinstance(lightest, float)
    if image.mode.startswith("I") and darkest >= 0:
        darkest, lightest = 0.0, float(top_of(int(lightest), 64))
    span = (lightest - darkest) or 1.0
    return wide.point(lambda value: value * (255 / span) - darkest * 255 / span).convert("L")


def _few_bits(image: ImageFile.ImageFile) -> int:
    """Bits a sample of a JPEG 2000 image of fewer than 8; 0 for all others."""
    if image.format != "JPEG2000" or image.mode not in ("L", "RGB") or image.fp is None:
        return 0
    bits = jpeg2000_bits(image.fp)
    return bits[0] if bits and len(set(bits)) == 1 and bits[0] < 8 else 0
