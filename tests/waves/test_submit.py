"""From requests to a batch: what was left out of it stays out, and how patient it is."""

from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import BudgetReached, ServiceError
from pagewave.gemini.client import UPLOAD_LIFE_SECONDS, Gemini
from pagewave.gemini.uploads import LIFE_LEFT_SECONDS
from pagewave.waves.submit import UPLOADS_FRESH_SECONDS

BOOKS = {"Elm/1850": 1, "Oak/1850": 1}


@pytest.mark.parametrize(("tries", "failures"), [(2, 1), (4, 2)])
def test_a_page_that_was_left_out_stays_out_when_all_is_sent_anew(
    tmp_path: Path, quiet_server: EmbeddedProcess, tries: int, failures: int
) -> None:
    """Its image can't be digested; then the create call is refused and uploads are looked at anew,
    when the image may be taken (after 2 tries) or not (after 4)."""
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, files={"upload_retry_attempts": 2})
    image = reading.library.image(reading.key("Elm/1850", 1))
    quiet_server.set_faults(
        [f"file-failed:match={reading.image_sha256(image)},times={tries}", "not-active-yet:times=1"]
    )
    reading.run()
    reading.check()
    assert reading.failures() == {("Elm:1850:1", "UploadFailed"): failures}
    assert set(reading.inferences().values()) == {1}


# Patience


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that were asked for; each takes a moment, however long it was to be."""
    noted: list[float] = []
    pause = Gemini.pause

    def short(self: Gemini, seconds: float) -> None:
        noted.append(seconds)
        pause(self, min(seconds, 0.02))

    monkeypatch.setattr(Gemini, "pause", short)
    return noted


def test_each_refusal_by_the_quota_is_waited_out_twice_as_long(
    tmp_path: Path, quiet_server: EmbeddedProcess, pauses: list[float]
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch={"retry_pause_seconds": 100})
    quiet_server.set_faults(["http-error:call=create,code=429,times=3"])
    reading.run()
    reading.check()
    assert [seconds for seconds in pauses if seconds >= 100] == [100.0, 200.0, 400.0]
    assert len(reading.creates()) == 1


def test_a_create_call_that_the_quota_refused_but_that_was_done_is_not_made_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """The refusal may be the answer to a second try, which the client made by itself."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    quiet_server.set_faults(["http-error:call=create,code=429,times=1,acted=yes"])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 1
    assert reading.batches() == [("collected", "SUCCEEDED")]


def test_what_did_not_turn_up_is_asked_for_again_only_where_the_budget_has_room_for_both(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """The first may turn up yet, and cost as much."""
    model = {"generation_config": {"max_output_tokens": 1000}}
    reading = Reading(
        tmp_path,
        quiet_server,
        {"Elm/1850": 1},
        model=model,
        execution={"max_cost_usd_total": 0.0055},
    )
    quiet_server.set_faults(["http-error:call=create,times=1"])
    with pytest.raises(BudgetReached, match="lane 1 wave 1 once more: not sent"):
        reading.run()
    [(held,)] = reading.query("SELECT max_usd FROM record")
    assert held < 0.0055 < 2 * held
    assert reading.creates() == []
    assert reading.batches() == [("abandoned", "UNKNOWN")]
    reading.library.configure(execution={"max_cost_usd_total": 0.02})
    reading.run()
    reading.check()
    assert len(reading.creates()) == 1


def test_requests_that_the_service_has_not_digested_yet_are_sent_anew_after_a_pause(
    tmp_path: Path, quiet_server: EmbeddedProcess, pauses: list[float]
) -> None:
    reading = Reading.uploading(
        tmp_path,
        quiet_server,
        {"Elm/1850": 1},
        batch={"retry_pause_seconds": 100},
        files={"upload_retry_attempts": 3},
    )
    quiet_server.set_faults(["not-active-yet:times=2"])
    reading.run()
    reading.check()
    assert [seconds for seconds in pauses if seconds >= 100] == [100.0, 200.0]
    assert len(reading.uploads(".jsonl")) == 3
    assert len(reading.uploads()) == 1


def test_requests_that_are_never_ready_are_sent_as_often_as_may_be_and_no_more(
    tmp_path: Path, quiet_server: EmbeddedProcess, pauses: list[float]
) -> None:
    reading = Reading.uploading(
        tmp_path, quiet_server, {"Elm/1850": 1}, files={"upload_retry_attempts": 3}
    )
    quiet_server.set_faults(["not-active-yet:times=9"])
    with pytest.raises(ServiceError, match="ACTIVE"):
        reading.run()
    assert len(reading.uploads(".jsonl")) == 3


def test_a_create_call_that_got_lost_is_made_again_within_seconds_and_polls_keep_their_interval(
    tmp_path: Path, quiet_server: EmbeddedProcess, pauses: list[float]
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch={"poll_interval_seconds": 600})
    quiet_server.set_faults(["http-error:call=create,times=1", "batch-hold:seconds=600"])
    with quiet_server.goes_on_when(lambda: sum(seconds > 1 for seconds in pauses) > 10):
        reading.run()
    reading.check()
    assert pauses.count(1.0) == 1
    # A fifth more or less, so that many lanes don't poll in step.
    polls = [seconds for seconds in pauses if seconds > 1]
    assert len(polls) > 10
    assert 480 <= min(polls) < max(polls) <= 720


def test_uploads_outlive_the_wait_for_quota_and_the_day_that_a_batch_may_take() -> None:
    """All that a batch names must be there until it is read."""
    day = 24 * 3600
    assert UPLOADS_FRESH_SECONDS + day <= LIFE_LEFT_SECONDS < UPLOAD_LIFE_SECONDS < 2 * day
