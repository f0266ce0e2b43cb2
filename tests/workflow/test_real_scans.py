"""A PDF and a multi-page TIFF of real-looking pages, read by the embedded reader."""

from pathlib import Path

import pytest

from helpers.real_scans import PDF, TIFF, make_data_set, read, scores
from pagewave.answers.scores import totals

WORST_ERROR_RATE = 0.06
"""For single pages; `python tests/helpers/real_scans.py` reads more, and prints how well."""


@pytest.mark.slow
def test_pages_of_a_pdf_and_a_tiff_are_read_as_they_are_printed(tmp_path: Path) -> None:
    make_data_set(tmp_path, pdf_pages=3, tiff_pages=2)
    assert "5 pages read, 0 from stored answers" in read(tmp_path)
    pdf, tiff = scores(tmp_path, PDF), scores(tmp_path, TIFF)
    assert (len(pdf), len(tiff)) == (3, 2)
    assert all(page.error_rate < WORST_ERROR_RATE for page in pdf + tiff), [*pdf, *tiff]
    assert totals(pdf)["course_recall"] > 0.8
