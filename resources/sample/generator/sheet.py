"""A sheet of type: the printed words, each letter at its place, and what a reader sees in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from type_metrics import Style


@dataclass(frozen=True)
class Piece:
    """Letters of one style inside a word."""

    text: str
    style: Style
    small_caps: bool = False


Word = tuple[Piece, ...]


@dataclass(frozen=True)
class Letters:
    """A run of letters of one size, set at `x` on the line `baseline`, each at its own place."""

    places: tuple[float, ...]
    baseline: float
    text: str
    style: Style
    size: float


@dataclass(frozen=True)
class Stroke:
    """A printed line or, with more than two points, a filled shape; `width` in pixels."""

    points: tuple[tuple[float, float], ...]
    width: float = 1.0


@dataclass
class Block:
    """The lines of a heading, paragraph or table, in reading order."""

    kind: str
    lines: list[str] = field(default_factory=list)


@dataclass
class Sheet:
    """A page set in type; each item of `words` is a printed word."""

    face: str
    words: list[list[Letters]] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


def words_of(text: str) -> list[Word]:
    """`*italic* [Small Capitals] roman` as words without their spaces."""
    words: list[Word] = []
    word: list[Piece] = []
    italic = small_caps = False
    for token in re.findall(r"\*|\[|\]|\s+|[^*\[\]\s]+", text):
        if token == "*":
            italic = not italic
        elif token in "[]":
            small_caps = token == "["
        elif not token.isspace():
            word.append(Piece(token, "italic" if italic else "roman", small_caps))
        elif word:
            words.append(tuple(word))
            word = []
    return [*words, tuple(word)] if word else words


def as_read(words: Iterable[Word]) -> str:
    """What a reader sees: small capitals are capitals."""
    return " ".join(
        "".join(p.text.upper() if p.small_caps else p.text for p in word) for word in words
    )
