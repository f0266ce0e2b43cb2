"""Pauses between tries."""

import threading
from types import SimpleNamespace
from typing import NoReturn

import pytest

from pagewave.gemini.retries import (
    LONGEST_PAUSE_SECONDS,
    QUIET_TRIES,
    NoSuccess,
    PassingTrouble,
    Repeating,
    is_about_storage,
    is_refusal,
)


class Pauses(threading.Event):
    """A stop that never comes; its waits take no time and are written down."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return False


def test_pauses_grow_up_to_a_minute() -> None:
    pauses = Pauses()

    def fail() -> NoReturn:
        raise PassingTrouble("not now")

    with pytest.raises(NoSuccess, match="looking: PassingTrouble: not now"):
        Repeating(pauses, backoff_seconds=2.0, outage_seconds=0.0).repeat(fail, "looking", tries=12)
    assert len(pauses.seconds) == 11
    # Up to as much again as the first one is added at random.
    for number, seconds in enumerate(pauses.seconds[:5]):
        assert 2.0 * 2**number <= seconds <= 2.0 * 2**number + 2.0
    assert pauses.seconds[5:] == [LONGEST_PAUSE_SECONDS] * 6


def test_passing_trouble_is_worth_no_line_and_lasting_trouble_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> NoReturn:
        raise PassingTrouble("not now")

    for tries, lines in ((QUIET_TRIES + 1, 0), (QUIET_TRIES + 3, 2)):
        caplog.clear()
        repeating = Repeating(Pauses(), backoff_seconds=1.0, outage_seconds=0.0)
        with pytest.raises(NoSuccess):
            repeating.repeat(fail, "looking", tries=tries)
        assert caplog.text.count("looking failed") == lines


def said(code: int, message: str = "no") -> SimpleNamespace:
    """The service's own error."""
    return SimpleNamespace(
        code=code, message=message, details={"error": {"message": message}}, response=None
    )


def test_a_no_is_proof_but_where_something_may_have_been_done() -> None:
    """409 may be of the first try of the same call, 429 follow one that was done."""
    settled = {code for code in (399, 400, 401, 403, 404, 430, 498, 500) if is_refusal(said(code))}
    assert settled == {400, 401, 403, 404, 430, 498}
    assert not [code for code in (408, 409, 425, 429, 499) if is_refusal(said(code))]


def test_full_storage_is_told_from_other_refusals() -> None:
    class Error(SimpleNamespace):
        def __str__(self) -> str:
            return str(self.message)

    full, other = "file_storage_bytes: limit 20 GB", "this image can't be read"
    codes = (400, 403, 404, 429, 500)
    assert [c for c in codes if is_about_storage(Error(code=c, message=full))] == [400, 403, 429]
    assert not [c for c in codes if is_about_storage(Error(code=c, message=other))]
