"""Doubts about words, measured where the truth is known.

Draws books anew from a seed (printed_pages.py), plants faults in their truth (planted.py), lays
each reading over what Tesseract sees, and prints how many words have their box, which faults were
found, what was flagged for nothing, and how far doubts are from the share that is wrong. The faults
are planted: a model's own may be harder to find. Needs the sample's fonts.

    python benchmarks/words.py                      8 styles, clean and degraded
    python benchmarks/words.py --figures FILE       the same, figures as JSON
    python benchmarks/words.py --table FILE         the table of such a file
    python benchmarks/words.py --fit                fits doubt.json, on books of other seeds
"""

import argparse
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rapidfuzz import fuzz

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts"), str(ROOT / "benchmarks")]

from planted import Planted, plant  # noqa: E402
from printed_pages import STYLES, Printed, draw  # noqa: E402

from pagewave.embedded.reader.recognition import tessdata_folder  # noqa: E402
from pagewave.words import doubt  # noqa: E402
from pagewave.words.eyes import Seen, TesseractEye  # noqa: E402
from pagewave.words.findings import with_the_book  # noqa: E402
from pagewave.words.folding import key_of  # noqa: E402
from pagewave.words.overlay import lay  # noqa: E402
from pagewave.words.page import tree_of  # noqa: E402
from pagewave.words.tree import FLAGGED, Finding, Kind, PageTree, Source  # noqa: E402

FIGURES = ROOT / "benchmarks" / "words.json"
FITTED = ROOT / "scripts/pagewave/words/doubt.json"
SEED, SEED_OF_FIT = 23, 22_000
PAGES = 4
"""A book; one of them is its neighbour's."""
CONDITIONS = ("clean", "degraded")
SAME_PLACE = 0.5
"""Intersection over union from which on a box is that of the word."""
TARGETS = {
    "boxed": (0.95, 0.85),
    "found": (0.90, 0.75),
    "flagged": (0.08, 0.12),
    "named": (0.98, 0.90),
    "alarms": (1.0, 1.0),
    "calibration": (0.05, 0.05),
}
"""Clean and degraded."""


@dataclass
class Case:
    """A page: as it was drawn, as it is read, as it was seen."""

    page: Printed
    reading: Planted
    seen: Seen
    cpu: float
    """Seconds of processor time to see it and make its tree, and `alone` of Tesseract alone."""
    alone: float
    tree: PageTree | None = None


def books(seed: int, condition: str, pages: int) -> Iterator[list[Case]]:
    """A book of each style, read and seen."""
    for style in STYLES:
        rng = np.random.default_rng([seed, CONDITIONS.index(condition), *style.encode()])
        drawn = [
            draw(
                style,
                seed * 100 + number,
                degraded=condition == "degraded",
                head="THE GOLDEN HARVEST.",
                number=number + 10,
            )
            for number in range(1, pages + 1)
        ]
        yield [_seen(page, reading) for page, reading in zip(drawn, plant(drawn, rng), strict=True)]


def _seen(page: Printed, reading: Planted) -> Case:
    eye, alone = _eyes()
    begun = time.process_time()
    with Image.open(io.BytesIO(page.jpeg)) as image:
        image.load()
        dpi = image.info["dpi"][0]
        seen = eye.see(image)
    saw = time.process_time()
    with Image.open(io.BytesIO(page.jpeg)) as image:
        alone.SetImage(image.convert("L"))
    alone.SetSourceResolution(round(dpi))
    alone.Recognize()
    alone.GetUTF8Text()
    alone.Clear()
    return Case(page, reading, seen, saw - begun, time.process_time() - saw)


@cache
def _eyes() -> tuple[TesseractEye, Any]:
    eye = TesseractEye(["eng"])
    eye.see(Image.new("L", (100, 100), 255))  # models are read once
    from tesserocr import PSM, PyTessBaseAPI

    return eye, PyTessBaseAPI(path=str(tessdata_folder()), lang="eng", psm=PSM.AUTO)


def with_trees(book: list[Case]) -> list[Case]:
    """The pages of a book with their trees."""
    eye, _ = _eyes()
    made: dict[str, PageTree] = {}
    for number, case in enumerate(book):
        begun = time.process_time()
        key = f"book:{number}"
        made[key] = tree_of(
            key, case.reading.text, case.seen, eye, reading_sha256="", scan_sha256=""
        )
        case.cpu += time.process_time() - begun
    begun = time.process_time()
    trees = with_the_book(made)
    spent = (time.process_time() - begun) / len(book)
    for number, case in enumerate(book):
        case.tree = trees[f"book:{number}"]
        case.cpu += spent
    return book


