"""Print how well pages were read, against the truth of the bundled sample (or another folder's)."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pagewave.answers.scores import FACTS, PageScore, Scores, score_pages, totals
from pagewave.commands.command import command_parser, find_place
from pagewave.commands.folders import typed_path
from pagewave.console import table
from pagewave.errors import PagewaveError

EXAMPLES = """examples:
  %(prog)s                                      what was read of the sample
  %(prog)s --truth my/truth                     of your own pages
  %(prog)s --configfile other.yaml --json"""

NOTHING_TO_SCORE = 2
"""The exit code when there are no pages to score, or files that are no pages."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, score, print; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "a folder of answers (paths.output_dir)"
    parser.add_argument("--answers", type=typed_path, metavar="DIR", help=what)
    hidden = argparse.SUPPRESS
    parser.add_argument("--pages", type=typed_path, dest="answers", default=hidden, help=hidden)
    truth = Path("resources/sample/truth")
    what = "truth (%(default)s)"
    parser.add_argument("--truth", type=typed_path, metavar="DIR", default=truth, help=what)
    options = parser.parse_args(arguments)
    try:
        answers = options.answers or find_place(options).settings.paths.output_dir
        scores = score_pages(answers, options.truth)
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)
        return NOTHING_TO_SCORE
    if options.json:
        pages = [score.as_dict() for score in scores.pages]
        report = {"pages": pages, "unread": scores.unread, **totals(scores.pages)}
        print(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        _print(scores)
    return 0


def _print(scores: Scores) -> None:
    """The table of the pages and a few lines of totals."""
    console = Console()
    console.print(_table(scores.pages))
    mean = totals(scores.pages)
    console.print(
        f"Mean CER (character error rate): {mean['mean_cer']:.2%} a page, "
        f"{mean['total_cer']:.2%} of all characters."
    )
    facts = ", ".join(f"{fact} {mean[f'{fact}_accuracy']:.3f}" for fact in FACTS)
    console.print(
        f"Courses: precision {mean['course_precision']:.3f}, recall {mean['course_recall']:.3f}; "
        f"right in those found: {facts}."
    )
    if scores.unread:
        names = ", ".join(map(_short, scores.unread))
        console.print(f"Not counted, because not read yet ({len(scores.unread)}): {names}.")


def _table(scores: list[PageScore]) -> Table:
    """One row a page."""
    rows = []
    for s in scores:
        counts = (s.courses_true, s.courses_read, s.courses_matched)
        facts = [s.facts_right[fact] if s.courses_matched else "-" for fact in FACTS]
        cells = (str(s.characters), f"{s.error_rate:.2%}", *map(str, counts), *map(str, facts))
        rows.append((_short(s.name), *cells))
    numbers = ("characters", "CER", "courses: true", "read", "matched", *FACTS)
    return table(("page", *(f">{name}" for name in numbers)), rows)


def _short(name: str) -> str:
    """`Ashgrove College 1852, 3` for `Massachusetts/Ashgrove College/1852/3`."""
    *folders, page = name.split("/")
    return f"{' '.join(folders[-2:])}, {page}"
