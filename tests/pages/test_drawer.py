"""A drawer of scans: what names tell, which books and pages are made of them, what is left out."""

from pathlib import Path
from typing import Any

import pytest

from helpers.drawers import DRAWER, fill, write
from pagewave.errors import DataError
from pagewave.pages.drawer.books import Drawer, Given, look_into
from pagewave.pages.drawer.names import Side, read_folder, read_name
from pagewave.pages.drawer.placing import carry_out, moves
from pagewave.pages.drawer.roman import from_roman, to_roman
from pagewave.pages.drawer.tables import as_csv, from_csv

AS_NAMED: Given = {}


def page(first: int, last: int | None = None) -> dict[str, int]:
    return {"first": first, "last": first if last is None else last}


@pytest.mark.parametrize(
    ("stem", "told"),
    [
        ("12", page(12)),
        ("catalog 1859 p.12", {"words": "catalog", "year": 1859, **page(12)}),
        ("Elm 1859-60 iv", {"words": "Elm", "year": 1859, "span": "1859-60", "roman": 4}),
        ("Elm 1859-60 p.5", {"words": "Elm", "year": 1859, "span": "1859-60", **page(5)}),
        ("Elm 1859-1861-012", {"words": "Elm", "year": 1859, "span": "1859-1861", **page(12)}),
        ("1859 pp. 13-20", {"year": 1859, **page(13, 20)}),
        ("7-16", page(7, 16)),
        ("catalog p. xii", {"words": "catalog", "roman": 12}),
        ("vi", {"roman": 6}),
        ("Elm 1850 v", {"words": "Elm", "year": 1850, "roman": 5}),
        ("mix", {"words": "mix"}),
        ("map_v", {"words": "map v"}),
        ("scan_0001_left", {**page(1), "side": Side.LEFT}),
        ("scan_0003_R", {**page(3), "side": Side.R}),
        ("012v", {**page(12), "side": Side.V}),
        ("Blatt 3 rechts", {"words": "Blatt", **page(3), "side": Side.RIGHT}),
        ("IMG_0012", {**page(12), "is_counter": True}),
        ("P1010012", {**page(1010012), "is_counter": True}),
        ("IMG_20230412_101530", {**page(20230412101530000), "is_counter": True}),
        (
            "Screenshot 2023-04-12 101530",
            {"words": "Screenshot", **page(20230412101530000), "is_counter": True},
        ),
        (
            "WhatsApp Image 2023-04-12 at 10.15.30",
            {"words": "WhatsApp", **page(20230412101530000), "is_counter": True},
        ),
        ("1850 \u2013 12", {"year": 1850, **page(12)}),
        ("IMG_0012 (1)", {**page(12), "is_counter": True, "is_copy": True}),
        ("Elm 1859 12 - Copy", {"words": "Elm", "year": 1859, **page(12), "is_copy": True}),
        ("catalog 1861", {"words": "catalog", "year": 1861}),
        ("1859", page(1859)),
        ("1859_012", {"year": 1859, **page(12)}),
        ("box 3 0012", {"words": "box 3", **page(12)}),
        ("Ashgrove College 1852 - 003", {"words": "Ashgrove College", "year": 1852, **page(3)}),
        ("page 3 of 40", page(3)),
        ("IMG-20230412-WA0007", {"words": "IMG-20230412-WA", **page(7), "is_counter": True}),
        ("cover", {"words": "cover"}),
    ],
)
def test_a_name_tells_its_page_and_its_book(stem: str, told: dict[str, Any]) -> None:
    found = vars(read_name(stem))
    assert {name: value for name, value in found.items() if value not in (None, "", False)} == told


def test_a_folder_tells_a_book_and_its_year() -> None:
    assert (read_folder("Merrivale 1859-60").words, read_folder("1859").year) == ("Merrivale", 1859)
    assert read_folder("scans").words == ""


def test_roman_numerals_are_those_that_are_written_today() -> None:
    assert [from_roman(to_roman(number)) for number in range(1, 200)] == list(range(1, 200))
    assert [from_roman(text) for text in ("iiii", "ic", "mix", "")] == [None] * 4


def drawer_of(folder: Path, files: dict[str, int], given: Given = AS_NAMED) -> Drawer:
    for name, pages in files.items():
        write(folder / name, pages)
    return look_into(folder, given)


def numbers(drawer: Drawer) -> dict[str, dict[str, tuple[int, int]]]:
    """Of each book its files, and the pages that they are."""
    return {
        str(book.place): {one.scan.path.name: (one.first, one.last) for one in book.placed}
        for book in drawer.books
    }