@dataclass
class Counts:
    """What was found on pages of one kind."""

    pages: int = 0
    words: int = 0
    boxed: int = 0
    planted: int = 0
    found: int = 0
    judged: int = 0
    flagged: int = 0
    by_style: dict[str, list[bool]] = field(default_factory=dict)
    """Of the words of each style, whether they were flagged."""
    lines: int = 0
    named: int = 0
    alarms: int = 0
    foreign_pages: int = 0
    foreign_named: int = 0
    cpu: float = 0.0
    alone: float = 0.0
    doubts: list[tuple[float, bool]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, case: Case, key_of_neighbour: str) -> None:
        """Count a page."""
        assert case.tree is not None
        self.pages += 1
        self.cpu, self.alone = self.cpu + case.cpu, self.alone + case.alone
        words = [word for word in case.tree.words() if word.source != Source.EYE]
        tokens = case.reading.tokens
        assert [word.text for word in words] == [token.text for token in tokens]
        if case.reading.is_neighbours:
            self.foreign_pages += 1
            self.foreign_named += any(
                f.kind == Kind.WRONG_PAGE and f.other == key_of_neighbour
                for f in case.tree.findings
            )
            return
        for word, token in zip(words, tokens, strict=True):
            if not key_of(token.text):
                continue
            self.doubts.append((word.doubt, bool(token.fault)))
            if token.box is None:
                continue
            self.words += 1
            self.boxed += word.box is not None and overlap(word.box, token.box) >= SAME_PLACE
            self.judged += 1
            self.flagged += word.doubt >= FLAGGED
            self.by_style.setdefault(case.page.style, []).append(word.doubt >= FLAGGED)
            if token.fault:
                self.planted += 1
                self.found += word.doubt >= FLAGGED
                if word.doubt < FLAGGED:
                    self.missed.append(
                        f"{token.text} seen {word.seen} {word.confidence} {word.doubt}"
                    )
        self._count_lines(case)

    def _count_lines(self, case: Case) -> None:
        assert case.tree is not None
        findings = list(case.tree.findings)
        explained: set[int] = set()
        wanted = [(line, {Kind.LEFT_OUT}) for line in case.reading.left_out]
        not_there = {Kind.INVENTED, Kind.DOUBLED, Kind.PAST_THE_LEAF}
        wanted += [(line, not_there) for line, _ in case.reading.added]
        for line, kinds in wanted:
            self.lines += 1
            named = [at for at, f in enumerate(findings) if f.kind in kinds and names(f, line)]
            self.named += bool(named)
            explained |= set(named)
            if not named:
                self.missed.append(f"line not named, {case.page.style}: {line}")
        for at, finding in enumerate(findings):
            if at not in explained:
                self.alarms += 1
                self.missed.append(
                    f"false alarm, {case.page.style}: {finding.kind}: {finding.text[:80]}"
                )

    def figures(self) -> dict[str, float]:
        """The shares that the table shows."""
        return {
            "pages": self.pages,
            "words": self.words,
            "boxed": self.boxed / self.words,
            "planted": self.planted,
            "found": self.found / max(1, self.planted),
            "flagged": self.flagged / self.judged,
            "flagged_at_most": max(sum(each) / len(each) for each in self.by_style.values()),
            "flagged_of_titles": sum(self.by_style["title"]) / len(self.by_style["title"]),
            "lines": self.lines,
            "named": self.named / max(1, self.lines),
            "alarms": self.alarms / self.pages,
            "foreign_pages": self.foreign_pages,
            "foreign_named": self.foreign_named / max(1, self.foreign_pages),
            "calibration": calibration_error(self.doubts),
            "cpu": self.cpu / self.alone,
        }


def names(finding: Finding, line: str) -> bool:
    """Is a finding about a line, or about most of it?"""
    one, other = (" ".join(map(key_of, text.split())) for text in (finding.text, line))
    return len(one) >= len(other) / 2 and fuzz.partial_ratio(one, other) >= 75


def overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """Intersection over union of two boxes."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return across * down / (sum(areas) - across * down)


def calibration_error(doubts: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Mean distance of doubts to the share that is wrong, over bins of equal width, weighed by
    their words."""
    values = np.array([value for value, _ in doubts])
    wrong = np.array([is_wrong for _, is_wrong in doubts], float)
    which = np.minimum((values * bins).astype(int), bins - 1)
    total = 0.0
    for number in range(bins):
        here = which == number
        if here.any():
            total += float(abs(values[here].mean() - wrong[here].mean()) * here.sum())
    return total / len(values)


# Fitting


