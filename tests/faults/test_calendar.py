"""Rules that go by the calendar, with a clock that is moved: nobody waits for two days.

The service keeps uploads, results and batches for 48 hours; pagewave must have used what it sent by
then, fetch what it paid for, and know what became of what it gave up on.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.clock import HOUR, Clock, moved_clock
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import Player, in_one_process
from helpers.reading import QUICK, Reading
from pagewave.errors import ServiceError
from pagewave.gemini.client import Gemini
from pagewave.plan.targets import Command
from pagewave.waves.collect import collect
from pagewave.waves.events import batch_old

BOOKS = {"Elm/1850": 2, "Oak/1850": 2}
BOOK = {"Elm/1850": 1}


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clock]:
    """One for all tests: none minds how late it is."""
    with moved_clock(tmp_path_factory.mktemp("clock") / "ahead") as clock:
        yield clock


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[EmbeddedProcess]:
    """A server that goes by that clock."""
    folder = tmp_path_factory.mktemp("service")
    arguments = ("--file-seconds", "0")
    with EmbeddedProcess(folder / "state", *arguments, environment=clock.environment) as server:
        yield server


@pytest.fixture
def server(service: EmbeddedProcess) -> Iterator[EmbeddedProcess]:
    """The same without faults, before the test and after it, and nothing going on."""
    service.set_faults([])
    yield service
    service.set_faults([])
    listed = service.request("GET", "/v1beta/batches", params={"pageSize": 100}).json()
    for batch in listed.get("operations", ()):
        service.request("POST", f"/v1beta/{batch['name']}:cancel").raise_for_status()


# Uploads: 47 hours, of which 36 must be left, and 12 may pass before a batch is created


@pytest.mark.parametrize(("hours", "uploads"), [(10.9, 1), (11.1, 2)])
def test_an_image_is_used_again_while_it_has_36_of_its_47_hours_left(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock, hours: float, uploads: int
) -> None:
    reading = Reading.uploading(tmp_path, server, BOOK)
    server.set_faults(["missing-key:times=1"])

    def let_time_pass(wave: int) -> None:
        if wave == 2:
            clock.move(hours=hours)

    reading.run(before_wave=let_time_pass)
    assert reading.error_types() == {"MissingResponse": 1}
    assert len(reading.uploads()) == uploads


@pytest.mark.parametrize(("hours", "uploads"), [(3.9, 1), (4.1, 2)])
def test_an_image_that_the_service_keeps_for_less_is_used_again_for_less(
    tmp_path: Path, clock: Clock, hours: float, uploads: int
) -> None:
    arguments = ("--file-seconds", "0", "--file-lifetime", str(40 * HOUR))
    folder = tmp_path / "server"
    with EmbeddedProcess(folder, *arguments, environment=clock.environment) as server:
        reading = Reading.uploading(tmp_path, server, BOOK)
        server.set_faults(["missing-key:times=1"])

        def let_time_pass(wave: int) -> None:
            if wave == 2:
                clock.move(hours=hours)

        reading.run(before_wave=let_time_pass)
        assert reading.error_types() == {"MissingResponse": 1}
        assert len(reading.uploads()) == uploads


def test_uploads_are_looked_at_anew_after_twelve_hours_without_quota(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quota lets the batch in after 0.5 + 1 + 2 + 4 + 7.5 + 7.5 + 7.5 hours: uploads at the
    beginning, after 15 hours and after 30, and not after 22.5."""
    reading = Reading.uploading(tmp_path, server, BOOK, batch={"retry_pause_seconds": 1800})
    server.set_faults(["http-error:call=create,code=429,times=7"])
    clock.moves_in_pauses(monkeypatch)
    reading.run()
    reading.check()
    (create,) = reading.creates()
    uploads = [event for event in server.log("upload") if event["display_name"]]
    of_requests = [e["t"] for e in uploads if f"-{reading.state}-" in e["display_name"]]
    assert [round((create["t"] - t) / HOUR, 1) for t in of_requests] == [30.0, 15.0, 0.0]
    # 30 hours before, there is no image left that lives for 36 more; 15 hours before, neither.
    assert len(reading.uploads()) == 3


