"""Images made of scans: what needs one, what is made, what is made again."""

import hashlib
import io
import json
import os
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from helpers.scan_files import PAGE_SIZE, are_alike, page_of, save
from pagewave.config.data import Images
from pagewave.config.settings import load_settings
from pagewave.errors import DataError, PagewaveError
from pagewave.ledger import Ledger
from pagewave.pages import prepare as preparation
from pagewave.pages.changed import remember_images
from pagewave.pages.dataset import Book, Page, scan
from pagewave.pages.deskew import skew, turn
from pagewave.pages.prepare import make_image, prepare_book
from pagewave.pages.prepared import PreparedImages

BOOK = Path("Ohio/A/1852")
MADE = Path("results/images") / BOOK


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def add(name: str, *pages: Image.Image, **options: Any) -> Path:
    """A scan file of the book."""
    return save(Path("images") / BOOK / name, pages or [page_of(name)], **options)


def open_book(**options: Any) -> tuple[PreparedImages, Book]:
    """The book's pages and their images, seen for the first time."""
    config = {
        "paths": {"image_source_dir": "images"},
        "filters": {"labels": "all"},
        "images": options,
    }
    settings = load_settings(config, Path())
    return PreparedImages(settings), scan(settings).books[0]


def prepare(**options: Any) -> tuple[PreparedImages, Book]:
    images, book = open_book(**options)
    prepare_book(images, book, threading.Event())
    return images, book


def image_of(images: PreparedImages, page: Page) -> Image.Image:
    return Image.open(images.inspect(page)[0])


def needed(**options: Any) -> dict[str, bool]:
    """Does each scan of the book need an image? By its file name."""
    images, book = open_book(**options)
    return {page.scan.name: images.needs_image(page) for page in book.pages}


# What needs an image


def test_what_can_be_sent_is_used_in_place() -> None:
    for name in ("1.jpg", "2.png", "3.webp", "4.jpg"):
        add(name)
    exif = Image.Exif()
    exif[274] = 1
    add("4.jpg", exif=exif)
    before = {path: path.read_bytes() for path in Path("images").rglob("*.*")}
    images, book = prepare()
    assert [images.inspect(page)[0] for page in book.pages] == [page.scan for page in book.pages]
    assert [path.name for path in MADE.iterdir()] == ["prepared.json"]
    assert {path: path.read_bytes() for path in Path("images").rglob("*.*")} == before


def test_what_cannot_be_sent_needs_an_image() -> None:
    exif = Image.Exif()
    exif[274] = 6
    add("1.jpg", exif=exif)
    for name in ("2.tif", "3.jp2", "4.pdf"):
        add(name)
    add("5-6.pdf", page_of(5), page_of(6))
    assert all(needed().values())


def test_options_decide() -> None:
    add("1.jpg")
    add("2.jpg", page_of(2).convert("L"))
    side = max(PAGE_SIZE)
    assert (
        needed(longest_side=side) == needed(longest_side=None) == {"1.jpg": False, "2.jpg": False}
    )
    assert needed(longest_side=side - 1) == {"1.jpg": True, "2.jpg": True}
    assert needed(grey=True) == {"1.jpg": True, "2.jpg": False}
    assert needed(deskew=True) == {"1.jpg": True, "2.jpg": True}


def test_a_file_named_like_one_page_must_hold_one() -> None:
    add("7.tif", page_of(1), page_of(2))
    images, book = open_book()
    with pytest.raises(DataError, match=r"7\.tif: holds 2 pages, and is named like page 7 alone"):
        images.needs_image(book.pages[0])


# What is made


def test_every_page_gets_its_image_and_the_scans_stay() -> None:
    pages = [page_of(number) for number in range(1, 6)]
    add("1-2.pdf", *pages[:2])
    add("3-4.tif", *pages[2:4], compression="tiff_lzw")
    add("5.jp2", pages[4])
    before = {path: path.read_bytes() for path in Path("images").rglob("*.*")}
    images, book = prepare()
    assert len(book.pages) == 5
    for page, expected in zip(book.pages, pages, strict=True):
        made = image_of(images, page)
        assert (made.format, made.mode) == ("JPEG", "RGB")
        assert images.pixel_size(page) == made.size
        assert are_alike(made, expected)
    assert {path: path.read_bytes() for path in Path("images").rglob("*.*")} == before


