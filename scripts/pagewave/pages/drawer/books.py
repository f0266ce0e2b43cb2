"""The books of a drawer: folders and names together tell where each goes, level by level."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from pagewave.config.types import unfit_for_snakemake
from pagewave.errors import DataError
from pagewave.levels import DEFAULT, YEAR, Levels, is_year
from pagewave.pages import scan_files
from pagewave.pages.drawer.names import Name, read_folder, read_name
from pagewave.pages.drawer.numbering import LeftOut, Placed, Scan, numbered
from pagewave.pages.scan_names import IMAGE_SUFFIXES, OF_MANY_PAGES, split_name

NO_NAME = "Unsorted"
NO_YEAR = "0"
"""What a book has at a level of which no name tells."""

OTHER_IMAGES = frozenset(
    [
        ".heic",
        ".heif",
        ".gif",
        ".bmp",
        ".psd",
        ".cr2",
        ".nef",
        ".arw",
        ".dng",
        ".jxl",
        ".avif",
        ".djvu",
    ]
)
_LABEL = re.compile(r"[A-Za-z]+(?=[ _-]?\d)")
BY_SYSTEMS = frozenset({"thumbs.db", "desktop.ini", ".ds_store"})


@dataclass(frozen=True, order=True)
class Place:
    """Where a book goes: a folder a level."""

    folders: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.folders)


Given = Mapping[str, str]
"""What a person says of all books, by level; the rest is as the names tell."""


@dataclass(frozen=True)
class FoundBook:
    """A book, its files in order of pages, what tells the order, and what is unclear."""

    place: Place
    placed: tuple[Placed, ...]
    order: str
    unclear: tuple[str, ...]

    @property
    def pages(self) -> int:
        """How many."""
        return sum(one.last - one.first + 1 for one in self.placed)


@dataclass(frozen=True)
class Drawer:
    """All files of a folder: each is in a book, or left out with a reason."""

    folder: Path
    books: tuple[FoundBook, ...]
    left_out: tuple[LeftOut, ...]
    levels: Levels = DEFAULT


def look_into(folder: Path, given: Given | None = None, levels: Levels = DEFAULT) -> Drawer:
    """Find the books of a folder and of all folders in it; opens files, and writes nothing.

    Args:
        levels: what the folders are called to which its books go.

    Raises:
        DataError: the folder can't be read, or a name that is given can't be one.
    """
    given = given or {}
    _refuse_unfit(given, levels)
    folder = folder.resolve()
    left: list[LeftOut] = []
    scans = [found for path in _files(folder) if (found := _scan(path, left))]
    by_place: dict[Place, list[Scan]] = defaultdict(list)
    remarks: dict[Place, list[str]] = {}
    for scan in _without_strays(scans, left):
        place, unclear = _place(folder, scan.path, scan.name, given, levels)
        by_place[place].append(scan)
        remarks.setdefault(place, unclear)
    books = []
    for place, scans in sorted(by_place.items()):
        for own, part in _series(place, scans, levels):
            result = numbered(part)
            left += result.left_out
            if result.placed:
                told = (*remarks[place], *_spans(part), *result.unclear)
                books.append(FoundBook(own, result.placed, result.order, told))
    return Drawer(folder, tuple(books), tuple(sorted(left, key=lambda one: one.path)), levels)


def _without_strays(scans: Sequence[Scan], left: list[LeftOut]) -> Iterator[Scan]:
    """All scans but single images whose names tell no number, where others beside them do."""
    numbered_in = {s.path.parent for s in scans if not s.name.tells_no_page}
    for scan in scans:
        if not scan.name.tells_no_page or scan.leaves > 1 or scan.path.suffix.lower() == ".pdf":
            yield scan
        elif scan.path.parent in numbered_in:
            why = "its name tells no page, and others beside it do: put a number in it"
            left.append(LeftOut(scan.path, why))
        else:
            yield replace(scan, name=replace(scan.name, words=""))


def _refuse_unfit(given: Given, levels: Levels) -> None:
    for level, name in given.items():
        if level not in levels.names:
            has = ", ".join(levels.names)
            raise DataError(f"There is no level {level}: paths.levels has {has}.")
        if level == YEAR and not is_year(name):
            raise DataError(f"{name!r} is no year; expected a number such as 1852.")
        if why := unfit_for_snakemake(name) or ("holds a stroke" if "/" in name else None):
            raise DataError(f"{name!r} {why}; choose another name.")


def _files(folder: Path) -> Iterator[Path]:
    """All files below, folder by folder; links to folders are not followed, as they may circle."""
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise DataError(f"{folder} can't be read: {error.strerror}.") from None
    yield from (path for path in entries if not path.is_dir())
    for path in entries:
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)


def _scan(path: Path, left: list[LeftOut]) -> Scan | None:
    """The file as a scan; else None, and why it is none in `left`."""
    if path.name.lower() in BY_SYSTEMS or path.name.startswith("."):
        left.append(LeftOut(path, "hidden, or an operating system's own"))
        return None
    try:
        return opened(path)
    except DataError as error:
        left.append(LeftOut(path, str(error)))
        return None


def opened(path: Path) -> Scan:
    """A file as a scan; raises DataError with the reason why it is none."""
    stem, suffix = split_name(path.name)
    if path.is_dir() or not path.exists():
        raise DataError("a link that leads to no file" if path.is_symlink() else "it is not there")
    if suffix in OTHER_IMAGES:
        raise DataError(f"{suffix} can't be read: save it as JPEG or TIFF")
    if suffix not in IMAGE_SUFFIXES:
        raise DataError("no image")
    return Scan(path, _name(path, stem), _leaves(path, suffix))


def _name(path: Path, stem: str) -> Name:
    """What its name tells; two cameras may each have a folder, `left` and `right`."""
    name = read_name(unicodedata.normalize("NFC", stem))
    side = name.side or read_folder(path.parent.name).side
    return replace(name, side=side)


def _leaves(path: Path, suffix: str) -> int:
    if suffix in OF_MANY_PAGES:
        try:
            leaves = scan_files.count(path)
        except DataError as error:
            raise DataError(f"can't be opened: {error}") from None
        if leaves:
            return leaves
        raise DataError("it holds no page")
    try:
        with Image.open(path):
            return 1
    except Exception as error:  # whatever a broken header makes Pillow raise
        raise DataError(f"can't be opened: no image is in it ({type(error).__name__})") from None


def _place(
    drawer: Path, path: Path, name: Name, given: Given, levels: Levels
) -> tuple[Place, list[str]]:
    """Where its book goes, and what of that is nobody's word.

    Names of folders fill the levels from the innermost; what is too much is part of its name.
    """
    parts = path.relative_to(drawer).parts[:-1]
    folders = [read_folder(part) for part in parts]
    words = [folder.words for folder in folders if folder.words]
    of_file, of_drawer = name.words, read_folder(drawer.name).words
    if YEAR not in levels.names:  # then a year is part of a name
        told = zip(parts, folders, strict=True)
        words = [part for part, folder in told if folder.words or folder.year is not None]
        of_file = " ".join(filter(None, (of_file, str(name.year) if name.year else "")))
        of_drawer = drawer.name
    words = words or [of_file or of_drawer or "Scans"]
    named = [level for level in levels.names if level != YEAR]
    inner = len(named) - 1
    if len(words) > inner:
        words = [*words[:inner], ", ".join(words[inner:])]
    words = [NO_NAME] * (len(named) - len(words)) + words
    found = dict(zip(named, words, strict=False)) | {YEAR: _year(drawer, folders, name), **given}
    unclear = [f"no {level}" for level in named if found[level] == NO_NAME]
    if YEAR in levels.names and found[YEAR] == NO_YEAR:
        unclear.append("no year")
    return Place(tuple(_fit(found[level]) for level in levels.names)), unclear


def _year(drawer: Path, folders: Sequence[Name], name: Name) -> str:
    """The year that names tell, the file's own first."""
    of_folders = [folder.year for folder in folders if folder.year is not None]
    found = [name.year, *of_folders[::-1], read_folder(drawer.name).year]
    return str(next((year for year in found if year is not None), NO_YEAR))


