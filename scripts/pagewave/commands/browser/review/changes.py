"""What a browser asks for, as an entry of the journal: which field becomes what."""

import re
import time
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pagewave.characters import clean
from pagewave.commands.browser.review.journal import Change, Entry
from pagewave.commands.browser.review.opened import Opened, Seen, same_json
from pagewave.commands.browser.review.places import Place, value_at, with_value
from pagewave.errors import PagewaveError
from pagewave.pages.json_files import problem_of
from pagewave.wording import moment
from pagewave.words.tree import Box

MOST_LETTERS = 20_000
T = TypeVar("T")


class Refused(PagewaveError):
    """What was asked can't be done; says why."""


class Changed(PagewaveError):
    """The page is not what the browser saw any more."""


class Ask(BaseModel):
    """What a person wants, of the page as it was when they saw it.

    `was` is what stood there: a number alone is never trusted.
    """

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[0-9a-zA-Z-]{8,64}$")
    key: str
    base: str
    do: Literal["confirm", "word", "line", "field", "undo"]
    number: int = Field(default=0, ge=0)
    is_finding: bool = False
    field: str = Field(default="", max_length=500)
    was: Any = None
    now: Any = None
    undoes: str = ""


def entry_for(opened: Opened, ask: Ask, by: str) -> Entry:
    """The entry that an ask becomes.

    Raises:
        Changed: the page does not say what it is about.
        Refused: it can't be.
    """
    entry = Entry(id=ask.id, at=moment(time.time()) or "", by=by, before=opened.sha256)
    match ask.do:
        case "confirm" if ask.is_finding:
            finding = _there(opened.tree.findings, ask.number)
            _same(finding.text, ask.was)
            return _with(entry, said=(finding.text,), box=finding.box)
        case "confirm":
            seen = _there(opened.words, ask.number)
            _same(seen.now, ask.was)
            return _said(entry, opened, seen, (seen.now,))
        case "word":
            seen = _there(opened.words, ask.number)
            _same(seen.now, ask.was)
            now = _words(ask.now)
            entry = _said(entry, opened, seen, tuple(dict.fromkeys([now, *now.split()])))
            return _with(entry, change=_of_word(opened, seen, now))
        case "line":
            line = _there(opened.lines, ask.number)
            _same(line_text(opened, line), ask.was)
            now = _words(ask.now)
            return _with(
                entry,
                change=_of_line(opened, line, now),
                said=tuple(dict.fromkeys(now.split())),
                box=_around([seen.word.box for seen in line]),
            )
        case "field":
            return _with(entry, change=_of_field(opened, ask))
        case "undo":
            undone = opened.journal.find(ask.undoes)
            if undone is None or undone not in opened.journal.standing:
                raise Changed("It is undone already.")
            change = undone.change.undone() if undone.change else None
            return _with(entry, undoes=undone.id, change=change)


def line_text(opened: Opened, line: list[Seen]) -> str:
    """What the page file says in a line; where it says nothing, what the engine saw."""
    if there := [place for seen in line for place in seen.places]:
        if len({place.field for place in there}) == 1:
            there.sort(key=lambda place: place.start)
            return " ".join(opened.text_between(there).split())
        return " ".join(place.text for place in there)
    return " ".join(seen.now for seen in line if not seen.is_read)


def checked(opened: Opened, entry: Entry) -> Any:
    """The page with an entry's change.

    Raises:
        Changed: the page says something else there.
        Refused: it would be no page by the prompt's page model.
    """
    assert entry.change is not None
    try:
        value = entry.change.made(opened.value)
    except ValueError as error:
        raise Changed(f"The page says something else there by now: {error}.") from None
    try:
        opened.model.model_validate(value)
    except ValidationError as error:
        raise Refused(f"The page model does not take that: {problem_of(error)}.") from None
    return value


def _with(entry: Entry, **values: Any) -> Entry:
    return entry.model_copy(update=values)


def _said(entry: Entry, opened: Opened, seen: Seen, said: tuple[str, ...]) -> Entry:
    return _with(entry, said=said, box=seen.word.box, around=opened.around(seen))


def _there(items: Sequence[T], number: int) -> T:
    if number < len(items):
        return items[number]
    raise Changed("There is no such word any more.")


def _same(now: Any, was: Any) -> None:
    if now != was:
        raise Changed(f"It says {now!r} by now.")


def _words(now: Any) -> str:
    """What was typed, as words in one line."""
    if not isinstance(now, str) or len(now) > MOST_LETTERS:
        raise Refused(f"A text of up to {MOST_LETTERS:,} letters is wanted.")
    return " ".join(clean(now).split())


def _of_word(opened: Opened, seen: Seen, now: str) -> Change:
    if not seen.places:
        return _put_in(opened, seen, now)
    return _replaced(opened, list(seen.places), now)


def _of_line(opened: Opened, line: list[Seen], now: str) -> Change:
    there = sorted((p for seen in line for p in seen.places), key=lambda place: place.start)
    if not there:
        return _put_in(opened, line[0], now, is_line=True)
    if len({place.field for place in there}) > 1:
        raise Refused("This line is of several fields: correct it word by word.")
    held = [p for p in opened.places if p.field == there[0].field]
    between = [p for p in held if there[0].start <= p.start <= there[-1].start]
    if len(between) != len(there):
        raise Refused("Words of other lines stand between those of this one: correct it by words.")
    return _replaced(opened, there, now)


def _replaced(opened: Opened, places: list[Place], now: str) -> Change:
    """Words that become others; where they become none, the space beside them goes too."""
    field, start, end = places[0].field, places[0].start, places[-1].end
    text = str(value_at(opened.value, field))
    if not now:
        if text[end : end + 1].isspace():
            end += 1
        elif start and text[start - 1].isspace():
            start -= 1
    return Change(field=field, start=start, was=text[start:end], now=now)


def _put_in(opened: Opened, seen: Seen, now: str, is_line: bool = False) -> Change:
    """Words that the page file lacks: behind the word before them, or in front of the next."""
    if not now:
        raise Refused("It is not in the text: confirm that it is rightly left out.")
    line = next(line for line in opened.lines if seen in line)
    is_line = is_line or not any(each.places for each in line)
    before = [each for each in opened.words[: seen.number] if each.places]
    after = [each for each in opened.words[seen.number :] if each.places]
    if not is_line:
        before = [each for each in before if each in line]
    if before:
        place = before[-1].places[-1]
        gap = "\n" if is_line else " "
        return Change(field=place.field, start=place.end, was="", now=f"{gap}{now}")
    if after:
        place = after[0].places[0]
        gap = "\n" if is_line else " "
        return Change(field=place.field, start=place.start, was="", now=f"{now}{gap}")
    raise Refused("The page file has no text that it could stand in: put it into that file.")


def _of_field(opened: Opened, ask: Ask) -> Change:
    way = tuple(
        int(number) if number else name
        for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", ask.field)
    )
    try:
        was = value_at(opened.value, way)
    except (LookupError, TypeError):
        raise Changed("There is no such field any more.") from None
    if not way or not same_json(was, ask.was):
        raise Changed(f"{ask.field} says something else by now.")
    now = clean(ask.now) if isinstance(ask.now, str) else ask.now
    if now == "":  # nothing, where the page model has a word for it
        try:
            opened.model.model_validate(with_value(opened.value, way, None))
            now = None
        except ValidationError:
            pass
    return Change(field=way, was=was, now=now)


def _around(boxes: list[Box | None]) -> Box | None:
    whole: Box | None = None
    for box in boxes:
        if box is not None:
            whole = box if whole is None else whole.around(box)
    return whole
