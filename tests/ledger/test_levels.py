"""A ledger remembers of which levels its keys are, and takes no others."""

import re
from pathlib import Path

import pytest

from helpers.earlier import LEDGER, restore
from pagewave.config.data import Paths
from pagewave.errors import LedgerError
from pagewave.ledger import Ledger
from pagewave.ledger.identity import levels_of, refuse_other_levels
from pagewave.levels import DEFAULT, Levels

LETTERS = Levels(("archive", "box"))


def test_the_first_run_says_which_levels_they_are(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    assert levels_of(path) is None
    ledger = Ledger.open(path)
    assert (ledger.identity.known_levels(), ledger.identity.levels()) == (None, DEFAULT)
    ledger.identity.refuse_others(LETTERS)
    ledger.identity.note_levels(LETTERS)
    ledger.identity.note_levels(LETTERS)
    assert levels_of(path) == ledger.identity.levels() == LETTERS
    for others in (DEFAULT, Levels(("box", "archive")), Levels(("archive",))):
        with pytest.raises(LedgerError, match=r"in archive/box, and paths\.levels says") as said:
            ledger.identity.note_levels(others)
        assert "paths.levels: [archive, box]" in str(said.value)
    assert ledger.identity.known_levels() == LETTERS
    ledger.close()


def test_who_begins_anew_is_told_all_folders_that_know_pages_by_key_or_place() -> None:
    # Labels and scans are what the levels are of; scans that were fetched are theirs; logs may mix.
    stay = {"label_source_dir", "image_source_dir", "fetched_dir", "logs_dir"}
    with pytest.raises(LedgerError) as said:
        refuse_other_levels(DEFAULT, LETTERS)
    assert set(re.findall(r"\w+_dir\b", str(said.value))) == set(Paths.folders()) - stay


def test_what_an_earlier_version_read_lies_in_states_schools_and_years(tmp_path: Path) -> None:
    restore(LEDGER, tmp_path / "ledger.sqlite")
    ledger = Ledger.peek(tmp_path / "ledger.sqlite")
    assert ledger.identity.known_levels() == DEFAULT
    with pytest.raises(LedgerError, match="lies in state/school/year"):
        ledger.identity.refuse_others(LETTERS)
    ledger.close()


def test_a_file_that_is_no_ledger_tells_no_levels_and_is_left_to_who_opens_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database at all" * 100)
    assert levels_of(path) is None
    refuse_other_levels(None, LETTERS)
