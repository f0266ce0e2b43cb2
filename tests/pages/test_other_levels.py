"""Trees of other levels than state, school and year: what a page is, what is told of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.drawers import write
from pagewave.config.settings import Settings, load_settings
from pagewave.errors import ConfigError, DataError, UnknownName
from pagewave.levels import DEFAULT, Levels
from pagewave.pages.dataset import scan
from pagewave.pages.drawer.books import look_into
from pagewave.pages.drawer.tables import as_csv, from_csv
from pagewave.pages.left_out import not_read
from pagewave.remote.buckets import Object, books_in
from pagewave.remote.lists import book_place

LETTERS = ["archive", "box", "folder"]
DATED = ["collection", "author", "year", "letter"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()


def settings(tree: list[Any], /, **filters: Any) -> Settings:
    paths = {"image_source_dir": "scans", "levels": tree}
    return load_settings({"paths": paths, "filters": {"labels": "all", **filters}}, Path())


def keys(tree: list[str], /, **filters: Any) -> list[str]:
    return [page.key for page in scan(settings(tree, **filters)).pages]


def add(*places: str) -> None:
    for place in places:
        write(Path("scans", place))


def test_a_book_lies_as_deep_as_there_are_levels() -> None:
    add("Box 1/2.jpg", "Box 1/10.jpg", "Box 2/Folder 3/1.jpg")
    assert keys(["box"]) == ["Box 1:2", "Box 1:10"]
    assert keys(["box", "folder"]) == ["Box 2:Folder 3:1"]


def test_filters_name_folders_of_any_level_and_years_where_they_are() -> None:
    add("C/Ann/1850/a/1.jpg", "C/Ann/1860/b/1.jpg", "C/Bo/1860/c/1.jpg", "C/Bo/undated/d/1.jpg")
    assert len(keys(DATED)) == 3
    assert keys(DATED, levels={"author": ["Ann"], "letter": ["b"]}) == ["C:Ann:1860:b:1"]
    assert keys(DATED, levels={"year": [1850]}) == ["C:Ann:1850:a:1"]
    assert keys(DATED, target_years={"start": 1855}) == ["C:Ann:1860:b:1", "C:Bo:1860:c:1"]
    with pytest.raises(DataError, match=r"filters\.levels\.author: no folder 'An'; did you mean"):
        keys(DATED, levels={"author": ["An"]})
    with pytest.raises(DataError, match=r"out 3 scans .*levels\.author: Bo; target_years: any"):
        keys(DATED, levels={"author": ["Bo"]}, target_years={"end": 1850})


def test_names_of_boxes_and_years_are_checked_as_such() -> None:
    add("07/1.jpg")
    assert keys(["box"]) == ["07:1"]
    with pytest.raises(DataError, match="folder 07: write the year as 7"):
        keys(["year"])
    add("notes/1.jpg")
    with pytest.raises(DataError, match="'notes', as files of pagewave's own are"):
        keys(["box"])


def test_scans_at_another_depth_are_told_with_the_levels_that_are_wanted() -> None:
    add("Box 1/Folder 3/12.jpg")
    with pytest.raises(DataError) as deep:
        keys(LETTERS)
    assert "scans/Box 1/Folder 3/12.jpg is 2 folders deep" in str(deep.value)
    assert "paths.levels wants archive/box/folder: 3 folders" in str(deep.value)
    with pytest.raises(DataError, match=r"2 folders deep, and paths\.levels wants box: 1 folder"):
        keys(["box"])
    add("Box 2/1.jpg")
    ignored = scan(settings(["box"])).ignored
    [deep_folder] = not_read(ignored, Path("scans"), Levels(("box",)))
    assert deep_folder == (
        "1 folder (scans/Box 1/Folder 3) lies in a book's, and books have none: paths.levels wants "
        "box"
    )
    ignored = scan(settings(["box", "folder"])).ignored
    [elsewhere] = not_read(ignored, Path("scans"), Levels(("box", "folder")))
    assert elsewhere == (
        "1 image in 1 folder (1.jpg), not in a book's folder. Move each to scans/{box}/{folder}"
    )


@pytest.mark.parametrize(
    ("levels", "filters", "said"),
    [
        (["page"], {}, "paths.levels: .*'page' has a meaning of its own in tables or rules"),
        (["Box 1"], {}, "'Box 1' can't be a level's name; expected a word such as box"),
        ([], {}, "one to 5 names, such as"),
        (["box", 3], {}, r"paths\.levels\[1\]: 3 given, expected text"),
        (["box"], {"target_states": ["Ohio"]}, "has box, and no state; write filters.levels: {box"),
        (["box"], {"target_years": {"start": 1}}, "filters.target_years: paths.levels has box"),
        (["box"], {"levels": {"crate": ["1"]}}, "filters.levels.crate: paths.levels has box, and"),
        (["box"], {"levels": {"box": "1"}}, "filters.levels.box"),
        (DEFAULT.names, {"target_states": ["A"], "levels": {"state": ["A"]}}, "keep one of them"),
    ],
)
def test_levels_and_filters_that_can_not_be_are_told_before_anything_else(
    levels: list[Any], filters: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        settings(list(levels), **filters)


@pytest.mark.parametrize(
    ("levels", "given", "books"),
    [
        (["box"], {}, ["Box 1, Folder 3", "Box 2", "Letters 1859", "drawer"]),
        (
            ["box", "folder"],
            {},
            ["Box 1/Folder 3", "Unsorted/Box 2", "Unsorted/Letters 1859", "Unsorted/drawer"],
        ),
        (
            LETTERS,
            {"archive": "City"},
            [
                *("City/Box 1/Folder 3", "City/Unsorted/Box 2", "City/Unsorted/Letters 1859"),
                "City/Unsorted/drawer",
            ],
        ),
        (["year"], {"year": "1850"}, ["1850"]),
    ],
)
def test_a_drawer_goes_into_as_many_levels_as_there_are(
    tmp_path: Path, levels: list[str], given: dict[str, str], books: list[str]
) -> None:
    drawer = tmp_path / "drawer"
    for name in ("Box 1/Folder 3/1.jpg", "Box 2/7.jpg", "Letters 1859/3.jpg", "12.jpg"):
        write(drawer / name)
    tree = Levels(tuple(levels))
    found = look_into(drawer, given, tree)
    assert [str(book.place) for book in found.books] == books
    assert ("no box" in found.books[-1].unclear) == (levels[-2:] == ["box", "folder"])
    table = tmp_path / "found.csv"
    table.write_text(as_csv(found))
    assert table.read_text().startswith(f"file,{','.join(levels)},first page")
    again = from_csv(table, tree)
    assert [(b.place, b.placed) for b in again.books] == [(b.place, b.placed) for b in found.books]


def test_a_drawer_is_told_of_levels_that_are_not_there(tmp_path: Path) -> None:
    for given in ({"state": "Ohio"}, {"year": "1850"}):
        with pytest.raises(DataError, match=r"no level .*: paths\.levels has box"):
            look_into(tmp_path, given, Levels(("box",)))


def test_books_of_buckets_and_manifests_go_by_the_levels() -> None:
    names = ["City/1/a/1.jpg", "City/1/a/2.jpg", "City/1/3.jpg"]
    objects = [Object(name, f"s3://archive/{name}", "v") for name in names]
    books, ignored = books_in("s3://archive", objects, Levels(tuple(LETTERS)))
    assert {name: sorted(book.pages) for name, book in books.items()} == {"City/1/a": ["1", "2"]}
    assert ignored == ["s3://archive/City/1/3.jpg is no {archive}/{box}/{folder}/{page}"]
    assert book_place("City/1/a", Levels(tuple(LETTERS))) == "City/1/a"
    with pytest.raises(UnknownName, match="expected ARCHIVE/BOX/FOLDER"):
        book_place("City/1", Levels(tuple(LETTERS)))
    with pytest.raises(UnknownName, match="abc is no year"):
        book_place("C/Ann/abc/x", Levels(tuple(DATED)))
    assert DEFAULT.lacks_year(2) and not Levels(tuple(DATED)).lacks_year(3)
