"""Batches that don't do what they should: bounded, said, and never paid for twice.

A batch that was given up on may turn up later. Then it is taken in, adopted or cancelled.
"""

import threading
import time
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.reading import Reading
from pagewave.errors import ServiceError
from pagewave.gemini.client import CreateUnknown, Gemini, RemoteBatch

BOOKS = {"Elm/1850": 2, "Oak/1850": 2}
SOON = {"max_poll_attempts": 100}
"""A deadline of two seconds, in which the others end however busy the machine is."""


def first(reading: Reading, book: str = "Elm/1850") -> str:
    """The key of a book's first page."""
    return reading.key(book, 1)


# Batches that end badly


@pytest.mark.parametrize(
    ("fault", "error", "batches"),
    [
        ("job-failed", "BadBatch", 4),  # it may be one of its requests: sent again in halves
        ("job-expired", "BatchExpired", 3),
        ("job-cancelled", "BatchCancelled", 3),
    ],
)
def test_a_batch_that_ends_badly_is_sent_again_and_counts_against_no_page(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, error: str, batches: int
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, execution={"max_retries": 1})
    quiet_server.set_faults([f"{fault}:times=1"])
    reading.run()
    reading.check()
    assert reading.error_types() == {error: 2}
    assert reading.query("SELECT SUM(counted) FROM failure") == [(0,)]
    assert len(reading.creates()) == batches


@pytest.mark.parametrize("fault", ["job-failed", "job-expired", "job-cancelled"])
def test_what_such_a_batch_had_read_is_kept(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults([f"{fault}:times=1,share=0.5"])
    reading.run()
    reading.check()
    assert sum(reading.failures().values()) == 1
    assert set(reading.inferences().values()) == {1}
    batch = reading.totals()[0]
    assert (batch["records_sent"], batch["records_answered"]) == (2, 1)


@pytest.mark.parametrize("fault", ["job-expired", "job-cancelled"])
def test_a_batch_that_is_cut_short_again_and_again_and_brings_some_kills_no_page(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    books = {f"Elm/{year}": 1 for year in range(1850, 1858)}
    limits = {"max_batch_failures": 2, "max_retries": 1}
    reading = Reading(tmp_path, quiet_server, books, execution=limits)
    quiet_server.set_faults([f"{fault}:times=3,share=0.5"])
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}
    assert [len(batch["keys"]) for batch in reading.creates()] == [8, 4, 2, 1]
    assert reading.query("SELECT COUNT(*), COUNT(cleared_at) FROM failure") == [(7, 7)]


def test_a_batch_that_expires_again_and_again_and_brings_none_counts(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    limits = {"max_batch_failures": 2}
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1}, execution=limits)
    quiet_server.set_faults(["job-expired:times=2"])
    reading.run()
    assert len(reading.dead()) == 2


def test_a_partially_succeeded_batch_is_taken_in_and_the_rest_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["job-partial:times=1"])
    reading.run()
    reading.check()
    assert reading.error_types() == {"ServiceTrouble": 1}
    assert reading.batches()[0] == ("collected", "PARTIALLY_SUCCEEDED")
    assert set(reading.inferences().values()) == {1}
    assert "UNKNOWN" not in caplog.text and "unknown state" not in caplog.text


