"""The crash matrix as a test: crash_matrix.py plays it, and prints it as a table."""

from pathlib import Path

from faults.crash_matrix import PLACES, WAYS, play_all


def test_every_crash_is_finished_by_the_same_command(tmp_path: Path) -> None:
    cases = list(play_all(PLACES, WAYS, tmp_path))
    assert len(cases) == len(PLACES) * len(WAYS)
    assert {(case.place, case.way): case.problems for case in cases if case.problems} == {}
