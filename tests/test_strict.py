"""What a whole run asks of tests: how much CPU may one take that does not say it is slow?"""

import pytest

from helpers import strict


def test_too_much_is_told_by_what_the_same_work_takes_here_and_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strict, "slowness", lambda: 1.0)
    assert strict.excess(9.9) is None
    assert strict.excess(10.1) == "10.1 CPU seconds, more than 10: split it, or mark it slow"
    monkeypatch.setattr(strict, "slowness", lambda: 2.5)
    assert strict.excess(24.9) is None
    assert "more than 25" in str(strict.excess(25.1))


def test_slowness_is_that_of_real_work_and_never_below_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "REFERENCE", ("-c", "sum(range(3_000_000))"))
    assert strict.slowness() == 1.0
    monkeypatch.setattr(strict, "REFERENCE_SECONDS", 1e-6)
    assert strict.slowness() > 100
