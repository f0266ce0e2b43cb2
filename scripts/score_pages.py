"""Print how well pages were read, against the truth of the bundled sample (or another folder's)."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pagewave.errors import PagewaveError
from pagewave.scoring import PageScore, score_pages, totals


def main() -> int:
    """Parse the command line, score, print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=Path, default=Path("results/pages"), help="answers")
    parser.add_argument("--truth", type=Path, default=Path("resources/sample/truth"))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    try:
        scores = score_pages(options.pages, options.truth)
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps({"pages": [asdict(s) for s in scores], **totals(scores)}, indent=1))
    else:
        console = Console()
        console.print(_table(scores))
        mean = totals(scores)
        console.print(
            f"Mean character error rate: {mean['mean_cer']:.2%} of a page, "
            f"{mean['total_cer']:.2%} of all characters. "
            f"Courses: precision {mean['course_precision']:.3f}, "
            f"recall {mean['course_recall']:.3f}."
        )
    return 0


def _table(scores: list[PageScore]) -> Table:
    table = Table("page", "characters", "error rate", "courses: true", "read", "matched")
    for column in table.columns[1:]:
        column.justify = "right"
    for s in scores:
        counts = (s.courses_true, s.courses_read, s.courses_matched)
        table.add_row(_short(s.name), str(s.characters), f"{s.error_rate:.2%}", *map(str, counts))
    return table


def _short(name: str) -> str:
    """`Ashgrove College 1852, 3` for `Massachusetts/Ashgrove College/1852/3`."""
    *_, school, year, page = name.split("/")
    return f"{school} {year}, {page}"


if __name__ == "__main__":
    sys.exit(main())
