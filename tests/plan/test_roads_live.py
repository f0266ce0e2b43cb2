"""The simulation's books in earnest: `benchmarks/roads_live.py` with few of them, and no clock."""

from pathlib import Path

from benchmarks.roads_live import Case, live, simulated


def test_books_are_read_in_earnest_and_on_the_simulated_clock(tmp_path: Path) -> None:
    case = Case("small", (1, 3), 20.0, 1200.0)
    seconds, pages = live(case, 400.0, tmp_path)
    assert pages == {"flex": 4}
    assert seconds > 0
    assert simulated(case) > 20
