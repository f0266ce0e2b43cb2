"""The pages of one book's files: which number each has in the book.

Numbers that the names tell are kept, so that page 12 stays page 12. Roman pages come before them,
counted on: with i to viii in front, page 1 is the ninth. A sheet with a left and a right half is
two pages. What a camera counted tells the order alone, and a gap in it is no missing page.
"""

import filecmp
from collections import defaultdict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pagewave.pages.drawer.names import FIRST_OF, Name, Side
from pagewave.pages.drawer.roman import to_roman
from pagewave.pages.scan_names import IMAGE_SUFFIXES, split_name

Sides = AbstractSet[Side | None]
"""The sides that names of one book tell."""


@dataclass(frozen=True)
class Scan:
    """A file of the drawer: what its name tells, and how many pages it holds."""

    path: Path
    name: Name
    leaves: int = 1


@dataclass(frozen=True)
class Placed:
    """A file and its pages in the book, `first` to `last`."""

    scan: Scan
    first: int
    last: int


@dataclass(frozen=True)
class LeftOut:
    """A file that is not read, and why."""

    path: Path
    why: str


@dataclass(frozen=True)
class Numbered:
    """A book's files by page; `order` says what tells their numbers, `unclear` what to look at."""

    placed: tuple[Placed, ...]
    left_out: tuple[LeftOut, ...]
    order: str
    unclear: tuple[str, ...]


def numbered(scans: Sequence[Scan]) -> Numbered:
    """Number the files of one book."""
    whole = [scan for scan in scans if scan.name.tells_no_page or _is_volume(scan)]
    paged = [scan for scan in scans if scan not in whole]
    if not paged:
        return _in_order(whole, "order of names")
    left = [LeftOut(s.path, _why_no_page(s, paged)) for s in whole]
    if all(scan.name.is_counter for scan in paged):
        chosen, doubles = _one_each(paged, lambda s: (s.name.first, s.name.side))
        found = _in_order(chosen, "order of names")
        return Numbered(found.placed, (*left, *doubles), found.order, found.unclear)
    return _by_page(paged, left)


def _by_page(paged: Sequence[Scan], left: list[LeftOut]) -> Numbered:
    unclear: list[str] = []
    before = max((s.name.roman or 0 for s in paged), default=0)
    sides = {scan.name.side for scan in paged}
    sheets = _has_halves(sides)
    chosen, doubles = _one_each(paged, lambda s: (s.name.roman, s.name.first, s.name.side))
    left += doubles
    placed: list[Placed] = []
    for scan in chosen:
        name = scan.name
        if name.roman:
            placed.append(Placed(scan, name.roman, name.roman))
            continue
        first, last = name.first or 0, name.last or 0
        if sheets:
            first = last = 2 * first if _is_second(name.side, sides) else 2 * first - 1
        pages = last - first + 1
        if scan.leaves == 1 and pages > 1:
            unclear.append(f"{scan.path.name} is one image: taken as page {first}")
            last = first
        elif scan.leaves != pages:
            what = f"its name tells {pages} pages" if pages > 1 else "its name tells one page"
            left.append(LeftOut(scan.path, f"{what}, and it holds {scan.leaves}: rename it"))
            continue
        placed.append(Placed(scan, before + first, before + last))
    placed.sort(key=lambda p: (p.first, p.last))
    kept, others = apart(placed)
    left += others
    if before:
        unclear.append(f"pages i to {to_roman(before)} come first: page 1 is number {before + 1}")
    if sheets:
        unclear += _halves_missing(chosen, sides)
    if gaps := _gaps(kept):
        unclear.append(f"not there: {gaps}")
    order = "sheet, left before right" if sheets else "page"
    return Numbered(tuple(kept), tuple(left), order, tuple(unclear))


