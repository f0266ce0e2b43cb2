"""Which pages a command is about: options that several commands have, and what they select."""

import argparse
from dataclasses import dataclass

from pagewave.pages.dataset import nfc, split_key


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
        keys=frozenset(map(nfc, getattr(options, "key", []))),
        states=frozenset(map(nfc, options.states)),
        schools=frozenset(map(nfc, options.schools)),
        year_start=options.year_start,
        year_end=options.year_end,
    )
