#!/usr/bin/env python3
"""Makes a release: changelog, version, wheel, commit and tag. Nothing leaves this machine.

    python tools/release.py 0.2.0 --dry-run    all checks, the wheel too; nothing is changed
    python tools/release.py 0.2.0

The wheel is built from a clone, so that nothing gets into it which git does not know; it has to
hold the whole package, templates and the monitor's assets included, and the workflow.
"""

import argparse
import datetime
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

BRANCH = "main"
PACKAGE = "scripts/pagewave"
INSIDE = "pagewave/project"
"""Where a wheel has the files of the workflow: setup.py."""
CHANGELOG, PROJECT, MODULE = "CHANGELOG.md", "pyproject.toml", f"{PACKAGE}/__init__.py"
UNRELEASED = "## [Unreleased]\n"
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class NotNow(Exception):
    """There can't be a release as things stand; says why, and what to do."""


def release(
    repo: Path, version: str, today: datetime.date, dry_run: bool, build: Callable[[Path], Path]
) -> Path | None:
    """Make a release; returns the wheel, None for a dry run.

    Args:
        version: MAJOR.MINOR.PATCH, newer than the last (or the first one to be tagged).
        build: makes a wheel of a clean tree, and returns where it is.

    Raises:
        NotNow: something is in the way; nothing was changed.
    """
    _check(repo, version)
    changed, notes = edited(repo, version, today)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        _git(repo, "clone", "--quiet", "--shared", str(repo), str(clone))
        for name, text in changed.items():
            (clone / name).write_text(text, encoding="utf-8")
        wheel = build(clone)
        check_wheel(wheel, clone, version)
        content = wheel.read_bytes()
    print(f"Version {version}:\n\n{notes}\n\n{wheel.name} holds the whole package.")
    if dry_run:
        print("A dry run: nothing was changed.")
        return None
    for name, text in changed.items():
        (repo / name).write_text(text, encoding="utf-8")
    kept = repo / "dist" / wheel.name
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(content)
    _git(repo, "commit", "--quiet", "--only", "-m", f"chore: release {version}", "--", *changed)
    message = f"pagewave {version}\n\n{notes}"
    _git(repo, "tag", "--annotate", "--cleanup=verbatim", "-m", message, f"v{version}")
    print(f"Committed and tagged as v{version}; the wheel is {kept}. To publish it:")
    print(f"    git push origin {BRANCH} v{version}")
    return kept


def _check(repo: Path, version: str) -> None:
    if not VERSION.fullmatch(version):
        raise NotNow(f"{version} is no version like 1.2.3.")
    if branch := _git(repo, "branch", "--show-current").strip():
        if branch != BRANCH:
            raise NotNow(f"This is branch {branch}. Releases are made on {BRANCH}: git switch it.")
    else:
        raise NotNow(f"No branch is checked out. Releases are made on {BRANCH}.")
    if _git(repo, "status", "--porcelain").strip():
        raise NotNow("There are changes that are not committed: see git status.")
    tags = _git(repo, "tag", "--list", "v*").split()
    if f"v{version}" in tags:
        raise NotNow(f"v{version} is tagged already.")
    now = _version_of(repo)
    if _numbers(version) < _numbers(now) or (version == now and f"v{now}" in tags):
        raise NotNow(f"{version} is not newer than {now}.")


def _version_of(repo: Path) -> str:
    return _found(r'(?m)^version = "(.*)"$', repo / PROJECT)


def _found(pattern: str, file: Path) -> str:
    found = re.findall(pattern, file.read_text(encoding="utf-8"))
    if len(found) != 1:
        raise NotNow(f"{file}: {len(found)} lines like {pattern}, not one.")
    return str(found[0])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def edited(repo: Path, version: str, today: datetime.date) -> tuple[dict[str, str], str]:
    """The files that a release changes, by name, and what the changelog says of it."""
    changelog = (repo / CHANGELOG).read_text(encoding="utf-8")
    if changelog.count(UNRELEASED) != 1:
        raise NotNow(f"{CHANGELOG} has no section {UNRELEASED.strip()}, or several.")
    before, after = changelog.split(UNRELEASED)
    notes = re.split(r"(?m)^(?:## |\[[^\]]+\]: )", after, maxsplit=1)[0].strip()
    if not notes:
        raise NotNow(f"{CHANGELOG} says nothing below {UNRELEASED.strip()}: what is new?")
    texts = {CHANGELOG: f"{before}{UNRELEASED}\n## [{version}] - {today.isoformat()}\n{after}"}
    for name, form in ((PROJECT, 'version = "{}"'), (MODULE, '__version__ = "{}"')):
        line = form.format(_found(f"(?m)^{form.format('(.*)')}$", repo / name))
        text = (repo / name).read_text(encoding="utf-8")
        texts[name] = text.replace(f"{line}\n", f"{form.format(version)}\n", 1)
    # The first version may stand in these files already.
    changed = {n: t for n, t in texts.items() if t != (repo / n).read_text(encoding="utf-8")}
    return changed, notes


def build_wheel(tree: Path) -> Path:
    """The wheel of a tree, in its `dist`."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", "dist", "."]
    done = subprocess.run(pip, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotNow(f"The wheel can't be built:\n{done.stderr.strip()}")
    (wheel,) = (tree / "dist").glob("*.whl")
    return wheel


def check_wheel(wheel: Path, tree: Path, version: str) -> None:
    """Does it hold each file of package and workflow, as it is in the tree, and nothing else?

    Raises:
        NotNow: it doesn't; names the files.
    """
    listed = _git(tree, "ls-files", "-z", PACKAGE).split("\0")
    names = {name.removeprefix("scripts/"): tree / name for name in filter(None, listed)}
    content = tomllib.loads((tree / PROJECT).read_text(encoding="utf-8"))
    workflow = _git(tree, "ls-files", "-z", "--", *content["tool"]["pagewave"]["workflow"])
    names |= {f"{INSIDE}/{name}": tree / name for name in filter(None, workflow.split("\0"))}
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
        missing, foreign = sorted(set(names) - inside), sorted(inside - set(names))
        other = [n for n in set(names) & inside if archive.read(n) != names[n].read_bytes()]
    if missing or foreign or other:
        raise NotNow(
            f"The wheel is not the package. Missing: {missing}; foreign: {foreign}; other than in "
            f"the tree: {sorted(other)}. See [tool.setuptools] and [tool.pagewave] in {PROJECT}."
        )
    if wheel.name.split("-")[1] != version:
        raise NotNow(f"{wheel.name} is not version {version}.")


def _git(repo: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=repo, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotNow(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """0 when there is a release, or could be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="check all, change nothing")
    options = parser.parse_args(arguments)
    today = datetime.datetime.now(datetime.UTC).date()
    try:
        release(
            Path(__file__).resolve().parents[1],
            options.version,
            today,
            options.dry_run,
            build_wheel,
        )
    except NotNow as why:
        print(f"No release: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
