"""The pinned versions suit every Python that the project says it runs on."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.specifiers import SpecifierSet

REPO = Path(__file__).parents[1]
OLDEST = "3.11.0"
"""Debian 12 has 3.11.2: a package that wants 3.11.5 can't be installed there."""


def pinned() -> dict[str, str]:
    """The versions in constraints.txt, by package."""
    lines = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [re.match(r"([\w.-]+)==(\S+)", line) for line in lines]
    return {pin[1]: pin[2] for pin in pins if pin}


def test_what_is_pinned_can_be_installed_with_the_oldest_python() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert OLDEST in SpecifierSet(project["requires-python"])
    looked, refused = 0, {}
    for name, version in pinned().items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for another Python or system
        wanted = found.metadata.get("Requires-Python")
        looked += found.version == version
        if found.version == version and wanted and OLDEST not in SpecifierSet(wanted):
            refused[name] = wanted
    assert looked > 100
    assert refused == {}
