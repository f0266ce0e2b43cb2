"""The embedded reader beside plain Tesseract, on layouts and sizes that the sample lacks.

A few pages of what `benchmarks/reader.py` tries at length.
"""

import pytest

from helpers.beside_tesseract import SHARE_OF_STYLE, readers
from helpers.drawn_pages import STYLES, draw, has_fonts
from helpers.strict import INSTALL

pytestmark = pytest.mark.skipif(not has_fonts(), reason=f"needs the sample's fonts: {INSTALL}")

PAGES = [
    ("portrait", 7, 150),
    ("oblong", 2, 150),
    ("spread", 3, 150),
    ("index", 2, 200),
    ("contents", 3, 200),
    ("columns", 2, 150),
    ("small", 1, 200),
    ("music", 4, 150),
    ("oblong music", 1, 200),
    ("poem", 1, 300),
    ("prose", 1, 150),
    ("grades", 3, 200),
]


@pytest.mark.slow
def test_no_words_are_lost_that_plain_tesseract_finds_and_no_courses_made_up() -> None:
    read = readers()
    found = {style: read(draw(style, seed, dpi)) for style, seed, dpi in PAGES}
    assert set(found) == set(STYLES)
    words = {style: (one.ours, one.plain, len(one.page.words)) for style, one in found.items()}
    lost = [
        style
        for style, (ours, plain, all_) in words.items()
        if ours < plain - max(SHARE_OF_STYLE * all_, 1)
    ]
    assert lost == [], words
    assert min(ours / all_ for ours, _, all_ in words.values()) > 0.9, words
    assert {style: one.courses for style, one in found.items()} == {key: [] for key in STYLES}


def test_the_same_seed_draws_the_same_page() -> None:
    one, same, other = (draw("poem", seed, 100) for seed in (1, 1, 2))
    assert one == same
    assert one.words != other.words
