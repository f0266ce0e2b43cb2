"""A page as it lies open in review: its tree, its file, and what people said of it."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pagewave.commands.browser.review.journal import Entry, Journal
from pagewave.commands.browser.review.places import Place, joined, value_at, words_of
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Page
from pagewave.words.tree import Box, Finding, PageTree, Source, Word

DOUBT, CORRECTED, CONFIRMED, GONE, PLAIN = "doubt", "corrected", "confirmed", "gone", ""
"""How a word stands: to be looked at, put right by a person, said to be right, taken out; none."""


@dataclass(frozen=True)
class Seen:
    """A word of the tree as it is now.

    `number` counts the tree's words, and stays as long as the tree; `now` is what the page file
    says there, or what the engine alone saw; `places` are where in it.
    """

    number: int
    word: Word
    now: str
    places: tuple[Place, ...]
    state: str

    @property
    def is_read(self) -> bool:
        """Is it of the reading, not of the engine alone?"""
        return self.word.source != Source.EYE

    @property
    def is_open(self) -> bool:
        """Must a person look at it?"""
        return self.state == DOUBT


@dataclass(frozen=True)
class Opened:
    """A page file with its tree; `from_doubt` is the doubt from which a person must look."""

    page: Page
    content: bytes
    value: Any
    tree: PageTree
    tree_sha256: str
    model: type[PageModel]
    journal: Journal
    is_corrected: bool
    from_doubt: float

    @property
    def sha256(self) -> str:
        """Of the page file."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def base(self) -> str:
        """What a browser that saw this page knows: who says it changes just this."""
        return f"{self.sha256}-{self.tree_sha256[:16]}"

    @property
    def is_of_other_reading(self) -> bool:
        """Is the page file another one than the tree was made of, by no correction that is kept?"""
        return self.tree.reading_sha256 != self.sha256 and not self.is_corrected

    @cached_property
    def places(self) -> list[Place]:
        """The words of the page's text, in its file."""
        return words_of(self.model, self.value)

    @cached_property
    def words(self) -> list[Seen]:
        """All words of the tree in reading order."""
        words = list(self.tree.words())
        read = [number for number, word in enumerate(words) if word.source != Source.EYE]
        places = joined([word.text for word in words], read, self.places)
        texts = [
            self.text_between(there) if there else word.text
            for word, there in zip(words, places, strict=True)
        ]
        shown = [n for n, there in enumerate(places) if there]
        beside = {n: number for number, n in enumerate(shown)}
        found = []
        for n, (word, there) in enumerate(zip(words, places, strict=True)):
            at = beside.get(n)
            around = None
            if at is not None:
                before = texts[shown[at - 1]] if at else ""
                around = (before, texts[shown[at + 1]] if at + 1 < len(shown) else "")
            state = self._state(word, texts[n], bool(there), around)
            found.append(Seen(n, word, texts[n], tuple(there), state))
        return found

    @cached_property
    def lines(self) -> list[list[Seen]]:
        """The same by line."""
        words = iter(self.words)
        return [[next(words) for _ in line.words] for line in self.tree.lines()]

    @property
    def unplaced(self) -> int:
        """How many words of the text the tree has no word for."""
        return len(self.places) - sum(len(seen.places) for seen in self.words)

    def open_findings(self) -> Iterator[Finding]:
        """Faults larger than a word that nobody has looked at."""
        return (each for each in self.tree.findings if not self.is_said(each.text, each.box, None))

    @property
    def left(self) -> int:
        """How many words and findings a person must look at."""
        return sum(seen.is_open for seen in self.words) + len(list(self.open_findings()))

    @property
    def doubt(self) -> float:
        """The share of words that may be wrong, without those that a person looked at."""
        settled = sum(s.word.doubt for s in self.words if s.state in (CORRECTED, CONFIRMED, GONE))
        return max(0.0, self.tree.doubt - settled / max(1, len(self.words)))

    def text_between(self, places: Sequence[Place]) -> str:
        """What the page file says from the first of these places to the last."""
        text = value_at(self.value, places[0].field)
        return str(text[places[0].start : places[-1].end])

    def around(self, seen: Seen) -> tuple[str, str]:
        """The words before and after one in the text; empty at an end of it."""
        shown = [each for each in self.words if each.places or each.number == seen.number]
        at = shown.index(seen)
        before = shown[at - 1].now if at else ""
        return before, shown[at + 1].now if at + 1 < len(shown) else ""

    def is_said(self, text: str, box: Box | None, around: tuple[str, str] | None) -> bool:
        """Did a person say that this is right there?"""
        return any(text in entry.said and _is_there(entry, box, around) for entry in self._said)

    @cached_property
    def _said(self) -> list[Entry]:
        return [entry for entry in self.journal.standing if entry.said]

    def _state(self, word: Word, now: str, is_there: bool, around: tuple[str, str] | None) -> str:
        is_read = word.source != Source.EYE
        if self.is_corrected and is_read and not is_there:
            return GONE
        if self.is_corrected and ((is_read and now != word.text) or (is_there and not is_read)):
            return CORRECTED
        if self.is_said(now, word.box, around):
            return CONFIRMED
        return DOUBT if word.doubt >= self.from_doubt else PLAIN


def _is_there(entry: Entry, box: Box | None, around: tuple[str, str] | None) -> bool:
    """Is this the place that an entry is about?"""
    if entry.box is None or box is None:
        if entry.around is None or around is None:
            return entry.around is around
        # One of its neighbours may have been corrected since.
        return entry.around == around or any(
            then and then == now for then, now in zip(entry.around, around, strict=True)
        )
    there = entry.box
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    # Another look with the engine may find a word some pixels further.
    spare = (there.bottom - there.top) / 4
    across = there.left - spare <= x <= there.right + spare
    return across and there.top - spare <= y <= there.bottom + spare


def same_json(one: Any, other: Any) -> bool:
    """Do two JSON values say the same, and with the same kinds of values?"""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
