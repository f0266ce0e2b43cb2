"""How often the interval of `pagewave audit` holds, and how many lines it saves.

Collections are made up here: books of pages of lines of words, each word wrong with the probability
that its doubt says, and lines that are made up as a whole, of which doubts see most. How many words
doubts flag, and how many wrong ones are among them, is what is asked of doubts. Beside each
sample of ours a plain random sample of the same collection is judged, with the same interval but
without doubts and strata. Faults that are made up are not those of a model.

    python benchmarks/audit.py                          the table of docs/audit.md: ten minutes
    python benchmarks/audit.py --collections 20         fewer of them
    python benchmarks/audit.py --write benchmarks/audit.json
    python benchmarks/audit.py --table                  what is in that file
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pagewave.words.audit import draw
from pagewave.words.audit.draw import Floats, Whole
from pagewave.words.audit.estimate import Share, Stratum, share

FIGURES = Path(__file__).with_suffix(".json")
BOOKS, LINES, PAGE, MOST_WORDS, CHARACTERS = 20, 500, 25, 11, 6.0
SLIP, LONGEST_SLIP = 1.8, 8
"""Wrong characters of a wrong word, on average and at most."""
FALSE_ALARMS = 0.4
"""Lines that look made up and are none, for each that is."""
PAGES_DIFFER = 0.6
"""Standard deviation of the logarithm of a page's faults."""


class Kind(NamedTuple):
    """A kind of collection: shares of words and lines, and how many lines are judged."""

    wrong: float
    flagged: float
    found: float
    made_up: float
    made_up_seen: float
    lines: int
    plain: tuple[int, ...]
    doubts: str = "calibrated"


CLEAN = Kind(0.015, 0.08, 0.90, 0.002, 0.98, 400, (600, 800, 1200))
DEGRADED = Kind(0.05, 0.12, 0.75, 0.006, 0.90, 400, (500, 700, 1000))
KINDS = {
    "clean": CLEAN,
    "clean, more lines": CLEAN._replace(lines=600, plain=(1200, 1600, 2000)),
    "degraded": DEGRADED,
    "degraded, more lines": DEGRADED._replace(lines=600, plain=(900, 1200, 1500)),
    "clean, half of made-up lines unseen": CLEAN._replace(made_up_seen=0.5, plain=(400, 600)),
    "degraded, half of made-up lines unseen": DEGRADED._replace(made_up_seen=0.5, plain=(400, 600)),
    "clean, doubts three times too small": CLEAN._replace(doubts="small", plain=(600, 900)),
    "clean, doubts say nothing": CLEAN._replace(doubts="shuffled", plain=(400, 600)),
    "hardly a fault": Kind(0.0003, 0.02, 0.90, 0.0001, 0.98, 400, (400, 600)),
}


class Collection(NamedTuple):
    """Of each line: its book, predicted and true errors, true and read characters."""

    book: Whole
    predicted: Floats
    errors: Floats
    printed: Floats
    read: Floats

    @property
    def error_rate(self) -> float:
        """What is to be found out."""
        return float(self.errors.sum() / self.printed.sum())


