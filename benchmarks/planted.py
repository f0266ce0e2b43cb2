"""Readings with faults planted in the truth: what stands in a model's place in `words.py`.

Names are substituted, digits changed, lines left out and doubled, paragraphs made up, lines of the
next page added, and a page is its neighbour's. A model's own faults are others: likelier, and more
like the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from printed_pages import NAMES, Boxed, Printed

from helpers.drawn_pages import WORDS

NAME_SHARE, DIGIT_SHARE = 0.12, 0.12
"""Of the names and of the numbers of a page, those that are made wrong."""
LINE_FAULTS = ("none", "left out", "doubled", "invented", "past the leaf")
UNWRAPPED_SHARE = 0.3
"""Of the books whose readings have a paragraph in a line, words joined that print parts."""


class Token(NamedTuple):
    """A word of a reading: which box is its own, and what was made of it."""

    text: str
    box: tuple[int, int, int, int] | None
    fault: str = ""
    """`name`, `digit`, or that of its line."""


@dataclass
class Planted:
    """A page's reading, and which lines a checker must name."""

    lines: list[list[Token]]
    left_out: list[str] = field(default_factory=list)
    added: list[tuple[str, str]] = field(default_factory=list)
    """Lines that don't stand on the page, with what kind of fault each is."""
    is_neighbours: bool = False

    @property
    def text(self) -> str:
        """As the page file has it."""
        return "\n".join(" ".join(token.text for token in line) for line in self.lines)

    @property
    def tokens(self) -> list[Token]:
        """All words in order."""
        return [token for line in self.lines for token in line]


def plant(pages: Sequence[Printed], rng: np.random.Generator) -> list[Planted]:
    """Readings of a book's pages, one of which is its neighbour's."""
    unwrapped = rng.random() < UNWRAPPED_SHARE
    modern = rng.random() < 0.5
    foreign = int(rng.integers(len(pages))) if len(pages) > 3 else -1
    found = []
    for at, page in enumerate(pages):
        beside = pages[at + 1] if at + 1 < len(pages) else pages[at - 1]
        if at == foreign:
            lines = [[Token(w.text, None, "wrong page") for w in line] for line in beside.lines]
            found.append(Planted(lines, is_neighbours=True))
            continue
        reading = _with_faults(page, beside, rng)
        if unwrapped:
            reading.lines = _unwrapped(reading.lines)
        if modern:
            reading.lines = [
                [token._replace(text=token.text.replace("\u017f", "s")) for token in line]
                for line in reading.lines
            ]
        found.append(reading)
    return found


def _with_faults(page: Printed, beside: Printed, rng: np.random.Generator) -> Planted:
    found = Planted([[_word(word, rng) for word in line] for line in page.lines])
    kind = str(rng.choice(LINE_FAULTS))
    long = [at for at, line in enumerate(page.lines) if at and len(line) >= 3]
    if kind == "none" or not long:
        return found
    at = int(rng.choice(long))
    if kind == "left out":
        found.left_out = [" ".join(word.text for word in page.lines[at])]
        del found.lines[at]
        return found
    if kind == "doubled":
        added = [[word.text for word in page.lines[at]]]
    elif kind == "invented":
        added = [[_made_up(rng) for _ in range(len(page.lines[at]))] for _ in range(3)]
    else:
        at = len(page.lines) - 1
        added = [[word.text for word in line] for line in beside.lines if len(line) >= 3][1:4]
    found.added = [(" ".join(line), kind) for line in added]
    found.lines[at + 1 : at + 1] = [[Token(word, None, kind) for word in line] for line in added]
    return found


def _word(word: Boxed, rng: np.random.Generator) -> Token:
    bare = word.text.strip(".,-")
    if bare.replace("\u017f", "s") in NAMES and rng.random() < NAME_SHARE:
        other = str(rng.choice([name for name in NAMES if name != bare]))
        return Token(word.text.replace(bare, other), word.box, "name")
    if bare.isdigit() and rng.random() < DIGIT_SHARE:
        at = int(rng.integers(len(bare)))
        digit = str(rng.choice([d for d in "123456789" if d != bare[at]]))
        return Token(word.text.replace(bare, bare[:at] + digit + bare[at + 1 :]), word.box, "digit")
    return Token(word.text, word.box)


def _made_up(rng: np.random.Generator) -> str:
    return str(rng.choice(NAMES if rng.random() < 0.1 else WORDS))


def _unwrapped(lines: list[list[Token]]) -> list[list[Token]]:
    """Paragraphs in a line each, parted words whole; lines that don't stand there stay alone."""
    found: list[list[Token]] = []
    for line in lines:
        last = found[-1] if found else None
        goes_on = (
            last and line and len(last) > 4 and len(line) > 1 and not last[-1].text.endswith(".")
        )
        if not last or not goes_on or last[-1].fault != line[0].fault:
            found.append(list(line))
            continue
        if last[-1].text.endswith("-") and not last[-1].fault:
            last[-1] = last[-1]._replace(text=last[-1].text[:-1] + line[0].text)
            line = line[1:]
        last += line
    return found
