"""The data set: which pages there are to read, in which books, with which images.

The label tree is the allow-list: a page exists when `{state}/{school}/{year}/{page}.json` does. Its
scan lies at the same place of the image tree; which file it is, `scan_names` tells. With
`labels: all` the image tree itself says which pages there are.

Links are followed, also out of the trees: what belongs to a tree is its owner's choice. Names can't
lead anywhere, as each is one entry of a folder, and none of an answer's words becomes a path.
"""

from __future__ import annotations

import difflib
import errno
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pagewave.config.data import Filters, Paths, TargetYears
from pagewave.config.settings import Settings
from pagewave.config.types import unfit_for_snakemake
from pagewave.errors import DataError
from pagewave.pages.remote_scans import LIST, RemoteScan, read_list
from pagewave.pages.scan_names import HOW_TO_NAME, IMAGE_SUFFIXES, ScanFolder, is_number, split_name
from pagewave.wording import few

LABEL = ".json"
"""The suffix of a label, in small or capital letters."""

LISTED = 20
"""How many of many things an error names."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page to read. `stem` is its file name without suffix: `007` is page number 7.

    `scan` is the file that it is in, as it was delivered, and `leaf` which page of that file it is,
    from 1; 0 where the file is this page alone. `remote`: where that file is fetched from.
    """

    state: str
    school: str
    year: int
    number: int
    scan: Path
    stem: str = ""
    leaf: int = 0
    remote: RemoteScan | None = None

    def __post_init__(self) -> None:
        if not self.stem:
            object.__setattr__(self, "stem", str(self.number))

    @property
    def key(self) -> str:
        """`state:school:year:page`, which joins an answer to its page."""
        return f"{self.state}:{self.school}:{self.year}:{self.number}"

    @property
    def book_id(self) -> str:
        """`state/school/year`."""
        return BookPlace(self.state, self.school, self.year).id

    @property
    def name(self) -> str:
        """`state/school/year/stem`: where its files lie in every tree, without suffix."""
        return f"{self.book_id}/{self.stem}"

    @property
    def is_awaited(self) -> bool:
        """Is its scan elsewhere, and not fetched yet?"""
        return self.remote is not None and not self.scan.exists()


class KeyParts(NamedTuple):
    """What a key is made of."""

    state: str
    school: str
    year: int
    page: int


def split_key(key: str) -> KeyParts:
    """The parts of a key of ours; of several colons in front, the first ends the state's name."""
    state, _, rest = key.partition(":")
    school, year, page = rest.rsplit(":", 2)
    return KeyParts(state, school, int(year), int(page))


@dataclass(frozen=True)
class BookPlace:
    """Which book it is: the folders in which its files lie in every tree."""

    state: str
    school: str
    year: int

    @property
    def id(self) -> str:
        """`state/school/year`."""
        return f"{self.state}/{self.school}/{self.year}"


@dataclass(frozen=True)
class Book(BookPlace):
    """A folder of pages, ordered by number."""

    pages: tuple[Page, ...]

    @cached_property
    def chains(self) -> tuple[tuple[Page, ...], ...]:
        """Runs of consecutive page numbers; a gap starts a new one."""
        starts = [0]
        for index, (before, page) in enumerate(pairwise(self.pages), start=1):
            if page.number != before.number + 1:
                starts.append(index)
        return tuple(
            self.pages[start:end]
            for start, end in zip(starts, [*starts[1:], len(self.pages)], strict=True)
        )


