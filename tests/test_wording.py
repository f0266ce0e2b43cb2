"""Numbers, times and commands as people read them."""

import shlex

import pytest

from pagewave.wording import age, command_to_clear, count, dollars, moment


@pytest.mark.parametrize(
    "key", ["Ohio:Ashgrove:1852:7", 'Ohio:St. Mary\'s "A":1852:7', "Ohio:$x:1:2"]
)
def test_a_command_that_clears_dead_letters_works_when_pasted(key: str) -> None:
    command = command_to_clear(["--key", key], ["--configfile", "my config.yaml"])
    assert shlex.split(command) == [
        *("python", "scripts/clear_failure_counts.py"),
        *("--configfile", "my config.yaml", "--key", key),
    ]


def test_a_command_that_clears_dead_letters_without_configuration() -> None:
    assert command_to_clear() == "python scripts/clear_failure_counts.py"


def test_one_and_many() -> None:
    assert [count(number, "page") for number in (0, 1, 2)] == ["0 pages", "1 page", "2 pages"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (11_520, "3 h 12 min"), (90_000, "1 d 1 h")],
)
def test_a_span_of_time_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_moments_and_prices_that_are_not_known() -> None:
    assert (moment(None), dollars(None)) == (None, "unknown")
    assert (moment(1_790_000_000.6), dollars(0.5)) == ("2026-09-21T14:13:20Z", "0.5000")
