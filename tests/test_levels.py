"""The levels of the tree: what keys, titles and places come to with any of them."""

import pytest
from snakemake.iocontainers import Wildcards

from pagewave.commands.failures import columns_of
from pagewave.exports.schema import schema_of
from pagewave.levels import DEFAULT, TAKEN, Levels, problem_of_names
from pagewave.pages.drawer import tables
from pagewave.prompts.registry import load_prompt

LETTERS = Levels(("archive", "box", "folder"))
DATED = Levels(("collection", "author", "year", "letter"))
BOX = Levels(("box",))


@pytest.mark.parametrize(
    ("levels", "folders", "key"),
    [
        (DEFAULT, ("Ohio", "Elm", "1850"), "Ohio:Elm:1850:7"),
        (DEFAULT, ("Ohio", "St. Mary: Hall", "1850"), "Ohio:St. Mary: Hall:1850:7"),
        (BOX, ("Box 1",), "Box 1:7"),
        (BOX, ("a:b:c",), "a:b:c:7"),
        (LETTERS, ("City", "1", "x:y"), "City:1:x:y:7"),
        (DATED, ("C", "Ann", "1850", "To Bo: a draft"), "C:Ann:1850:To Bo: a draft:7"),
        (Levels(("year",)), ("1850",), "1850:7"),
    ],
)
def test_a_key_is_taken_apart_as_it_was_made(
    levels: Levels, folders: tuple[str, ...], key: str
) -> None:
    assert levels.folders(key) == folders
    parts = levels.parts(key)
    assert list(parts) == [*levels.names, "page"]
    assert ":".join(map(str, parts.values())) == key
    assert parts["page"] == 7
    assert isinstance(parts.get("year", 0), int)


def test_a_key_of_other_levels_is_told_from_one_of_these() -> None:
    with pytest.raises(ValueError, match="zip"):
        LETTERS.parts("Box 1:7")


def test_books_are_called_by_the_folder_that_tells_most() -> None:
    assert DEFAULT.spoken(("Ohio", "Elm", "1850")) == ["Elm", "Ohio", "1850"]
    assert DATED.spoken(("C", "Ann", "1850", "To Bo")) == ["To Bo", "Ann", "C", "1850"]
    assert (DEFAULT.heading(("Ohio", "Elm", "1850")), BOX.heading(("1",))) == ("Elm", "1")
    assert (DEFAULT.beside(("Ohio", "Elm", "1850")), BOX.beside(("1",))) == (["Ohio", "1850"], [])


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([], "one to 5 names"),
        (["a", "b", "c", "d", "e", "f"], "one to 5 names"),
        (["Box"], "'Box' can't be a level's name"),
        (["box 1"], "'box 1' can't be"),
        (["schachtel_ü"], "can't be"),
        (["b" * 31], "30 characters"),
        (["page"], "'page' has a meaning of its own"),
        (["archive", "key"], "'key' has a meaning"),
        (["class"], "'class' has a meaning"),
        (["box", "box"], "the same name"),
    ],
)
def test_names_that_can_be_no_levels_are_told_with_the_reason(names: list[str], why: str) -> None:
    assert why in (problem_of_names(names) or "")


def test_no_level_is_called_as_a_column_or_a_wildcard_is() -> None:
    from helpers.library import REPO

    model = load_prompt(REPO / "prompts", "page_ocr", "v1.1.jinja").page_model
    ours = {c.name for table in schema_of(model).tables for c in table.columns if not c.field}
    ours |= {*columns_of(DEFAULT), *tables.columns_of(DEFAULT)}
    ours |= {name for name in dir(Wildcards) if not name.startswith("_")}
    ours |= {"run", "lane", "wave", "number", "page", "file"}  # of rules/*.smk
    can_be = {name for name in ours if " " not in name and problem_of_names([name]) is None}
    assert can_be == set(DEFAULT.names)
    assert not TAKEN & {*LETTERS.names, *DATED.names}
