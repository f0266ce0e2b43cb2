"""Which scan file holds which page of a book. The names of the files tell it:

    7.jpg, 007.tif            a number: this page, alone in its file
    7-16.pdf, 007-016.tif     a range: these pages, in order
    catalog.pdf, book.tif     any other PDF or TIFF: the whole book, its pages 1 to n

Scans that lie elsewhere are in a list (`remote_scans`); a file that is here goes before its entry.
A file of the whole book is used only where no other file of the folder names pages: mixed, nobody
could say whether its page 7 is page 7.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pagewave.errors import DataError
from pagewave.pages import scan_files
from pagewave.pages.remote_scans import LIST, RemoteScan

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".jp2", ".j2k", ".pdf")
"""In small or capital letters, and in this order: of `7.jpg` and `7.png`, page 7 is `7.jpg`."""

OF_MANY_PAGES = (".pdf", ".tif", ".tiff")
"""Suffixes of files that can hold several pages."""

HOW_TO_NAME = (
    "A PDF or TIFF of several pages holds pages 1 to n of its book, or those that its name says, "
    "such as 7-16.pdf"
)

_RANGE = re.compile(r"([0-9]+)-([0-9]+)")


class Source(NamedTuple):
    """Where a page is: a scan file, and which of its pages it is; 0 for a file of one page.

    `remote`: where the file is fetched from, if it is not there.
    """

    path: Path
    leaf: int = 0
    remote: RemoteScan | None = None


class _Range(NamedTuple):
    name: str
    first: int
    last: int

    @property
    def pages(self) -> int:
        return self.last - self.first + 1


def is_number(name: str) -> bool:
    """Is it a number as people type them?"""
    # isdigit alone would take other scripts' digits, which int() reads and nobody types.
    return name.isascii() and name.isdigit()


class ScanFolder:
    """The scan files of one book, by the names in its folder.

    `problems` gathers what makes it unclear which file holds a page. `remote` lists scans by the
    stems of their pages, which are fetched into the folder `fetched`.
    """

    def __init__(
        self,
        folder: Path,
        names: Collection[str],
        remote: Mapping[str, RemoteScan] | None = None,
        fetched: Path = Path(),
    ) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self._names = names
        self._remote = remote or {}
        self._fetched = fetched
        self._counts: dict[str, int] = {}
        self._broken: dict[str, str] = {}

    def source(self, stem: str) -> Source | None:
        """Where the page with this stem is; None where there is none, or it is not clear."""
        number = int(stem)
        found = [r.name for r in self._ranges if r.first <= number <= r.last]
        if own := self._own.get(stem):
            found.insert(0, own)
        if len(found) > 1:
            self._report(f"page {number} is both in {found[0]} and in {found[1]}; remove one")
        elif own:
            return Source(self.folder / own)
        elif found:
            return self._in_range(found[0], number)
        elif listed := self._remote.get(stem):
            return Source(self._fetched / listed.file, listed.leaf, listed)
        elif not self._names_pages and len(self._whole) == 1:
            return self._in_whole(self._whole[0], number)
        elif not self._names_pages and self._whole:
            self._report(
                f"{' and '.join(self._whole[:2])} may both hold page {number}; name them by their "
                "pages, such as 1-40.pdf"
            )
        return None

    def stems(self) -> list[str]:
        """The pages that the folder holds, for when no labels say it."""
        numbers = {number for r in self._ranges for number in range(r.first, r.last + 1)}
        if not self._names_pages and len(self._whole) == 1:
            numbers |= set(range(1, self._count(self._whole[0]) + 1))
            self.problems += self._broken.values()
        elif not self._names_pages and self._whole:
            numbers.add(1)  # so that the problem is found
        stems = self._own.keys() | {str(number) for number in numbers} | self._remote.keys()
        return sorted(stems, key=int)

    def by_names(self) -> dict[str, Source]:
        """Where the pages are that names alone tell, by their stems; no file is opened."""
        found = {stem: Source(self.folder / name) for stem, name in self._own.items()}
        numbers = {int(stem): name for stem, name in self._own.items()}
        for name, first, last in self._ranges:
            for number in range(first, last + 1):
                if other := numbers.get(number):
                    self._report(f"page {number} is both in {other} and in {name}; remove one")
                numbers[number] = name
                found[str(number)] = Source(self.folder / name, number - first + 1)
        return found

    def is_used(self, name: str) -> bool:
        """Does a file of the folder hold pages?"""
        if name in self._whole:
            return not self._names_pages
        is_range = any(name == r.name for r in self._ranges)
        return is_number(_stem(name)) or is_range or name == LIST

    def why_missing(self, stem: str) -> str:
        """What is there instead of a page, in brackets; empty where nothing is."""
        if not self._whole:
            return ""
        name = self._whole[0]
        if self._names_pages:
            return f" ({name} is not used, as other files name their pages)"
        return f" ({name} holds {self._counts.get(name, 0)} pages)"

    @cached_property
    def _own(self) -> dict[str, str]:
        """Names of files that are one page, by the number that they are named by."""
        best_last = sorted(self._names, key=_rank, reverse=True)
        return {stem: name for name in best_last if is_number(stem := _stem(name))}

    @cached_property
    def _ranges(self) -> list[_Range]:
        found = []
        for name in self._names:
            match = _RANGE.fullmatch(_stem(name)) if _can_hold_many(name) else None
            if match and int(match[1]) <= int(match[2]):
                found.append(_Range(name, int(match[1]), int(match[2])))
        return sorted(found)

    @cached_property
    def _whole(self) -> list[str]:
        """PDF and TIFF files that do not name their pages."""
        ranges = {r.name for r in self._ranges}
        return sorted(
            name
            for name in self._names
            if _can_hold_many(name) and name not in ranges and not is_number(_stem(name))
        )

    @cached_property
    def _names_pages(self) -> bool:
        """Does any file say by its name which pages it holds?"""
        return bool(self._ranges or self._own or self._remote)

    def _in_range(self, name: str, number: int) -> Source:
        wanted = next(r for r in self._ranges if r.name == name)
        pages = self._count(name)
        if pages != wanted.pages and name not in self._broken:
            self._report(
                f"{name} should hold {wanted.pages} pages by its name, and holds {pages}; rename it"
            )
        return Source(self.folder / name, number - wanted.first + 1)

    def _in_whole(self, name: str, number: int) -> Source | None:
        pages = self._count(name)
        is_there = 1 <= number <= pages or name in self._broken
        return Source(self.folder / name, number) if is_there else None

    def _count(self, name: str) -> int:
        """Pages in a file; 0 for a broken one, which is named with all other broken scans."""
        if name not in self._counts:
            try:
                self._counts[name] = scan_files.count(self.folder / name)
            except DataError as error:
                self._counts[name] = 0
                self._broken[name] = str(error)
        return self._counts[name]

    def _report(self, problem: str) -> None:
        text = f"{self.folder}: {problem}"
        if text not in self.problems:
            self.problems.append(text)


def split_name(name: str) -> tuple[str, str]:
    """A file's name without its suffix, and the suffix in small letters: how all are compared."""
    stem, dot, suffix = name.rpartition(".")
    return stem, f"{dot}{suffix}".lower()


def _stem(name: str) -> str:
    """A scan file's name without its suffix; empty for any other file."""
    stem, suffix = split_name(name)
    return stem if suffix in IMAGE_SUFFIXES else ""


def _rank(name: str) -> tuple[int, bool, str]:
    """Of several files for one page, the one with the lowest rank is the page."""
    stem, suffix = split_name(name)
    place = IMAGE_SUFFIXES.index(suffix) if suffix in IMAGE_SUFFIXES else len(IMAGE_SUFFIXES)
    return place, name != stem + suffix, name


def _can_hold_many(name: str) -> bool:
    stem, suffix = split_name(name)
    return suffix in OF_MANY_PAGES and not stem.startswith(".") and stem != ""
