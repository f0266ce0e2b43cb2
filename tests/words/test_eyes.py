"""Tesseract as an eye: what it sees is at its place in the scan."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.sample import BOOK, SAMPLE, TRUTH
from pagewave.embedded.reader.tessdata import tessdata_folder
from pagewave.errors import ConfigError
from pagewave.pages.deskew import turn
from pagewave.words.eyes import Sheet, TesseractEye, made_ready
from pagewave.words.page import tree_of
from pagewave.words.skew import skew_of
from pagewave.words.tree import FLAGGED, Box, Source

PAGE = 2


@pytest.fixture(scope="module")
def eye() -> TesseractEye:
    return TesseractEye(["eng"])


def scan() -> Image.Image:
    """A page of the sample."""
    with Image.open(SAMPLE / "images" / BOOK / f"{PAGE}.jpg") as image:
        return image.convert("RGB")


def truth() -> str:
    """Its words."""
    text: str = json.loads((TRUTH / BOOK / f"{PAGE}.json").read_text(encoding="utf-8"))["text"]
    return text


@pytest.mark.parametrize("degrees", [-2.0, 0.0, 3.0])
def test_a_box_of_the_sheet_is_around_the_same_ink_in_the_scan(degrees: float) -> None:
    scan = Image.new("L", (800, 1000), 255)
    ImageDraw.Draw(scan).rectangle((600, 150, 690, 170), fill=0)
    sheet = turn(scan, degrees) if degrees else scan
    sheet = sheet.reduce(2)
    box = sheet.point(lambda grey: 255 * (grey < 128)).getbbox()
    assert box is not None
    found = Sheet(800, 1000, degrees, 2.0).in_scan(Box(*box))
    wanted = (600, 150, 691, 171)
    slack = 3 + abs(degrees) * 3
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= slack
    assert Sheet(800, 1000, degrees, 2.0).in_scan(Box(-50, -50, 5000, 5000)) == (0, 0, 800, 1000)


def test_skew_is_told_where_tesseract_would_not_follow_and_not_where_nothing_is_printed() -> None:
    page = scan().convert("L")
    assert skew_of(page) == 0
    for degrees in (-2.5, 2.0):
        askew = page.rotate(-degrees, Image.Resampling.BILINEAR, fillcolor=220)
        assert abs(skew_of(askew) - degrees) <= 0.3
    assert skew_of(Image.new("L", (700, 900), 200)) == 0
    assert skew_of(Image.new("L", (3, 2), 200)) == 0


def test_words_of_a_page_askew_are_boxed_in_its_own_pixels(eye: TesseractEye) -> None:
    askew = scan().rotate(-2.0, Image.Resampling.BICUBIC, fillcolor=(230, 220, 200))
    tree = tree_of("v:1", truth(), eye.see(askew), eye, reading_sha256="", scan_sha256="")
    assert (tree.width, tree.height) == askew.size
    words = [word for word in tree.words() if word.source == Source.BOTH]
    assert len(words) > 0.95 * len(truth().split())
    dark = np.asarray(askew.convert("L")) < 140
    assert all(
        word.box and dark[word.box.top : word.box.bottom, word.box.left : word.box.right].any()
        for word in words
    )
    first = words[0]
    assert first.seen == first.text and tree.eye.startswith("tesseract 5")


def test_images_of_any_size_are_made_ready() -> None:
    for size in ((1, 1), (16, 16), (40, 3), (5, 900)):
        ready, sheet = made_ready(Image.new("RGB", size, "white"))
        assert (sheet.width, sheet.height) == size
        assert sheet.degrees == 0 and ready.size == size


def test_large_letters_are_read_smaller_and_boxes_are_of_the_scan() -> None:
    large = scan().resize((3300, 5160), Image.Resampling.BICUBIC)
    ready, sheet = made_ready(large)
    assert ready.width < 1700 and sheet.shrink == large.width / ready.width


def test_a_title_page_is_not_made_so_small_that_its_small_words_are_lost(eye: TesseractEye) -> None:
    book = "Massachusetts/Ashgrove College/1852"
    text: str = json.loads((TRUTH / book / "1.json").read_text(encoding="utf-8"))["text"]
    with Image.open(SAMPLE / "images" / book / "1.jpg") as title:
        seen = eye.see(title.convert("RGB"))
    assert seen.sheet.shrink == 1
    tree = tree_of("a", text, seen, eye, reading_sha256="", scan_sha256="")
    assert not [word for word in tree.words() if word.doubt >= FLAGGED or not word.box]
    assert not tree.findings
    # It is made smaller where it was scanned with more pixels than a leaf needs.
    larger = title.convert("L").resize((2200, 3440), Image.Resampling.BICUBIC)
    assert made_ready(larger)[1].shrink == pytest.approx(2, abs=0.01)


def test_a_language_that_is_not_installed_is_named_with_where_it_was_looked_for() -> None:
    with pytest.raises(ConfigError) as refused:
        TesseractEye(["eng", "grc"])
    said = str(refused.value)
    assert "grc.traineddata" in said and "tesseract-ocr-grc" in said
    assert str(tessdata_folder()) in said
    assert Path(tessdata_folder(["eng"]), "eng.traineddata").is_file()
