"""The one object that a model's text means: bare or amid prose, and put right where that is plain.

Plain is what has one reading. Only what stands between the words is put right (commas, wrappers, an
object that is given twice); no word is added, changed or dropped, and nothing that is not closed is
closed. What can be read in two ways is a contradiction, and what is no JSON stays none.
"""

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from pagewave.answers.loose_json import Json

BEGIN = re.compile(r'\{(?=\s*")|\[(?=\s*\{\s*")')
MEMBER = re.compile(r'"(\w+)"\s*:')
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
STRING_OR_BRACKET = re.compile(rf"{STRING.pattern}|[][{{}}]", re.DOTALL)
ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/bfnrt])|\\(.)', re.DOTALL)
# What is no bracket, colon or comma: strings, numbers, names such as null.
SCALAR = re.compile(rf'{STRING.pattern}|[^][{{}}:,"\s]+', re.DOTALL)
# A text whose scalars were numbered: all but its commas.
PLACE = re.compile(r'"s(\d+)"')
SHAPE = re.compile(r'"s\d+"|[][{}:]|[^][{}:,\s]')
PAIRS = {"}": "{", "]": "["}
DEEPEST_WRAPPER = 4
NOTHING: tuple[Any, ...] = (None, "", [], {})

NAN = float("nan")
"""The one that stands for `NaN`, `Infinity` and 1e999: being the same, it is equal to itself in
lists."""


class NoObject(ValueError):
    """The text holds no JSON object that can be read."""


class Contradiction(ValueError):
    """The text says two things that differ, and nothing tells which of them holds."""


@dataclass(frozen=True)
class Found:
    """The object in a text, and what was put right to get it."""

    content: Json
    notes: Sequence[str]


@dataclass(frozen=True)
class Names:
    """Names that mean something to a page model: of the page itself, and at any depth."""

    of_page: Collection[str]
    anywhere: Collection[str]


def object_in(text: str, names: Names, may_repair: bool) -> Found:
    """The object that a text holds: bare, in a code fence, or amid prose.

    Args:
        may_repair: False of an answer that was cut off: then only what is right as it is counts.

    Raises:
        Contradiction: it holds several that differ.
        NoObject: it holds none; says what is wrong with the bare text.
    """
    reader = _Reader(names, may_repair)
    try:
        given = [one for value in reader.values(text) for one in reader.unwrapped(value)]
    except Contradiction:
        raise
    except ValueError as error:
        raise NoObject(str(error)) from error
    objects: list[Json] = []
    for one in given:
        if one not in objects:
            objects.append(one)
    if len(given) > len(objects):
        reader.notes.append("the same is given twice")
    if len(objects) > 1:
        # What shares no name with a page is chatter, such as a plan of what to do.
        objects = [one for one in objects if set(names.anywhere) & set(_names_in(one))] or objects
    if len(objects) > 1:
        raise Contradiction(f"it holds {len(objects)} objects that differ")
    return Found(objects[0], list(dict.fromkeys(reader.notes)))