def _in_order(scans: Sequence[Scan], order: str) -> Numbered:
    placed, last = [], 0
    sides = {scan.name.side for scan in scans}
    for scan in sorted(scans, key=lambda scan: _place_in_order(scan, sides)):
        placed.append(Placed(scan, last + 1, last + scan.leaves))
        last += scan.leaves
    unclear = () if len(placed) < 2 else ("numbered in order: names tell no pages",)
    return Numbered(tuple(placed), (), order, unclear)


def _place_in_order(scan: Scan, sides: Sides) -> tuple[int, bool, str]:
    return scan.name.first or 0, _is_second(scan.name.side, sides), scan.path.name


def _is_volume(scan: Scan) -> bool:
    """Is it a file of many pages whose one number can't be a page, such as `part 2.pdf`?"""
    name = scan.name
    return scan.leaves > 1 and name.roman is None and name.first == name.last


def _why_no_page(scan: Scan, paged: Sequence[Scan]) -> str:
    if scan.leaves > 1:
        return (
            f"its name does not tell which pages of the book its {scan.leaves} are, and "
            f"{paged[0].path.name} does: name it such as 1-{scan.leaves}{scan.path.suffix}"
        )
    return "its name tells no page: put a number in it"


def _has_halves(sides: Sides) -> bool:
    """Are there sheets of two pages? A letter that has no partner anywhere is no side."""
    return any(first in sides and second in sides for first, second in FIRST_OF.items()) or bool(
        sides & {Side.LEFT, Side.RIGHT, Side.RECTO, Side.VERSO}
    )


def _is_second(side: Side | None, sides: Sides) -> bool:
    """Is it the second half of its sheet? Beside v an r is the recto, else the right half."""
    if side == Side.R:
        return Side.V not in sides
    return side in (Side.RIGHT, Side.VERSO, Side.B, Side.V)


def _halves_missing(scans: Sequence[Scan], sides: Sides) -> list[str]:
    found: dict[int, set[bool]] = defaultdict(set)
    for scan in scans:
        if scan.name.first is not None:
            found[scan.name.first].add(_is_second(scan.name.side, sides))
    alone = [str(sheet) for sheet, halves in sorted(found.items()) if len(halves) == 1]
    return [f"one half alone of sheet {_some(alone)}"] if alone else []


def _one_each(
    scans: Sequence[Scan], page: Callable[[Scan], object]
) -> tuple[list[Scan], list[LeftOut]]:
    """Of several files for a page the first; the others are left out with the reason."""
    by_page: dict[object, list[Scan]] = defaultdict(list)
    for scan in scans:
        by_page[page(scan)].append(scan)
    chosen, left = [], []
    for same in by_page.values():
        first, *others = sorted(same, key=_rank)
        chosen.append(first)
        for other in others:
            alike = filecmp.cmp(first.path, other.path, shallow=False)
            why = "the same file as" if alike else "the same page as"
            left.append(LeftOut(other.path, f"{why} {first.path.name}, which is taken"))
    return chosen, left


def _rank(scan: Scan) -> tuple[bool, int, str]:
    suffix = split_name(scan.path.name)[1]
    return scan.name.is_copy, IMAGE_SUFFIXES.index(suffix), scan.path.name


def apart(placed: Sequence[Placed]) -> tuple[list[Placed], list[LeftOut]]:
    """Files whose pages another one has already are left out: 13.jpg beside 13-20.pdf."""
    kept: list[Placed] = []
    left = []
    for one in placed:
        if kept and one.first <= kept[-1].last:
            other = kept[-1].scan.path.name
            left.append(LeftOut(one.scan.path, f"page {one.first} is in {other} already"))
        else:
            kept.append(one)
    return kept, left


def _gaps(placed: Sequence[Placed]) -> str:
    missing = []
    for before, after in pairwise(placed):
        first, last = before.last + 1, after.first - 1
        if first <= last:
            missing.append(f"{first}" if first == last else f"{first}-{last}")
    return f"page {_some(missing)}" if missing else ""


def _some(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more places" if len(names) > most else ""
    return ", ".join(names[:most]) + more
