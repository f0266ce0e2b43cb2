"""List pages whose answers were taken in spite of a doubt (`quality` in the configuration)."""

import argparse
import json
import sys
from pathlib import Path

from pagewave.errors import PagewaveError
from pagewave.ledger import Ledger


def main() -> int:
    """Parse the command line and list the flags of all page files; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="as one JSON list")
    parser.add_argument("--ledger", type=Path, default=Path("state/ledger.sqlite"))
    options = parser.parse_args()
    if not options.ledger.exists():
        parser.error(
            f"{options.ledger}: no ledger here; run this where snakemake runs, or --ledger"
        )
    try:
        flags = Ledger.peek(options.ledger).flagged_pages()
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps([flag._asdict() for flag in flags], indent=1, ensure_ascii=False))
        return 0
    for flag in flags:
        print(f"{flag.key}\n  {flag.what}: {flag.message}")
    print(f"pages flagged: {len({flag.key for flag in flags})}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
