"""The words of books as the reading room searches them: folded, with the pages they are on.

`assets/search.js` folds what is typed in the same way; a test holds both against each other.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any
from zlib import crc32

LONGEST = 40
"""Characters of a word that are kept: what is longer is no word."""
_SHARD_WORDS = 128
_SHARD_CHARACTERS = 200_000

_WORD = re.compile("[^\\W_]+(?:['\u2019\u02bc\u2010-][^\\W_]+)*")
_APOSTROPHES = re.compile("['\u2019\u02bc]")
_HYPHENS = re.compile("[\u2010-]")
_LETTERS = {
    **{"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ð": "d", "\u0131": "i"},
    **dict.fromkeys("\u00ad\u200c\u200d\ufeff", ""),
}
"""What no decomposition takes apart; soft hyphens and joiners are not seen."""


class _Folding(dict[int, str]):
    """A table for `str.translate` that is filled as characters are met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        if unicodedata.category(letter) == "Mn":
            folded = ""
        elif 0x3040 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF:
            folded = f" {letter} "  # no blanks between words: each character is one
        else:
            folded = _LETTERS.get(letter, letter)
        self[code] = folded
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    """A text as it is compared: no capitals nor diacritics, ligatures and long s as letters."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text).casefold().translate(_FOLDING)


def words_of(text: str) -> Iterator[str]:
    """The folded words of a text; of `text-book` both parts and the whole."""
    for found in _WORD.findall(fold(text)):
        if found.isalnum():
            yield found[:LONGEST]
            continue
        parts = _HYPHENS.split(_APOSTROPHES.sub("", found))
        yield from (part[:LONGEST] for part in parts)
        if len(parts) > 1:
            yield "".join(parts)[:LONGEST]


def book_index(pages: Iterable[str]) -> dict[str, str]:
    """The words of a book and where each is.

    Returns:
        `words`: all of them, sorted, with blanks between. `pages`: for each word the places of its
        pages in the book, in base 36, each as its distance from the one before, `*` and how often
        where that is more than once, with commas between.
    """
    found: dict[str, list[str]] = {}
    before: dict[str, int] = {}
    for place, text in enumerate(pages):
        for word, times in Counter(words_of(text)).items():
            distance = _base36(place - before.get(word, 0))
            before[word] = place
            found.setdefault(word, []).append(f"{distance}*{times}" if times > 1 else distance)
    words = sorted(found)
    return {"words": " ".join(words), "pages": " ".join(",".join(found[word]) for word in words)}


def joint_index(books: Iterable[dict[str, Any]]) -> Iterator[tuple[list[str], str]]:
    """The words of all books, in pieces that are loaded one by one.

    Pieces are cut at words that are fixed by themselves, so that a page that changes leaves most
    of them as they were.

    Args:
        books: the index of each, in the order of the shelf.

    Yields:
        Sorted words, and where they are: for each book that has any of them three lines, its place
        on the shelf, which of these words (their places, with blanks between), and their pages as
        the book's index has them. They are put together word by word where they are read: here that
        would take most of the time.
    """
    parts = [(book["words"].split(" "), book["pages"].split(" ")) for book in books]
    all_words: set[str] = set().union(*(of_book for of_book, _ in parts))
    words = sorted(all_words - {""})
    borders = [n for n, word in enumerate(words) if n and crc32(word.encode()) % _SHARD_WORDS == 0]
    for first, end in pairwise([0, *borders, len(words)]):
        yield from _shards(parts, words[first:end])


def _shards(
    parts: Sequence[tuple[list[str], list[str]]], words: list[str]
) -> Iterator[tuple[list[str], str]]:
    """A piece of these words, halved where it is too large."""
    lines: list[str] = []
    place_of = {word: str(place) for place, word in enumerate(words)}.__getitem__
    for place, (of_book, pages) in enumerate(parts if words else ()):
        here = slice(bisect_left(of_book, words[0]), bisect_right(of_book, words[-1]))
        if found := of_book[here]:
            lines += (str(place), " ".join(map(place_of, found)), " ".join(pages[here]))
    text = "\n".join(lines)
    if len(text) > _SHARD_CHARACTERS and len(words) > 1:
        yield from _shards(parts, words[: len(words) // 2])
        yield from _shards(parts, words[len(words) // 2 :])
    elif words:
        yield words, text


def ranges(numbers: Sequence[int]) -> str:
    """Page numbers in few characters: `1-3,7`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in found)


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        if not number:
            return digits
