"""The paper of a page, told from its image."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from helpers.sample import SAMPLE
from pagewave.pages.ink import paper_of

SCAN = SAMPLE / "images/Massachusetts/Ashgrove College/1852/4.jpg"


def filtered(grey: Image.Image, widenings: int) -> Image.Image:
    """The same by Pillow's own filters, pixel by pixel."""
    for filter_ in (ImageFilter.MaxFilter(3), ImageFilter.MinFilter(3)):
        for _ in range(widenings):
            grey = grey.filter(filter_)
    return grey


@pytest.mark.parametrize("widenings", [1, 2, 4, 5])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (50, 3), (61, 47)])
def test_it_is_what_pillows_filters_make(size: tuple[int, int], widenings: int) -> None:
    noise = np.random.default_rng(7).integers(0, 256, size[::-1], dtype=np.uint8)
    image = Image.fromarray(noise)
    assert paper_of(image, widenings).tobytes() == filtered(image, widenings).tobytes()


def test_a_scan_s_paper_is_what_pillows_filters_make() -> None:
    with Image.open(SCAN) as scan:
        grey = scan.convert("L")
    grey.thumbnail((600, 600))
    paper = paper_of(grey, 4)
    assert paper.size == grey.size and paper.mode == "L"
    assert paper.tobytes() == filtered(grey, 4).tobytes()
