"""The state folder is its owner's business, or its group's; and tables are no programs."""

import csv
import io
import os
import stat
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import Player, in_one_process
from pagewave.characters import clean, harmless
from pagewave.exports.summary.summary import _tsv
from pagewave.exports.summary.tables import Table
from pagewave.ledger import Ledger
from pagewave.ledger.private import keep_private
from pagewave.ledger.soundness import back_up

BOOKS = {"Ohio/Elm/1850": 2}


def modes(folder: Path) -> set[tuple[str, int]]:
    """What sorts of things there are in a folder and itself, with their permissions."""
    paths = [folder, *folder.rglob("*")]
    return {("folder" if p.is_dir() else "file", stat.S_IMODE(p.stat().st_mode)) for p in paths}


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ("owner", {("folder", 0o700), ("file", 0o600)}),
        ("group", {("folder", 0o2770), ("file", 0o660)}),
    ],
)
def test_state_is_its_owners_or_its_groups(
    tmp_path: Path, access: str, expected: set[tuple[str, int]]
) -> None:
    umask = os.umask(0o022)
    try:
        execution = {"state_access": access}
        with EmbeddedProcess(tmp_path / "server") as server, in_one_process():
            library = Library(tmp_path, BOOKS, execution=execution)
            # It was there before, and open to all.
            (library.state / "requests").mkdir(parents=True, mode=0o755)
            (library.state / "requests/old.txt").touch(mode=0o644)
            assert Player(library, server).play() == "ok"
        assert modes(library.state) == expected
        assert stat.S_IMODE(library.page_file("Ohio:Elm:1850:1").stat().st_mode) == 0o644
    finally:
        os.umask(umask)


def test_copies_of_a_private_ledger_are_private(tmp_path: Path) -> None:
    path = tmp_path / "state/ledger.sqlite"
    Ledger.open(path).close()
    assert {stat.S_IMODE(file.stat().st_mode) for file in (path, back_up(path))} == {0o600}


def test_what_else_is_in_a_folder_stays_open(tmp_path: Path) -> None:
    for name in ("ledger.sqlite", "notes.txt", "requests/a.jsonl", "results/pages/1.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch(mode=0o644)
    (tmp_path / "link").symlink_to(tmp_path / "notes.txt")
    tmp_path.chmod(0o755)
    keep_private(tmp_path, "owner", shared=True)
    found = {
        str(p.relative_to(tmp_path)): stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*")
    }
    assert found["ledger.sqlite"] == found["requests/a.jsonl"] == 0o600
    assert found["notes.txt"] == found["results/pages/1.json"] == 0o644
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


FORMULAS = ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_stays_text(text: str) -> None:
    assert harmless(text) == f"'{clean(text)}"


def test_a_table_for_spreadsheets_holds_no_formula() -> None:
    written = _tsv(Table("", ("name", "number"), [("=1+1", -1.5), ("-rf", 2)]))
    rows = list(csv.reader(io.StringIO(written, newline=""), dialect="excel-tab"))
    assert rows[1:] == [["'=1+1", "-1.5"], ["'-rf", "2"]]


def test_numbers_and_words_stay_as_they_are() -> None:
    plain = (-1, 0.5, None, "", "Ohio", "3-4", "a=b")
    assert tuple(map(harmless, plain)) == plain
