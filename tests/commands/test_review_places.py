"""Where words of a text stand in a page file of any page model, also after people changed it."""

import datetime
from typing import Literal

import pytest
from pydantic import BaseModel

from helpers.reviewed import page_of
from pagewave.commands.browser.review.places import Place, joined, value_at, words_of
from pagewave.page_model import PageModel


class Note(BaseModel):
    words: str | None
    kind: Literal["aside", "quote"]


class Letter(PageModel):
    place: str
    date: datetime.date
    body: list[Note]
    end: str

    def text(self) -> str:
        notes = "\n".join(note.words or "" for note in reversed(self.body))
        return f"{self.end}\n-- {notes}"

    def context(self) -> str:
        return ""


def test_words_are_found_by_what_the_page_model_makes_its_text_of() -> None:
    letter = {
        "place": "Elm",  # no part of the text, though a word of it says the same
        "date": "1852-03-01",
        "body": [
            {"words": "Elm is  far", "kind": "aside"},
            {"words": None, "kind": "quote"},
            {"words": "quote", "kind": "quote"},
        ],
        "end": "Yours \ufb01ne,\nAnn",
    }
    found = words_of(Letter, letter)
    assert [place.text for place in found] == ["Yours", "ﬁne,", "Ann", "quote", "Elm", "is", "far"]
    assert {place.field for place in found} == {
        ("end",),
        ("body", 2, "words"),
        ("body", 0, "words"),
    }
    for place in found:
        assert value_at(letter, place.field)[place.start : place.end] == place.text
    assert words_of(Letter, page_of("another page model")) == []


def places(text: str, field: str = "text") -> list[Place]:
    """The words of a field, in their order."""
    found, at = [], 0
    for word in text.split():
        start = text.index(word, at)
        found.append(Place((field,), start, at := start + len(word), word))
    return found


@pytest.mark.parametrize(
    ("tree", "now", "expected"),
    [
        ("a b c", "a b c", ["a", "b", "c"]),
        ("a b c", "a B c", ["a", "B", "c"]),
        ("x b x", "x x", ["x", "", "x"]),
        ("a b", "a b new", ["a", "b new"]),
        ("a b", "new a b", ["new a", "b"]),
        ("a bc d", "a b c d", ["a", "b c", "d"]),
        ("a b c d", "a bc d", ["a", "bc", "", "d"]),
        ("one two three four", "three four one two", ["one", "two", "three", "four"]),
        ("", "all new", []),
        ("a b", "", ["", ""]),
        ("a b", "c d", ["c", "d"]),
    ],
)
def test_words_are_joined_by_what_they_say_and_by_their_neighbours(
    tree: str, now: str, expected: list[str]
) -> None:
    words = tree.split()
    found = joined(words, list(range(len(words))), places(now))
    assert [" ".join(place.text for place in there) for there in found] == expected


def test_a_word_of_the_engine_alone_has_a_place_only_once_it_was_put_in() -> None:
    words = ["a", "specks", "b"]
    assert [len(there) for there in joined(words, [0, 2], places("a b"))] == [1, 0, 1]
    assert [len(there) for there in joined(words, [0, 2], places("a specks b"))] == [1, 1, 1]
    changed = joined(words, [0, 2], places("a B"))
    assert [[place.text for place in there] for there in changed] == [["a"], [], ["B"]]
