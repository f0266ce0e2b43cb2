"""Pictures that may not be readable: told before anything is sent, flagged before it is paid."""

from pathlib import Path

import pytest
from PIL import Image

from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.reading import Reading
from helpers.scan_files import page_of, save
from pagewave.plan.estimates import IMAGES_LOOKED_AT, sample
from pagewave.plan.pictures import doubtful_pictures

ALL = {"labels": "all"}


def test_a_dark_picture_is_told_and_flagged_before_it_is_paid_for(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2})
    workspace = reading.session
    pages = list(workspace.dataset.pages)
    assert doubtful_pictures(workspace, pages, sample=True) == []
    save(pages[0].scan, [page_of("dark", (300, 500)).point([v // 15 for v in range(256)] * 3)])
    (told,) = doubtful_pictures(workspace, pages, sample=True)
    assert "1 page may not be readable as sent; looked at 2 of 2 pictures" in told
    assert f"{pages[0].key}: dark_picture: half of it is darker" in told
    assert doubtful_pictures(workspace, pages, sample=False) == []
    quiet_server.set_faults(["blocked:match=:1$"])
    reading.run()
    flags = [(flag.key, flag.what) for flag in workspace.ledger.pictures.doubted()]
    assert flags == [(pages[0].key, "dark_picture")]
    # No answer came; what was seen is told again without another look.
    assert workspace.ledger.pictures.keys() == {pages[0].key}
    (told,) = doubtful_pictures(workspace, pages, sample=False)
    assert "looked at" not in told and "dark_picture" in told


def test_of_many_such_pictures_five_are_named_and_the_others_counted(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 7})
    pages = list(reading.session.dataset.pages)
    for page in pages:
        save(page.scan, [Image.new("L", (300, 12_000), 200)])
    (told,) = doubtful_pictures(reading.session, pages, sample=False)
    assert told.startswith("7 pages may not be readable as sent:")
    assert [page.key for page in pages if f"  {page.key}: coarse_picture" in told] == [
        page.key for page in pages[:5]
    ]
    assert "\n  and 2 more.\n" in told


def test_a_dry_run_tells_what_headers_and_a_sample_show(tmp_path: Path) -> None:
    with Library(tmp_path, {}, filters=ALL) as library:
        folder = tmp_path / "images/Ohio/Elm/1850"
        save(folder / "1.png", [Image.new("L", (300, 12_000), 200)])
        save(folder / "2.tif", [page_of(2).point([v // 15 for v in range(256)] * 3)])
        save(folder / "3.jpg", [page_of(3)])
        output = library.run("-n")
    assert "2 pages may not be readable as sent; looked at 3 of 3 pictures" in output
    assert "Ohio:Elm:1850:1: coarse_picture" in output
    assert "Ohio:Elm:1850:2: dark_picture" in output
    assert "scripts/flags.py" in output


@pytest.mark.parametrize("pages", [3, 450])
def test_the_sample_is_that_of_the_forecast_and_from_all_over(
    tmp_path: Path, pages: int, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": pages})
    looked: list[str] = []
    monkeypatch.setattr(
        "pagewave.plan.pictures._look", lambda _, page: looked.append(page.key) or []
    )
    dataset = reading.session.dataset
    assert doubtful_pictures(reading.session, list(dataset.pages), sample=True) == []
    # A picture that was looked at for one of them isn't looked at again for the other.
    assert looked == sample(page.key for page in dataset.pages)
    assert len(set(looked)) == min(pages, IMAGES_LOOKED_AT)
    numbers = [dataset.page(key).number for key in looked]
    parts = [sum(number % 3 == part for number in numbers) for part in range(3)]
    thirds = [sum(3 * (number - 1) // pages == part for number in numbers) for part in range(3)]
    assert all(0.7 < 3 * part / len(looked) < 1.3 for part in parts + thirds)