def test_batches_that_always_fail_are_bounded_and_slowed_down(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    execution, batch = {"max_batch_failures": 3}, {"retry_pause_seconds": 2}
    reading = Reading(tmp_path, quiet_server, BOOKS, execution=execution, batch=batch)
    quiet_server.set_faults(["job-failed"])
    reading.run()
    reading.check(dead=[first(reading), first(reading, "Oak/1850")])
    assert reading.error_types() == {"BadBatch": 2, "BatchFailed": 6}
    assert len(reading.creates()) == 7
    assert not reading.inferences()
    assert "failed 2 times before, not by themselves, again in" in caplog.text
    # Each failure says what the service said.
    assert all("ended failed" in row[0] for row in reading.query("SELECT message FROM failure"))


def test_a_batch_with_fewer_answers_than_records_says_so_everywhere(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults([f"missing-key:match={tmp_path.name}:.*:1$,times=1"])
    reading.run()
    reading.check()
    assert "0 of 2 records answered, 0 lines that nobody asked for" in caplog.text
    assert [batch["records_answered"] for batch in reading.totals()] == [0, 2, 2]
    counts = "SELECT records_sent, records_answered FROM batch_totals ORDER BY batch_id"
    assert reading.query(counts) == [(2, 0), (2, 2), (2, 2)]


# Batches that don't end


@pytest.mark.parametrize("fault", ["job-pending", "job-unknown-state"])
def test_a_batch_that_never_ends_is_cancelled_at_its_deadline_and_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, batch=SOON)
    quiet_server.set_faults([f"{fault}:times=1"])
    reading.run()
    reading.check()
    assert "beyond its deadline, cancelling" in caplog.text
    assert ("unknown state SOMETHING_NEW" in caplog.text) == (fault == "job-unknown-state")
    assert reading.error_types() == {"BatchCancelled": 2}
    assert set(reading.inferences().values()) == {1}


def test_an_unknown_state_that_passes_is_waited_out(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["job-unknown-state:times=1,seconds=0.2"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 2


def test_a_cancelled_batch_delivers_what_it_had_read(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, batch=SOON)
    quiet_server.set_faults([f"record-slow:match={first(reading)}$,seconds=60,times=1"])
    reading.run()
    reading.check()
    assert reading.failures() == {("Elm:1850:1", "BatchCancelled"): 1}
    assert set(reading.inferences().values()) == {1}
    assert reading.batches()[0] == ("collected", "SUCCEEDED")


@pytest.mark.parametrize("fault", ["garbage-200:body=json,call=cancel,acted=no", "cancel-ignored"])
def test_a_cancel_that_did_nothing_is_asked_for_again(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, batch=SOON)
    separator = "," if ":" in fault else ":"
    quiet_server.set_faults(["job-pending:times=1", f"{fault}{separator}times=2"])
    reading.run()
    reading.check()
    assert reading.error_types() == {"BatchCancelled": 2}


def test_a_stuck_batch_that_ends_later_is_taken_in(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """Its pages were sent again and read by then; it finds no images any more, and reads none."""
    batch = SOON | {"cancel_seconds": 0.2}
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, batch=batch)
    quiet_server.set_faults(["job-pending:times=1", "cancel-ignored"])
    reading.run()
    assert reading.error_types() == {"BatchFailed": 2}
    assert reading.batches() == [("abandoned", "STUCK")] + [("collected", "SUCCEEDED")] * 2
    quiet_server.finish_all()
    reading.run()
    reading.check()
    assert reading.batches() == [("collected", "SUCCEEDED")] * 3
    assert len(reading.creates()) == 3
    # Its late failures are on record, and held against no page.
    assert reading.error_types() == {"BatchFailed": 2, "ServiceTrouble": 2}
    assert not reading.query("SELECT 1 FROM failure WHERE cleared_at IS NULL")


def test_a_stuck_batch_that_ends_later_with_its_images_inside_is_taken_in_and_metered(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """Its pages were sent again and read by then; it has all that it needs, and is paid for."""
    batch = SOON | {"cancel_seconds": 0.2}
    reading = Reading(tmp_path, quiet_server, BOOKS, batch=batch)
    quiet_server.set_faults(["job-pending:times=1", "cancel-ignored"])
    reading.run()
    quiet_server.finish_all()
    reading.run()
    reading.check(paid_twice=2)
    assert reading.batches() == [("collected", "SUCCEEDED")] * 3
    assert len(reading.creates()) == 3
    assert reading.error_types() == {"BatchFailed": 2}


def test_a_stuck_batch_that_ends_before_its_pages_are_sent_again_is_not_paid_for_twice(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    batch = SOON | {"cancel_seconds": 0.2}
    reading = Reading(tmp_path, quiet_server, BOOKS, batch=batch)
    quiet_server.set_faults(["job-pending:times=1", "cancel-ignored"])
    reading.run(before_wave=lambda wave: quiet_server.finish_all() if wave == 2 else None)
    reading.check()
    assert reading.error_types() == {"BatchFailed": 2}
    assert len(reading.creates()) == 2
    # The answer that came late forgives the failure.
    assert not reading.query("SELECT 1 FROM failure WHERE cleared_at IS NULL")


# Batches that are not to be seen


def test_a_single_404_loses_no_batch(tmp_path: Path, quiet_server: EmbeddedProcess) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["http-error:call=get,code=404,match=/batches/,times=2"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 2


def test_a_batch_that_is_listed_is_not_lost(tmp_path: Path, quiet_server: EmbeddedProcess) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["http-error:call=get,code=404,match=/batches/,times=30"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 2


def test_a_batch_that_answers_again_is_not_lost_though_no_list_shows_it(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["http-error:call=get,code=404,match=/batches/,times=1", "list-empty"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 2


def test_a_lost_batch_that_shows_up_again_is_adopted(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(
        [
            "job-pending:times=1",
            "http-error:call=get,code=404,match=/batches/",
            "list-empty",
        ]
    )

    def find_again(wave: int) -> None:
        if wave == 2:
            assert reading.batches() == [("abandoned", "LOST")]
            quiet_server.set_faults([])
            quiet_server.finish_all()

    reading.run(before_wave=find_again)
    reading.check()
    assert reading.error_types() == {"BatchFailed": 2}
    assert reading.batches() == [("collected", "SUCCEEDED")] * 2
    assert len(reading.creates()) == 2
    assert set(reading.inferences().values()) == {1}


def test_a_lost_batch_is_sent_again(tmp_path: Path, quiet_server: EmbeddedProcess) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["job-pending:times=1"])
    thread = threading.Thread(target=lambda: delete_first_batch(reading))
    thread.start()
    reading.run()
    thread.join()
    reading.check()
    assert reading.batches()[0] == ("abandoned", "LOST")
    assert reading.error_types() == {"BatchFailed": 2}


def delete_first_batch(reading: Reading) -> None:
    """Remove the test's first batch from the service, as soon as it is there."""
    wait_for(reading.creates)
    reading.server.request("DELETE", f"/v1beta/{reading.creates()[0]['batch']}")


HIDDEN = ["cut-after:call=create,times=1", "list-empty"]
"""The first batch is created, but neither its name arrives nor is it listed."""


def test_a_batch_of_unknown_fate_that_turns_up_late_is_taken_in(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """Its pages were sent again meanwhile: paid for twice, and the ledger says so."""
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(HIDDEN)
    reading.run()
    assert reading.batches() == [("abandoned", "UNKNOWN")] + [("collected", "SUCCEEDED")] * 2
    quiet_server.set_faults([])
    reading.run()
    reading.check(paid_twice=2)
    assert reading.batches() == [("collected", "SUCCEEDED")] * 3
    assert not reading.failures()


def test_a_batch_of_unknown_fate_that_nobody_needs_any_more_is_cancelled(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults([*HIDDEN, "job-pending:times=1"])
    reading.run()
    hidden = reading.creates()[0]["batch"]
    assert "PENDING" in quiet_server.request("GET", f"/v1beta/{hidden}").text
    quiet_server.set_faults([])
    reading.run()  # cancels it
    assert "CANCELLED" in quiet_server.request("GET", f"/v1beta/{hidden}").text
    reading.run()  # and sees that it has ended
    reading.check()
    assert reading.batches()[0] == ("collected", "CANCELLED")
    assert set(reading.inferences().values()) == {1}
    # That it never came to be was no failure of its pages, nor is it now.
    assert not reading.failures()


def test_a_batch_that_no_run_waited_for_is_adopted_by_the_next(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    # The first create call is the last.
    reading = Reading(tmp_path, quiet_server, BOOKS, batch={"outage_seconds": 0})
    quiet_server.set_faults([*HIDDEN, "job-pending:times=1"])
    with pytest.raises(ServiceError, match="has not created a batch"):
        reading.run()
    assert reading.batches() == [("abandoned", "UNKNOWN")]
    quiet_server.set_faults([])
    quiet_server.finish_all()
    reading.run()
    reading.check()
    assert reading.batches() == [("collected", "SUCCEEDED")] * 2
    assert len(reading.creates()) == 2


def test_an_intent_of_a_crashed_run_is_looked_for_more_than_once(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """Its create call is long ago, and the first list is empty: that proves nothing."""
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["cut-after:call=create,times=1", "list-empty:times=1"])
    with reading.crash_in("pagewave.waves.submit._find"):
        reading.run()
    assert reading.batches() == [("creating", None)]
    reading.age(3600)
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2
    # It was never given up, to be found only by the look for what was.
    assert "turned up after all" not in caplog.text


def create_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next create call arrives twice, as through a proxy that sends a POST again when its first
    answer gets lost."""
    create = Gemini.create

    def twice(self: Gemini, model: str, file: str, name: str) -> RemoteBatch:
        monkeypatch.setattr(Gemini, "create", create)
        create(self, model, file, name)
        create(self, model, file, name)
        raise CreateUnknown("sent twice")

    monkeypatch.setattr(Gemini, "create", twice)


def names(reading: Reading) -> list[str]:
    """The service's names of all batches in the ledger, oldest first."""
    return [row[0] for row in reading.query("SELECT name FROM batch ORDER BY id")]


def cancelled(reading: Reading) -> set[str]:
    """Which of this test's batches the service was asked to cancel."""
    created = {event["batch"] for event in reading.creates()}
    return created & {event["batch"] for event in reading.server.log("cancel")}


def test_of_twins_the_earliest_is_adopted_and_the_other_kept_account_of(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_twice(monkeypatch)
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["job-pending:times=2"])
    with quiet_server.goes_on_when(lambda: cancelled(reading)):
        reading.run()
    reading.run()
    reading.check()
    earlier, later, of_second_wave = [event["batch"] for event in reading.creates()]
    assert names(reading) == [earlier, later, of_second_wave]
    assert cancelled(reading) == {later}
    assert reading.batches() == [
        ("collected", "SUCCEEDED"),
        ("collected", "CANCELLED"),
        ("collected", "SUCCEEDED"),
    ]


def test_the_results_of_a_twin_leave_nothing_that_the_next_run_stumbles_over(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name in the ledger holds the service's, which has a slash in it."""
    create_twice(monkeypatch)
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["cancel-ignored"])
    reading.run()
    quiet_server.wait_until_idle()
    (tmp_path / "state/results/left by an earlier version").mkdir(parents=True)
    reading.run()  # fetches what the twin read
    reading.run()
    reading.check(paid_twice=2)
    assert reading.batches() == [("collected", "SUCCEEDED")] * 3
    assert not [path for path in (tmp_path / "state/results").rglob("*") if path.suffix != ".lock"]


def test_of_twins_that_turn_up_late_both_are_taken_in(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither was listed when it was looked for: each was read, and is paid for."""
    create_twice(monkeypatch)
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["list-empty"])
    reading.run()
    assert reading.batches() == [("abandoned", "UNKNOWN")] + [("collected", "SUCCEEDED")] * 2
    quiet_server.set_faults([])
    reading.run()  # finds both
    reading.run()  # and gives the second its turn
    reading.check(paid_twice=2)
    assert reading.batches() == [("collected", "SUCCEEDED")] * 4
    assert reading.inferences()[first(reading)] == 3


def test_of_twins_that_turn_up_late_and_that_nobody_needs_both_are_cancelled(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_twice(monkeypatch)
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["list-empty", "job-pending:times=2"])
    reading.run()
    quiet_server.set_faults([])
    for _ in range(3):  # finds both and cancels one, sees it end and cancels the other, sees it end
        reading.run()
    reading.check()
    assert (
        sorted(reading.batches())
        == [("collected", "CANCELLED")] * 2 + [("collected", "SUCCEEDED")] * 2
    )


def slowed(reading: Reading) -> set[str]:
    """The keys of this test whose reading a fault holds up."""
    slow = {e["subject"] for e in reading.server.log("fault") if e["fault"] == "record-slow"}
    return slow & {*reading.keys}


def test_of_twins_that_turn_up_late_the_earliest_is_adopted_and_the_other_cancelled(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_twice(monkeypatch)
    reading = Reading(tmp_path, quiet_server, BOOKS, batch={"outage_seconds": 0})
    quiet_server.set_faults(["list-empty", "job-pending:times=1", "record-slow:times=2,seconds=60"])
    with pytest.raises(ServiceError, match="has not created a batch"):
        reading.run()
    assert reading.batches() == [("abandoned", "UNKNOWN")]
    wait_for(lambda: len(slowed(reading)) == 2)  # both records of the later one
    quiet_server.set_faults([])
    with quiet_server.goes_on_when(lambda: reading.batches()[0] != ("abandoned", "UNKNOWN")):
        reading.run()
    reading.run()  # cancels the other one, unless the run before looked again and did
    reading.run()  # sees that it has ended
    reading.check()
    earlier, later, of_second_wave = [event["batch"] for event in reading.creates()]
    assert names(reading) == [earlier, later, of_second_wave]
    assert cancelled(reading) == {later}
    assert reading.batches() == [
        ("collected", "SUCCEEDED"),
        ("collected", "CANCELLED"),
        ("collected", "SUCCEEDED"),
    ]
    assert set(reading.inferences().values()) == {1}


# Results that are not there


@pytest.mark.parametrize("fault", ["response-only", "no-result-file:seconds=0.2"])
def test_results_in_another_place_or_a_little_late_are_found(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults([fault])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 2


def test_a_batch_without_results_is_bounded_and_counted_as_paid(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["no-result-file:times=1"])
    reading.run()
    reading.check()
    assert reading.batches()[0] == ("abandoned", "NO_RESULTS")
    assert reading.error_types() == {"BatchFailed": 2}
    assert reading.attempts()[first(reading)] == 2


def test_results_that_come_much_later_are_taken_in(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["no-result-file:times=1"])
    reading.run(before_wave=lambda wave: quiet_server.end_delays() if wave == 2 else None)
    reading.check()
    assert len(reading.creates()) == 2
    assert set(reading.inferences().values()) == {1}


def test_results_that_come_much_later_and_say_that_nothing_was_read_leave_nothing_to_pay(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """Given up without results, its records counted as read, as they may have been."""
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["no-result-file:times=1", "job-partial:times=1,share=0.5"])
    given_up: list[int] = []

    def let_results_come(wave: int) -> None:
        if wave == 2:
            given_up.append(sum(reading.attempts().values()))
            quiet_server.end_delays()

    reading.run(before_wave=let_results_come)
    reading.check()
    assert given_up == [2]
    assert reading.error_types() == {"BatchFailed": 2, "ServiceTrouble": 1}
    assert set(reading.inferences().values()) == {1}


def test_what_ended_while_nobody_was_there_is_kept_even_if_nobody_asks_for_it(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["batch-hold:seconds=0.5"])
    reading.run_until(reading.creates)
    quiet_server.wait_until_idle()
    (tmp_path / "labels" / tmp_path.name / "Elm/1850/1.json").unlink()
    reading.run()
    assert reading.attempts()[first(reading)] == 1
    assert reading.attempts() == reading.inferences()


# What the service says of the time

YEAR_9999 = r"Fri\, 31 Dec 9999 23:59:59 GMT"


@pytest.mark.parametrize(
    "fault",
    [
        *(f"wrong-date:call=get,skip={skip},times=1,told={YEAR_9999}" for skip in (0, 1, 3)),
        # As many in a row as the clock believes: no proof of a deadline yet.
        f"wrong-date:call=get,skip=1,times=3,told={YEAR_9999}",
        r"wrong-date:call=get,times=2,told=Thu\, 01 Jan 1970 00:00:00 GMT",
        r"wrong-date:told=Mon\, 01 Jan 999999999999999999999 00:00:00 GMT",
        *("wrong-date:told=", "wrong-date:told=soon"),
        *("wrong-create-time:told=", "wrong-create-time:told=soon"),
        *(f"wrong-create-time:told={year}-01-01T00:00:00Z" for year in ("0001", 1960, 1970, 9999)),
    ],
)
@pytest.mark.parametrize("waits", [True, False])
def test_an_odd_time_neither_stops_a_run_nor_makes_a_batch_old(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, waits: bool
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, execution={"wait": waits})
    quiet_server.set_faults([fault, "batch-hold:seconds=0.3"])
    already = len(quiet_server.log("cancel"))
    for _ in range(50):
        reading.run()
        if waits or reading.attempts():
            break
        time.sleep(0.02)
    reading.check()
    assert reading.batches() == [("collected", "SUCCEEDED")]
    assert len(quiet_server.log("cancel")) == already
