"""How images of waves to come will be sent, as a dry run says it."""

from pathlib import Path
from unittest.mock import patch

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.plan.images import ImagesForecast, images_forecast
from pagewave.prompts.inline_images import LIMITS, base64_bytes


@pytest.fixture
def reading(tmp_path: Path, quiet_server: EmbeddedProcess) -> Reading:
    """Two books, of which nothing is read."""
    return Reading(tmp_path, quiet_server, {"Elm/1850": 2, "Oak/1850": 1})


def forecast(reading: Reading) -> tuple[ImagesForecast, list[int]]:
    """Of the two waves to come; and the size of each page's image."""
    pages = {page.key: page for page in reading.session.dataset.pages}
    first, second, other = (pages[key] for key in sorted(pages))
    sizes = [page.scan.stat().st_size for page in (first, second, other)]
    return images_forecast(reading.session, [[first, other], [second]]), sizes


def test_a_wave_goes_inside_of_its_requests_as_base64_or_is_uploaded(reading: Reading) -> None:
    images, sizes = forecast(reading)
    assert images == ImagesForecast(3, 0, 0, sum(map(base64_bytes, sizes)))
    assert str(images) == f"3 inside of the requests ({images.bytes / 1e6:.1f} MB in all)"
    with patch.dict(LIMITS, {"auto": (2 * base64_bytes(min(sizes)) - 1, 7_000_000)}):
        images, _ = forecast(reading)
    inside = base64_bytes(sizes[1])
    assert images == ImagesForecast(1, 2, 0, sizes[0] + sizes[2] + inside)
    assert str(images).startswith("1 inside of the requests, 2 uploaded (")
    vars(reading.session.settings.files)["images"] = "uploaded"
    images, _ = forecast(reading)
    assert images == ImagesForecast(0, 3, 0, sum(sizes))


def test_of_images_that_are_not_made_yet_nothing_is_known(reading: Reading) -> None:
    reading.library.configure(images={"deskew": True})
    reading.session = reading._new_session()
    images, _ = forecast(reading)
    assert images == ImagesForecast(0, 0, 3, 0)
    assert str(images) == "3 images to be made first"


def test_sizes_are_told_in_megabytes() -> None:
    assert str(ImagesForecast(1000, 20, 1, 1_234_567_890)) == (
        "1,000 inside of the requests, 20 uploaded (1,235 MB in all), 1 image to be made first"
    )
    assert str(ImagesForecast(0, 9, 0, 100_000_000)) == "9 uploaded (100 MB in all)"
    assert str(ImagesForecast(0, 9, 0, 99_900_000)) == "9 uploaded (99.9 MB in all)"