def collection(kind: Kind, random: np.random.Generator) -> Collection:
    """A collection of this kind."""
    lines = BOOKS * LINES
    book = np.repeat(np.arange(BOOKS), LINES)
    bad_page = np.exp(random.normal(-(PAGES_DIFFER**2) / 2, PAGES_DIFFER, lines // PAGE))
    factor = np.repeat(bad_page, PAGE)
    words = random.integers(5, MOST_WORDS + 1, lines)
    shape = (lines, MOST_WORDS)
    there = np.arange(MOST_WORDS) < words[:, None]
    high = kind.wrong * kind.found / kind.flagged
    low = kind.wrong * (1 - kind.found) / (1 - kind.flagged)
    flagged = random.random(shape) < np.minimum(kind.flagged * factor, 1)[:, None]
    sure = random.beta(low * 50 + 0.01, (1 - low) * 50, shape)
    doubt = np.where(flagged, random.beta(high * 6, (1 - high) * 6, shape), sure) * there
    slip = np.minimum(random.geometric(1 / SLIP, shape), LONGEST_SLIP)
    errors = ((random.random(shape) < doubt) * slip).sum(axis=1).astype(float)
    predicted = doubt.sum(axis=1) * SLIP
    read = words * CHARACTERS
    made_up = random.random(lines) < kind.made_up * factor
    seen = made_up & (random.random(lines) < kind.made_up_seen)
    alarm = random.random(lines) < kind.made_up * FALSE_ALARMS
    is_one = kind.made_up_seen / (kind.made_up_seen + FALSE_ALARMS)
    predicted = np.where(seen | alarm, is_one * read, predicted)
    if kind.doubts == "shuffled":
        predicted = random.permutation(predicted)
    elif kind.doubts == "small":
        predicted = predicted / 3
    printed = np.where(made_up, 0.0, read)
    return Collection(book, predicted, np.where(made_up, read, errors), printed, read)


def ours(made: Collection, lines: int, random: np.random.Generator) -> Share:
    """What `pagewave audit` would say after so many lines."""
    stratum = draw.strata(made.book, made.predicted, lines)
    spread = draw.spreads(made.predicted)
    numbers = random.random(len(made.book))
    drawn = zip(range(lines), draw.order(stratum, spread, numbers), strict=False)
    judged = np.array([line for _, line in drawn])
    strata = []
    for number in range(int(stratum.max()) + 1):
        all_of_it, mine = stratum == number, judged[stratum[judged] == number]
        strata.append(_stratum(made, all_of_it, mine, made.predicted, spread))
    return share(strata, float(made.read.mean()))


def plain(made: Collection, lines: int, random: np.random.Generator) -> Share:
    """The same of a plain random sample, by one who knows no doubts."""
    judged = random.choice(len(made.book), lines, replace=False)
    nothing = np.zeros(len(made.book))
    everything = np.ones(len(made.book), dtype=bool)
    return share(
        [_stratum(made, everything, judged, nothing, nothing + 1)], float(made.read.mean())
    )


def _stratum(
    made: Collection, all_of_it: Any, judged: Whole, predicted: Floats, spread: Floats
) -> Stratum:
    return Stratum(
        size=int(all_of_it.sum()),
        expected=float((spread[all_of_it] ** 2).sum()),
        predicted_error=float(predicted[all_of_it].sum()),
        predicted_whole=float(made.read[all_of_it].sum()),
        errors=made.errors[judged],
        wholes=made.printed[judged],
        predicted_errors=predicted[judged],
        predicted_wholes=made.read[judged],
    )


def measure(kind: Kind, collections: int, seed: int) -> dict[str, Any]:
    """Coverage and mean width of both ways over so many collections, and the ratio of lines."""
    random = np.random.default_rng(seed)
    held, widths, rates = 0, [], []
    plain_held, plain_widths = dict.fromkeys(kind.plain, 0), dict.fromkeys(kind.plain, 0.0)
    for _ in range(collections):
        made = collection(kind, random)
        rates.append(made.error_rate)
        found = ours(made, kind.lines, random)
        held += found.low <= made.error_rate <= found.high
        widths.append(found.high - found.low)
        for lines in kind.plain:
            other = plain(made, lines, random)
            plain_held[lines] += other.low <= made.error_rate <= other.high
            plain_widths[lines] += (other.high - other.low) / collections
    width = float(np.mean(widths))
    same = lines_for(width, plain_widths)
    return {
        "collections": collections,
        "error_rate": float(np.mean(rates)),
        "lines": kind.lines,
        "coverage": held / collections,
        "width": width,
        "plain_coverage": {str(n): times / collections for n, times in plain_held.items()},
        "plain_width": {str(n): each for n, each in plain_widths.items()},
        "plain_lines": same,
        "ratio": kind.lines / same,
    }


def lines_for(width: float, widths: dict[int, float]) -> float:
    """How many lines of a plain sample have this width: a power law through the nearest two."""
    numbers = sorted(widths)
    nearest = sorted(sorted(numbers, key=lambda n: abs(np.log(widths[n] / width)))[:2])
    few, many = nearest
    slope = np.log(widths[many] / widths[few]) / np.log(many / few)
    return float(few * (width / widths[few]) ** (1 / slope))


def table(figures: dict[str, Any]) -> str:
    """As docs/audit.md has it."""
    rows = [
        "| collection | CER | lines judged | interval holds | its width, points | plain sample of "
        "the same width | ratio | plain holds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in figures["kinds"].items():
        worst = min(each["plain_coverage"].values())
        rows.append(
            f"| {name} | {each['error_rate']:.2%} | {each['lines']} | {each['coverage']:.1%} | "
            f"{100 * each['width']:.2f} | {each['plain_lines']:.0f} lines | {each['ratio']:.2f} | "
            f"{worst:.1%} |"
        )
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, write the figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collections", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--table", action="store_true", help="of the figures on file")
    options = parser.parse_args(arguments)
    if options.table:
        print(table(json.loads(FIGURES.read_text(encoding="utf-8"))))
        return
    figures: dict[str, Any] = {"seed": options.seed, "kinds": {}}
    for name in options.kind or KINDS:
        figures["kinds"][name] = measure(KINDS[name], options.collections, options.seed)
        print(table({"kinds": {name: figures["kinds"][name]}}).splitlines()[-1], flush=True)
    if options.write:
        options.write.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