@dataclass
class _Reader:
    names: Names
    may_repair: bool
    notes: list[str] = field(default_factory=list)

    def values(self, text: str) -> list[Any]:
        """All JSON values of a text, one after another, with prose around them or not."""
        try:
            return [self._whole(text)]
        except Contradiction:
            raise
        except ValueError as problem:
            found = list(self._amid_prose(text, problem))
            if not found:
                raise
            return found

    def unwrapped(self, value: Any, depth: int = 0) -> list[Json]:
        """The objects that a value stands for: itself, those of a list, or what it is put around.

        Raises:
            ValueError: it is no object, nor a list of some.
        """
        if isinstance(value, list) and value and depth < DEEPEST_WRAPPER:
            self.notes.append("it is given in a list")
            items = [item for item in value if item is not None] or value
            return [found for item in items for found in self.unwrapped(item, depth + 1)]
        if _is_quoted(value) and depth < DEEPEST_WRAPPER:
            self.notes.append("it is written as a string")
            return [one for part in self.values(value) for one in self.unwrapped(part, depth + 1)]
        if not isinstance(value, dict):
            raise ValueError(f"it is a {type(value).__name__}, not an object")
        inner = [
            name
            for name, part in value.items()
            if (isinstance(part, dict | list) and part) or _is_quoted(part)
        ]
        is_page = bool(set(self.names.of_page) & set(value))
        is_wrapper = len(inner) == 1 and not set(self.names.anywhere) & set(value)
        if is_page or not is_wrapper or depth >= DEEPEST_WRAPPER:
            return [value]
        try:
            found = self.unwrapped(value[inner[0]], depth + 1)
        except ValueError:
            return [value]
        if not all(set(self.names.of_page) & set(one) for one in found):
            return [value]
        self.notes.append(f"it is wrapped in {inner[0]!r}")
        return found

    def _whole(self, text: str) -> Any:
        value, end = self._decode(text, len(text) - len(text.lstrip()))
        if text[end:].strip():
            raise json.JSONDecodeError("Extra data", text, end)
        return value

    def _amid_prose(self, text: str, problem: ValueError) -> Iterator[Any]:
        place = 0
        beside = []
        while begin := BEGIN.search(text, place):
            beside.append(text[place : begin.start()])
            try:
                value, place = self._decode(text, begin.start())
            except Contradiction:
                raise
            except ValueError:
                end = _end_of_closed(text, begin.start()) if self.may_repair else None
                if end is None:
                    raise problem from None
                value, place = self._whole(self._mended(text[begin.start() : end])), end
            yield value
        # What stands beside an object that was closed too early belongs to the page.
        beside.append(text[place:])
        lost = {name for part in beside for name in MEMBER.findall(part)} & set(self.names.anywhere)
        if lost:
            raise Contradiction(f"beside its object stands {', '.join(sorted(lost))}")

    def _decode(self, text: str, start: int) -> tuple[Any, int]:
        """The value that begins at a place, and where it ends."""
        notes: list[str] = []
        clashes: list[str] = []

        def members(pairs: list[tuple[str, Any]]) -> Json:
            made: Json = {}
            for name, value in pairs:
                if name in made and name in self.names.anywhere:
                    notes.append(f"{name} is given twice")
                    if _holds(made[name], value):
                        continue
                    if not _holds(value, made[name]):
                        clashes.append(name)
                made[name] = value
            for name, value in pairs:
                known = self._known_as(name)
                if known in made and made[known] in NOTHING and value not in NOTHING:
                    notes.append(f"{known} is spelled {name!r} too")
                    made[known] = value
            return made

        decoder = json.JSONDecoder(
            strict=False,  # a raw newline in a string is clear enough
            object_pairs_hook=members,
            parse_float=lambda digits: number if isfinite(number := float(digits)) else NAN,
            parse_constant=lambda name: NAN,
        )
        try:
            value, end = decoder.raw_decode(text, start)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if clashes:
            raise Contradiction(f"{', '.join(clashes)} is given twice and differs")
        self.notes += notes
        return value, end

    def _known_as(self, name: str) -> str | None:
        """The name that the page model knows, where this one differs by its spelling alone."""
        if name in self.names.anywhere:
            return None
        return next((known for known in self.names.anywhere if _bare(known) == _bare(name)), None)

    def _mended(self, text: str) -> str:
        """A closed object without stray backslashes, and without commas too many.

        The library that puts commas right is let see no words, and may change nothing else: what it
        returns has the same scalars, brackets and colons in the same order, and no comma more.

        Raises:
            ValueError: more than that is wrong.
        """
        escaped = STRING.sub(lambda string: ESCAPE.sub(_valid_escape, string[0]), text)
        if escaped != text:
            self.notes.append("stray backslashes")
        scalars = SCALAR.findall(escaped)
        numbers = iter(range(len(scalars)))
        bare = SCALAR.sub(lambda _: f'"s{next(numbers)}"', escaped)
        repaired = _with_commas(bare)
        commas = [[gap.count(",") for gap in SHAPE.split(side)] for side in (bare, repaired)]
        more = any(there > here for here, there in zip(*commas, strict=False))
        if more or SHAPE.findall(repaired) != SHAPE.findall(bare):
            raise ValueError("more than its commas is wrong")
        if commas[0] != commas[1]:
            self.notes.append("commas too many")
        return PLACE.sub(lambda place: scalars[int(place[1])], repaired)


def _with_commas(text: str) -> str:
    with contextlib.suppress(ValueError):
        json.loads(text)
        return text
    from json_repair import repair_json

    try:
        return repair_json(text, skip_json_loads=True)
    except Exception as error:  # it is made for any text, but promises nothing
        raise ValueError(f"it can't be repaired: {error}") from error


def _end_of_closed(text: str, start: int) -> int | None:
    """Where the object that begins at `start` ends; None where a bracket is missing."""
    opened: list[str] = []
    for found in STRING_OR_BRACKET.finditer(text, start):
        if found[0] in PAIRS:
            if not opened or opened.pop() != PAIRS[found[0]]:
                return None
            if not opened:
                return found.end()
        elif found[0] in PAIRS.values():
            opened.append(found[0])
    return None


def _valid_escape(escape: re.Match[str]) -> str:
    """An escape that JSON knows; of others, `\\'` is an apostrophe and `\\d` what it looks like."""
    if escape[1]:
        return escape[0]
    return rf"\\{escape[2]}" if escape[2].isalnum() else escape[2]


def _holds(large: Any, small: Any) -> bool:
    """Does a value hold all of another one?"""
    both = isinstance(small, list) and isinstance(large, list)
    is_part = both and large[: len(small)] == small
    return bool(is_part or small == large or small in NOTHING)


def _is_quoted(value: Any) -> bool:
    """Is it JSON, written as a string?"""
    return isinstance(value, str) and bool(BEGIN.match(value.lstrip()))


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _names_in(value: Any) -> Iterator[str]:
    """The names of all members, at any depth."""
    if isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from _names_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _names_in(part)