@pytest.mark.parametrize("place", ["file-uploaded", "requests-uploaded"])
@pytest.mark.parametrize(("hours", "gone"), [(46.5, False), (47.5, True), (48.5, True)])
def test_uploads_that_a_crash_left_are_deleted_until_they_go_by_themselves(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock, place: str, hours: float, gone: bool
) -> None:
    elm, oak = (f"{tmp_path.name}/{name}/1850" for name in ("Elm", "Oak"))
    with in_one_process():
        player = Player(Library(tmp_path, {elm: 1, oak: 1}, **QUICK), server)
        start = len(server.log())
        assert player.play(book(elm), crash_at=place) == "crashed"
        left = {event["file"] for event in server.log()[start:] if event["event"] == "upload"}
        clock.move(hours=hours)
        assert player.play(book(oak)) == "ok"
    events = server.log()[start:]
    deleted = {event["file"] for event in events if event["event"] == "delete"}
    assert left
    assert (left & deleted) == (set() if gone else left)
    # What is gone by then is not even asked about.
    assert not [event for event in events if event["event"] == "refused"]
    assert not player.library.ledger("SELECT name FROM service_file")


def book(name: str) -> Command:
    """The command that wants this book."""
    return Command({f"results/books/{name}/book.json"})


# Results: 48 hours


@pytest.mark.parametrize(("hours", "times_read"), [(47.9, 1), (48.1, 2)])
def test_results_are_fetched_until_the_service_deletes_them_and_then_paid_for_again(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock, hours: float, times_read: int
) -> None:
    reading = Reading(tmp_path, server, BOOKS)
    server.set_faults(["batch-hold:times=1,seconds=3600"])
    reading.run_until(reading.creates)
    clock.move(hours=1)
    server.wait_until_idle()
    clock.move(hours=hours)
    reading.run()
    reading.check()
    firsts = {reading.key(book, 1) for book in BOOKS}
    assert {reading.inferences()[key] for key in firsts} == {times_read}
    lost = [("abandoned", "NO_RESULTS")] if times_read == 2 else []
    assert reading.batches() == lost + [("collected", "SUCCEEDED")] * 2


# Batches: 48 hours until one is cancelled, 24 more until it is given up, a week of doubt