def test_size_grey_and_quality() -> None:
    scan = add("1.png", page_of(1, (600, 1000)))
    images, book = prepare(longest_side=500, grey=True)
    made = image_of(images, book.pages[0])
    assert (made.size, made.mode) == ((300, 500), "L") and images.pixel_size(book.pages[0]) == (
        300,
        500,
    )
    # Never larger than it was.
    assert Image.open(io.BytesIO(make_image(scan, 1, Images(longest_side=3000)))).size == (
        600,
        1000,
    )
    rough, fine = (make_image(scan, 1, Images(jpeg_quality=quality)) for quality in (30, 95))
    assert len(rough) < len(fine)


@pytest.mark.parametrize("degrees", [-3.0, 0.8, 4.5])
def test_deskew(degrees: float) -> None:
    page = page_of(1, (700, 1100))
    assert skew(page) == 0.0
    askew = page.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(240, 235, 225))
    assert skew(askew) == pytest.approx(-degrees, abs=0.2)
    scan = add("1.png", askew)
    made = Image.open(io.BytesIO(make_image(scan, 1, Images(deskew=True))))
    assert skew(made) == pytest.approx(0.0, abs=0.2)
    assert min(made.size) >= min(askew.size)


def test_what_has_no_lines_is_not_turned() -> None:
    for image in (Image.new("L", (600, 900), 240), Image.effect_noise((600, 900), 40)):
        assert skew(image) == 0.0
    assert turn(Image.new("RGB", (10, 10)), 3.0).size > (10, 10)


def test_the_same_scan_makes_the_same_bytes() -> None:
    scan = add("1.tif")
    assert make_image(scan, 1, Images()) == make_image(scan, 1, Images())


def test_a_scan_of_which_an_image_was_made_is_remembered_with_its_image() -> None:
    scan = add("1.tif")
    images, book = prepare()
    (page,) = book.pages
    with closing(Ledger.open(Path("ledger.sqlite"))) as ledger:
        made = images.inspect(page)[1].sha256
        remember_images(ledger, images, [(page, images.inspect(page)[1])])
        known = ledger.files.known_images()[str(page.scan)]
        made_from = ledger.files.prepared_from()
    sha256 = hashlib.sha256(scan.read_bytes()).hexdigest()
    assert known == (scan.stat().st_size, scan.stat().st_mtime_ns, sha256)
    assert made_from == {(made, sha256, page.leaf)}


# What is made again


def test_nothing_is_made_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    add("1-3.pdf", *map(page_of, "abc"))
    images, book = prepare()
    assert all(map(images.is_ready, book.pages))
    (MADE / "prepared.json").unlink()  # as where the job was killed before its end
    (MADE / ".2-0123456789ab.jpg.partial").write_text("half of one")
    (MADE / "2.jpg").write_text("not ours")
    monkeypatch.setattr(preparation, "make_image", None)
    images, book = prepare()
    assert all(map(images.is_ready, book.pages))
    assert (MADE / "2.jpg").exists() and len(list(MADE.iterdir())) == 5


def test_a_lost_image_is_made_again() -> None:
    add("1-2.pdf", *map(page_of, "ab"))
    images, book = prepare()
    lost = images.inspect(book.pages[1])[0]
    content = lost.read_bytes()
    lost.unlink()
    assert [images.is_ready(page) for page in book.pages] == [True, False]
    with pytest.raises(DataError, match=r"1-2\.pdf, page 2: no image was made of it"):
        images.inspect(book.pages[1])
    prepare()
    assert lost.read_bytes() == content


def test_an_altered_image_is_not_sent() -> None:
    add("1.tif")
    images, book = prepare()
    path, _ = images.inspect(book.pages[0])
    save(path, [page_of("other")])
    with pytest.raises(DataError, match=r"is not what was made of images/.*/1\.tif; delete it"):
        images.inspect(book.pages[0])


@pytest.mark.parametrize("options", [{"jpeg_quality": 60}, {"grey": True}, {"longest_side": 100}])
def test_other_options_make_another_image(options: dict[str, Any]) -> None:
    add("1.tif")
    images, book = prepare()
    first = images.inspect(book.pages[0])[1]
    images, book = open_book(**options)
    assert not images.is_ready(book.pages[0])
    images, book = prepare(**options)
    assert images.inspect(book.pages[0])[1].sha256 != first.sha256
    assert len(list(MADE.glob("*.jpg"))) == 1