def fit(seed: int, pages: int) -> dict[str, Any]:
    """Fit both models on books of a seed; what doubt.json holds."""
    ours: list[tuple[tuple[float, ...], bool]] = []
    theirs: list[tuple[tuple[float, ...], bool]] = []
    for condition in CONDITIONS:
        for book in books(seed, condition, pages):
            for case in book:
                if not case.reading.is_neighbours:
                    _learn(case, ours, theirs)
    return {
        "source": f"python benchmarks/words.py --fit --seed {seed} --pages {pages}: "
        f"{len(ours)} words of readings, {sum(y for _, y in ours)} of them wrong; "
        f"{len(theirs)} words that the eye alone saw, {sum(y for _, y in theirs)} of them left out",
        "reading": dict(zip(doubt.Feature._fields, logistic(ours), strict=True)),
        "left_out": dict(zip(doubt.LeftOutFeature._fields, logistic(theirs), strict=True)),
    }


def _learn(case: Case, ours: list[Any], theirs: list[Any]) -> None:
    overlay = lay(case.reading.text, case.seen)
    clarity = doubt.clarity_of(overlay)
    for word, token in zip(overlay.words, case.reading.tokens, strict=True):
        if word.key:
            ours.append((tuple(doubt.features_of(word, clarity)), bool(token.fault)))
    for at, features in doubt.left_out_features(overlay).items():
        seen = case.seen.words[at]
        mine = " ".join(case.reading.left_out)
        is_left_out = any(fuzz.ratio(seen.text, word) >= 70 for word in mine.split())
        theirs.append((tuple(features), is_left_out))


def logistic(rows: Sequence[tuple[tuple[float, ...], bool]], ridge: float = 0.5) -> list[float]:
    """The numbers of a logistic model, by Newton's method with a little ridge."""
    x = np.array([features for features, _ in rows])
    y = np.array([is_wrong for _, is_wrong in rows], float)
    numbers = np.zeros(x.shape[1])
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-6
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(x @ numbers, -30, 30)))
        slope = x.T @ (y - p) - penalty * numbers
        curve = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        numbers = numbers + step * min(1.0, 4 / max(1e-9, float(np.abs(step).max())))
    return [round(float(number), 3) for number in numbers]


# The table


def measure(seed: int, pages: int, verbose: bool) -> dict[str, Any]:
    """Figures by condition."""
    found: dict[str, Any] = {"seed": seed, "pages_a_book": pages, "styles": list(STYLES)}
    for condition in CONDITIONS:
        counts = Counts()
        for book in books(seed, condition, pages):
            for at, case in enumerate(with_trees(book)):
                beside = at + 1 if at + 1 < len(book) else at - 1
                counts.add(case, f"book:{beside}")
        found[condition] = {k: round(v, 4) for k, v in counts.figures().items()}
        if verbose:
            print(condition, *counts.missed, sep="\n  ", file=sys.stderr)
    return found


def table(figures: dict[str, Any]) -> str:
    """What the documentation quotes."""
    clean, degraded = (figures[condition] for condition in CONDITIONS)

    def row(name: str, key: str, how: str = "{:.1%}") -> str:
        wanted = TARGETS.get(key)
        aim = f"{how.format(wanted[0])} / {how.format(wanted[1])}" if wanted else ""
        return f"| {name} | {how.format(clean[key])} | {how.format(degraded[key])} | {aim} |"

    return "\n".join(
        [
            "| | clean | degraded | wanted |",
            "|---|---|---|---|",
            row("pages", "pages", "{:.0f}"),
            row("words that stand on them and in the reading", "words", "{:.0f}"),
            row("… with the box of the word (IoU 0.5 and more)", "boxed"),
            row("planted wrong words", "planted", "{:.0f}"),
            row("… flagged", "found"),
            row("all words flagged", "flagged"),
            row("… of the style with most of them", "flagged_at_most"),
            row("… of title pages", "flagged_of_titles"),
            row("planted lines (left out, doubled, made up, of the next page)", "lines", "{:.0f}"),
            row("… named", "named"),
            row("false alarms a page", "alarms", "{:.2f}"),
            row("pages read as their neighbour", "foreign_pages", "{:.0f}"),
            row("… named, with the neighbour", "foreign_named"),
            row("calibration error of doubts", "calibration", "{:.3f}"),
            row("CPU, Tesseract alone = 1", "cpu", "{:.2f}"),
        ]
    )


def main() -> None:
    """Measure, fit, or print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int)
    parser.add_argument("--pages", type=int, default=PAGES, help="pages a book")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--verbose", action="store_true", help="what was missed")
    given = parser.parse_args()
    if given.table:
        print(table(json.loads(given.table.read_text(encoding="utf-8"))))
        return
    if given.fit:
        numbers = fit(SEED_OF_FIT if given.seed is None else given.seed, given.pages)
        FITTED.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
        print(numbers["source"])
        return
    figures = measure(SEED if given.seed is None else given.seed, given.pages, given.verbose)
    if given.figures:
        given.figures.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(table(figures))


if __name__ == "__main__":
    main()
