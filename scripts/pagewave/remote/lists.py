"""Writes the list of a book's remote scans, and its labels: what a command leaves for a run.

Nothing that is there is overwritten. Labels come first and the list last, so where a list is, all
labels were written; a person may take some away.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pagewave.atomic import write_atomically
from pagewave.config.settings import Settings
from pagewave.config.types import unfit_for_snakemake
from pagewave.errors import DataError, UnknownName
from pagewave.levels import DEFAULT, Levels
from pagewave.pages.places import LABEL
from pagewave.pages.remote_scans import LIST, RemoteBook, read_list
from pagewave.pages.scan_names import IMAGE_SUFFIXES, is_number, split_name
from pagewave.wording import count, few


@dataclass(frozen=True)
class Written:
    """What was written for a book: labels, or nothing as its list `was_there`; notes in words."""

    book_id: str
    pages: int
    labels: int
    was_there: bool = False
    notes: tuple[str, ...] = ()


def book_place(text: str, levels: Levels, year: bool = True) -> str:
    """`STATE/SCHOOL/YEAR`, or without a year at the end, if that can be a place in the trees.

    Raises:
        UnknownName: it can't; says why.
    """
    form = "/".join(levels.names if year else levels.names[:-1]).upper()
    example = ", such as Ohio/Ashgrove College/1852" if levels == DEFAULT else ""
    parts = text.strip("/").split("/")
    if len(parts) != form.count("/") + 1 or not all(part.strip() for part in parts):
        raise UnknownName(f"--book {text}: expected {form}{example}.")
    for part in parts:
        if reason := "begins with a dot" if part[0] == "." else unfit_for_snakemake(part):
            raise UnknownName(f"--book {text}: {part!r} {reason}; choose another name.")
    if year and (reason := levels.unfit(parts)):
        raise UnknownName(f"--book {text}: {reason}.")
    return "/".join(parts)


def write_list(settings: Settings, book_id: str, book: RemoteBook) -> Written:
    """Write a book's labels and list; once a list is there, nothing.

    Raises:
        DataError: another list is there, or labels that don't fit.
        PagewaveError: the disk is full, or something else is in the way.
    """
    paths = settings.paths
    images, labels = paths.image_source_dir / book_id, paths.label_source_dir / book_id
    if (images / LIST).exists():
        refuse_other(images / LIST, read_list(images), book)
        return Written(book_id, len(book.pages), 0, was_there=True)
    numbers = {int(stem): stem for stem in book.pages}
    written = 0
    if settings.filters.labels == "files":
        there = _numbered(labels, (LABEL,))
        for number in sorted(there.keys() & numbers.keys()):
            if there[number] != numbers[number]:
                raise DataError(
                    f"{labels}: page {number} has the label {there[number]}{LABEL}, and its scan "
                    f"would be {numbers[number]}. Nothing was written; rename the label."
                )
        for number in sorted(numbers.keys() - there.keys()):
            page = book.pages[numbers[number]]
            content = {"label": page.label, "canvas": page.canvas or page.url}
            text = json.dumps(content, ensure_ascii=False) + "\n"
            write_atomically(labels / f"{numbers[number]}{LABEL}", text)
            written += 1
    content = book.model_dump(exclude_defaults=True)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(images / LIST, text)
    notes = []
    if own := sorted(_numbered(images, IMAGE_SUFFIXES).keys() & numbers.keys()):
        names = few([str(number) for number in own], 5)
        notes.append(
            f"{count(len(own), 'page')} (number {names}) have a scan in {images}, which is read in "
            "place of what was listed"
        )
    return Written(book_id, len(book.pages), written, notes=tuple(notes))


def refuse_other(file: Path, there: RemoteBook, now: RemoteBook) -> None:
    """Raise DataError where a list that is there says something else than one would now."""
    stems = sorted(there.pages.keys() | now.pages.keys(), key=int)
    others = [stem for stem in stems if there.pages.get(stem) != now.pages.get(stem)]
    if not others:
        return
    gone = [stem for stem in others if stem not in now.pages]
    new = [stem for stem in others if stem not in there.pages]
    changed = [stem for stem in others if stem not in gone and stem not in new]
    said = [
        f"{what} {few(found, 5)}"
        for what, found in (("gone", gone), ("new", new), ("with another image", changed))
        if found
    ]
    raise DataError(
        f"{file}: a list is there, and {now.source} says something else by now: pages "
        f"{'; '.join(said)}. It stays as it is, and so does what was fetched and read. To go by "
        "the new one: move the list away, and the scans of these pages in paths.fetched_dir, then "
        "run the same command again. Pages with other scans are read again, which costs."
    )


def _numbered(folder: Path, suffixes: tuple[str, ...]) -> dict[int, str]:
    """Stems of the files in a folder that are numbers, by their number."""
    if not folder.is_dir():
        return {}
    names = [split_name(path.name) for path in folder.iterdir()]
    return {int(stem): stem for stem, suffix in names if suffix in suffixes and is_number(stem)}
