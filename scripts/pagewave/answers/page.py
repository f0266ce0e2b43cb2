"""From a model's text to the page that it means: validated, cleaned, with a flag for what was done.

What the ledger keeps as the page is what the model means; its own words stay in the raw line.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

import pydantic

from pagewave.answers.loose_json import Json
from pagewave.answers.nullable import Nothing, Path, names_anywhere, names_of, shown
from pagewave.answers.repair import Contradiction, Names, object_in
from pagewave.characters import clean, count_unclean
from pagewave.ledger import Flag
from pagewave.page_model import PageModel
from pagewave.wording import count

REPAIRED, NULL_WORD, CHARACTERS = "repaired", "null_word", "characters"
"""Flags of answers that were put right: their form, words that mean nothing, odd characters."""


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A valid page, its words, and its JSON on one line."""

    page: PageModel
    text: str
    page_json: str
    flags: tuple[Flag, ...]


def read_page(text: str, page_model: type[PageModel], is_whole: bool) -> ReadPage:
    """The page in an answer's text.

    Args:
        is_whole: False where the answer was cut off: it may be whole all the same, but then
            nothing is put right that may be due to the cut.

    Raises:
        NoObject: there is no JSON object.
        Contradiction: there are several, or one says two things.
        Exception: whatever the page model raises, a `pydantic.ValidationError` for the most part.
    """
    found = object_in(text, _names(page_model), is_whole)
    notes = list(found.notes)
    content, unclean = _cleaned(found.content)
    page, nothing = _validated(content, page_model, is_whole)
    if nothing.left_out:
        notes.append(f"left out, taken for null: {shown(nothing.left_out)}")
    if nothing.null_lists:
        notes.append(f"null, taken for an empty list: {shown(nothing.null_lists)}")
    if nothing.null_items:
        notes.append(f"null among the items, left out: {shown(nothing.null_items)}")
    flags = [Flag(REPAIRED, "; ".join(notes))] if notes else []
    if nothing.words:
        words = ", ".join(sorted({repr(word) for word in nothing.words.values()}))
        flags.append(Flag(NULL_WORD, f"{words} taken for null: {shown(nothing.words)}"))
    if unclean:
        what = f"{count(unclean, 'control character')} replaced or left out"
        flags.append(Flag(CHARACTERS, what))
    # Later steps ask for these, and would stop where one raises.
    page.context()
    page.declared()
    page_json = page.model_dump_json()
    page_model.model_validate_json(page_json)
    return ReadPage(page, clean(page.text()), page_json, tuple(flags))


def _validated(
    content: Json, page_model: type[PageModel], fills: bool
) -> tuple[PageModel, Nothing]:
    """The page and what was taken for nothing in it: no word of the page's own text."""
    nothing, page = _without_words(content, page_model, fills, ())
    paths = list(nothing.words)
    if not paths:
        return page, nothing
    try:
        as_written = _without_words(content, page_model, fills, paths)[1].text()
    except pydantic.ValidationError:  # it can't be taken as it is written
        return page, nothing
    if page.text() == as_written:
        return page, nothing

    def changes_text(path: Path) -> bool:
        others = [other for other in paths if other != path]
        return _without_words(content, page_model, fills, others)[1].text() != as_written

    nothing, page = _without_words(content, page_model, fills, list(filter(changes_text, paths)))
    return page, nothing


def _without_words(
    content: Json, page_model: type[PageModel], fills: bool, leave: Collection[Path]
) -> tuple[Nothing, PageModel]:
    nothing = Nothing(fills, leave)
    return nothing, page_model.model_validate(nothing.in_page(content, page_model))


def _cleaned(value: Any) -> tuple[Any, int]:
    """A JSON value whose texts have no control characters, and how many they had."""
    if isinstance(value, str):
        return clean(value), count_unclean(value)
    if isinstance(value, list):
        items = [_cleaned(item) for item in value]
        return [item for item, _ in items], sum(unclean for _, unclean in items)
    if isinstance(value, dict):
        members = {clean(name): _cleaned(part) for name, part in value.items()}
        if len(members) < len(value):
            raise Contradiction("two of its names differ by control characters alone")
        unclean = sum(map(count_unclean, value)) + sum(found for _, found in members.values())
        return {name: part for name, (part, _) in members.items()}, unclean
    return value, 0


@cache
def _names(page_model: type[PageModel]) -> Names:
    return Names(names_of(page_model), names_anywhere(page_model))
