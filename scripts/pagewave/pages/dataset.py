"""The data set: which pages there are to read, in which books, with which images.

The label tree is the allow-list: a page exists when `{state}/{school}/{year}/{page}.json` does, or
with other `paths.levels` the like. Its scan lies at the same place of the image tree; which file it
is, `scan_names` tells. With `labels: all` the image tree itself says which pages there are.

Links are followed, also out of the trees: what belongs to a tree is its owner's choice. Names can't
lead anywhere, as each is one entry of a folder, and none of an answer's words becomes a path.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from pagewave.config.data import Filters, Paths
from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.levels import DEFAULT, YEAR, Levels
from pagewave.pages.places import LABEL, elsewhere, nfc, unfit_place, unknown_names
from pagewave.pages.remote_scans import LIST, RemoteScan, read_list
from pagewave.pages.scan_names import HOW_TO_NAME, IMAGE_SUFFIXES, ScanFolder, is_number, split_name
from pagewave.wording import count, few

LISTED = 20
"""How many of many things an error names."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page to read, in the folders of its book. `stem` is its file name without suffix: `007` is
    page number 7.

    `scan` is the file that it is in, as it was delivered, and `leaf` which page of that file it is,
    from 1; 0 where the file is this page alone. `remote`: where that file is fetched from.
    """

    folders: tuple[str, ...]
    number: int
    scan: Path
    stem: str = ""
    leaf: int = 0
    remote: RemoteScan | None = None
    key: str = field(init=False, repr=False, compare=False)
    """`state:school:year:page`, which joins an answer to its page."""

    def __post_init__(self) -> None:
        if not self.stem:
            object.__setattr__(self, "stem", str(self.number))
        # Asked for so often that to put it together each time is felt.
        object.__setattr__(self, "key", _key(self.folders, self.number))

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def book_id(self) -> str:
        """`state/school/year`."""
        return "/".join(self.folders)

    @property
    def name(self) -> str:
        """`state/school/year/stem`: where its files lie in every tree, without suffix."""
        return f"{self.book_id}/{self.stem}"

    @property
    def is_awaited(self) -> bool:
        """Is its scan elsewhere, and not fetched yet?"""
        return self.remote is not None and not self.scan.exists()


def _key(folders: tuple[str, ...], number: int) -> str:
    return ":".join((*folders, str(number)))


@dataclass(frozen=True)
class BookPlace:
    """Which book it is: the folders in which its files lie in every tree, one a level."""

    folders: tuple[str, ...]

    @property
    def id(self) -> str:
        """`state/school/year`."""
        return "/".join(self.folders)


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
    """All books that pass the filters, by the names of their folders.

    `levels`: what these are called. `ignored`: what lies in the label tree (or with `labels: all`
    in that of images) and is no label (or scan), such as notes and folders that are no years, as
    paths; what the filters leave out is not among them. `is_apart`: each page is a chain of its
    own, as none is told of the one before.
    """

    books: tuple[Book, ...]
    ignored: tuple[Path, ...] = ()
    levels: Levels = DEFAULT
    is_apart: bool = False

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

    def chains(self, book: Book) -> tuple[tuple[Page, ...], ...]:
        """A book's pages as they are read one after another."""
        return tuple((page,) for page in book.pages) if self.is_apart else book.chains

    def previous(self, page: Page) -> Page | None:
        """The page before it in its chain; None at a chain's start."""
        if self.is_apart:
            return None
        return self._by_key.get(_key(page.folders, page.number - 1))

    @cached_property
    def _by_key(self) -> dict[str, Page]:
        return {page.key: page for page in self.pages}

    @cached_property
    def _by_id(self) -> dict[str, Book]:
        return {book.id: book for book in self.books}


@dataclass
class _Findings:
    """What one walk over the tree found; `names`: of all folders that it came by, by level."""

    books: list[Book] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    names: dict[str, set[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def scan(settings: Settings) -> Dataset:
    """Walk over the label tree; raises DataError with all names and scans that are wrong."""
    labels = settings.paths.label_source_dir
    found = _walk(settings.paths, settings.filters)
    problems = unknown_names(settings.filters, found.names) + found.problems
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
    is_apart = settings.prompt.context == "none"
    return Dataset(tuple(found.books), tuple(found.ignored), settings.paths.tree, is_apart)


def _walk(paths: Paths, filters: Filters) -> _Findings:
    """Collects the books that pass the filters; never looks into folders that don't."""
    found = _Findings()
    wanted = {level: {nfc(name) for name in names} for level, names in filters.by_level.items()}

    def go(folder: Path, place: tuple[str, ...], levels: tuple[str, ...]) -> None:
        level, *inner = levels
        for entry in _folders(folder, found):
            if level == YEAR and not is_number(entry.name):
                found.ignored.append(Path(entry))
                continue
            found.names.setdefault(level, set()).add(entry.name)
            if level in wanted and nfc(entry.name) not in wanted[level]:
                continue
            if level == YEAR and not _in_years(int(entry.name), filters):
                continue
            if inner:
                go(Path(entry), (*place, entry.name), tuple(inner))
            else:
                _add_book((*place, entry.name), entry, paths, filters, found)

    go(paths.label_source_dir, (), paths.tree.names)
    return found


def _add_book(
    folders: tuple[str, ...],
    folder: os.DirEntry[str],
    paths: Paths,
    filters: Filters,
    found: _Findings,
) -> None:
    """Adds the book in a folder of the innermost level, if it has pages."""
    place = Path(*folders)
    images = paths.image_source_dir / place
    names = _file_names(images)
    remote = read_list(images).pages if LIST in names else {}
    scans = ScanFolder(images, names, remote, paths.fetched_dir / place)
    if filters.labels == "all":
        stems = scans.stems()
        found.ignored += [Path(e) for e in _entries(Path(folder)) if not scans.is_used(e.name)]
    else:
        stems = _label_stems(folder, found)
    if stems and (problem := unfit_place(folders, paths.tree)):
        found.problems.append(problem)
    elif stems:
        found.books.append(_book(folders, stems, scans, found))
    found.problems += scans.problems


def _book(folders: tuple[str, ...], stems: list[str], scans: ScanFolder, found: _Findings) -> Book:
    pages = []
    for stem in stems:
        if source := scans.source(stem):
            pages.append(Page(folders, int(stem), source.path, stem, *source[1:]))
        else:
            found.missing.append(f"{scans.folder / stem}{scans.why_missing(stem)}")
    return Book(folders, tuple(sorted(pages, key=lambda p: (p.number, p.stem))))


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
    """Stems of the labels in a book's folder; anything else goes to `found.ignored`."""
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


def _why_empty(filters: Filters, found: _Findings, paths: Paths) -> str:
    labels, levels = paths.label_source_dir, paths.tree
    what, file = ("scan", "jpg") if filters.labels == "all" else ("label", "json")
    message = f"There is no page to read: no {levels.pattern}/{{page}}.{file} in {labels}"
    everything = _walk(paths, Filters(labels=filters.labels))
    if left_out := sum(len(book.pages) for book in everything.books):
        message += (
            f" passes the filters, which leave out {left_out} {what}s "
            f"({'; '.join(filters.told(levels))})"
        )
    elif deep := elsewhere(labels, filters.labels, levels):
        folders = "no folder" if deep[1] == 0 else f"{count(deep[1], 'folder')} deep"
        message += (
            f". {deep[0]} is {folders}, and paths.levels wants {levels.form}: "
            f"{count(len(levels), 'folder')}. Move it, or name other levels"
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