def reasons(drawer: Drawer) -> dict[str, str]:
    return {left.path.name: left.why for left in drawer.left_out}


def test_folders_and_names_together_tell_the_book(tmp_path: Path) -> None:
    files = {"Ohio/Elm 1859-60/1.jpg": 1, "Elm 1850/1.jpg": 1, "Oak 1851 p.2.jpg": 1, "1.png": 1}
    assert numbers(drawer_of(tmp_path / "my box", files)) == {
        "Ohio/Elm/1859": {"1.jpg": (1, 1)},
        "Unsorted/Elm/1850": {"1.jpg": (1, 1)},
        "Unsorted/Oak/1851": {"Oak 1851 p.2.jpg": (2, 2)},
        "Unsorted/my box/0": {"1.png": (1, 1)},
    }
    given = look_into(
        tmp_path / "my box" / "Elm 1850", {"state": "Iowa", "school": "Oak College", "year": "1860"}
    )
    assert list(numbers(given)) == ["Iowa/Oak College/1860"]
    with pytest.raises(DataError, match="choose another name"):
        look_into(tmp_path, {"school": "a/b"})


def test_roman_pages_come_first_and_gaps_are_told(tmp_path: Path) -> None:
    drawer = drawer_of(tmp_path, {f"Elm 1850 {n}.jpg": 1 for n in ("i", "ii", "p.1", "p.4")})
    (pages,) = numbers(drawer).values()
    assert list(pages.values()) == [(1, 1), (2, 2), (3, 3), (6, 6)]
    assert "pages i to ii come first: page 1 is number 3" in drawer.books[0].unclear
    assert "not there: page 4-5" in drawer.books[0].unclear


@pytest.mark.parametrize("sides", [("left", "right"), ("L", "R"), ("a", "b"), ("r", "v")])
def test_a_sheet_is_two_pages(tmp_path: Path, sides: tuple[str, str]) -> None:
    names = [f"s_{sheet:03}_{side}.jpg" for sheet in (1, 2) for side in sides]
    (pages,) = numbers(drawer_of(tmp_path, dict.fromkeys(names, 1))).values()
    assert pages == {name: (place, place) for place, name in enumerate(names, 1)}


def test_two_cameras_may_have_a_folder_each(tmp_path: Path) -> None:
    files = [f"Elm 1850/{side}/IMG_{n}.jpg" for n in (7, 9) for side in ("left", "right")]
    drawer = drawer_of(tmp_path, dict.fromkeys(files, 1))
    (book,) = drawer.books
    assert str(book.place) == "Unsorted/Elm/1850"
    found = [str(one.scan.path.relative_to(tmp_path)) for one in book.placed]
    assert found == files


def test_a_camera_counts_an_order_without_gaps(tmp_path: Path) -> None:
    names = ["IMG_0098.jpg", "IMG_0101.jpg", "IMG_0102.jpg"]
    (pages,) = numbers(drawer_of(tmp_path, dict.fromkeys(names, 1))).values()
    assert pages == {name: (place, place) for place, name in enumerate(names, 1)}


def test_files_of_many_pages_are_books_or_the_pages_that_they_name(tmp_path: Path) -> None:
    files = {"Elm 1850.pdf": 3, "Oak 1850 p.1-2.tif": 2, "Oak 1850 p.3-9.tif": 2}
    drawer = drawer_of(tmp_path, files | {"Fir 1850 part 1.pdf": 2, "Fir 1850 part 2.pdf": 3})
    assert numbers(drawer) == {
        "Unsorted/Elm/1850": {"Elm 1850.pdf": (1, 3)},
        "Unsorted/Fir part/1850": {
            "Fir 1850 part 1.pdf": (1, 2),
            "Fir 1850 part 2.pdf": (3, 5),
        },
        "Unsorted/Oak/1850": {"Oak 1850 p.1-2.tif": (1, 2)},
    }
    assert reasons(drawer) == {
        "Oak 1850 p.3-9.tif": "its name tells 7 pages, and it holds 2: rename it"
    }


def test_what_a_camera_and_a_scanner_made_are_two_books(tmp_path: Path) -> None:
    files = {"IMG_1.jpg": 1, "scan_1.jpg": 1, "scan_2.jpg": 1}
    assert numbers(drawer_of(tmp_path / "box", files)) == {
        "Unsorted/box IMG/0": {"IMG_1.jpg": (1, 1)},
        "Unsorted/box scan/0": {"scan_1.jpg": (1, 1), "scan_2.jpg": (2, 2)},
    }


