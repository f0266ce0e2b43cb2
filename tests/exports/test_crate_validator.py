"""The data package before RO-Crate's own validator, with each profile that it says it follows."""

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from helpers import crate_judge
from helpers.letters import Letters, enclosure, letter
from pagewave.exports.citing.metadata import DESCRIPTION

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-crate/bin/python"
PROFILE = "provenance-run-crate"
"""It takes in those of workflow runs, of processes and of RO-Crate 1.1 itself."""
CITATION: dict[str, Any] = {
    "title": "Letters of Ohio",
    "creators": [{"name": "Lovelace, Ada", "orcid": "0000-0002-1825-0097"}, {"name": "A Library"}],
    "license": "CC-BY-4.0",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package, unpacked, of books with a dead letter, a correction, and without any page."""
    books = {
        'Ohio/Elm & "Söhne" #1/1850': [letter(enclosures=[enclosure()]), letter(), None],
        "Vermont/Oak/1866": [letter()],
        "Vermont/Ash/1870": None,
    }
    made = Letters(tmp_path / "made", books, citation=CITATION).write("crate") / "crate/books.zip"
    with zipfile.ZipFile(made) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def judged(folder: Path) -> dict[str, str]:
    """What is required and not so: by the check's id what it says."""
    if not PYTHON.exists():
        pytest.skip("needs RO-Crate's validator: `.ci/crate_validator` installs it")
    command = [str(PYTHON), crate_judge.__file__, str(folder), PROFILE]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return dict(json.loads(said.stdout))


def test_it_finds_nothing_that_is_required_and_missing(folder: Path) -> None:
    assert judged(folder) == {}


def test_it_finds_what_was_planted(folder: Path) -> None:
    (folder / "tables/pages.csv").unlink()
    description = folder / DESCRIPTION
    told = json.loads(description.read_bytes())
    for entity in told["@graph"]:
        if entity["@id"] == "./":
            del entity["license"]
        if "CreateAction" in entity["@type"]:
            entity["knownNowhere"] = "so it is in no context"
    description.write_text(json.dumps(told))
    found = judged(folder)
    assert "'tables/pages.csv'" in found["ro-crate-1.1_12.1"]
    assert "MUST have a `license`" in found["ro-crate-1.1_8.3"]
    assert "knownNowhere" in found["ro-crate-1.1_3.1"]