def test_a_changed_scan_is_noticed_and_a_touched_one_keeps_its_image() -> None:
    scan = add("1-2.pdf", *map(page_of, "ab"))
    images, book = prepare()
    before = [images.inspect(page) for page in book.pages]
    os.utime(scan, ns=(0, 0))
    images, book = open_book()
    assert not any(map(images.is_ready, book.pages))
    images, book = prepare()
    assert [images.inspect(page)[0] for page in book.pages] == [path for path, _ in before]

    add("1-2.pdf", *map(page_of, "ac"))
    images, book = open_book()
    assert not any(map(images.is_ready, book.pages))
    images, book = prepare()
    same, other = [images.inspect(page)[1].sha256 for page in book.pages]
    assert same == before[0][1].sha256 and other != before[1][1].sha256


def test_a_run_goes_on_with_the_images_made_for_it() -> None:
    scan = add("1.tif")
    images, book = prepare()
    scan.touch()
    assert not images.is_ready(book.pages[0])
    images.scans_may_change = True
    assert images.is_ready(book.pages[0])
    scan.rename(scan.with_name("01-1.tif"))
    assert not open_book()[0].is_ready(open_book()[1].pages[0])


def test_a_broken_manifest_is_made_again() -> None:
    add("1.tif")
    prepare()
    for content in ("", "[]", "{}", json.dumps({"pages": {"1": {}}})):
        (MADE / "prepared.json").write_text(content)
        images, book = open_book()
        assert not images.is_ready(book.pages[0])


# Failures


def test_pages_that_fail_are_named_and_the_others_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan = add("1-4.pdf", *map(page_of, "abcd"))

    def fail(scan: Path, number: int, options: Images) -> bytes:
        if number in (2, 4):
            raise DataError(f"{scan}, page {number}: cannot be read")
        return make_image(scan, number, options)

    with monkeypatch.context() as patched:
        patched.setattr(preparation, "make_image", fail)
        prepare()
    images, book = open_book()
    assert [images.is_ready(page) for page in book.pages] == [True, False, True, False]
    for page in book.pages[1::2]:
        with pytest.raises(DataError, match=rf"1-4\.pdf, page {page.leaf}: cannot be read"):
            images.inspect(page)
    assert len(list(MADE.glob("*.jpg"))) == 2
    # Once the scan is another one, so is the matter.
    os.utime(scan, ns=(0, 0))
    images, book = open_book()
    with pytest.raises(DataError, match="no image was made of it, or it was changed since"):
        images.inspect(book.pages[1])
    images, book = prepare()
    assert all(map(images.is_ready, book.pages))


def test_a_stop_is_obeyed_between_two_pages() -> None:
    add("1.tif")
    images, book = open_book()
    stop = threading.Event()
    stop.set()
    with pytest.raises(PagewaveError, match="stopped"):
        prepare_book(images, book, stop)
    assert not MADE.exists()


def test_find_broken_names_all_in_order_and_each_once() -> None:
    add("1.jpg")
    (Path("images") / BOOK / "2.jpg").write_text("nothing")
    (Path("images") / BOOK / "3-4.pdf").write_bytes(b"%PDF-1.4 nothing")
    add("5.tif", page_of(1), page_of(2))
    images, book = open_book()
    broken = images.find_broken(book.pages)
    assert [text.partition(": ")[0].rpartition("/")[2] for text in broken] == [
        "2.jpg",
        "3-4.pdf",
        "5.tif",
    ]


def test_a_page_too_large_to_be_drawn_is_named_before() -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(14_400, 14_400)
    (Path("images") / BOOK).mkdir(parents=True)
    document.save(Path("images") / BOOK / "1-1.pdf")
    images, book = open_book(longest_side=None)
    (broken,) = images.find_broken(book.pages)
    assert "1-1.pdf, page 1: has more than" in broken
    images, book = open_book(longest_side=3000)
    assert images.find_broken(book.pages) == [] and images.pixel_size(book.pages[0]) == (3000, 3000)
