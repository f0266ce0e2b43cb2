"""Which pages a command is about: options that several commands have, and what they select."""

import argparse
import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pagewave.config.data import Paths
from pagewave.errors import DataError, UnknownName
from pagewave.ledger import Ledger
from pagewave.levels import DEFAULT, YEAR, Levels
from pagewave.pages.dataset import Dataset, Page
from pagewave.pages.places import nfc
from pagewave.wording import few


@dataclass(frozen=True)
class Selection:
    """Pages by key, names of folders by level, and years; what is empty or None does not select."""

    keys: frozenset[str] = frozenset()
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    year_start: int | None = None
    year_end: int | None = None
    levels: Levels = DEFAULT

    def __contains__(self, key: object) -> bool:
        """Does it select the page with this key?"""
        if self.keys and nfc(str(key)) not in self.keys:
            return False
        if not (self.names or self.year_start is not None or self.year_end is not None):
            return True
        parts = self.levels.parts(str(key))
        return (
            all(nfc(str(parts[level])) in names for level, names in self.names.items())
            and (self.year_start is None or int(parts[YEAR]) >= self.year_start)
            and (self.year_end is None or int(parts[YEAR]) <= self.year_end)
        )


EVERYTHING = Selection()


def refuse_unknown(selection: Selection, ledger: Ledger, paths: Paths) -> None:
    """Make sure that what is selected exists: in the ledger, or among labels and scans.

    Raises:
        UnknownName: a folder does not, or the years end before they start.
    """
    start, end = selection.year_start, selection.year_end
    if start is not None and end is not None and start > end:
        raise UnknownName(f"--year-start {start} comes after --year-end {end}; swap them.")
    if not selection.names:
        return
    known = [selection.levels.parts(key) for key in ledger.runs.known_keys()]
    trees = (paths.label_source_dir, paths.image_source_dir)
    for depth, level in enumerate(selection.levels.names):
        if level in selection.names:
            there = _folders(trees, "/".join(["*"] * (depth + 1)))
            names = {str(parts[level]) for parts in known} | there
            refuse_others(level, selection.names[level], names)


def _folders(trees: Iterable[Path], pattern: str) -> set[str]:
    return {path.name for tree in trees for path in tree.glob(pattern) if path.is_dir()}


def refuse_others(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Make sure that all of these names are known; raises UnknownName with the nearest one."""
    by_name = {nfc(name): name for name in known}
    for name in sorted(names):
        if nfc(name) not in by_name:
            raise UnknownName(f"There is no {what} {name}. {nearest(name, by_name.values())}")


def page_named(dataset: Dataset, key: str) -> Page:
    """The page of a key; raises DataError, with the nearest key that there is."""
    try:
        return dataset.page(key)
    except DataError as error:
        near = difflib.get_close_matches(key, [page.key for page in dataset.pages], n=1)
        raise DataError(f"{error} Did you mean {near[0]}?" if near else str(error)) from None


def nearest(name: str, known: Iterable[str], most: int = 10) -> str:
    """`Did you mean …?`, or which there are where there are few."""
    by_letters = {nfc(other).casefold(): other for other in known}
    near = difflib.get_close_matches(nfc(name).casefold(), by_letters, n=1)
    if near:
        return f"Did you mean {by_letters[near[0]]}?"
    names = sorted(by_letters.values())
    return f"There are: {few(names, most)}." if names else "There are none yet."


def add_selection(parser: argparse.ArgumentParser) -> None:
    """`--level`; and `--states`, `--schools`, `--year-start`, `--year-end`."""
    add_level_option(parser, "only pages in this folder, such as box=3 (paths.levels)")
    parser.add_argument(
        "--states", nargs="+", default=[], metavar="STATE", help="only pages of these states"
    )
    parser.add_argument(
        "--schools", nargs="+", default=[], metavar="SCHOOL", help="only pages of these schools"
    )
    parser.add_argument(
        "--year-start", type=int, metavar="YEAR", help="only pages of this year or later"
    )
    parser.add_argument(
        "--year-end", type=int, metavar="YEAR", help="only pages of this year or earlier"
    )


def add_level_option(parser: argparse.ArgumentParser, what: str) -> None:
    """`--level LEVEL=NAME`, which may be repeated."""
    parser.add_argument(
        "--level",
        type=_level_and_name,
        action="append",
        default=[],
        metavar="LEVEL=NAME",
        help=f"{what}; may be repeated",
    )


def _level_and_name(text: str) -> tuple[str, str]:
    level, separator, name = text.partition("=")
    if not (separator and level and name):
        raise argparse.ArgumentTypeError(f"{text!r}: expected LEVEL=NAME, such as box=3")
    return level, name


def known_level(level: str, levels: Levels, option: str = "--level") -> str:
    """A level that an option names; raises UnknownName where there is none of this name."""
    if level not in levels.names:
        has = ", ".join(levels.names)
        raise UnknownName(
            f"{option}: there is no level {level}. paths.levels has {has}: "
            f"write --level {levels.names[-1]}=NAME."
        )
    return level


def selects_any(options: argparse.Namespace) -> bool:
    """Do the options select at all?"""
    given = (getattr(options, "keys", []), options.level, options.states, options.schools)
    return any(given) or (options.year_start, options.year_end) != (None, None)


def as_typed(options: argparse.Namespace) -> list[str]:
    """The options that select, as they are typed again."""
    typed = [part for key in getattr(options, "keys", []) for part in ("--page", key)]
    typed += [part for level, name in options.level for part in ("--level", f"{level}={name}")]
    for option in ("year_start", "year_end"):
        if (year := getattr(options, option)) is not None:
            typed += [f"--{option.replace('_', '-')}", str(year)]
    for option in ("states", "schools"):
        if names := getattr(options, option):
            typed += [f"--{option}", *names]
    return typed


def selection_of(options: argparse.Namespace, levels: Levels) -> Selection:
    """What the options select; names count as the same however their accents are stored.

    Raises:
        UnknownName: they name a level that is not there.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for level, name in options.level:
        names[known_level(level, levels)].add(nfc(name))
    for option, level in (("states", "state"), ("schools", "school")):
        if given := getattr(options, option):
            names[known_level(level, levels, f"--{option}")].update(map(nfc, given))
    for option in ("year_start", "year_end"):
        if getattr(options, option) is not None:
            known_level(YEAR, levels, f"--{option.replace('_', '-')}")
    return Selection(
        keys=frozenset(map(nfc, getattr(options, "keys", []))),
        names={level: frozenset(found) for level, found in names.items()},
        year_start=options.year_start,
        year_end=options.year_end,
        levels=levels,
    )