def test_a_batch_is_cancelled_after_48_hours_and_given_up_after_24_more(
    tmp_path: Path,
    server: EmbeddedProcess,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By the defaults for Gemini, but for the looks, of which there are fewer."""
    pace = {"poll_interval_seconds": 1800, "max_poll_attempts": 96, "cancel_seconds": 86_400}
    reading = Reading(tmp_path, server, BOOK, batch=pace, notify={"batch_older_than_hours": 2})
    server.set_faults(["job-pending:times=1", "cancel-ignored"])
    clock.moves_in_pauses(monkeypatch)
    reading.run()
    stuck, again = reading.creates()
    cancels = [e["t"] for e in server.log("cancel") if e["batch"] == stuck["batch"]]
    # A look every half hour, give or take a fifth.
    assert 48 <= (cancels[0] - stuck["t"]) / HOUR <= 48.6
    assert len(cancels) > 1  # it is asked again
    assert 72 <= (again["t"] - stuck["t"]) / HOUR <= 73.2
    assert reading.batches() == [("abandoned", "STUCK"), ("collected", "SUCCEEDED")]
    assert caplog.text.count("is still PENDING 2 hours after it was sent") == 1


def test_runs_that_do_not_wait_give_up_a_batch_that_ignores_its_cancelling(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 72 hours, counted from when it began and not from when a run began."""
    pace = {"poll_interval_seconds": 1800, "max_poll_attempts": 96, "cancel_seconds": 86_400}
    reading = Reading(tmp_path, server, BOOK, execution={"wait": False}, batch=pace)
    server.set_faults(["job-pending:times=1", "cancel-ignored"])
    clock.moves_in_pauses(monkeypatch)
    reading.run()
    states = []
    for hours in (47, 2, 22, 2):
        clock.move(hours=hours)
        reading.run()
        states.append(reading.batches()[0])
    asked_to_end = ("submitted", "CANCEL_SENT")
    assert states[0][0] == "submitted" and states[0] != asked_to_end
    assert states[1:] == [asked_to_end, asked_to_end, ("abandoned", "STUCK")]


@pytest.mark.parametrize(("days", "cancelled"), [(6.9, 1), (7.1, 0)])
def test_a_batch_that_was_never_listed_is_looked_for_during_a_week(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock, days: float, cancelled: int
) -> None:
    reading = Reading(tmp_path, server, BOOK)
    server.set_faults(["cut-after:call=create,times=1", "list-empty", "job-pending:times=1"])
    reading.run()
    assert reading.batches() == [("abandoned", "UNKNOWN"), ("collected", "SUCCEEDED")]
    server.set_faults([])
    clock.move(hours=24 * days)
    lists = len(server.log("list"))
    reading.run()
    hidden = reading.creates()[0]["batch"]
    assert [event["batch"] for event in server.log("cancel")].count(hidden) == cancelled
    assert (len(server.log("list")) > lists) == bool(cancelled)


@pytest.mark.parametrize("renewed_after", [0, 20])
def test_a_batch_that_another_lane_sends_is_waited_for_24_hours_after_it_last_tried(
    tmp_path: Path,
    server: EmbeddedProcess,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    renewed_after: int,
) -> None:
    reading = Reading(tmp_path, server, BOOK)
    with reading.crash_in("pagewave.waves.submit.upload_batch"):
        reading.run()
    assert reading.batches() == [("intent", None)]
    hours = []

    def wait_an_hour(_: Gemini, seconds: float) -> None:
        hours.append(seconds)
        clock.move(hours=1)
        if len(hours) == renewed_after:
            reading.session.ledger.batches.mark_creating(1, "files/requests")

    monkeypatch.setattr(Gemini, "pause", wait_an_hour)
    with pytest.raises(ServiceError, match="was never created"):
        collect(reading.session, 1)
    assert len(hours) == renewed_after + 24


# Pauses that outlast a run


@pytest.mark.parametrize(("minutes", "batches"), [(59, 1), (61, 2)])
def test_a_run_that_does_not_wait_sends_again_once_the_pause_is_over(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock, minutes: int, batches: int
) -> None:
    reading = Reading(
        tmp_path,
        server,
        BOOK,
        execution={"wait": False},
        batch={"retry_pause_seconds": 3600},
    )
    server.set_faults(["job-failed:times=1"])
    reading.run()
    server.wait_until_idle()
    reading.run()
    assert reading.error_types() == {"BatchFailed": 1}
    clock.move(seconds=60 * minutes)
    reading.run()
    assert len(reading.creates()) == batches


def test_a_quota_is_waited_for_during_a_week(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pauses of 1, 2, 4, 8 and then 15 hours: the first look behind 168 hours is after 180."""
    reading = Reading(tmp_path, server, BOOK, batch={"retry_pause_seconds": 3600})
    server.set_faults(["http-error:call=create,code=429"])
    clock.moves_in_pauses(monkeypatch)
    began = clock.now()
    with pytest.raises(ServiceError, match="quota has been used up for 168 hours"):
        reading.run()
    assert round((clock.now() - began) / HOUR) == 180
    assert reading.batches() == [("abandoned", "UNKNOWN")]


def test_a_batch_is_old_after_the_hours_that_the_configuration_says(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock
) -> None:
    reading = Reading(tmp_path, server, BOOK, notify={"batch_older_than_hours": 2})
    server.set_faults(["job-pending:times=1"])
    reading.run_until(lambda: reading.batches() == [("submitted", "PENDING")])
    batch = reading.session.ledger.batches.get(1)
    clock.move(hours=1.9)
    assert not batch_old(reading.session.settings, batch, "PENDING")
    clock.move(hours=0.2)
    assert batch_old(reading.session.settings, batch, "PENDING")


# This computer's clock, which is not the service's


def asked_twice_after_a_jump(
    reading: Reading, clock: Clock, hours: float, call: str
) -> Callable[[], bool]:
    """A condition that sets the clock as soon as a batch was created, and holds once the server was
    asked twice more for it (`get`) or for its lists (`list`)."""
    asked: list[int] = []

    def condition() -> bool:
        if not asked and reading.creates():
            clock.move(hours=hours)
            asked.append(len(reading.server.log(call)))
        return bool(asked) and len(reading.server.log(call)) >= asked[0] + 2

    return condition


@pytest.mark.parametrize("hours", [100, -100])
def test_a_clock_that_is_set_while_a_batch_goes_on_cancels_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess, hours: float
) -> None:
    """A batch has 48 hours at the service, whatever this computer believes."""
    pace = {"max_poll_attempts": int(48 * HOUR / QUICK["batch"]["poll_interval_seconds"])}
    reading = Reading(tmp_path, quiet_server, BOOK, batch=pace)
    quiet_server.set_faults(["batch-hold:times=1,seconds=600"])
    already = len(quiet_server.log("cancel"))
    with moved_clock(tmp_path / "ahead") as clock:
        with quiet_server.goes_on_when(asked_twice_after_a_jump(reading, clock, hours, "get")):
            reading.run()
        reading.check()
    assert len(quiet_server.log("cancel")) == already
    assert reading.batches() == [("collected", "SUCCEEDED")]


@pytest.mark.parametrize("hours", [100, -100])
def test_a_clock_that_was_set_between_two_runs_cancels_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess, hours: float
) -> None:
    pace = {"max_poll_attempts": int(48 * HOUR / QUICK["batch"]["poll_interval_seconds"])}
    reading = Reading(tmp_path, quiet_server, BOOK, batch=pace)
    quiet_server.set_faults(["batch-hold:times=1,seconds=600"])
    already = len(quiet_server.log("cancel"))
    with moved_clock(tmp_path / "ahead") as clock:
        reading.run_until(reading.creates)
        with quiet_server.goes_on_when(asked_twice_after_a_jump(reading, clock, hours, "get")):
            reading.run()
        reading.check()
    assert len(quiet_server.log("cancel")) == already
    assert reading.batches() == [("collected", "SUCCEEDED")]


@pytest.mark.parametrize("hours", [100, -100])
def test_a_batch_is_looked_for_as_long_whatever_the_clock_is_set_to(
    tmp_path: Path, quiet_server: EmbeddedProcess, hours: float
) -> None:
    """Its create answer was lost, and it is listed late: that takes real seconds."""
    reading = Reading(tmp_path, quiet_server, BOOK, batch={"reconcile_seconds": 600})
    quiet_server.set_faults(["cut-after:call=create,times=1", "list-delay:times=1,seconds=600"])
    with moved_clock(tmp_path / "ahead") as clock:
        with quiet_server.goes_on_when(asked_twice_after_a_jump(reading, clock, hours, "list")):
            reading.run()
        reading.check()
    assert len(reading.creates()) == 1
    assert reading.batches() == [("collected", "SUCCEEDED")]


def test_a_pause_that_began_before_the_clock_was_set_back_is_over(
    tmp_path: Path, server: EmbeddedProcess, clock: Clock
) -> None:
    """Else nothing would be sent until that hour comes again."""
    pause = {"retry_pause_seconds": 3600}
    reading = Reading(tmp_path, server, BOOK, execution={"wait": False}, batch=pause)
    server.set_faults(["job-failed:times=1"])
    clock.move(hours=100)
    reading.run()
    server.wait_until_idle()
    reading.run()
    assert reading.error_types() == {"BatchFailed": 1}
    clock.move(hours=-100)
    reading.run()
    assert len(reading.creates()) == 2
