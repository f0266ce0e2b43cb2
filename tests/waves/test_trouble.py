"""The service's trouble costs no attempt: it is waited out, with pauses that double."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.clock import moved_clock
from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import ServiceError
from pagewave.waves.trouble import FEWEST_TRIES

TWELVE = {f"School {number}/1850": 2 for number in range(12)}
TWO = {"Elm/1850": 2, "Oak/1850": 2}


@pytest.fixture
def pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The long pauses of a run in seconds; they take no time, the clock is moved on instead."""
    with moved_clock(tmp_path / "ahead") as clock:
        yield clock.notes_pauses(monkeypatch)


@pytest.mark.parametrize("code", [1, 4, 8, 10, 13, 14])
def test_pages_that_the_service_fails_three_times_are_read_by_the_one_run(
    tmp_path: Path, quiet_server: EmbeddedProcess, code: int
) -> None:
    reading = Reading(tmp_path, quiet_server, TWELVE, execution={"max_batch_failures": 2})
    quiet_server.set_faults([f"record-error:code={code},times=3"])
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}
    assert reading.error_types() == {"ServiceTrouble": 72}
    assert reading.query("SELECT DISTINCT counted, raw_json IS NULL FROM failure") == [(0, 0)]
    assert len(reading.creates()) == 8


