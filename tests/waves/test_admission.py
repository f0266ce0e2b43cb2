"""`execution.wait: false`: a run collects what has ended, sends what is ready, leaves the rest."""

import logging
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.reading import Reading
from pagewave.gemini.client import Gemini
from pagewave.ledger import PlannedPage, Record
from pagewave.plan.schedule import plan
from pagewave.waves.admission import batches_at_once, left_for_next_run

BOOKS = {"Ash/1850": 3, "Elm/1850": 3, "Fir/1850": 2, "Oak/1850": 2}
TWO_LANES = {"wait": False, "batch_size_limit": 2}


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    """What is left to the next run is no warning."""
    caplog.set_level(logging.INFO, logger="pagewave")


def batches_of(reading: Reading) -> list[list[str]]:
    """What was sent, batch by batch: the keys without the state, sorted."""
    cut = len(reading.state) + 1
    return [sorted(key[cut:] for key in event["keys"]) for event in reading.creates()]


def run_when_idle(reading: Reading, server: EmbeddedProcess) -> None:
    """A run that finds every batch ended."""
    server.wait_until_idle()
    reading.run()


def test_each_run_collects_and_sends_one_wave_of_every_lane(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    quiet_server.set_faults([f"batch-hold:match={tmp_path.name},seconds=600"])
    reading = Reading(tmp_path, quiet_server, BOOKS, execution=TWO_LANES)
    reading.run()
    first = [["Ash:1850:1", "Elm:1850:1"], ["Fir:1850:1", "Oak:1850:1"]]
    assert batches_of(reading) == first
    assert "2 pages left to the next run: 1 batch not finished" in caplog.text
    assert not reading.failures()
    assert not list((tmp_path / "results").rglob("*.json"))
    for wave in (2, 3, 4):
        reading.release()
        reading.run()
        assert len(reading.creates()) == min(5, 2 * wave)
    reading.check()
    assert set(reading.inferences().values()) == {1}
    assert not reading.failures()


def test_a_batch_that_takes_long_holds_up_its_own_chains_only(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    # Once the first lane has gone on, its chains and the other's would be sorted into new lanes.
    books = {"Ash/1850": 3, "Elm/1850": 3, "Fir/1850": 3, "Oak/1850": 2}
    long, short = f"{tmp_path.name}-run1-lane2", f"{tmp_path.name}-run(1-lane1|[2-9])"
    quiet_server.set_faults([f"batch-hold:match={long}|{short},seconds=600"])
    reading = Reading(tmp_path, quiet_server, books, execution=TWO_LANES)
    reading.run()
    for _ in range(3):
        reading.release(short)
        reading.run()
    assert batches_of(reading) == [
        ["Ash:1850:1", "Elm:1850:1"],
        ["Fir:1850:1", "Oak:1850:1"],
        ["Ash:1850:2", "Elm:1850:2"],
        ["Ash:1850:3", "Elm:1850:3"],
    ]
    read = {key for key in reading.keys if reading.library.page_file(key).exists()}
    assert read == {
        reading.key(book, page) for book in ("Ash/1850", "Elm/1850") for page in (1, 2, 3)
    }
    for _ in range(3):
        reading.release()
        reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}


def test_no_more_batches_are_in_flight_than_there_may_be(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    execution = {"wait": False, "batch_size_limit": 1, "max_concurrent_batches": 3}
    quiet_server.set_faults([f"batch-hold:match={tmp_path.name}-run1-,seconds=600"])
    reading = Reading(tmp_path, quiet_server, BOOKS, execution=execution)
    reading.run()
    reading.run()
    assert len(reading.creates()) == 3
    assert "not sent, 3 batches are in flight, the most there may be" in caplog.text
    reading.release()
    for _ in range(6):
        run_when_idle(reading, quiet_server)
    reading.check()
    assert set(reading.inferences().values()) == {1}
    assert max(event["active"] for event in reading.creates()) == 3


@pytest.mark.parametrize(
    ("of_others", "waited_for", "may_send"),
    [
        ({}, 0, 3),  # of five, each of the three lanes has one: two are left
        ({2: 1}, 0, 3),
        ({2: 2}, 0, 2),
        ({2: 2, 3: 2}, 0, 1),
        ({2: 4}, 0, 1),
        ({}, 1, 2),
        ({2: 2}, 1, 1),
        ({2: 4}, 1, 0),
    ],
)
def test_a_wave_may_send_what_the_lanes_leave_of_the_limit(
    tmp_path: Path,
    quiet_server: EmbeddedProcess,
    of_others: dict[int, int],
    waited_for: int,
    may_send: int,
) -> None:
    """Where several batches come of one, as of one that failed: halves."""
    reading = Reading(
        tmp_path, quiet_server, {"Elm/1850": 1}, execution={"max_concurrent_batches": 5}
    )
    session, ledger = reading.session, reading.session.ledger
    pages = [PlannedPage(f"a:b:1850:{lane}", lane, 1, 0) for lane in (1, 2, 3)]
    ledger.runs.start("r1", session.engine, "m", pages, [])
    ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "text")

    def intend(lane: int) -> int:
        record = [Record(reading.keys[0], "f", 1, None, "{}", "1.jpg", "a")]
        name, engine = f"b{len(ledger.batches.all())}", session.engine
        return ledger.batches.add_intent(name, engine, "m", "p", "r1", lane, 1, record).id

    for lane, number in of_others.items():
        for _ in range(number):
            intend(lane)
    waits_for = [intend(1) for _ in range(waited_for)]
    assert batches_at_once(session, "r1", 1, waits_for) == may_send
    left = 5 - sum(of_others.values()) - waited_for
    assert batches_at_once(session, "r1", 1, waits_for, counts=True) == max(1, left)


def test_batches_that_fail_are_sent_again_by_a_later_run_after_their_pause(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    quiet_server.set_faults([f"job-expired:match={tmp_path.name},times=2"])
    reading = Reading(
        tmp_path, quiet_server, BOOKS, execution=TWO_LANES, batch={"retry_pause_seconds": 3600}
    )
    reading.run()
    run_when_idle(reading, quiet_server)
    assert reading.error_types() == {"BatchExpired": 4}
    assert "failed before, not by themselves, and are sent again from" in caplog.text
    assert len(reading.creates()) == 2
    reading.library.configure(batch={"retry_pause_seconds": 0})
    for _ in range(4):
        run_when_idle(reading, quiet_server)
    reading.check()
    assert reading.error_types() == {"BatchExpired": 4}


def test_a_page_that_fails_is_tried_again_and_a_dead_letter_ends_its_chain_alone(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, execution=TWO_LANES | {"max_retries": 2})
    once, always = reading.key("Ash/1850", 1), reading.key("Fir/1850", 1)
    quiet_server.set_faults(
        [
            f"record-error:match={once}$,times=1",
            f"record-error:match={always}$",
            # So each failure is found by the next run, after it has made its plan.
            f"batch-hold:match={tmp_path.name},seconds=0.2",
        ]
    )
    for _ in range(7):
        run_when_idle(reading, quiet_server)
    reading.check(dead=[always])
    assert reading.failures() == {("Ash:1850:1", "APIError"): 1, ("Fir:1850:1", "APIError"): 2}


def test_a_used_up_quota_is_not_waited_for(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    quiet_server.set_faults(["http-error:call=create,code=429,times=2"])
    reading = Reading(tmp_path, quiet_server, BOOKS, execution=TWO_LANES)
    reading.run()
    assert not reading.creates()
    assert caplog.text.count("not sent, the quota is used up") == 2
    for _ in range(4):
        run_when_idle(reading, quiet_server)
    reading.check()
    assert set(reading.inferences().values()) == {1}


def test_a_batch_created_in_spite_of_the_quota_is_found_and_not_paid_for_twice(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["http-error:call=create,code=429,times=1,acted=yes"])
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2}, execution=TWO_LANES)
    for _ in range(4):
        run_when_idle(reading, quiet_server)
    reading.check()
    assert set(reading.inferences().values()) == {1}
    assert len(reading.creates()) == 2


def test_a_batch_beyond_its_deadline_is_cancelled_and_left_to_the_next_runs(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(
        tmp_path,
        quiet_server,
        {"Elm/1850": 1},
        execution=TWO_LANES,
        batch={"max_poll_attempts": 1, "cancel_seconds": 3600},
    )
    quiet_server.set_faults(["job-pending:times=1", "cancel-ignored:times=2"])
    reading.run()
    # The service tells the time in whole seconds: runs that are too quick come before the deadline.
    wait_for(lambda: reading.run() or "beyond its deadline, cancelling" in caplog.text)
    assert reading.batches() == [("submitted", "CANCEL_SENT")]
    reading.library.configure(batch={"cancel_seconds": 0, "reconcile_seconds": 0})
    wait_for(lambda: reading.run() or reading.batches()[0] == ("abandoned", "STUCK"))
    reading.library.configure(batch={"max_poll_attempts": 10_000})
    reading.run()  # asks once more to cancel it, and is heard
    for _ in range(2):
        run_when_idle(reading, quiet_server)
    reading.check()


def test_the_session_of_a_run_that_does_not_wait_never_sleeps_for_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look, and no pause: at a service that has no files to digest, nothing takes time."""
    pauses: list[float] = []
    monkeypatch.setattr(Gemini, "pause", lambda _self, seconds: pauses.append(seconds))
    held = ("--fault", "batch-hold:seconds=600")
    with EmbeddedProcess(tmp_path / "server", "--file-seconds", "0", *held) as server:
        reading = Reading(
            tmp_path, server, BOOKS, execution=TWO_LANES, batch={"poll_interval_seconds": 7.77}
        )
        reading.run()
        reading.run()
        assert len(reading.creates()) == 2
    assert set(pauses) == {0}  # where it only looks whether it is to stop


def test_a_run_says_what_it_leaves_in_flight(tmp_path: Path, quiet_server: EmbeddedProcess) -> None:
    quiet_server.set_faults([f"batch-hold:match={tmp_path.name},seconds=600"])
    reading = Reading(tmp_path, quiet_server, BOOKS, execution=TWO_LANES)
    reading.run()
    [(oldest,)] = reading.query(
        "SELECT strftime('%Y-%m-%d %H:%M', MIN(intent_at), 'unixepoch', 'localtime') FROM batch"
    )
    assert left_for_next_run(reading.session.ledger, reading.session.engine) == (
        f"not all is read yet. In flight: 2 batches with 4 pages, the oldest since {oldest}. Run "
        "the same command again later, such as every hour."
    )
    reading.release()


def test_a_run_says_so_when_it_leaves_nothing_in_flight(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["http-error:call=create,code=429"])
    reading = Reading(tmp_path, quiet_server, BOOKS, execution=TWO_LANES)
    reading.run()
    left = left_for_next_run(reading.session.ledger, reading.session.engine)
    assert left.startswith("not all is read yet, and nothing is in flight. Run the same command")


def test_chains_of_one_batch_share_a_lane_in_the_plan() -> None:
    chains = [["a1", "a2", "a3"], ["b1", "b2"], ["c1", "c2", "c3"], ["d1"], ["e1"]]
    in_flight = {"a1": 7, "b1": 7, "c1": 9, "d1": 9}

    def lanes(size: int) -> list[set[str]]:
        pages = plan(chains, size, in_flight)
        assert sorted(page.key for page in pages) == sorted(key for c in chains for key in c)
        return [{p.key[0] for p in pages if p.lane == lane} for lane in range(1, 9)]

    assert lanes(2) == [{"a", "b"}, {"c", "d"}, {"e"}, *[set()] * 5]
    # Whole batches may go together: what they hold is sent together once both have ended.
    assert lanes(4) == [{"a", "b", "c", "d"}, {"e"}, *[set()] * 6]
    assert lanes(3) == [{"a", "b"}, {"c", "d", "e"}, *[set()] * 6]
    # A limit that was lowered is kept.
    assert lanes(1) == [{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, *[set()] * 3]
