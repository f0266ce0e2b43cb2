"""A request that makes its whole batch fail is found by halving; the others are read."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import BudgetReached, ServiceError

TWELVE = {f"School {number}/1850": 2 for number in range(12)}
FOUR = {f"School {number}/1850": 1 for number in range(4)}


def keys(reading: Reading, schools: Sequence[int], page: int = 1) -> list[str]:
    """The keys of a page of these schools."""
    return [reading.key(f"School {number}/1850", page) for number in schools]


def bad(reading: Reading, *schools: int, options: str = "") -> str:
    """The fault by which the first pages of these schools make their batches fail."""
    names = "|".join(map(str, schools))
    return f"bad-request:match={reading.state}:School ({names}):1850:1$" + options


def sizes(reading: Reading) -> list[int]:
    """How many pages each batch had."""
    return [len(batch["keys"]) for batch in reading.creates()]


def check(reading: Reading, *dead: int) -> None:
    """All is read but for these schools, and was once."""
    reading.check(dead=keys(reading, dead))
    assert set(reading.inferences().values()) == {1}


@pytest.mark.parametrize("place", [0, 5, 11])
def test_a_bad_request_costs_the_others_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess, place: int
) -> None:
    reading = Reading(tmp_path, quiet_server, TWELVE)
    quiet_server.set_faults([bad(reading, place)])
    reading.run()
    check(reading, place)
    assert len(reading.inferences()) == 22
    failed = [len(b["keys"]) for b in reading.creates() if keys(reading, [place])[0] in b["keys"]]
    assert failed in ([12, 6, 3, 2, 1], [12, 6, 3, 1])
    # Beside those: the other half of each, and the second pages of what was read meanwhile.
    assert len(reading.creates()) <= 3 * len(failed)
    types = reading.query("SELECT error_type FROM failure WHERE cleared_at IS NULL ORDER BY id")
    assert types == [("BadBatch",)] * (len(failed) - 1) + [("BadRequest",)]
    [(message,)] = reading.query("SELECT message FROM failure WHERE error_type = 'BadRequest'")
    assert "invalid argument" in message


def test_a_dead_letter_found_by_halving_says_why(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, FOUR)
    quiet_server.set_faults([bad(reading, 1)])
    reading.run()
    [dead] = keys(reading, [1])
    why = reading.session.why_dead(dead)
    assert why and why.startswith("1 failure, the last one BadRequest: ")
    reading.session.ledger.failures.clear([dead])
    quiet_server.set_faults([])
    reading.run()
    check(reading)


@pytest.mark.parametrize("two", [(0, 1), (0, 11), (5, 6), (4, 5)])
def test_two_bad_requests_in_one_batch_are_both_found(
    tmp_path: Path, quiet_server: EmbeddedProcess, two: tuple[int, int]
) -> None:
    reading = Reading(tmp_path, quiet_server, TWELVE)
    quiet_server.set_faults([bad(reading, *two)])
    reading.run()
    check(reading, *two)
    assert len(reading.inferences()) == 20
    assert len(reading.creates()) <= 24


@pytest.mark.parametrize("pages", [3, 4, 12])
def test_where_all_are_bad_there_are_no_more_than_twice_as_many_batches(
    tmp_path: Path, quiet_server: EmbeddedProcess, pages: int
) -> None:
    books = {f"School {number}/1850": 1 for number in range(pages)}
    reading = Reading(tmp_path, quiet_server, books)
    quiet_server.set_faults([bad(reading, *range(pages))])
    reading.run()
    reading.check(dead=keys(reading, range(pages)))
    assert len(reading.creates()) == 2 * pages - 1
    assert not reading.inferences()


def test_a_batch_that_is_refused_for_a_request_is_halved_too(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, TWELVE)
    quiet_server.set_faults([bad(reading, 5, options=",refused=yes")])
    reading.run()
    check(reading, 5)
    assert len(reading.inferences()) == 22
    assert reading.error_types()["BadRequest"] == 1


def test_where_each_request_is_refused_it_is_not_the_pages_fault(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, FOUR)
    quiet_server.set_faults([bad(reading, 0, 1, 2, 3, options=",refused=yes")])
    with pytest.raises(ServiceError, match="invalid argument"):
        reading.run()
    assert not reading.dead() and not reading.creates()
    assert {status for status, _ in reading.batches()} == {"abandoned"}
    quiet_server.set_faults([])
    reading.run()
    check(reading)


def test_a_failure_that_passes_costs_one_batch_more(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, FOUR)
    quiet_server.set_faults(["job-failed:times=1"])
    reading.run()
    check(reading)
    assert sizes(reading) == [4, 2, 2]


def test_a_batch_that_fails_alone_without_a_reason_is_tried_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """INTERNAL may be said of a bad request or be the service's own trouble."""
    reading = Reading(tmp_path, quiet_server, FOUR, execution={"max_batch_failures": 3})
    quiet_server.set_faults([bad(reading, 2, options=",code=13")])
    reading.run()
    check(reading, 2)
    assert reading.error_types()["BatchFailed"] == 3
    assert sizes(reading).count(1) == 4  # the other half, and three times the bad one


