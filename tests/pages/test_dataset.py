"""The data set on disk: what counts as a page, in which order, and what is refused."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pagewave.config.settings import Settings, load_settings
from pagewave.errors import DataError
from pagewave.pages.dataset import Book, Dataset, Page, scan


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels").mkdir()
    Path("images").mkdir()


def settings(**filters: Any) -> Settings:
    paths = {"label_source_dir": "labels", "image_source_dir": "images"}
    return load_settings({"paths": paths, "filters": filters}, Path())


def add(place: str, *stems: int | str, suffix: str | None = ".jpg") -> None:
    """Labels of a book, and images with this suffix if any."""
    for stem in stems:
        label = Path("labels", place, f"{stem}.json")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.touch()
        if suffix:
            image = Path("images", place, f"{stem}{suffix}")
            image.parent.mkdir(parents=True, exist_ok=True)
            image.touch()


def refused(**filters: Any) -> str:
    with pytest.raises(DataError) as caught:
        scan(settings(**filters))
    return str(caught.value)


def keys(dataset: Dataset) -> list[str]:
    return [page.key for page in dataset.pages]


def test_pages_come_by_state_school_year_and_number() -> None:
    add("Ohio/B/1852", 10, 9, 2)
    add("Ohio/A/1900", 1)
    add("Iowa/Z/1850", 0)
    dataset = scan(settings())
    assert keys(dataset) == [
        "Iowa:Z:1850:0",
        "Ohio:A:1900:1",
        "Ohio:B:1852:2",
        "Ohio:B:1852:9",
        "Ohio:B:1852:10",
    ]
    page = dataset.page("Ohio:B:1852:10")
    assert page == Page(("Ohio", "B", "1852"), 10, Path("images/Ohio/B/1852/10.jpg"))
    assert (page.book_id, page.name, page.stem) == ("Ohio/B/1852", "Ohio/B/1852/10", "10")
    assert dataset.book("Ohio/B/1852").pages[-1] is page
    assert dataset.ignored == ()


def test_a_gap_starts_a_new_chain() -> None:
    add("Ohio/A/1852", 1, 2, 3, 5, 7, 8)
    dataset = scan(settings())
    (book,) = dataset.books
    assert [[page.number for page in chain] for chain in book.chains] == [[1, 2, 3], [5], [7, 8]]
    before = {page.number: dataset.previous(page) for page in book.pages}
    assert {n: p.number if p else None for n, p in before.items()} == {
        1: None,
        2: 1,
        3: 2,
        5: None,
        7: None,
        8: 7,
    }


def test_pages_that_are_told_nothing_are_chains_of_their_own() -> None:
    add("Ohio/A/1852", 1, 2, 3)
    dataset = replace(scan(settings()), is_apart=True)
    (book,) = dataset.books
    assert dataset.chains(book) == tuple((page,) for page in book.pages)
    assert [dataset.previous(page) for page in book.pages] == [None] * 3


def test_an_empty_book_has_one_empty_chain() -> None:
    assert Book(("a", "b", "1"), ()).chains == ((),)


def test_images_without_labels_are_no_pages() -> None:
    add("Ohio/A/1852", 1)
    Path("images/Ohio/A/1852/2.jpg").touch()
    assert keys(scan(settings())) == ["Ohio:A:1852:1"]


def test_label_content_is_not_read() -> None:
    add("Ohio/A/1852", 1)
    Path("labels/Ohio/A/1852/1.json").write_bytes(b"\xff no json")
    assert len(keys(scan(settings()))) == 1


def test_leading_zeros_name_the_image_and_the_output() -> None:
    add("Ohio/A/1852", "007", "008")
    dataset = scan(settings())
    page = dataset.page("Ohio:A:1852:7")
    assert page.scan == Path("images/Ohio/A/1852/007.jpg")
    assert (page.stem, page.name) == ("007", "Ohio/A/1852/007")
    assert dataset.previous(dataset.page("Ohio:A:1852:8")) == page


@pytest.mark.parametrize("suffix", [".JPG", ".Jpg", ".jpeg", ".png", ".webp", ".tif", ".PDF"])
def test_other_image_suffixes(suffix: str) -> None:
    add("Ohio/A/1852", 1, suffix=suffix)
    (page,) = scan(settings()).pages
    assert page.scan.name == f"1{suffix}"


@pytest.mark.parametrize("suffix", [".JSON", ".Json"])
def test_suffixes_of_labels_count_in_capital_letters_too(suffix: str) -> None:
    add("Ohio/A/1852", 1)
    label = Path("labels/Ohio/A/1852/1.json")
    label.rename(label.with_suffix(suffix))
    assert [page.number for page in scan(settings()).pages] == [1]


def test_jpg_comes_before_all_others() -> None:
    for suffix in (".tif", ".png", ".jpeg", ".jpg"):
        add("Ohio/A/1852", 1, suffix=suffix)
        if suffix == ".png":
            assert next(scan(settings()).pages).scan.suffix == ".png"
    assert next(scan(settings()).pages).scan.suffix == ".jpg"


# Filters


def test_filters_by_state_and_inclusive_years() -> None:
    for state in ("Ohio", "Iowa", "Utah"):
        for year in (1849, 1850, 1852, 1853):
            add(f"{state}/A/{year}", 1)
    found = scan(
        settings(target_states=["Ohio", "Utah"], target_years={"start": 1850, "end": 1852})
    )
    assert keys(found) == ["Ohio:A:1850:1", "Ohio:A:1852:1", "Utah:A:1850:1", "Utah:A:1852:1"]
    since = scan(settings(target_states=["Ohio"], target_years={"start": 1852}))
    assert keys(since) == ["Ohio:A:1852:1", "Ohio:A:1853:1"]
    until = scan(settings(target_states=["Ohio"], target_years={"end": 1849}))
    assert keys(until) == ["Ohio:A:1849:1"]


def test_what_the_filters_leave_out_may_be_broken() -> None:
    add("Ohio/A/1852", 1)
    add("Io{wa}/A/1852", 1, suffix=None)
    add("Ohio/A/1900", 1, suffix=None)
    Path("labels/Io{wa}/note.txt").touch()
    found = scan(settings(target_states=["Ohio"], target_years={"end": 1852}))
    assert keys(found) == ["Ohio:A:1852:1"]
    assert found.ignored == ()


def test_an_unknown_state_names_the_nearest() -> None:
    add("Alabama/A/1852", 1)
    add("Alaska/A/1852", 1)
    text = refused(target_states=["alabma", "Alaska", "Mars"])
    assert "no folder 'alabma'; did you mean 'Alabama'?" in text
    assert "no folder 'Mars'; there are Alabama, Alaska" in text
    assert "'Alaska';" not in text


def test_accents_match_however_they_are_written() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Québec") for form in ("NFC", "NFD"))
    assert composed != decomposed
    add(f"{decomposed}/Collège/1852", 1)
    (page,) = scan(settings(target_states=[composed])).pages
    assert page.folders[0] == decomposed
    assert page.scan.exists()


# Names


@pytest.mark.parametrize(
    "name",
    [
        "Ashgrove College",
        "St. John's",
        "University of X, Y",
        "a:b",
        "Żółw 大学",
        "-x",
        "#1 (old) [a] *?",
        "50% & $2",
        "trailing ",
        '"quoted"',
    ],
)
def test_names_with_punctuation_and_any_alphabet(name: str) -> None:
    add(f"{name}/{name}/1852", 1)
    (page,) = scan(settings(target_states=[name])).pages
    assert page.key == f"{name}:{name}:1852:1"
    assert page.scan.exists()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a{b", "holds '{', which Snakemake takes for a wildcard"),
        ("a}b", "holds '}', which Snakemake takes for a wildcard"),
        ("a <results> b", "holds '<results>', which Snakemake takes for a path variable"),
        ("a\nb", r"'a\nb' holds the invisible character U+000A"),
        ("a\tb", "U+0009"),
        ("a\u200bb", r"'a\u200bb' holds the invisible character U+200B"),
        ("a\\b", "holds a backslash"),
        ("a\udcffb", "is not valid UTF-8"),
    ],
)
@pytest.mark.parametrize("place", ["{}/A/1852", "Ohio/{}/1852"])
def test_names_that_snakemake_cannot_carry(place: str, name: str, why: str) -> None:
    add(place.format(name), 1)
    text = refused()
    assert why in text
    text.encode()  # can be printed


def test_year_with_leading_zero() -> None:
    add("Ohio/A/0852", 1)
    assert "write the year as 852" in refused()


def test_same_number_twice() -> None:
    add("Ohio/A/1852", "1", "01")
    assert "Ohio/A/1852/01 and Ohio/A/1852/1 have the same key Ohio:A:1852:1" in refused()


def test_same_key_by_colons() -> None:
    add("a:b/c/1852", 1)
    add("a/b:c/1852", 1)
    assert "have the same key a:b:c:1852:1" in refused()


# What is no label


def test_other_files_are_ignored_and_named() -> None:
    add("Ohio/A/1852", 1)
    others = [
        "notes.txt",
        ".git/HEAD",
        "Ohio/.DS_Store",
        "Ohio/A/readme.md",
        "Ohio/A/1852-53/1.json",
        "Ohio/A/1852/cover.json",
        "Ohio/A/1852/-1.json",
        "Ohio/A/1852/1.JSN",
        "Ohio/A/1852/1.json.bak",
        "Ohio/A/1852/.json",
        "Ohio/A/1852/٣.json",
    ]
    for other in others:
        path = Path("labels", other)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    Path("labels/Ohio/A/1852/5.json").mkdir()
    Path("labels/Ohio/A/1852/6.json").symlink_to("nowhere")
    found = scan(settings())
    assert keys(found) == ["Ohio:A:1852:1"]
    named = {str(path.relative_to("labels")) for path in found.ignored}
    # A folder that cannot hold labels is named itself, not what it holds.
    expected = {".git" if o == ".git/HEAD" else o.replace("-53/1.json", "-53") for o in others}
    assert named == expected | {"Ohio/A/1852/5.json", "Ohio/A/1852/6.json"}


def test_symlinks_work_at_every_level(tmp_path: Path) -> None:
    add("Ohio/A/1852", 1)
    Path("labels/Iowa").symlink_to(tmp_path / "labels/Ohio")
    Path("images/Iowa").symlink_to(tmp_path / "images/Ohio")
    Path("labels/Ohio/A/1852/2.json").symlink_to("1.json")
    Path("images/Ohio/A/1852/2.jpg").symlink_to("1.jpg")
    assert keys(scan(settings(target_states=["Iowa"]))) == ["Iowa:A:1852:1", "Iowa:A:1852:2"]


# Missing


def test_all_missing_images_are_named_up_to_twenty() -> None:
    add("Ohio/A/1852", 1)
    add("Ohio/A/1852", *range(2, 12), suffix=None)
    add("Ohio/B/1852", *range(1, 13), suffix=None)
    add("Ohio/C/1852", 1, suffix=None)
    Path("images/Ohio/C").touch()
    text = refused()
    assert text.startswith("23 pages have a label in labels but no image.")
    assert "  images/Ohio/A/1852/2\n" in text
    assert text.count("images/Ohio/") == 20
    assert "  and 3 more\n" in text


def test_a_dangling_image_link_is_a_missing_image() -> None:
    add("Ohio/A/1852", 1, suffix=None)
    Path("images/Ohio/A/1852").mkdir(parents=True)
    Path("images/Ohio/A/1852/1.jpg").symlink_to("gone.jpg")
    assert refused().startswith("1 page has a label in labels but no image.")


def test_empty_label_tree() -> None:
    text = refused()
    assert "no {state}/{school}/{year}/{page}.json in labels." in text
    assert "filters" in text


def test_labels_one_level_too_high_are_named() -> None:
    Path("labels/Ohio/1852").mkdir(parents=True)
    Path("labels/Ohio/1852/1.json").touch()
    assert "What is there but is no label: labels/Ohio/1852/1.json." in refused()


def test_filters_that_leave_nothing_say_how_much() -> None:
    add("Ohio/A/1852", 1, 2)
    add("Iowa/A/1900", 1)
    text = refused(target_states=["Ohio"], target_years={"start": 1880})
    assert "which leave out 3 labels (target_states: Ohio; target_years: 1880 to any)" in text


def test_unknown_keys_and_books() -> None:
    add("Ohio/Ashgrove/1852", 1)
    dataset = scan(settings())
    with pytest.raises(DataError, match="no page Ohio:Ashgrove:1852:2"):
        dataset.page("Ohio:Ashgrove:1852:2")
    with pytest.raises(DataError, match=r"Did you mean Ohio/Ashgrove/1852\?"):
        dataset.book("Ohio/Ashgrov/1852")
