"""Crash points: each is somewhere, and the head dies where and when it was told to.

What becomes of all that they leave, `faults/test_crash_points.py` shows.
"""

import re
from pathlib import Path

import pytest

from helpers.library import REPO
from pagewave import crash_points as crash
from pagewave.atomic import partial_of, write_atomically


def test_every_crash_point_is_somewhere_in_the_package() -> None:
    package = REPO / "scripts/pagewave"
    code = "".join(path.read_text() for path in package.rglob("*.py"))
    assert set(re.findall(r'crash\.point\("(.*?)"\)', code)) == set(crash.POINTS)


@pytest.mark.parametrize("where", ["nowhere", "committed:0", "committed:x"])
def test_a_crash_point_that_does_not_exist_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match=f"PAGEWAVE_CRASH_AT={where}: not"):
        crash.arm(where)


def test_a_point_lets_the_head_die_at_the_pass_that_was_named_and_at_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passes: list[int] = []
    died_at: list[int] = []
    monkeypatch.setattr(crash, "die", lambda: died_at.append(len(passes)))
    try:
        for where in ("committed:3", "committed", None):
            crash.arm(where)
            for number in range(5):
                passes.append(number)
                crash.point("parsed")
                crash.point("committed")
    finally:
        crash.arm(None)
    assert died_at == [3, 6]


def test_a_file_that_is_half_written_stands_under_its_temporary_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1.json"
    write_atomically(path, "old")
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        crash, "die", lambda: seen.append((partial_of(path).read_text(), path.read_text()))
    )
    crash.arm("file-half-written")
    try:
        write_atomically(path, "new")
    finally:
        crash.arm(None)
    assert seen == [("new", "old")]
    assert path.read_text() == "new" and not partial_of(path).exists()
