"""Which scan file holds which page of a book."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.scan_files import page_of, save
from pagewave.config.settings import load_settings
from pagewave.errors import DataError
from pagewave.pages.dataset import Dataset, scan

BOOK = Path("Ohio/A/1852")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images", BOOK).mkdir(parents=True)


def add(*names: str, pages: int = 1) -> None:
    """Scan files of the book, with so many pages each."""
    for name in names:
        save(Path("images", BOOK, name), [page_of(f"{name}{n}") for n in range(pages)])


def found(labels: Sequence[int | str] | None = None) -> Dataset:
    """The data set with these labels; None: with `labels: all`."""
    for stem in labels or ():
        label = Path("labels", BOOK, f"{stem}.json")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.touch()
    paths = {"image_source_dir": "images"} | ({"label_source_dir": "labels"} if labels else {})
    filters = {} if labels else {"labels": "all"}
    return scan(load_settings({"paths": paths, "filters": filters}, Path()))


def places(labels: Sequence[int | str] | None = None) -> list[tuple[str, str, int]]:
    """Stem, file and leaf of every page."""
    return [(page.stem, page.scan.name, page.leaf) for page in found(labels).pages]


def refused(labels: Sequence[int | str] | None = None) -> str:
    with pytest.raises(DataError) as caught:
        found(labels)
    return str(caught.value)


# One file, many pages


@pytest.mark.parametrize("name", ["catalog.pdf", "scans.tif", "Part 1852-53.TIFF"])
def test_a_file_without_a_number_is_the_whole_book(name: str) -> None:
    add(name, pages=3)
    assert places([1, 3]) == [("1", name, 1), ("3", name, 3)]
    assert places() == [("1", name, 1), ("2", name, 2), ("3", name, 3)]


def test_labels_keep_their_stems() -> None:
    add("catalog.pdf", pages=2)
    assert places(["001", "002"]) == [("001", "catalog.pdf", 1), ("002", "catalog.pdf", 2)]


def test_files_that_name_their_pages() -> None:
    add("1-2.pdf", pages=2)
    add("003-005.tif", pages=3)
    add("6.jpg", "7.tif", "08.pdf")
    expected = [
        *(("1", "1-2.pdf", 1), ("2", "1-2.pdf", 2)),
        *((str(n), "003-005.tif", n - 2) for n in (3, 4, 5)),
        *(("6", "6.jpg", 0), ("7", "7.tif", 0), ("08", "08.pdf", 0)),
    ]
    assert places([1, 2, 3, 4, 5, 6, 7, "08"]) == expected
    assert places() == expected


def test_suffixes_count_in_small_and_capital_letters() -> None:
    add("1-2.Pdf", pages=2)
    add("7.Tif", "8.JPG", "9.jpG")
    add("9.png", "10.PNG", "10.jpeg")
    expected = [
        *(("1", "1-2.Pdf", 1), ("2", "1-2.Pdf", 2), ("7", "7.Tif", 0), ("8", "8.JPG", 0)),
        *(("9", "9.jpG", 0), ("10", "10.jpeg", 0)),
    ]
    assert places([1, 2, 7, 8, 9, 10]) == expected
    assert places() == expected


def test_a_page_without_label_is_not_read() -> None:
    add("11-14.pdf", pages=4)
    dataset = found([12, 14])
    assert [page.key for page in dataset.pages] == ["Ohio:A:1852:12", "Ohio:A:1852:14"]
    assert len(dataset.books[0].chains) == 2


# Every image, without labels


def test_all_images_are_pages() -> None:
    add("1.jpg", "2.png", "2.jpg", "010.webp", "4.jp2")
    save(Path("images/Ohio/B/1853/1.jpg"), [page_of(1)])
    (Path("images") / BOOK / "notes.txt").touch()
    (Path("images") / BOOK / "cover.jpg").touch()
    Path("images/readme.md").touch()
    dataset = found()
    assert [page.scan.name for page in dataset.books[0].pages] == [
        *("1.jpg", "2.jpg", "4.jp2", "010.webp")
    ]
    assert dataset.books[1].id == "Ohio/B/1853"
    assert {path.name for path in dataset.ignored} == {"notes.txt", "cover.jpg", "readme.md"}


def test_all_images_of_a_folder_without_any() -> None:
    text = refused()
    assert "no {state}/{school}/{year}/{page}.jpg in images" in text


def test_the_same_number_twice() -> None:
    add("1.jpg", "01.png")
    assert "pages Ohio/A/1852/01 and Ohio/A/1852/1 have the same key" in refused()


# What is not clear


def test_a_whole_book_beside_pages_of_its_own_is_not_used() -> None:
    add("catalog.pdf", pages=3)
    add("1.jpg", "2.jpg")
    assert places([1, 2]) == [("1", "1.jpg", 0), ("2", "2.jpg", 0)]
    assert places() == [("1", "1.jpg", 0), ("2", "2.jpg", 0)]
    assert [path.name for path in found().ignored] == ["catalog.pdf"]
    text = refused([1, 2, 3])
    assert "1852/3 (catalog.pdf is not used, as other files name their pages)" in text


@pytest.mark.parametrize("labels", [[1], None])
def test_two_whole_books_are_refused(labels: list[int] | None) -> None:
    add("catalog.pdf", "index.pdf", pages=3)
    text = refused(labels)
    assert "catalog.pdf and index.pdf may both hold page 1; name them by their pages" in text


@pytest.mark.parametrize("labels", [[1, 2, 3, 4], None])
def test_a_page_in_two_files_is_refused(labels: list[int] | None) -> None:
    add("1-3.pdf", "3-5.tif", pages=3)
    add("2.jpg")
    text = refused(labels)
    assert "images/Ohio/A/1852: page 2 is both in 2.jpg and in 1-3.pdf; remove one" in text
    assert "page 3 is both in 1-3.pdf and in 3-5.tif" in text


@pytest.mark.parametrize("labels", [[7], None])
def test_a_range_must_fit_its_file(labels: list[int] | None) -> None:
    add("7-16.pdf", pages=3)
    text = refused(labels)
    assert "7-16.pdf should hold 10 pages by its name, and holds 3; rename it" in text
    assert text.count("7-16.pdf") == 1


def test_pages_behind_the_end() -> None:
    add("catalog.tif", pages=2)
    text = refused([2, 3, 40])
    assert "2 pages have a label" in text
    assert "1852/3 (catalog.tif holds 2 pages)" in text
    assert "1852/40 (catalog.tif holds 2 pages)" in text
    assert "such as 7-16.pdf" in text


def test_a_broken_file_is_left_to_the_check_of_all_scans() -> None:
    for name in ("catalog.pdf", "3-4.tif"):
        for path in Path("images", BOOK).iterdir():
            path.unlink()
        Path("images", BOOK, name).write_text("nothing")
        assert places([3]) == [("3", name, 3 if name == "catalog.pdf" else 1)]


def test_without_labels_a_broken_file_hides_its_pages() -> None:
    Path("images", BOOK, "catalog.pdf").write_text("nothing")
    assert "catalog.pdf: is no image" in refused()
