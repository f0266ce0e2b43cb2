"""Print how well pages were read, against the truth of the bundled sample (or another folder's)."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pagewave.answers.scores import FACTS, PageScore, Scores, score_pages, totals
from pagewave.commands.command import plain_parser
from pagewave.commands.folders import typed_path
from pagewave.errors import PagewaveError

EXAMPLES = """examples:
  %(prog)s
  %(prog)s --answers other/pages --truth other/truth --json"""

NOTHING_TO_SCORE = 2
"""The exit code when there are no pages to score, or files that are no pages."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, score, print; returns the exit code."""
    parser = plain_parser(__doc__, EXAMPLES)
    answers, hidden = Path("results/pages"), argparse.SUPPRESS
    what = "a folder of answers (%(default)s)"
    parser.add_argument("--answers", type=typed_path, default=answers, metavar="DIR", help=what)
    parser.add_argument("--pages", type=typed_path, default=hidden, dest="answers", help=hidden)
    parser.add_argument(
        "--truth",
        metavar="DIR",
        type=typed_path,
        default=Path("resources/sample/truth"),
        help="truth (%(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    try:
        scores = score_pages(options.answers, options.truth)
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
    table = Table("page", "characters", "CER", "courses: true", "read", "matched", *FACTS)
    for column in table.columns[1:]:
        column.justify = "right"
    for s in scores:
        counts = (s.courses_true, s.courses_read, s.courses_matched)
        facts = [s.facts_right[fact] if s.courses_matched else "-" for fact in FACTS]
        cells = (str(s.characters), f"{s.error_rate:.2%}", *map(str, counts), *map(str, facts))
        table.add_row(_short(s.name), *cells)
    return table


def _short(name: str) -> str:
    """`Ashgrove College 1852, 3` for `Massachusetts/Ashgrove College/1852/3`."""
    *_, school, year, page = ("", "", *name.split("/"))
    return f"{school} {year}, {page}"
