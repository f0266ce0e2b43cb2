"""Images cut in two: what is sent of a page that is asked in halves."""

import io
from pathlib import Path

import pytest
from PIL import Image

from pagewave.errors import DataError
from pagewave.pages.halves import cut
from pagewave.prompts.halved import BEGINS_AT, ENDS_AT, half_height


def striped(path: Path, **how: object) -> Path:
    """A hundred rows, each of its own grey."""
    image = Image.new("L", (20, 100))
    image.putdata([2 * row for row in range(100) for _ in range(20)])
    image.save(path, **how)
    return path


@pytest.mark.parametrize("name", ["1.png", "1.webp", "1.jpg"])
def test_both_halves_show_the_middle(tmp_path: Path, name: str) -> None:
    path = striped(tmp_path / name, **({"lossless": True} if name == "1.webp" else {}))
    files, ending = cut(path, ENDS_AT, BEGINS_AT)
    assert ending == (".jpg" if name == "1.jpg" else ".png")
    upper, lower = (Image.open(io.BytesIO(file)).convert("L") for file in files)
    assert (upper.size, lower.size) == ((20, 55), (20, 55))
    assert 55 <= half_height(100) <= 56  # what is priced is what is sent
    for half, first in ((upper, 0), (lower, 45)):
        for row in (0, 30, 54):
            assert abs(half.getpixel((10, row)) - 2 * (first + row)) <= 3  # type: ignore[operator]


def test_a_page_that_lies_on_its_side_is_cut_as_it_is_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    path = striped(tmp_path / "1.jpg", exif=exif)
    (upper, _), _ = cut(path, 0.55, 0.45)
    assert Image.open(io.BytesIO(upper)).size == (100, 11)


def test_the_smallest_image_has_halves(tmp_path: Path) -> None:
    Image.new("L", (1, 1)).save(tmp_path / "1.png")
    files, _ = cut(tmp_path / "1.png", 0.55, 0.45)
    assert [Image.open(io.BytesIO(file)).size for file in files] == [(1, 1), (1, 1)]


def test_what_is_no_image_is_told(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match="is no image"):
        cut(tmp_path / "1.jpg", 0.55, 0.45)
