#!/usr/bin/env python3
"""Checks that commit messages are Conventional Commits (conventionalcommits.org).

    python tools/commit_messages.py --file .git/COMMIT_EDITMSG    one message: the commit-msg hook
    python tools/commit_messages.py                               those since the last release
    python tools/commit_messages.py main..                        those of a range: see git log

Before the first release "since the last" means: since this check is here.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

TYPES = {
    "feat": "something new for those who use it",
    "fix": "something that was wrong",
    "perf": "quicker or smaller, else the same",
    "refactor": "another shape, else the same",
    "test": "tests alone",
    "docs": "documentation alone",
    "ci": "what checks each change",
    "build": "package, dependencies",
    "style": "formatting",
    "chore": "a release, and what else nobody notices",
    "revert": "takes a commit back",
}
THIS_FILE = "tools/commit_messages.py"
LONGEST_SUBJECT = 120
LONGEST_LINE = 160
SUBJECT = re.compile(rf"(?:{'|'.join(TYPES)})(?:\([a-z0-9-]+\))?!?: (?P<what>\S.*)")
OF_GIT = re.compile(r"Merge |merge: |(?:fixup|squash|amend)! ")
"""What git writes by itself, or for a rebase to come."""


def problems(message: str) -> list[str]:
    """What is wrong with a message, comments and what git adds for the editor left aside."""
    text = re.split(r"^# -+ >8 -+$", message, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    subject, *rest = "\n".join(lines).strip().splitlines() or [""]
    if OF_GIT.match(subject):
        return []
    found = []
    match = SUBJECT.fullmatch(subject)
    if not match:
        found.append(f"it does not begin as `type: what`, with one of {', '.join(TYPES)}")
    elif match["what"].endswith("."):
        found.append("its first line ends with a full stop")
    if len(subject) > LONGEST_SUBJECT:
        found.append(f"its first line has {len(subject)} characters, more than {LONGEST_SUBJECT}")
    if rest and rest[0].strip():
        found.append("there is no empty line behind the first")
    # An address can't be broken.
    if any(len(line) > LONGEST_LINE and "://" not in line for line in rest):
        found.append(f"a line has more than {LONGEST_LINE} characters")
    return found


def messages(which: str | None, repo: Path) -> dict[str, str]:
    """Messages by commit, those of merges left out; `which` is None since the last release."""
    listed = _git(repo, "log", "--no-merges", "-z", "--format=%h%n%B", which or _since(repo))
    return dict(entry.split("\n", 1) for entry in listed.split("\0") if entry)


def _since(repo: Path) -> str:
    tag = _git(repo, "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", check=False).strip()
    brought = _git(repo, "log", "--diff-filter=A", "--format=%h", "--", THIS_FILE).split()
    first = tag or (brought[-1] if brought else "")
    return f"{first}..HEAD" if first else "-1"


def _git(repo: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=repo, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        sys.exit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def main(arguments: list[str], repo: Path) -> int:
    """0 when all messages are as they should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("range", nargs="?", help="commits, as `git log` takes them")
    parser.add_argument("--file", type=Path, help="the message in this file, instead of commits")
    options = parser.parse_args(arguments)
    if options.file:
        texts = {"This message": options.file.read_text(encoding="utf-8")}
    else:
        texts = messages(options.range, repo)
    bad = {name: found for name, text in texts.items() if (found := problems(text))}
    for name, found in bad.items():
        subject = texts[name].strip().partition("\n")[0]
        print(f"{name} ({subject!r}): {'; '.join(found)}.", file=sys.stderr)
    if bad:
        print("How they should be: CONTRIBUTING.md, section Commits.", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).parents[1]))
