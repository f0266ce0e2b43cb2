"""Waves of single calls under the real command: they carry as far as they come."""

from pathlib import Path
from typing import Any

from helpers.accounts import problems_of_pages
from helpers.library import Library

BOOKS = {"Ohio/Elm/1850": 7, "Ohio/Oak/1851": 3}
FLEX: dict[str, Any] = {"transport": "flex"}


def check(library: Library) -> None:
    assert problems_of_pages(library) == []
    assert set(library.inferences().values()) == {1}
    assert library.has_book("Ohio/Elm/1850")


def test_one_wave_carries_all_where_that_was_thought(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution=FLEX) as library:
        shown = library.run("-n")
        assert "lane 1 wave 1: 10 pages of 2 books" in shown
        library.run()
        check(library)
        assert [wave["transport"] for wave in library.manifests()] == ["flex"]


def test_more_pages_than_were_thought(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution=FLEX, calls={"wave_seconds": 20}) as library:
        assert "lane 1 wave 7: 1 page of 1 book" in library.run("-n")
        library.run()
        check(library)
        assert len(library.manifests()[0]["pages"]) == 10
