"""A library that was read, with a tree of each page, made of words that are made up here."""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from helpers.library import Library
from pagewave.words.tree import Block, Box, Line, PageTree, Source, Word

LINES = 6


def words(text: str, doubt: float, top: int, source: Source = Source.BOTH) -> Line:
    """A line of a page of 1,000 by 1,000 pixels, `top` pixels from above."""
    made = [
        Word(
            text=each,
            box=Box(50 + 100 * number, top, 130 + 100 * number, top + 30),
            source=source,
            seen=each,
            doubt=doubt,
        )
        for number, each in enumerate(text.split())
    ]
    return Line(words=tuple(made))


def tree(key: str, lines: Iterable[Line], reading_sha256: str = "a" * 64) -> PageTree:
    """A page of these lines."""
    blocks = (Block(lines=tuple(lines)),)
    about = {"width": 1000, "height": 1000, "language": "eng", "eye": "none"}
    hashes = {"reading_sha256": reading_sha256, "scan_sha256": "b" * 64}
    return PageTree.model_validate({"key": key, **about, **hashes, "blocks": blocks, "doubt": 0.1})


class AuditedLibrary(Library):
    """A library whose pages have files and trees, LINES lines and a course or two each."""

    def __init__(self, root: Path, books: Mapping[str, int]) -> None:
        super().__init__(root, books)
        for book, pages in books.items():
            for number in range(1, pages + 1):
                self.read(f"{book.replace('/', ':')}:{number}", number)

    def read(self, key: str, number: int, extra: str = "") -> None:
        """Write a page's file and tree."""
        courses = [{"course_name": f"Greek {n}"} for n in range(number % 3)]
        file = self.page_file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"courses": courses, "extra": extra}), encoding="utf-8")
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        lines = [
            words(f"line {n} of page {number}{extra}", 0.9 if n == 3 else 0.01, 100 * n)
            for n in range(1, LINES + 1)
        ]
        place = self.root / "results/words" / f"{key.replace(':', '/')}.json"
        tree(key, lines, sha256).write(place)


def fill(path: Path, answers: Mapping[str, Mapping[str, str]], first: int | None = None) -> None:
    """Judge: `*` is what is typed into all rows that are not named."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        if first is None or number < first:
            row.update(answers.get(next(iter(row.values())), answers["*"]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
