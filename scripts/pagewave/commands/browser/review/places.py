"""Where the words of a page's text stand in its page file, whatever its page model is.

What people correct is a word of the text that they see; what is changed is a field of the file.
Which field that is the page model tells itself: it is asked for the text of a page whose fields all
end with a mark.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from pydantic import ValidationError

from pagewave.page_model import PageModel

Field = tuple[str | int, ...]
"""The way to a value: `("courses", 0, "level")`."""

_MARK = "\ue000{}\ue001"
_MARKED = re.compile("\ue000(\\d+)\ue001")
_MOST_ROUNDS = 20
"""Of looking for words that stand in another order; more than so many blocks no page has."""


class Place(NamedTuple):
    """A word in a field of a page file, from character `start` to `end`."""

    field: Field
    start: int
    end: int
    text: str


def value_at(page: Any, field: Field) -> Any:
    """The value of a field; raises LookupError or TypeError where there is none."""
    for part in field:
        page = page[part]
    return page


def with_value(page: Any, field: Field, value: Any) -> Any:
    """A copy of a page with another value of a field; raises as `value_at`."""
    changed = copy.deepcopy(page)
    *way, last = field
    value_at(changed, field)
    value_at(changed, tuple(way))[last] = value
    return changed


def words_of(model: type[PageModel], page: Any) -> list[Place]:
    """The words of a page's text in their order; none where the page is not as the model says."""
    found, seen = list[Place](), set[int]()
    texts = list(_texts(page))
    marked = _marked(model, page, texts)
    for number in map(int, _MARKED.findall(marked)):
        if number in seen or number >= len(texts):
            continue
        seen.add(number)
        field, text = texts[number]
        found += [Place(field, m.start(), m.end(), m[0]) for m in re.finditer(r"\S+", text)]
    return found


def _marked(model: type[PageModel], page: Any, texts: Sequence[tuple[Field, str]]) -> str:
    """The page's text, with a mark behind each field that it is made of."""
    unfit = set[Field]()
    for _ in range(2):
        changed = copy.deepcopy(page)
        for number, (field, text) in enumerate(texts):
            if field not in unfit:
                *way, last = field
                value_at(changed, tuple(way))[last] = text + _MARK.format(number)
        try:
            return model.model_validate(changed).text()
        except ValidationError as error:  # a date, or one of few words: no part of the text
            places = [tuple(each["loc"]) for each in error.errors(include_url=False)]
            unfit |= {f for f, _ in texts if any(f == loc[: len(f)] for loc in places)}
    return ""


def _texts(value: Any, field: Field = ()) -> Iterator[tuple[Field, str]]:
    """All texts that hold words, with the way to each."""
    if isinstance(value, str):
        if value.strip():
            yield field, value
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            yield from _texts(item, (*field, name))


def joined(words: Sequence[str], read: Sequence[int], places: Sequence[Place]) -> list[list[Place]]:
    """For each word, in reading order, where it stands in the page file.

    Words are joined by what they say and by their neighbours; a word that says something else by
    now is the one between the same neighbours. It may be several words by then, or none.

    Args:
        read: the numbers of the words of the reading; others get a place where one was put in.
    """
    found: list[list[Place]] = [[] for _ in words]
    same = _same([words[n] for n in read], [place.text for place in places])
    by_place = {there: read[here] for here, there in same.items()}
    for there, here in by_place.items():
        found[here].append(places[there])
    free = set(range(len(words))) - set(by_place.values())
    run: list[int] = []
    for there in range(len(places) + 1):
        if there < len(places) and there not in by_place:
            run.append(there)
        elif run:
            before, after = by_place.get(run[0] - 1), by_place.get(there)
            between = _between(before, after, free)
            _put(found, words, set(read), [places[n] for n in run], between, (before, after))
            run = []
    return found


def _between(before: int | None, after: int | None, free: set[int]) -> list[int]:
    """The words without a place that follow one word, or else stand before another."""
    ahead, at = list[int](), -1 if before is None else before
    while (at := at + 1) in free:
        ahead.append(at)
    if ahead or after is None:
        return ahead
    behind, at = list[int](), after
    while (at := at - 1) in free:
        behind.insert(0, at)
    return behind


def _put(
    found: list[list[Place]],
    words: Sequence[str],
    read: set[int],
    run: Sequence[Place],
    free: Sequence[int],
    neighbours: tuple[int | None, int | None],
) -> None:
    """Give new places to the words without a place that stand there: first to those that say the
    same, then to those of the reading; what is left belongs to the word before it."""
    owner = dict[int, int]()
    for number, place in enumerate(run):
        same = next((n for n in free if words[n] == place.text and n not in owner.values()), None)
        if same is not None:
            owner[number] = same
    others = [n for n in free if n in read and n not in owner.values()]
    last = neighbours[0]
    for number, place in enumerate(run):
        if number in owner:
            last = owner[number]
        elif others:
            last = others.pop(0)
        if last is None and neighbours[1] is not None:
            there = found[neighbours[1]]
            if there and there[0].field == place.field:
                there.insert(0, place)
        elif last is not None and _is_next(found[last], place):
            found[last].append(place)


def _is_next(there: Sequence[Place], place: Place) -> bool:
    """Are these places of one field, one behind the other?"""
    return not there or (there[-1].field == place.field and there[-1].end <= place.start)


def _same(words: Sequence[str], texts: Sequence[str]) -> dict[int, int]:
    """Numbers of words with those of the same texts; runs of them may stand in another order."""
    pairs = dict[int, int]()
    left, there = list(range(len(words))), list(range(len(texts)))
    for _ in range(_MOST_ROUNDS):
        matcher = SequenceMatcher(
            None, [words[n] for n in left], [texts[n] for n in there], autojunk=False
        )
        blocks = matcher.get_matching_blocks()
        new = {left[b.a + n]: there[b.b + n] for b in blocks for n in range(b.size)}
        if not new:
            break
        pairs |= new
        taken = set(new.values())
        left = [n for n in left if n not in new]
        there = [n for n in there if n not in taken]
    return pairs
