"""Lines of print are counted, whatever else an image shows."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.library import REPO
from pagewave.answers.guards import LEAST_PIECES
from pagewave.answers.line_pieces import pieces_of_lines
from pagewave.errors import DataError

SCAN = REPO / "resources/sample/images/Massachusetts/Ashgrove College/1852/4.jpg"
SIZE = (1100, 1720)


def counted(image: Image.Image, folder: Path) -> int:
    """The pieces of lines of an image."""
    path = folder / "page.jpg"
    image.save(path, quality=85)
    return pieces_of_lines(path)


def test_a_page_has_as_much_print_larger_smaller_and_askew(tmp_path: Path) -> None:
    with Image.open(SCAN) as scan:
        grey = scan.convert("L")
    usual = counted(grey, tmp_path)
    assert usual > 3 * LEAST_PIECES
    for changed in (
        grey.resize((733, 1147)),
        grey.resize((2200, 3440)),
        grey.rotate(1.5, Image.Resampling.BICUBIC, fillcolor=225),
        grey.point(lambda level: 225 - (225 - level) // 2),  # faded
    ):
        assert 0.8 * usual < counted(changed, tmp_path) < 1.25 * usual
    half = grey.copy()
    half.paste(225, (0, 860, *SIZE))
    assert 0.3 * usual < counted(half, tmp_path) < 0.7 * usual


def drawing(kind: str) -> Image.Image:
    """A page with ink on it that is no print."""
    rng = np.random.default_rng(4)
    image = Image.new("L", SIZE, 235)
    pen = ImageDraw.Draw(image)
    if kind == "woodcut":  # hatching, and a sky of strokes
        for _ in range(3000):
            x, y, angle = rng.uniform(150, 950), rng.uniform(700, 1400), rng.uniform(0, math.pi)
            length = rng.uniform(5, 60)
            end = (x + length * math.cos(angle), y + length * math.sin(angle))
            pen.line((x, y, *end), 20, 2)
        for y in range(200, 700, 7):
            pen.line([(x, y + 12 * math.sin(x / 60 + y / 90)) for x in range(150, 950, 8)], 20, 3)
    elif kind == "map":
        for _ in range(60):
            steps = rng.normal(0, 30, (60, 2)).cumsum(0) + rng.uniform(100, 1000, 2)
            pen.line([(float(x), float(y)) for x, y in steps], 30, 2)
    elif kind == "halftone":
        tones = Image.fromarray(rng.uniform(0, 1, (40, 26)).astype(np.float32))
        tone = np.asarray(tones.resize((800, 1000), Image.Resampling.BICUBIC))
        y, x = np.mgrid[0:1000, 0:800] * (2 * math.pi / 7)
        dots = np.where((np.sin(x) * np.sin(y) + 1) / 2 < tone, 30, 235).astype(np.uint8)
        image.paste(Image.fromarray(dots), (150, 300))
    elif kind == "staves":
        for top in range(150, 1600, 130):
            for line in range(5):
                pen.line((100, top + 13 * line, 1000, top + 13 * line), 20, 2)
            for x in rng.uniform(120, 960, 16):
                y = top + 13 * int(rng.integers(0, 5))
                pen.ellipse((x, y - 6, x + 15, y + 6), 20)
                pen.line((x + 14, y, x + 14, y - 45), 20, 2)
    return image


@pytest.mark.parametrize("kind", ["blank", "woodcut", "map", "halftone", "staves"])
def test_what_is_no_print_does_not_count(tmp_path: Path, kind: str) -> None:
    assert counted(drawing(kind), tmp_path) < LEAST_PIECES


def test_an_image_may_be_tiny_or_broken(tmp_path: Path) -> None:
    assert counted(Image.new("L", (1, 1), 255), tmp_path) == 0
    assert counted(Image.new("L", (40, 3000), 255), tmp_path) == 0
    with pytest.raises(DataError):
        pieces_of_lines(tmp_path / "gone.jpg")
