"""What a run knows of its roads: all of it is in the ledger."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from helpers.known_pace import know_pace
from pagewave.config.settings import Settings, load_settings
from pagewave.ledger import Ledger, Refused
from pagewave.plan.pace import ASK_AGAIN_PAUSES, facts, paces, refusals, renewal_seconds
from pagewave.plan.roads import Facts
from pagewave.prompts.costs import Estimate

MODEL = "gemini-2.5-flash"
WHO = ("embedded", MODEL)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """One that knows of an earlier run."""
    know_pace(tmp_path / "ledger.sqlite", batch=100.0, flex=2.0, standard=1.0)
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def settings_of(folder: Path, **execution: Any) -> Settings:
    """The configuration of a run by `auto`."""
    (folder / "scans").mkdir(exist_ok=True)
    paths = {"label_source_dir": "scans", "image_source_dir": "scans"}
    config = {"engine": "embedded", "paths": paths, "model": {"name": MODEL}}
    return load_settings(config | {"execution": {"transport": "auto"} | execution}, folder)


def known(ledger: Ledger, settings: Settings) -> Facts:
    """What the run would know now, for pages of 2,000 tokens."""
    return facts(ledger, settings, paces(ledger, *WHO), Estimate(2_000, 900))


def test_how_long_steps_take_and_what_the_model_allows(ledger: Ledger, tmp_path: Path) -> None:
    found = known(ledger, settings_of(tmp_path))
    assert (found.call_seconds, found.standard_seconds, found.batch_seconds) == (2.0, 1.0, 150.0)
    assert found.limits.requests_per_day == 10_000
    assert (found.calls_today, found.refused_seconds, found.is_used_up) == (0, 0.0, False)
    assert (found.deadline_seconds, found.usd_left) == (None, None)


def test_calls_of_today_count_and_those_of_earlier_days_do_not(
    ledger: Ledger, tmp_path: Path
) -> None:
    with ledger.transaction() as db:
        db.execute(
            "UPDATE batch SET creating_at = ? WHERE id IN"
            " (SELECT id FROM batch WHERE transport != 'batch' LIMIT 3)",
            (time.time(),),
        )
    assert known(ledger, settings_of(tmp_path)).calls_today == 3


def test_flex_that_refuses_and_a_day_that_is_used_up_are_known(
    ledger: Ledger, tmp_path: Path
) -> None:
    settings, now = settings_of(tmp_path), time.time()
    ledger.closures.note_refused(*WHO, Refused(now - 500, now + 100))
    ledger.closures.note_used_up(*WHO, now + 3600)
    found = known(ledger, settings)
    assert found.refused_seconds == pytest.approx(500, abs=60)
    assert found.is_used_up and found.calls_left_today == 0
    ledger.closures.note_refused(*WHO, Refused(now - 500, now - 1))
    ledger.closures.note_used_up(*WHO, now - 1)
    found = known(ledger, settings)
    assert (found.refused_seconds, found.is_used_up) == (0.0, False)


def test_how_long_flex_is_left_alone_follows_from_the_pause_after_a_refusal(
    ledger: Ledger, tmp_path: Path
) -> None:
    found = refusals(ledger, settings_of(tmp_path))
    for _ in range(20):
        found.note(1000.0, answered=False)
    assert found.ask_again_at == 1000.0 + ASK_AGAIN_PAUSES * 0.05


def test_a_deadline_and_what_the_budget_has_left(ledger: Ledger, tmp_path: Path) -> None:
    found = known(ledger, settings_of(tmp_path, deadline=2, max_cost_usd_total=7))
    assert found.deadline_seconds == pytest.approx(7200, abs=60)
    assert found.usd_left == 7.0
    assert found.usd_a_page == pytest.approx((2_000 * 0.15 + 900 * 1.25) / 1e6)


def test_a_day_of_calls_begins_at_midnight_in_california() -> None:
    midnight = datetime(2026, 1, 15, 8, tzinfo=UTC).timestamp()
    assert renewal_seconds(midnight) == 24 * 3600
    assert renewal_seconds(midnight - 60) == 60
    assert renewal_seconds(midnight + 3600) == 23 * 3600