def test_every_file_is_in_a_book_or_left_out_with_a_reason(tmp_path: Path) -> None:
    files = fill(tmp_path)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    drawer = look_into(tmp_path)
    placed = [one.scan.path for book in drawer.books for one in book.placed]
    left = [one.path for one in drawer.left_out]
    told = sorted(str(path.relative_to(tmp_path)) for path in placed + left)
    assert told == sorted([*files, "gone.jpg"])
    assert len(left) == DRAWER["left out"] + 1
    assert sum(book.pages for book in drawer.books) == DRAWER["pages"]
    why = reasons(drawer)
    assert (
        why["catalog 1859 p.3 (1).jpg"] == "the same file as catalog 1859 p.3.jpg, which is taken"
    )
    assert why["catalog 1859 p.4 - Copy.jpg"].startswith("the same page as")
    assert why["gone.jpg"] == "a link that leads to no file"
    assert why["IMG_0099.HEIC"] == ".heic can't be read: save it as JPEG or TIFF"


def test_what_is_there_is_never_mixed_with_others_nor_written_over(tmp_path: Path) -> None:
    drawer = drawer_of(tmp_path / "box", {"Elm 1850 p.1.jpg": 1, "Elm 1850 p.2.jpg": 1})
    scans, labels = tmp_path / "scans", tmp_path / "labels"
    carry_out(moves(drawer, scans)[:1], labels, copies=False)  # as if it had been killed then
    again = moves(drawer, scans)
    assert [move.is_there for move in again] == [True, False]
    carry_out(again, labels, copies=True)
    folder = scans / "Unsorted/Elm/1850"
    assert sorted(path.name for path in folder.iterdir()) == ["1.jpg", "2.jpg"]
    assert (folder / "1.jpg").is_symlink()
    assert not (folder / "2.jpg").is_symlink()
    assert len(list(labels.rglob("*.json"))) == 2
    (folder / "1.jpg").rename(folder / "001.jpg")
    (folder / "2.jpg").rename(folder / "2-3.pdf")
    for name in ("Elm 1850 p.1.png", "Elm 1850 p.3.png"):
        write(tmp_path / name / name)
        with pytest.raises(DataError, match="would be the same page"):
            moves(look_into(tmp_path / name), scans)


def test_a_table_is_corrected_and_taken_in(tmp_path: Path) -> None:
    found = drawer_of(tmp_path / "box", {"Elm 1850.pdf": 2, "a 1.jpg": 1, "b.jpg": 1})
    table = tmp_path / "found.csv"
    table.write_text(as_csv(found))
    again = from_csv(table)
    assert numbers(again) == numbers(found)
    assert reasons(again) == reasons(found)
    # As a spreadsheet may save it, where commas are decimal marks.
    lines = [line.replace(",", ";") for line in table.read_text().splitlines()]
    lines = [
        f"{tmp_path}/box/b.jpg;-Ohio;Elm;1850;3;;" if "b.jpg" in line else line for line in lines
    ]
    table.write_text("\ufeff" + "\r\n".join(lines))
    assert numbers(from_csv(table))["-Ohio/Elm/1850"] == {"b.jpg": (3, 3)}
    table.write_text(as_csv(from_csv(table)))
    assert "-Ohio/Elm/1850" in numbers(from_csv(table))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a.jpg,Ohio,Elm,1850,1,2,", "it holds 1 pages, and the table says 2"),
        ("a.jpg,Ohio,Elm,1850,x,,", "whole numbers"),
        ("a.jpg,Ohio,Elm,185000,1,,", "0 to 9999"),
        ("a.jpg,Ohio,..,1850,1,,", "can't be a folder's name"),
        ("gone.jpg,Ohio,Elm,1850,1,,", "it is not there"),
        ("b.jpg,Ohio,Elm,1850,2,,", "page 2 is in"),
    ],
)
def test_a_wrong_table_changes_nothing(tmp_path: Path, row: str, problem: str) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        write(tmp_path / name)
    head = "file,state,school,year,first page,last page,not read"
    table = tmp_path / "found.csv"
    table.write_text(f"{head}\nc.jpg,Ohio,Elm,1850,2,,\n{row}\n")
    with pytest.raises(DataError, match=problem):
        from_csv(table)
    table.write_text("file,page\n")
    with pytest.raises(DataError, match="no column state"):
        from_csv(table)
