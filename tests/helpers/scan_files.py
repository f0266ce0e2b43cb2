"""Scans for tests: pages no two of which look alike, in files of every format."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

PAGE_SIZE = (120, 200)


def page_of(name: object, size: tuple[int, int] = PAGE_SIZE) -> Image.Image:
    """A page that only this name has: grey rows of dark words, with one red spot at the top."""
    image = Image.new("RGB", size, (240, 235, 225))
    draw, dice = ImageDraw.Draw(image), random.Random(str(name))
    width, height = size
    for top in range(height // 10, height - height // 10, max(4, height // 20)):
        left = width // 10
        while left < width * 0.8:
            length = dice.randint(width // 30 + 1, width // 8)
            draw.rectangle((left, top, left + length, top + height // 45), (40, 40, 40))
            left += length + width // 30
    draw.rectangle((width // 2, 2, width // 2 + width // 20, height // 20), (220, 20, 20))
    return image


def save(path: Path, pages: Sequence[Image.Image], **options: Any) -> Path:
    """One file with all pages: a PDF of 200 dpi, a TIFF, or another format for a single page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Saving as JPEG leaves settings in an image that other formats then stumble over.
    first, *others = [page.copy() for page in pages]
    if path.suffix.lower() == ".pdf":
        options = {"resolution": 200, "quality": 95} | options
    if others:
        options |= {"save_all": True, "append_images": others}
    first.save(path, **options)
    return path


def encrypt(path: Path) -> Path:
    """Makes a PDF ask for a password that nobody knows."""
    lock = b"/Filter /Standard /V 1 /R 2 /P -4 /O <%b> /U <%b>" % (b"11" * 32, b"22" * 32)
    data = path.read_bytes()
    assert data.count(b"trailer\n<<") == 1
    trailer = b"trailer\n<< /Encrypt << %b >> /ID [<33> <33>]" % lock
    path.write_bytes(data.replace(b"trailer\n<<", trailer))
    return path


def are_alike(one: Image.Image, other: Image.Image, tolerance: float = 8.0) -> bool:
    """Do two images of one size show the same, but for what lossy formats do to them?"""
    if one.size != other.size:
        return False
    pairs = zip(one.convert("L").tobytes(), other.convert("L").tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (one.width * one.height) < tolerance
