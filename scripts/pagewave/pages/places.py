"""What is wrong with the names and places of folders in the trees of labels and scans."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Mapping, Set
from pathlib import Path

from pagewave.config.data import Filters
from pagewave.config.types import unfit_for_snakemake
from pagewave.levels import YEAR, Levels, is_year
from pagewave.pages.scan_names import IMAGE_SUFFIXES, split_name
from pagewave.wording import few

LABEL = ".json"
"""The suffix of a label, in small or capital letters."""


def unfit_place(folders: tuple[str, ...], levels: Levels) -> str | None:
    """Why a book can't lie in these folders; None: it can."""
    for level, name in zip(levels.names, folders, strict=True):
        if level == YEAR:
            if not is_year(name):
                return f"folder {'/'.join(folders)}: write the year as {int(name)}"
        elif reason := unfit_for_snakemake(name):
            # Invisible characters are shown as escapes.
            shown = repr(name) if name.isprintable() else ascii(name)
            return f"folder {shown} {reason}; rename it"
    reason = levels.unfit(folders)
    return f"a book {reason}" if reason else None


def unknown_names(filters: Filters, found: Mapping[str, Set[str]]) -> list[str]:
    """A line for each name in filters that none of the found folders of its level has."""
    problems = []
    for level, names in filters.by_level.items():
        there = sorted(found.get(level, ()))
        some, known = few(there, 5) or "none", {nfc(name) for name in there}
        lower = {name.casefold(): name for name in known}
        for name in names:
            if nfc(name) in known:
                continue
            near = difflib.get_close_matches(nfc(name).casefold(), lower, n=1)
            hint = f"did you mean {lower[near[0]]!r}?" if near else f"there are {some}"
            problems.append(f"{filters.key_of(level)}: no folder {name!r}; {hint}")
    return problems


def elsewhere(tree: Path, kind: str, levels: Levels) -> tuple[Path, int] | None:
    """The first file at another depth than pages have, and how many folders it is in."""
    suffixes = IMAGE_SUFFIXES if kind == "all" else (LABEL,)
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        depth = len(Path(folder).relative_to(tree).parts)
        for name in sorted(files):
            if depth != len(levels) and split_name(name)[1] in suffixes:
                return Path(folder, name), depth
    return None


def nfc(name: str) -> str:
    """macOS stores é as two characters, a keyboard types one: compare both as one."""
    return unicodedata.normalize("NFC", name)
