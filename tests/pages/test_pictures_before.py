"""Pages that were read from a picture which an earlier version made wrongly of its scan."""

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.odd_scans import write_tiff
from helpers.scan_files import page_of, save
from pagewave.config.settings import load_settings
from pagewave.pages import prepare, scan_files
from pagewave.pages.dataset import Page, scan
from pagewave.pages.image_files import content
from pagewave.pages.pictures_before import was_another_picture
from pagewave.pages.prepare import prepare_book
from pagewave.pages.prepared import PreparedImages

FOLDER = Path("images/Ohio/A/1859")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def opened() -> tuple[PreparedImages, tuple[Page, ...]]:
    config = {"paths": {"image_source_dir": "images"}, "filters": {"labels": "all"}}
    settings = load_settings(config, Path())
    (book,) = scan(settings).books
    return PreparedImages(settings), book.pages


def read_from(images: PreparedImages, page: Page) -> tuple[str, set[tuple[str, str, int]]]:
    """What the ledger knows of a page that is read now."""
    sha256 = images.inspect(page)[1].sha256
    return sha256, {(sha256, content(page.scan).sha256, page.leaf)}


def make() -> None:
    config = {"paths": {"image_source_dir": "images"}, "filters": {"labels": "all"}}
    settings = load_settings(config, Path())
    (book,) = scan(settings).books
    prepare_book(PreparedImages(settings), book, threading.Event())


def test_what_was_sent_as_it_is_counts_where_it_looks_otherwise_on_white() -> None:
    ink = page_of(1).convert("L")
    hidden = Image.new("RGBA", ink.size)
    hidden.putalpha(Image.fromarray(255 - np.array(ink)))
    opaque = page_of(2).convert("RGBA")
    files = [save(FOLDER / f"{n}.png", [i]) for n, i in enumerate((hidden, opaque, page_of(3)), 1)]
    images, pages = opened()
    told = {
        page.scan.name: was_another_picture(images, page, content(page.scan).sha256, set())
        for page in pages
    }
    assert len(files) == 3 and told == {"1.png": True, "2.png": False, "3.png": False}


def test_what_was_made_wrongly_counts_and_what_was_right_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grey = np.array(page_of(1).convert("L"))[..., None].astype(np.uint16)
    write_tiff(FOLDER / "1.tif", grey << 4, 16)  # was sent nearly black
    write_tiff(FOLDER / "2.tif", grey * 257, 16)  # was right
    save(FOLDER / "3.tif", [page_of(3)])
    save(FOLDER / "4.pdf", [page_of(4)])
    today = prepare.make_image
    with monkeypatch.context() as earlier:
        earlier.setattr(scan_files, "RECIPE", 0)

        def dark(path: Path, number: int, options: object) -> bytes:
            if path.name != "1.tif":
                return today(path, number, options)  # type: ignore[arg-type]
            return save(Path("dark.jpg"), [Image.new("L", grey.shape[1::-1], 13)]).read_bytes()

        earlier.setattr(prepare, "make_image", dark)
        make()
        images, pages = opened()
        read = {page.key: read_from(images, page) for page in pages}
    for made_anew in (False, True):
        if made_anew:
            make()
        images, pages = opened()
        told = [was_another_picture(images, page, *read[page.key]) for page in pages]
        assert told == [True, False, False, False]
    # Another scan is another matter.
    sha256 = hashlib.sha256(b"other").hexdigest()
    assert not was_another_picture(images, pages[0], sha256, set())
