"""One entry of a list of studies: the course's name, its text-books, and what is said besides.

Plane Trigonometry (Loomis)     Butler's Analogy     Reading, Sargent's Fourth Reader
"""

import re
from dataclasses import dataclass

from pagewave.embedded.reader.subjects import mended_name

DASH = r"[.,:]?\s*[—=-]{1,2}\s*"
LABEL = re.compile(rf"^([A-ZÆ][\w ,.&'-]{{2,34}}?){DASH}(?=[A-ZÆ])(.+)$")
"""`LATIN.—Livy`: what stands before the dash, and what after."""

_COLON_LABEL = re.compile(r"^([A-Z][A-Za-z &-]{2,34}):\s+(?=[A-Z])(.+)$")
_NUMBER = re.compile(r"^\(?\d{1,2}[.)]\s+")
_IN_BRACKETS = re.compile(r"^(.*?)\s*[({]([A-ZÆ][^()]*)[)}]?$")
_POSSESSIVE = re.compile(
    r"^((?:[A-ZÆ][\w.]*\s+(?:and\s+)?)*[A-ZÆ]\w*?)(?:'s|(?<=s)')\s+(?=[A-ZÆ])(.+)$"
)
_EDITION = re.compile(r"^(.+?),\s+((?:[A-Z][\w.]*\s+)*[A-Z]\w*?)(?:'s|(?<=s)')(?:\s+edition)?$")
_NAMED_BOOK = re.compile(r"^([^,]+),\s+(.+)$")
_EXERCISES = re.compile(r"^(.+?), with (Exercises in (.+?)) [({]([^()]+)[)}]?$")
_SCHOOLBOOK = re.compile(r"\b(?:Grammar|Reader|Arithmetic|Algebra|Geometry|Speller)$")
_ANCIENTS = (
    "æschylus cicero cæsar demosthenes euripides herodotus homer horace livy plato sallust "
    "sophocles tacitus thucydides virgil xenophon"
)
_CLASSICS = frozenset(_ANCIENTS.split())
"""Read themselves: `Homer's Iliad` is a course, and its text-book somebody's edition."""

_GRAMMARIANS = frozenset({"sophocles"})
"""Also the name of an author of schoolbooks, E. A. Sophocles of Harvard."""

_DURATION = re.compile(
    r"^(?:(?:one|two|three|four|a|\d)\s+(?:and a half\s+)?(?:years?|terms?|hours?)\b"
    r"|daily|weekly|once|twice)",
    re.I,
)
_TEXT_BOOK = re.compile(r"^(?:and\s+)?Text-?\s?books?[,:]?\s*", re.I)


@dataclass(frozen=True)
class Book:
    """A text-book."""

    title: str | None
    author: str | None


@dataclass(frozen=True)
class Entry:
    """A course as an entry names it."""

    name: str
    books: tuple[Book, ...] = ()
    description: str | None = None


def is_ancient(name: str) -> bool:
    """Whether a course may be called after this author: `Livy`, and not `Loomis`."""
    return name.lower() in _CLASSICS


def labelled(text: str) -> tuple[str, str] | None:
    """The label and what it stands before, as in `LATIN.—Livy; Horace`."""
    match = LABEL.match(text)
    return (match[1].strip(" .,"), match[2]) if match else None


def colon_label(text: str) -> tuple[str, str] | None:
    """The label of `ENGLISH: Grammar, Spelling`, for the caller to judge: `Horace: Odes`."""
    match = _COLON_LABEL.match(text)
    return (match[1], match[2]) if match else None


def split_list(text: str, *, commas: bool = False) -> list[str]:
    """The entries of a list; with `commas`, a list without semicolons may have commas instead."""
    if commas and ";" not in text and "(" not in text:
        return [part for part in re.split(r",?\s+and\s+(?=[A-Z])|,\s+(?=[A-Z])", text) if part]
    return re.split(r";\s*(?:and\s+)?", text)


def read_entry(text: str) -> list[Entry]:
    """The courses of one entry: mostly one, two in `Livy, with Exercises in Composition (X)`."""
    entry = _NUMBER.sub("", text).strip(" .,;:")
    if len(entry) < 3 or not re.search(r"[A-Za-zÆæ]{3}", entry):
        return []
    if match := _EXERCISES.match(entry):
        book = Book(match[2], match[4])
        return [Entry(mended_name(match[1])), Entry(mended_name(match[3]), (book,))]
    name, books = _name_and_books(entry)
    name, _, rest = name.partition(", with ")
    return [Entry(mended_name(name.strip(" .,:;")), books, f"with {rest}" if rest else None)]


def read_description(text: str) -> tuple[tuple[Book, ...], list[str]]:
    """The text-books of a described subject, and its other sentences.

    `One year. Text-books, Crosby's Grammar, and Felton's Greek Reader. Lectures are given.`
    """
    books: list[Book] = []
    rest: list[str] = []
    for sentence in re.split(r"(?<=[\w)'])\.\s+(?=[A-ZÆ])", text.strip()):
        found = _books_of_sentence(sentence.strip(" ."))
        books += found
        told = found or _TEXT_BOOK.match(sentence) or _DURATION.match(sentence)
        if not told:
            rest.append(sentence.strip(" ."))
    return tuple(books), [sentence for sentence in rest if sentence]


def book_by(text: str) -> Book:
    """What stands for a book: `Loomis`, or `Davies' Bourdon`."""
    return possessive(text) or Book(None, text)


def possessive(text: str) -> Book | None:
    """`Butler's Analogy` is a book with its author."""
    match = _POSSESSIVE.match(text)
    return Book(match[2], match[1]) if match else None


def _name_and_books(entry: str) -> tuple[str, tuple[Book, ...]]:
    if match := _IN_BRACKETS.match(entry):
        return match[1], (book_by(match[2].strip(" .,")),)
    if match := _EDITION.match(entry):
        return match[1], (Book(None, match[2]),)
    if (match := _NAMED_BOOK.match(entry)) and (book := possessive(match[2])):
        return match[1], (book,)
    book = possessive(entry)
    if book is None or book.title is None or book.author is None:
        return entry, ()
    author = book.author.lower()
    name = book.title if _SCHOOLBOOK.search(book.title) else entry
    if author in _CLASSICS and not (author in _GRAMMARIANS and name == book.title):
        return entry, ()
    return name, (book,)


def _books_of_sentence(sentence: str) -> list[Book]:
    books = []
    for part in re.split(r";\s+|,\s+(?:and\s+)?(?=[A-ZÆ])|\s+and\s+(?=[A-Z]\w+'s? )", sentence):
        book = possessive(_TEXT_BOOK.sub("", part).strip(" .,"))
        if book and book.title:
            title = re.split(r",| is | are ", book.title)[0].strip(" .")
            books.append(Book(title, book.author))
    return books
