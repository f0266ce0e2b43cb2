"""When a batch is looked at again."""

import pytest

from pagewave.waves.next_look import seconds_to_next_look


def looks(ends_after: float, usual: list[float], interval: float = 30.0) -> tuple[int, float]:
    """How often a batch is looked at, and the seconds between its end and the look that sees it."""
    number, age = 1, 0.0
    while age < ends_after:
        age += seconds_to_next_look(interval, age, usual)
        number += 1
    return number, age - ends_after


def test_without_a_history_looks_are_as_configured() -> None:
    assert looks(601.0, []) == (22, 29.0)
    assert looks(601.0, [600.0] * 4) == (22, 29.0)


@pytest.mark.parametrize("seconds", [5.0, 61.0, 605.0, 3601.0])
def test_an_end_when_it_is_usual_is_seen_at_once(seconds: float) -> None:
    number, late = looks(seconds, [seconds * share for share in (0.95, 1, 1.02, 1.1, 1.2)])
    assert late <= 0.02 * seconds
    assert number <= 15 + seconds / 30


def test_a_batch_that_is_late_is_looked_at_as_configured() -> None:
    assert seconds_to_next_look(30.0, 901.0, [600.0] * 20) == 30.0
    assert seconds_to_next_look(30.0, 650.0, [600.0] * 20) == pytest.approx(13.0)


def test_no_pause_is_longer_than_configured() -> None:
    ages = [0.0, 1.0, 100.0, 5000.0]
    assert {seconds_to_next_look(0.2, age, [5000.0] * 9) for age in ages} == {0.2}
    assert seconds_to_next_look(30.0, 0.0, [20.0] * 9) == 18.0


def test_a_batch_of_a_moment_is_looked_at_without_a_storm_of_calls() -> None:
    assert looks(0.2, [0.2] * 9)[0] <= 5