@dataclass(frozen=True)
class Dataset:
    """All books that pass the filters, by state, school and year.

    `ignored`: what lies in the label tree (or with `labels: all` in that of images) and is no label
    (or scan), such as notes and folders that are no years, as paths; what the filters leave out is
    not among them.
    """

    books: tuple[Book, ...]
    ignored: tuple[Path, ...] = ()

    @property
    def pages(self) -> Iterator[Page]:
        """All pages, book by book, by number."""
        return (page for book in self.books for page in book.pages)

    def page(self, key: str) -> Page:
        """The page of a key `state:school:year:page`; raises DataError when there is none."""
        try:
            return self._by_key[key]
        except KeyError:
            raise DataError(
                f"There is no page {key} in the data set. Its label may be gone, or "
                "filters may leave it out."
            ) from None

    def book(self, book_id: str) -> Book:
        """The book `state/school/year`; raises DataError when there is none."""
        try:
            return self._by_id[book_id]
        except KeyError:
            near = difflib.get_close_matches(book_id, self._by_id, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise DataError(f"There is no book {book_id} in the data set.{hint}") from None

    def previous(self, page: Page) -> Page | None:
        """The page before it in its chain; None at a chain's start."""
        return self._by_key.get(f"{page.state}:{page.school}:{page.year}:{page.number - 1}")

    @cached_property
    def _by_key(self) -> dict[str, Page]:
        return {page.key: page for page in self.pages}

    @cached_property
    def _by_id(self) -> dict[str, Book]:
        return {book.id: book for book in self.books}


@dataclass
class _Findings:
    """What one walk over the tree found."""

    books: list[Book] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def scan(settings: Settings) -> Dataset:
    """Walk over the label tree; raises DataError with all names and scans that are wrong."""
    labels = settings.paths.label_source_dir
    found = _walk(settings.paths, settings.filters)
    problems = _unknown_states(settings.filters, found.states) + found.problems
    problems += _clashes(page for book in found.books for page in book.pages)
    if problems:
        what = "scans" if settings.filters.labels == "all" else "labels"
        raise DataError(f"The {what} in {labels} can't be used:\n{_listing(problems)}")
    if found.missing:
        what = "page has" if len(found.missing) == 1 else "pages have"
        raise DataError(
            f"{len(found.missing)} {what} a label in {labels} but no image. Looked for, with the "
            f"suffixes {' '.join(IMAGE_SUFFIXES)} (or in capitals):\n{_listing(found.missing)}\n"
            f"Add the images, or move the labels away. {HOW_TO_NAME}."
        )
    if not found.books:
        raise DataError(_why_empty(settings.filters, found, settings.paths))
    return Dataset(tuple(found.books), tuple(found.ignored))


def _walk(paths: Paths, filters: Filters) -> _Findings:
    """Collects the books that pass the filters; never looks into folders that don't."""
    found = _Findings()
    tree = paths.label_source_dir
    wanted_states = {nfc(name) for name in filters.target_states}
    for state in _folders(tree, found):
        found.states.append(state.name)
        if wanted_states and nfc(state.name) not in wanted_states:
            continue
        for school in _folders(Path(state), found):
            for year in _folders(Path(school), found):
                place = Path(state.name, school.name, year.name)
                if not is_number(year.name):
                    found.ignored.append(Path(year))
                elif _in_years(int(year.name), filters):
                    _add_book(place, year, paths, filters, found)
    return found


def _add_book(
    place: Path, folder: os.DirEntry[str], paths: Paths, filters: Filters, found: _Findings
) -> None:
    """Adds the book in a year's folder of the tree, if it has pages."""
    images = paths.image_source_dir / place
    names = _file_names(images)
    remote = read_list(images).pages if LIST in names else {}
    scans = ScanFolder(images, names, remote, paths.fetched_dir / place)
    if filters.labels == "all":
        stems = scans.stems()
        found.ignored += [Path(e) for e in _entries(Path(folder)) if not scans.is_used(e.name)]
    else:
        stems = _label_stems(folder, found)
    if stems and (problem := _unfit_place(place)):
        found.problems.append(problem)
    elif stems:
        found.books.append(_book(place, stems, scans, found))
    found.problems += scans.problems


def _book(place: Path, stems: list[str], scans: ScanFolder, found: _Findings) -> Book:
    state, school, year = place.parts
    pages = []
    for stem in stems:
        if source := scans.source(stem):
            pages.append(Page(state, school, int(year), int(stem), source.path, stem, *source[1:]))
        else:
            found.missing.append(f"{scans.folder / stem}{scans.why_missing(stem)}")
    return Book(state, school, int(year), tuple(sorted(pages, key=lambda p: (p.number, p.stem))))


def _folders(folder: Path, found: _Findings) -> list[os.DirEntry[str]]:
    """Sub-folders by name; anything else, and what is hidden, goes to `found.ignored`."""
    folders = []
    for entry in _entries(folder):
        if not entry.name.startswith(".") and _leads_to(entry, entry.is_dir):
            folders.append(entry)
        else:
            found.ignored.append(Path(entry))
    return folders


def _label_stems(folder: os.DirEntry[str], found: _Findings) -> list[str]:
    """Stems of the labels in a year's folder; anything else goes to `found.ignored`."""
    stems = []
    for entry in _entries(Path(folder)):
        stem, suffix = split_name(entry.name)
        if suffix == LABEL and is_number(stem) and _leads_to(entry, entry.is_file):
            stems.append(stem)
        else:
            found.ignored.append(Path(entry))
    return list(dict.fromkeys(stems))


def _file_names(folder: Path) -> set[str]:
    """Names of the files in a folder of images; none when it does not exist."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if _leads_to(entry, entry.is_file)}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}.") from None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}.") from None


def _leads_to(entry: os.DirEntry[str], is_kind: Callable[[], bool]) -> bool:
    """Is it a folder (or a file), maybe through links? A link in a circle leads nowhere."""
    try:
        return is_kind()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise DataError(f"{entry.path} cannot be read: {error.strerror}.") from None


def _unfit_place(place: Path) -> str | None:
    *names, year = place.parts
    for name in names:
        if reason := unfit_for_snakemake(name):
            # Invisible characters are shown as escapes.
            shown = repr(name) if name.isprintable() else ascii(name)
            return f"folder {shown} {reason}; rename it"
    if str(int(year)) != year:
        return f"folder {place}: write the year as {int(year)}"
    return None


def _clashes(pages: Iterable[Page]) -> list[str]:
    """Pages with the same key: `1` and `01`, or school `c` of state `a:b` and `b:c` of `a`."""
    seen: dict[str, Page] = {}
    problems = []
    for page in pages:
        other = seen.setdefault(page.key, page)
        if other is not page:
            problems.append(
                f"pages {other.name} and {page.name} have the same key {page.key}; rename one"
            )
    return problems


def _unknown_states(filters: Filters, states: list[str]) -> list[str]:
    known = {nfc(name): name for name in states}
    lower = {name.casefold(): name for name in known}
    problems = []
    for name in filters.target_states:
        if nfc(name) in known:
            continue
        near = difflib.get_close_matches(nfc(name).casefold(), lower, n=1)
        hint = f"did you mean {lower[near[0]]!r}?" if near else f"there are {_few(states)}"
        problems.append(f"filters.target_states: no folder {name!r}; {hint}")
    return problems


def _why_empty(filters: Filters, found: _Findings, paths: Paths) -> str:
    labels = paths.label_source_dir
    what, file = ("scan", "jpg") if filters.labels == "all" else ("label", "json")
    message = (
        f"There is no page to read: no {{state}}/{{school}}/{{year}}/{{page}}.{file} in {labels}"
    )
    everything = _walk(paths, Filters(labels=filters.labels))
    if left_out := sum(len(book.pages) for book in everything.books):
        states = ", ".join(filters.target_states) or "all"
        years = filters.target_years or TargetYears()
        start, end = ("any" if year is None else year for year in (years.start, years.end))
        message += (
            f" passes the filters, which leave out {left_out} {what}s "
            f"(target_states: {states}; target_years: {start} to {end})"
        )
    if found.ignored:
        message += f". What is there but is no {what}: {_few([str(p) for p in found.ignored])}"
    return message + ". See paths and filters in config/README.md."


def _listing(items: Iterable[str]) -> str:
    lines = [f"  {item}" for item in items]
    more = [f"  and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return "\n".join(lines[:LISTED] + more)


def _few(names: list[str]) -> str:
    return few(names, 5) or "none"


def _in_years(year: int, filters: Filters) -> bool:
    years = filters.target_years
    if years is None:
        return True
    return (years.start is None or year >= years.start) and (years.end is None or year <= years.end)


def nfc(name: str) -> str:
    """macOS stores é as two characters, a keyboard types one: compare both as one."""
    return unicodedata.normalize("NFC", name)
