"""The campaign: 2,000 random cases of test_random_runs.py, and 10 with the real command.

    python tests/faults/campaign.py              drawn as today's commit says
    python tests/faults/campaign.py --seed 7     others
    python tests/faults/campaign.py --workers 4  so many at a time (8 unless given)

Adds a line to docs/campaigns.md: what was drawn, how long it took, what was found. All that pytest
said is in logs/campaign-SEED.txt; a case that failed is in there with the line that plays it again.
"""

import argparse
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "scripts")]

from helpers.random_cases import seed_of_commit

REPO = Path(__file__).parents[2]
LOG = REPO / "docs/campaigns.md"


def commit() -> str:
    """The commit, with a + where files have been changed since."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True).stdout.strip()


def main() -> int:
    """Play them, and note it; pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=seed_of_commit())
    parser.add_argument("--workers", type=int, default=8)
    given = parser.parse_args()
    output = REPO / f"logs/campaign-{given.seed}.txt"
    output.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pytest", "tests/faults/test_random_runs.py"]
    command += ["--hypothesis-profile=long", f"--hypothesis-seed={given.seed}"]
    command += ["-n", str(given.workers)]
    started, tested = time.monotonic(), commit()
    with output.open("w", encoding="utf-8") as file:
        print(f"{output}: what pytest says", flush=True)
        code = subprocess.run(command, cwd=REPO, stdout=file, stderr=file).returncode
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    minutes = (time.monotonic() - started) / 60
    cpu_minutes = (usage.ru_utime + usage.ru_stime) / 60
    lines = output.read_text(encoding="utf-8").splitlines()
    found = lines[-1].strip(" =") if lines else "pytest said nothing"
    row = [f"{datetime.now(UTC):%Y-%m-%d}", tested, str(given.seed), str(given.workers)]
    row += [f"{minutes:.1f}", f"{cpu_minutes:.1f}", found]
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"| {' | '.join(row)} |\n")
    print(f"{found}; noted in {LOG}")
    return code


if __name__ == "__main__":
    sys.exit(main())
