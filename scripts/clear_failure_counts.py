"""Forgive the failures of pages, so that dead letters are tried again by the next run."""

import argparse
import sys
from pathlib import Path

from pagewave.errors import PagewaveError
from pagewave.ledger import Ledger

HELP = """examples:
  clear_failure_counts.py --key 'Ohio:Merrivale Female Seminary:1859:3'
  clear_failure_counts.py --states Ohio Vermont --year-start 1850 --year-end 1860 --dry-run
  clear_failure_counts.py --all"""


def main() -> int:
    """Parse the command line and clear what it names; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--key", action="append", default=[], help="a page: state:school:year:page")
    parser.add_argument("--all", action="store_true", help="every page with failures")
    parser.add_argument("--states", nargs="+", default=[], help="pages of these states")
    parser.add_argument("--schools", nargs="+", default=[], help="pages of these schools")
    parser.add_argument("--year-start", type=int, help="pages of this year or later")
    parser.add_argument("--year-end", type=int, help="pages of this year or earlier")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be cleared")
    parser.add_argument("--ledger", type=Path, default=Path("state/ledger.sqlite"))
    options = parser.parse_args()
    chosen = (options.key, options.states, options.schools, options.year_start, options.year_end)
    if not options.all and not any(chosen):
        parser.error(
            "say which pages: --key, --states, --schools, --year-start/--year-end or --all"
        )
    if not options.ledger.exists():
        parser.error(
            f"{options.ledger}: no ledger here; run this where snakemake runs, or --ledger"
        )
    try:
        ledger = Ledger.peek(options.ledger) if options.dry_run else Ledger.open(options.ledger)
        rows = ledger.query(
            "SELECT key, SUM(counted) AS failures FROM failure WHERE cleared_at IS NULL"
            " GROUP BY key ORDER BY key"
        )
        keys = [row["key"] for row in rows if options.all or _matches(row["key"], options)]
        if not options.dry_run:
            ledger.clear_failures(keys)
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)
        return error.exit_code
    for key in keys:
        print(key)
    verb = "would be cleared" if options.dry_run else "cleared; run snakemake to try them again"
    print(f"{len(keys)} pages {verb}.")
    return 0


def _matches(key: str, options: argparse.Namespace) -> bool:
    state, school, year, _ = _parts(key)
    if options.key:
        return key in options.key
    return (
        (not options.states or state in options.states)
        and (not options.schools or school in options.schools)
        and (options.year_start is None or year >= options.year_start)
        and (options.year_end is None or year <= options.year_end)
    )


def _parts(key: str) -> tuple[str, str, int, str]:
    """State, school, year and page of a key; a colon may be part of the school's name."""
    state, rest = key.split(":", 1)
    school, year, page = rest.rsplit(":", 2)
    return state, school, int(year), page


if __name__ == "__main__":
    sys.exit(main())