def _fit(name: str) -> str:
    """A name that Snakemake can carry: what it can't is left out."""
    kept = "".join(c for c in name if not unfit_for_snakemake(c) and c != "/")
    return kept.strip().lstrip(".") or "Scans"


def _series(
    place: Place, scans: Sequence[Scan], levels: Levels
) -> Iterator[tuple[Place, list[Scan]]]:
    """The files of a book, or of several that came to one place: a camera's beside a scanner's.

    They are one book where no two of them are the same page.
    """
    series: dict[tuple[str, ...], list[Scan]] = defaultdict(list)
    for scan in scans:
        series[_kind(scan)].append(scan)
    if len(series) == 1 or levels.names == (YEAR,) or _go_together(list(series.values())):
        yield place, list(scans)
        return
    differs = [len(set(parts)) > 1 for parts in zip(*series, strict=True)]
    at = levels.innermost
    book = place.folders[at]
    used: set[str] = set()
    for kind, part in series.items():
        own = [word for word, is_own in zip(kind, differs, strict=True) if is_own and word]
        added = " ".join(word for word in own if word not in book.split())
        name = named = _fit(f"{book} {added}")
        while named in used:
            named = f"{name} {len(used) + 1}"
        used.add(named)
        yield Place((*place.folders[:at], named, *place.folders[at + 1 :])), part


def _kind(scan: Scan) -> tuple[str, ...]:
    """What sets one series of files apart from another: folder, words, what is before numbers."""
    label, folder = _LABEL.match(scan.path.name), scan.path.parent
    # Two folders for the two halves of sheets are one series.
    folder = folder.parent if read_folder(folder.name).side else folder
    return folder.name, scan.name.words, label[0] if label else ""


def _go_together(series: Sequence[Sequence[Scan]]) -> bool:
    seen: set[tuple[object, ...]] = set()
    for part in series:
        pages = {(scan.name.roman, scan.name.first) for scan in part}
        if pages & seen or any(scan.name.is_counter for scan in part):
            return False
        seen |= pages
    return len({any(scan.name.side for scan in part) for part in series}) == 1


def _spans(scans: Sequence[Scan]) -> list[str]:
    spans = sorted({scan.name.span for scan in scans if scan.name.span})
    return [f"{', '.join(spans)} is taken as {scans[0].name.year}"] if spans else []
