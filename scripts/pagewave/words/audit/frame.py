"""What there is to judge: every line of every page that was read, with the errors expected of it.

A line is one of the reading; what stands on the page between it and the next one, and is in no
reading, belongs to it too: so lines that were left out are found wherever they stand, whether an
eye saw them or not. A page without any line is one unit, with nothing read.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from pagewave import command_line
from pagewave.answers.word_scores import normal_text
from pagewave.config.data import Paths
from pagewave.errors import DataError
from pagewave.pages.dataset import Dataset, Page
from pagewave.wording import count, few
from pagewave.words.audit.draw import Floats, Whole
from pagewave.words.tree import Box, PageTree, Source, Word, how_to_make

SLIP = 2
"""Wrong characters of a wrong word that stands in its place, as they are expected; how far that is
off is found out of what is judged."""
SHOWN = 5


class Unit(NamedTuple):
    """A line of the reading, or the courses of a page: what a person looks at and judges."""

    name: str
    """`Ohio:Elm:1850:7#12`, the twelfth line of a page; of courses, the page's key."""
    page: str
    text: str
    box: Box | None
    expected: float
    """Errors, in characters; of courses, how many there are."""
    whole: int
    """Characters of the reading as they are compared, or courses."""
    scan: tuple[int, int] | None = None
    """Width and height of the scan in which `box` is."""
    behind: str = ""
    """The line that was read next on this page."""


class Frame(NamedTuple):
    """All units of a collection, book by book; `without`: pages that were read and have none."""

    units: list[Unit]
    books: Whole
    pages: dict[str, str]
    """The SHA-256 of the file of each page, by key."""
    without: list[str]

    @property
    def expected(self) -> Floats:
        """The errors expected of each unit."""
        return np.array([unit.expected for unit in self.units])

    @property
    def sha256(self) -> str:
        """Of all that decides which units are drawn."""
        digest = hashlib.sha256()
        for unit in self.units:
            digest.update(f"{unit.name}\n{unit.expected!r}\n{unit.text}\n".encode())
        for key, sha256 in self.pages.items():
            digest.update(f"{key}\n{sha256}\n".encode())
        return digest.hexdigest()


def lines(paths: Paths, dataset: Dataset) -> Frame:
    """All lines of all pages that have a tree.

    Raises:
        DataError: no page has one, or one can't be read, or is of another state of its page's file.
    """
    frame, stale = Frame([], np.empty(0, np.int64), {}, []), list[str]()
    books: list[int] = []
    for book, page in _read_pages(paths, dataset):
        content = paths.page_file(page.name).read_bytes()
        tree = PageTree.read_if_there(paths.words_file(page.name))
        if tree is None:
            frame.without.append(page.key)
            continue
        sha256 = hashlib.sha256(content).hexdigest()
        if tree.reading_sha256 != sha256:
            stale.append(page.key)
        frame.pages[page.key] = sha256
        units = units_of(tree)
        frame.units.extend(units)
        books += [book] * len(units)
    if stale:
        raise DataError(
            f"{count(len(stale), 'page')} changed since their words were looked for "
            f"({few(stale, SHOWN)}). Have that done again: {command_line.snakemake('words')}"
        )
    if not frame.units:
        raise DataError(
            f"{paths.words_dir}: no page that was read has its words there. {how_to_make()}"
        )
    return frame._replace(books=np.array(books, np.int64))


def courses(paths: Paths, dataset: Dataset) -> Frame:
    """All pages whose file has a list of courses, empty ones too.

    Raises:
        DataError: there is none.
    """
    frame, books = Frame([], np.empty(0, np.int64), {}, []), list[int]()
    for book, page in _read_pages(paths, dataset):
        content = paths.page_file(page.name).read_bytes()
        named = course_names(content)
        if named is None:
            frame.without.append(page.key)
            continue
        frame.pages[page.key] = hashlib.sha256(content).hexdigest()
        text = "\n".join(named)
        frame.units.append(Unit(page.key, page.key, text, None, float(len(named)), len(named)))
        books.append(book)
    if not frame.units:
        raise DataError(f"{paths.output_dir}: no page that was read has a list of courses.")
    return frame._replace(books=np.array(books, np.int64))


def course_names(content: bytes) -> list[str] | None:
    """The courses of a page file by their names, numbered; None where it is of another prompt."""
    try:
        listed = json.loads(content)["courses"]
        names = [" ".join(str(course["course_name"] or "(no name)").split()) for course in listed]
    except (ValueError, KeyError, TypeError):
        return None
    return [f"{number}. {name}" for number, name in enumerate(names, 1)]


def units_of(tree: PageTree) -> list[Unit]:
    """The lines of a page. What only an eye saw counts for the line before it, or for the first."""
    found: list[Unit] = []
    scan = (tree.width, tree.height)
    waiting = 0.0
    for line in tree.lines():
        expected = sum(map(_expected, line.words))
        text = line.text
        if text:
            if found:
                found[-1] = found[-1]._replace(behind=text)
            name = f"{tree.key}#{len(found) + 1}"
            errors, whole = expected + waiting, len(normal_text(text))
            found.append(Unit(name, tree.key, text, line.box, errors, whole, scan))
            waiting = 0.0
        elif found:
            found[-1] = found[-1]._replace(expected=found[-1].expected + expected)
        else:
            waiting += expected
    return found or [Unit(f"{tree.key}#0", tree.key, "", None, waiting, 0, scan)]


def _expected(word: Word) -> float:
    is_whole = word.source == Source.EYE or word.seen is None
    return word.doubt * (len(word.text) if is_whole else min(SLIP, len(word.text)))


def _read_pages(paths: Paths, dataset: Dataset) -> Iterable[tuple[int, Page]]:
    """All pages that have a file, each with the number of its book."""
    for number, book in enumerate(dataset.books):
        for page in book.pages:
            if paths.page_file(page.name).is_file():
                yield number, page