@pytest.mark.parametrize("code", [8, 14])
def test_a_batch_that_the_service_fails_for_its_own_trouble_is_sent_whole(
    tmp_path: Path, quiet_server: EmbeddedProcess, code: int
) -> None:
    reading = Reading(tmp_path, quiet_server, FOUR, execution={"max_batch_failures": 1})
    quiet_server.set_faults([bad(reading, 2, options=f",code={code},times=3")])
    reading.run()
    check(reading)
    assert sizes(reading) == [4, 4, 4, 4]
    assert reading.error_types() == {"ServiceTrouble": 12}


@pytest.mark.parametrize("fault", ["job-expired", "job-cancelled"])
def test_what_expired_or_was_cancelled_is_not_halved(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    reading = Reading(tmp_path, quiet_server, FOUR)
    quiet_server.set_faults([f"{fault}:times=2"])
    reading.run()
    check(reading)
    assert sizes(reading) == [4, 4, 4]


def test_what_a_failed_batch_had_read_is_not_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, FOUR)
    quiet_server.set_faults(["job-failed:times=1,share=0.25"])
    reading.run()
    check(reading)
    assert sizes(reading) == [4, 2, 1]


@pytest.mark.parametrize("times", range(1, 6))
def test_a_crash_between_the_halves_changes_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess, times: int
) -> None:
    """The head dies when a wave is about to end; the next run goes on with the same halves."""
    reading = Reading(tmp_path, quiet_server, TWELVE)
    quiet_server.set_faults([bad(reading, 5)])
    for _ in range(times):
        with reading.crash_in("pagewave.waves.wave._write_manifest"):
            reading.run()
    reading.run()
    check(reading, 5)
    assert len(reading.creates()) <= 15
    assert {status for status, _ in reading.batches()} <= {"collected", "abandoned"}


def test_a_crash_before_the_second_half_is_sent_sends_it_once(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, FOUR)
    quiet_server.set_faults([bad(reading, 1)])
    with reading.crash_in("pagewave.waves.wave.events.batch_sent"):
        reading.run()  # dies with the first batch at the service
    with reading.crash_in("pagewave.waves.wave.events.batch_sent"):
        reading.run()  # with the first half
    reading.run()
    check(reading, 1)
    assert sorted(sizes(reading), reverse=True) == [4, 2, 2, 1, 1]


def test_without_waiting_halving_goes_on_from_run_to_run(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    execution = {"wait": False, "max_concurrent_batches": 2}
    reading = Reading(tmp_path, quiet_server, TWELVE, execution=execution)
    quiet_server.set_faults([bad(reading, 5)])
    for _ in range(20):
        quiet_server.wait_until_idle()
        reading.run()
        if reading.dead() and len(reading.attempts()) == 22:
            break
    check(reading, 5)
    assert max(event["active"] for event in reading.creates()) <= 2


def test_one_batch_at_a_time_stays_one_at_a_time(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, TWELVE, execution={"max_concurrent_batches": 1})
    quiet_server.set_faults([bad(reading, 5)])
    reading.run()
    check(reading, 5)
    assert max(event["active"] for event in reading.creates()) == 1
    assert len(reading.creates()) <= 15


def test_a_budget_with_room_for_one_half_sends_that(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, FOUR)
    quiet_server.set_faults(["job-failed:times=1"])
    with reading.crash_in("pagewave.waves.wave.events.wave_closed"):
        reading.run()
    [(one,)] = reading.query("SELECT MAX(max_usd) FROM record")
    # A failed batch costs nothing: there is room for three pages of four.
    reading.library.configure(execution={"max_cost_usd": 3.2 * one})
    with suppress(BudgetReached):
        reading.run()
    assert sizes(reading)[:2] == [4, 2]
    assert set(reading.inferences().values()) == {1}
