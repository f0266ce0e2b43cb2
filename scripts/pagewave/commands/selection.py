"""Which pages a command is about: options that several commands have, and what they select."""

import argparse
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pagewave.config.data import Paths
from pagewave.errors import DataError, UnknownName
from pagewave.ledger import Ledger
from pagewave.pages.dataset import Dataset, Page, nfc, split_key
from pagewave.wording import few


@dataclass(frozen=True)
class Selection:
    """Pages by key, state, school and year; what is empty or None does not select."""

    keys: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    schools: frozenset[str] = frozenset()
    year_start: int | None = None
    year_end: int | None = None

    def __contains__(self, key: object) -> bool:
        """Does it select the page with this key?"""
        parts = split_key(str(key))
        return (
            (not self.keys or nfc(str(key)) in self.keys)
            and (not self.states or nfc(parts.state) in self.states)
            and (not self.schools or nfc(parts.school) in self.schools)
            and (self.year_start is None or parts.year >= self.year_start)
            and (self.year_end is None or parts.year <= self.year_end)
        )


EVERYTHING = Selection()


def refuse_unknown(selection: Selection, ledger: Ledger, paths: Paths) -> None:
    """Make sure that what is selected exists: in the ledger, or among labels and scans.

    Raises:
        UnknownName: a state or school does not, or the years end before they start.
    """
    if selection == EVERYTHING:
        return
    start, end = selection.year_start, selection.year_end
    if start is not None and end is not None and start > end:
        raise UnknownName(f"--year-start {start} comes after --year-end {end}; swap them.")
    known = [split_key(key) for key in ledger.runs.known_keys()]
    trees = (paths.label_source_dir, paths.image_source_dir)
    states = {key.state for key in known} | _folders(trees, "*")
    schools = {key.school for key in known} | _folders(trees, "*/*")
    refuse_others("state", selection.states, states)
    refuse_others("school", selection.schools, schools)


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
    """`--states`, `--schools`, `--year-start`, `--year-end`."""
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


def selection_of(options: argparse.Namespace) -> Selection:
    """What the options select; names count as the same however their accents are stored."""
    return Selection(
        keys=frozenset(map(nfc, getattr(options, "keys", []))),
        states=frozenset(map(nfc, options.states)),
        schools=frozenset(map(nfc, options.schools)),
        year_start=options.year_start,
        year_end=options.year_end,
    )
