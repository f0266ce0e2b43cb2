"""Puts a drawer's files into the trees of scans and labels: links or copies, never over others.

A second time it does what is left: a kill in between loses nothing. Files that are there are told
apart from those of the drawer by their content.
"""

import filecmp
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pagewave.atomic import partial_of, write_atomically
from pagewave.errors import DataError, PagewaveError
from pagewave.pages.drawer.books import Drawer, FoundBook
from pagewave.pages.drawer.numbering import Placed
from pagewave.pages.scan_names import IMAGE_SUFFIXES, split_name

LISTED = 10
_PAGES = re.compile(r"([0-9]+)(?:-([0-9]+))?")


@dataclass(frozen=True)
class Move:
    """A file of the drawer, and where it goes; `is_there`: it is there already."""

    source: Path
    target: Path
    book: FoundBook
    placed: Placed
    is_there: bool


def moves(drawer: Drawer, scans: Path) -> list[Move]:
    """What goes where.

    Raises:
        DataError: another file has one of the places; names them.
    """
    found, taken = [], []
    for book in drawer.books:
        folder = scans / str(book.place)
        there = _pages_of(folder)
        for placed in book.placed:
            others = {there.get(page) for page in range(placed.first, placed.last + 1)} - {None}
            other = min((path for path in others if path is not None), default=None)
            same = len(others) == 1 and other is not None and _is_same(placed.scan.path, other)
            if other is not None and not same:
                taken.append(f"  {other} is there, and {placed.scan.path} would be the same page")
            found.append(Move(placed.scan.path, folder / file_name(placed), book, placed, same))
    if taken:
        more = f"\n  and {len(taken) - LISTED} more" if len(taken) > LISTED else ""
        raise DataError(
            "Nothing was taken in, as it would be mixed with other scans:\n"
            + "\n".join(taken[:LISTED])
            + more
            + "\nName another book with --level, or move those away."
        )
    return found


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and (one.samefile(other) or filecmp.cmp(one, other, shallow=False))


def file_name(placed: Placed) -> str:
    """The name that tells the pages: `12.jpg`, `13-20.pdf`."""
    suffix = split_name(placed.scan.path.name)[1]
    is_one = placed.first == placed.last
    return f"{placed.first}{suffix}" if is_one else f"{placed.first}-{placed.last}{suffix}"


def _pages_of(folder: Path) -> dict[int, Path]:
    """Which page is in which file of a book's folder, by their names."""
    found: dict[int, Path] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        stem, suffix = split_name(path.name)
        numbers = _PAGES.fullmatch(stem)
        if numbers and suffix in IMAGE_SUFFIXES:
            first = int(numbers[1])
            found |= dict.fromkeys(range(first, int(numbers[2] or first) + 1), path)
    return found


def carry_out(planned: list[Move], labels: Path | None, copies: bool) -> None:
    """Link or copy what is not there yet, and write a label for each page.

    Args:
        labels: the tree of labels; None where all scans are read.
        copies: copy the files; else links lead to where they are.

    Raises:
        PagewaveError: the disk is full, or something else is in the way.
    """
    for move in planned:
        if not move.is_there:
            _put(move.source, move.target, copies)
        if labels is None:
            continue
        for page in range(move.placed.first, move.placed.last + 1):
            label = labels / str(move.book.place) / f"{page}.json"
            if not label.exists():
                text = json.dumps({"scan": str(move.source)}, ensure_ascii=False)
                write_atomically(label, f"{text}\n")


def _put(source: Path, target: Path, copies: bool) -> None:
    partial = partial_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        if copies:
            shutil.copy2(source, partial)
        else:
            partial.symlink_to(source.resolve())
        partial.replace(target)
    except OSError as error:
        raise PagewaveError(
            f"{target} can't be made: {error.strerror}. Mend that and run the same command again: "
            "what is there already stays."
        ) from None
