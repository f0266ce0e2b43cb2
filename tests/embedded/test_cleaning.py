"""What is taken off a page before it is read: leader dots, and never a letter."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.drawn_pages import draw, has_fonts
from helpers.strict import INSTALL
from pagewave.embedded.reader.blobs import find_blobs, letter_height
from pagewave.embedded.reader.cleaning import drop_leaders, flatten, prepare, scale_of

LETTER = 14
"""Height of the small letters of the pages drawn here, at a scale of 1."""

needs_fonts = pytest.mark.skipif(not has_fonts(), reason=f"needs the sample's fonts: {INSTALL}")


def sheet(scale: float = 1.0, width: int = 900) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """White paper with five rows of rings, as high as small letters, and room below them."""
    image = Image.new("L", (round(width * scale), round(500 * scale)), 255)
    pen = ImageDraw.Draw(image)
    for row in range(5):
        for x in range(40, 700, 22):
            ring(pen, x, 60 + 40 * row, scale)
    return image, pen


def ring(pen: ImageDraw.ImageDraw, x: float, bottom: float, scale: float = 1.0) -> None:
    """A letter o."""
    box = [round(v * scale) for v in (x, bottom - LETTER, x + 12, bottom)]
    pen.ellipse(box, None, 0, round(3 * scale))


def dot(pen: ImageDraw.ImageDraw, x: float, bottom: float, scale: float = 1.0) -> None:
    """A full stop, a third as high as a letter."""
    pen.ellipse([round(v * scale) for v in (x, bottom - 4, x + 4, bottom)], 0)


def ink_left(image: Image.Image, box: tuple[float, float, float, float], scale: float = 1) -> int:
    """Dark pixels in a part of a page from which the leaders were taken."""
    cleaned, _ = drop_leaders(np.asarray(image, np.float32) / 255)
    left, top, right, bottom = (round(v * scale) for v in box)
    return int((cleaned[top:bottom, left:right] < 0.5).sum())


def ink_of(image: Image.Image, box: tuple[float, float, float, float]) -> int:
    """The same before."""
    return int((np.asarray(image.crop(tuple(map(round, box)))) < 128).sum())


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.5, 3.0])
@pytest.mark.parametrize("width", [900, 3000])
@pytest.mark.parametrize("pitch", [9, 16, 40])
def test_leader_dots_go_whatever_the_size_of_the_sheet(
    scale: float, width: int, pitch: int
) -> None:
    image, pen = sheet(scale, width)
    for x in range(100, 600, pitch):
        dot(pen, x, 300, scale)
    letters = ink_of(image, (0, 0, image.width, 260 * scale))
    [leader] = drop_leaders(np.asarray(image, np.float32) / 255)[1]
    ends = [edge / scale for edge in (*leader.start, *leader.end)]
    assert ends == pytest.approx([100, 298, 100 + 499 // pitch * pitch + 4, 298], abs=3)
    assert ink_left(image, (90, 280, 620, 320), scale) == 0
    assert ink_left(image, (0, 0, width, 260), scale) == letters


@pytest.mark.parametrize("width", [900, 3000])
def test_letters_that_stand_alone_are_no_dots(width: int) -> None:
    """The letters of a title far apart, small ones beside larger ones, and a column of numbers."""
    image, pen = sheet(1, width)
    for x in range(60, 660, 40):
        ring(pen, x, 300)
    for x in range(100, 600, 45):
        pen.rectangle((x, 340, x + 3, 340 + LETTER), 0)  # l, I, 1
    assert ink_left(image, (0, 260, width, 500)) == ink_of(image, (0, 260, width, 500))


def test_dots_of_letters_stops_and_notes_stay() -> None:
    image, pen = sheet()
    for x in range(60, 600, 16):  # iiiii
        pen.rectangle((x, 304, x + 3, 318), 0)
        dot(pen, x, 300)
    for x in range(60, 200, 22):  # o.o.o.
        ring(pen, x, 350)
        dot(pen, x + 15, 350)
    for x in range(60, 400, 30):  # notes with a dot above each
        dot(pen, x + 4, 390)
        pen.ellipse((x, 394, x + 12, 404), 0)
    for x in (500, 516, 532, 548):  # four dots
        dot(pen, x, 400)
    for x in (100, 130, 180, 195, 260, 275):  # specks of dust on a level
        dot(pen, x, 450)
    assert ink_left(image, (0, 260, 900, 500)) == ink_of(image, (0, 260, 900, 500))


def test_the_stop_and_the_comma_of_the_word_before_a_leader_stay() -> None:
    image, pen = sheet()
    for bottom in (300, 340):
        ring(pen, 60, bottom)
        dot(pen, 75, bottom)  # close to its letter
        for x in range(91, 600, 16):
            dot(pen, x, bottom)
    pen.line((77, 340, 75, 346), 0, 3)  # the comma's tail
    for bottom in (300, 340):
        assert ink_left(image, (74, bottom - 5, 81, bottom + 8)) > 0
        assert ink_left(image, (86, bottom - 5, 620, bottom + 8)) == 0


def test_a_page_without_letters_is_left_alone() -> None:
    image = Image.new("L", (900, 500), 255)
    pen = ImageDraw.Draw(image)
    for x in range(100, 160, 12):
        dot(pen, x, 300)
    assert ink_left(image, (0, 0, 900, 500)) == ink_of(image, (0, 0, 900, 500)) > 0
    assert prepare(Image.new("RGB", (300, 200), (235, 225, 200))).image.getextrema() == (255, 255)
    assert prepare(Image.new("L", (1, 1))).image.size == (1, 1)


def test_blobs_are_what_touches_corners_included() -> None:
    dark = np.zeros((7, 12), bool)
    dark[1, 1:4] = dark[2, 4] = True  # a corner
    dark[0:6, 7] = dark[0:6, 9] = dark[5, 8] = True  # a u, whose arms meet below
    dark[6, 11] = dark[0, 11] = True  # at the edges
    blobs = find_blobs(dark)
    found = zip(blobs.left, blobs.top, blobs.right, blobs.bottom, blobs.ink, strict=True)
    assert sorted(tuple(map(int, blob)) for blob in found) == [
        (1, 1, 5, 3, 4),
        (7, 0, 10, 6, 13),
        (11, 0, 12, 1, 1),
        (11, 6, 12, 7, 1),
    ]
    assert len(find_blobs(np.zeros((3, 3), bool)).left) == 0
    assert letter_height(find_blobs(np.zeros((3, 3), bool))) is None


def test_paper_is_evened_out_also_across_a_wide_sheet() -> None:
    shade = np.linspace(250, 120, 3000)[None, :].repeat(900, 0).astype(np.uint8)
    image = Image.fromarray(shade)
    ImageDraw.Draw(image).rectangle((2900, 400, 2910, 430), 30)
    flat = flatten(image)
    assert flat[404:426, 2902:2908].max() < 0.2
    assert flat[50:350, 50:2950].min() > 0.9


@needs_fonts
@pytest.mark.parametrize("style", ["grades", "oblong music", "contents", "small", "poem"])
def test_all_that_is_taken_off_a_drawn_page_are_its_leaders(style: str) -> None:
    page = draw(style, 5, 150)
    with Image.open(io.BytesIO(page.jpeg)) as image:
        flat = flatten(image.convert("L"))
    taken = (drop_leaders(flat)[0] - flat) > 0.4
    blobs = find_blobs(flat < 0.75)
    letter = letter_height(blobs)
    assert letter is not None
    if style in ("contents", "grades"):
        assert taken.any()
        gone = find_blobs(taken)
        assert max(gone.height.max(), gone.width.max()) < 0.6 * letter
    else:
        assert not taken.any()


def test_large_scans_are_read_smaller_but_small_type_is_not() -> None:
    large, _ = sheet(4)
    assert prepare(large).image.size == (large.width // 2, large.height // 2)
    wide, _ = sheet(1, 13_000)
    assert prepare(wide).image.size == wide.size


def test_a_leaf_is_measured_by_the_shorter_way() -> None:
    assert scale_of(1100, 1720) == 1.0
    assert scale_of(2200, 1720) == 1.0  # a spread of two
    assert scale_of(2200, 3440) == 2.0
