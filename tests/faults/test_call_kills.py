"""A few of the kills that call_kills.py plays by the hundred."""

from pathlib import Path

import pytest

from faults.call_kills import PAGES, Start, play
from helpers.library import Library
from helpers.played_heads import PlayedHead


@pytest.mark.parametrize(
    ("seed", "kills", "start"), [(1, 3, Library.start), (2, 5, PlayedHead), (3, 5, PlayedHead)]
)
def test_after_kills_all_is_read_and_each_doubtful_call_is_named(
    tmp_path: Path, seed: int, kills: int, start: Start
) -> None:
    story = play(tmp_path / "library", seed, kills, start=start)
    assert story.problems == []
    assert story.kills.total() > 0
    assert story.attempts >= story.reads >= PAGES


def test_after_kills_under_auto_all_is_read_by_whatever_road(tmp_path: Path) -> None:
    story = play(tmp_path / "library", seed=3, kills=3, transport="auto")
    assert story.problems == []
    assert "batch" in story.roads
    assert story.kills.total() > 0
    assert story.attempts >= story.reads >= PAGES