def test_each_pause_is_twice_the_one_before_and_a_line_for_all_pages(
    tmp_path: Path,
    quiet_server: EmbeddedProcess,
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    reading = Reading(tmp_path, quiet_server, TWO, batch={"retry_pause_seconds": 3600})
    quiet_server.set_faults([f"record-error:code=14,times=3,match={tmp_path.name}:.*:1$"])
    reading.run()
    reading.check()
    # They began when the failures were written down, a moment ago.
    assert [round(seconds / 3600, 1) for seconds in pauses] == [1, 2, 4]
    assert caplog.text.count("2 pages failed") == 3
    assert "2 pages failed 3 times before, not by themselves, again in 1.44e+04 s" in caplog.text
    assert "UNAVAILABLE" in caplog.text


def test_the_attempts_settings_stay_what_they_were(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    quiet_server.set_faults(["record-error:code=13,times=2"])
    reading.run()
    rows = reading.query("SELECT attempt_number, generation_config FROM record")
    assert len(rows) == 3
    assert len(set(rows)) == 1 and rows[0][0] == 1


def test_others_do_not_wait_for_a_page_in_trouble(
    tmp_path: Path, quiet_server: EmbeddedProcess, pauses: list[float]
) -> None:
    reading = Reading(tmp_path, quiet_server, TWO, batch={"retry_pause_seconds": 3600})
    quiet_server.set_faults([f"record-error:code=14,times=1,match={reading.key('Elm/1850', 1)}$"])
    reading.run()
    reading.check()
    assert not pauses
    assert [len(batch["keys"]) for batch in reading.creates()] == [2, 2, 1]


def test_trouble_that_lasts_ends_the_run_and_no_page(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    batch = {"outage_seconds": 0.3}
    reading = Reading(tmp_path, quiet_server, TWELVE, batch=batch)
    quiet_server.set_faults(["record-error:code=14"])
    with pytest.raises(ServiceError, match=r"failed 12 pages .*UNAVAILABLE.*outage_seconds") as end:
        reading.run()
    assert end.value.exit_code == 5
    tries = len(reading.creates())
    assert tries >= 5
    assert not reading.dead() and not reading.inferences()
    assert reading.error_types() == {"ServiceTrouble": 12 * tries}
    quiet_server.set_faults([])
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}
    assert not reading.query("SELECT 1 FROM failure WHERE cleared_at IS NULL")


def test_a_few_tries_are_made_however_long_each_takes(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """A batch may take longer than an outage may last."""
    reading = Reading(tmp_path, quiet_server, TWO, batch={"outage_seconds": 0})
    quiet_server.set_faults(["record-error:code=14,times=3"])
    reading.run()
    reading.check()
    assert reading.error_types() == {"ServiceTrouble": 12}


def test_of_trouble_that_lasts_no_more_tries_are_made_than_these(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch={"outage_seconds": 0})
    quiet_server.set_faults(["record-error:code=14"])
    with pytest.raises(ServiceError, match="failed 1 page"):
        reading.run()
    assert len(reading.creates()) == FEWEST_TRIES == 5


def test_one_page_in_lasting_trouble_holds_up_its_own_book_only(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, TWELVE, batch={"outage_seconds": 0.3})
    bad = reading.key("School 5/1850", 1)
    quiet_server.set_faults([f"record-error:code=13,match={bad}$"])
    with pytest.raises(ServiceError, match="School 5"):
        reading.run()
    assert not reading.dead()
    assert set(reading.keys) - reading.inferences().keys() == {
        bad,
        reading.key("School 5/1850", 2),
    }


def test_a_refusal_of_the_key_ends_the_lane_and_counts_against_no_page(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, TWO)
    quiet_server.set_faults(["record-error:code=16"])
    with pytest.raises(ServiceError, match=r"Gemini refuses to read 2 pages.*GEMINI_API_KEY"):
        reading.run()
    assert reading.error_types() == {"ServiceRefused": 2}
    assert len(reading.creates()) == 1
    assert not reading.dead()
    quiet_server.set_faults([])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 3


def test_without_waiting_the_pause_holds_between_runs(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    sections = {"execution": {"wait": False}, "batch": {"retry_pause_seconds": 3600}}
    reading = Reading(tmp_path, quiet_server, TWO, **sections)
    quiet_server.set_faults(["record-error:code=14,times=1"])

    def run() -> None:
        quiet_server.wait_until_idle()
        reading.run()

    for _ in range(4):
        run()
    assert len(reading.creates()) == 1
    assert reading.error_types() == {"ServiceTrouble": 2}
    reading.library.configure(batch={"retry_pause_seconds": 0})
    for _ in range(6):
        run()
    reading.check()
    assert set(reading.inferences().values()) == {1}


@pytest.mark.parametrize(("code", "words"), [(14, "has failed 2 pages"), (16, "refuses to read 2")])
def test_without_waiting_trouble_that_lasts_is_told_between_tries(
    tmp_path: Path, quiet_server: EmbeddedProcess, code: int, words: str
) -> None:
    """A timer starts such runs for days; nobody would know."""
    batch = {"retry_pause_seconds": 0, "outage_seconds": 0}
    reading = Reading(tmp_path, quiet_server, TWO, execution={"wait": False}, batch=batch)
    quiet_server.set_faults([f"record-error:code={code}"])

    def run() -> None:
        quiet_server.wait_until_idle()
        reading.run()

    while len(reading.creates()) < (5 if code == 14 else 1):
        with suppress(ServiceError):
            run()
    tries = len(reading.creates())
    reading.library.configure(batch={"retry_pause_seconds": 3600})
    for _ in range(2):
        with pytest.raises(ServiceError, match=words):
            run()
    assert len(reading.creates()) == tries
    assert not reading.dead()
    quiet_server.set_faults([])
    reading.library.configure(batch={"retry_pause_seconds": 0})
    for _ in range(6):
        run()
    reading.check()


def test_the_next_run_keeps_to_the_pause(
    tmp_path: Path, quiet_server: EmbeddedProcess, pauses: list[float]
) -> None:
    reading = Reading(tmp_path, quiet_server, TWO, batch={"retry_pause_seconds": 3600})
    quiet_server.set_faults([f"record-error:code=14,times=1,match={tmp_path.name}:.*:1$"])
    with reading.crash_in("pagewave.waves.wave.events.wave_closed"):
        reading.run()
    assert reading.error_types() == {"ServiceTrouble": 2}
    reading.run()
    reading.check()
    assert [round(seconds / 3600, 1) for seconds in pauses] == [1]


def test_what_the_service_said_is_kept(tmp_path: Path, quiet_server: EmbeddedProcess) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    quiet_server.set_faults(["record-error:code=14,times=1"])
    reading.run()
    [(message, line)] = reading.query("SELECT message, raw_json FROM failure")
    assert "error 14 (UNAVAILABLE): An internal error" in message
    assert json.loads(line)["error"]["code"] == 14
