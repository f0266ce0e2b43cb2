"""Trouble on the way to the service: errors, cuts, silence and nonsense, on every call there is."""

import logging
from pathlib import Path
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.embedded.server.faults import CALLS
from pagewave.errors import ServiceError

USED_CALLS = [call for call in CALLS if call != "generate"]
BOOKS = {"Elm/1850": 2, "Oak/1850": 2}
CANCELLED_SOON = {"max_poll_attempts": 40}  # so that `cancel` is called too

TROUBLES = [
    "http-error:code=408",
    "http-error:code=429",
    "http-error:code=500",
    "http-error:code=502",
    "http-error:code=503",
    "http-error:code=503,acted=yes",
    "http-error:code=302",
    "http-error:code=409",
    "http-error:code=425",
    "http-error:code=499",
    "http-error:code=501",
    "http-error:code=524",
    "http-error:code=599",
    "http-error:code=404,foreign=yes",
    "http-error:code=413,foreign=yes,acted=yes",
    "cut-before",
    "cut-after",
    "slow:seconds=0.05",
    "slow:seconds=60",
    "hang",
    "garbage-200:body=html",
    "garbage-200:body=json",
    "garbage-200:body=empty",
    "garbage-200:body=list",
    "garbage-200:body=null",
    "garbage-200:body=text",
    "garbage-200:body=binary,acted=no",
]


def read_under(
    tmp_path: Path, server: EmbeddedProcess, fault: str, **sections: dict[str, Any]
) -> Reading:
    """A run in which the service has this fault, and for which no page fails."""
    reading = Reading(tmp_path, server, BOOKS, **sections)
    server.set_faults([fault])
    reading.run()
    reading.check()
    assert not reading.failures()
    return reading


def with_options(fault: str, options: str) -> str:
    """A fault with further options."""
    return f"{fault}{',' if ':' in fault else ':'}{options}"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_on_every_call_loses_nothing_and_is_paid_once(
    tmp_path: Path, quiet_server: EmbeddedProcess, trouble: str
) -> None:
    silent = trouble in ("hang", "slow:seconds=60")
    files = {"timeout_seconds": 0.4 if silent else 5.0}
    reading = Reading(tmp_path, quiet_server, BOOKS, batch=CANCELLED_SOON, files=files)
    times = 1 if silent else 2
    quiet_server.set_faults(
        # The first batch never starts: it is cancelled, and its pages are sent again.
        [f"job-pending:match={tmp_path.name},times=1"]
        + [with_options(trouble, f"call={call},times={times}") for call in USED_CALLS]
    )
    already = len(quiet_server.log("fault"))
    reading.run()
    reading.check()
    assert set(reading.error_types()) <= {"BatchCancelled"}
    hit = {fault["call"] for fault in quiet_server.log("fault")[already:] if "call" in fault}
    # `list` is called where the fate of a create is unknown, which these leave no doubt about.
    certain = ("slow:seconds=0.05", "http-error:code=429")
    assert hit >= set(USED_CALLS) - ({"list"} if trouble in certain else set())


@pytest.mark.parametrize(
    "trouble",
    [
        "cut-after:call=create",
        "http-error:call=create,code=500,acted=yes",
        "http-error:call=create,code=408,acted=yes",
        "http-error:call=create,code=429,acted=yes",
        "http-error:call=create,code=409,acted=yes",
        "http-error:call=create,code=425,acted=yes",
        "http-error:call=create,code=499,acted=yes",
        "http-error:call=create,code=501,acted=yes",
        "http-error:call=create,code=524,acted=yes",
        "http-error:call=create,code=302,acted=yes",
        "http-error:call=create,code=400,acted=yes,foreign=yes",
        "http-error:call=create,code=404,acted=yes,foreign=yes",
        "garbage-200:call=create,body=list",
        "garbage-200:call=create,body=html",
        "garbage-200:call=create,body=json",
        "slow:call=create,seconds=60",
    ],
)
def test_a_create_of_unknown_fate_is_found_by_its_name(
    tmp_path: Path, quiet_server: EmbeddedProcess, trouble: str
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, files={"timeout_seconds": 0.4})
    quiet_server.set_faults([f"{trouble},times=2"])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2  # one a wave
    assert reading.batches() == [("collected", "SUCCEEDED")] * 2


@pytest.mark.parametrize(
    "trouble", ["cut-before:call=create", "http-error:call=create", "hang:call=create"]
)
def test_a_create_that_never_arrived_is_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess, trouble: str
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, files={"timeout_seconds": 0.4})
    quiet_server.set_faults([f"{trouble},times=2"])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2
    # Each create call had a row and a name of its own; those that got lost stay doubtful.
    assert reading.batches() == [("abandoned", "UNKNOWN")] * 2 + [("collected", "SUCCEEDED")] * 2
    assert not reading.failures()


@pytest.mark.slow
def test_a_hundred_creates_cut_in_a_row_make_no_duplicate(tmp_path: Path) -> None:
    # A server of its own: each cut is followed by a look at its whole list.
    with EmbeddedProcess(tmp_path / "server", "--file-seconds", "0.01") as server:
        reading = Reading(tmp_path, server, {"Elm/1850": 100})
        server.set_faults(["cut-after:call=create,times=100"])
        reading.run(most_waves=100)
        reading.check()
        assert [fault["fault"] for fault in server.log("fault")] == ["cut-after"] * 100
        created = [batch["display_name"] for batch in reading.creates()]
        assert len(created) == len(set(created)) == server.stats()["batches"] == 100
        assert reading.batches() == [("collected", "SUCCEEDED")] * 100
        assert set(reading.inferences().values()) == {1}


def test_a_service_that_creates_nothing_ends_the_wave_not_the_pages(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, batch={"outage_seconds": 0.5})
    quiet_server.set_faults(["http-error:call=create"])
    with pytest.raises(ServiceError, match="has not created a batch for"):
        reading.run()
    assert {status for status, _ in reading.batches()} == {"abandoned"}
    assert not reading.failures()
    quiet_server.set_faults([])
    reading.run()
    reading.check()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("http-error:call=create,code=400", "check model.name"),
        ("http-error:call=create,code=403", "GEMINI_API_KEY"),
        ("http-error:call=create,code=404", "check model.name"),
        ("http-error:call=upload,code=401", "GEMINI_API_KEY"),
        ("http-error:call=get,code=403,match=/batches/", "GEMINI_API_KEY"),
    ],
)
def test_a_definite_no_ends_the_wave_at_once_and_costs_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, message: str
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults([fault])
    already = len(quiet_server.log("fault"))
    with pytest.raises(ServiceError, match=message):
        reading.run()
    assert not reading.failures()
    # No call is repeated; the two images are uploaded at the same time.
    assert 1 <= len(quiet_server.log("fault")) - already <= 2
    quiet_server.set_faults([])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2


def test_an_outage_that_lasts_is_said_and_loses_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, batch={"outage_seconds": 5})
    quiet_server.set_faults(["http-error:call=get,code=503,match=/batches/"])
    with pytest.raises(ServiceError, match="did not answer for"):
        reading.run()
    assert "failed 4 times" in caplog.text
    assert reading.batches() == [("submitted", None)]
    quiet_server.set_faults([])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2


@pytest.mark.parametrize(
    "trouble", ["code=501", "code=524", "code=409", "code=404,foreign=yes", "code=302"]
)
def test_what_is_no_refusal_is_waited_out_and_loses_no_batch(
    tmp_path: Path, quiet_server: EmbeddedProcess, trouble: str
) -> None:
    """Nor do a proxy's words for "not found" mean that the service lost a batch."""
    reading = Reading(tmp_path, quiet_server, BOOKS, batch={"outage_seconds": 0.5})
    quiet_server.set_faults([f"http-error:call=get,match=/batches/,{trouble}"])
    with pytest.raises(ServiceError, match=r"did not answer for .*looking at batches/"):
        reading.run()
    assert reading.batches() == [("submitted", None)]
    quiet_server.set_faults([])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2


def test_redirects_without_end_are_waited_out(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    # A call is sent on twenty times before it is given up.
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["redirect:times=60"])
    reading.run()
    reading.check()
    assert not reading.failures()


def refused_to_cancel(reading: Reading) -> bool:
    """Has the server refused to cancel a batch of this test?"""
    batches = {event["batch"] for event in reading.creates()}
    refused = [event["subject"] for event in reading.server.log("fault")]
    return any(batch in subject for batch in batches for subject in refused)


def test_a_cancel_that_meets_a_conflict_is_not_repeated(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """It is ending by itself; a look at it tells."""
    reading = Reading(tmp_path, quiet_server, BOOKS, batch=CANCELLED_SOON)
    quiet_server.set_faults(
        [f"job-pending:match={tmp_path.name},times=1", "http-error:call=cancel,code=409"]
    )
    with quiet_server.goes_on_when(lambda: refused_to_cancel(reading)):
        reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 2


def test_uploads_wait_out_an_outage_of_everything(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    # More often than both uploads are tried.
    read_under(
        tmp_path, quiet_server, "http-error:skip=1,times=12", files={"upload_retry_attempts": 2}
    )


# Quota


def test_a_used_up_quota_is_waited_for_and_said(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["http-error:call=create,code=429,times=4"])
    reading.run()
    reading.check()
    assert caplog.text.count("quota used up, asking again") == 4
    assert len(reading.creates()) == 2
    assert reading.batches() == [("collected", "SUCCEEDED")] * 2
    assert len(reading.uploads(".jsonl")) == 2  # waiting needs no further upload


def test_a_quota_held_after_a_cancel_is_waited_for(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, batch=CANCELLED_SOON)
    quiet_server.set_faults(
        [f"job-pending:match={tmp_path.name},times=1", "quota-held:seconds=600"]
    )
    with quiet_server.goes_on_when(lambda: "quota used up, asking again" in caplog.text):
        reading.run()
    reading.check()
    assert "quota used up, asking again" in caplog.text
    assert set(reading.error_types()) == {"BatchCancelled"}


def test_a_quota_that_never_comes_ends_the_wave(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, batch={"quota_seconds": 0.3})
    quiet_server.set_faults(["http-error:call=create,code=429"])
    with pytest.raises(ServiceError, match="quota has been used up"):
        reading.run()
    assert reading.batches() == [("abandoned", "UNKNOWN")]
    assert not reading.failures()


# Lists and downloads


@pytest.mark.parametrize(
    "fault",
    [
        *("list-empty:times=2", "list-empty-without-page-size", "list-empty-later-page"),
        *("list-oldest-first", "list-delay", "list-twice", "list-in-circles:times=3"),
    ],
)
def test_a_list_that_misleads_makes_no_duplicate(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that there are later pages, yet not many of them.
    size = max(1, quiet_server.stats()["batches"] // 3)
    monkeypatch.setattr("pagewave.gemini.client.LIST_PAGE_SIZE", size)
    reading = Reading(tmp_path, quiet_server, BOOKS)
    late = "list-delay:seconds=0.15" if fault == "list-delay" else fault
    quiet_server.set_faults([late, "cut-after:call=create"])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2


def test_a_batch_that_is_listed_twice_is_one_batch(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    already = len(quiet_server.log("cancel"))
    quiet_server.set_faults(["list-twice", "cut-after:call=create,times=2"])
    reading.run()
    reading.check()
    assert reading.batches() == [("collected", "SUCCEEDED")] * 2
    assert len(quiet_server.log("cancel")) == already


@pytest.mark.parametrize("order", [[], ["list-oldest-first"]])
@pytest.mark.parametrize("between", [[], ["list-empty-later-page"]])
def test_a_batch_is_found_on_whatever_page_of_the_list(
    tmp_path: Path, order: list[str], between: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others' batches are older and newer than the one whose create answer was lost."""
    monkeypatch.setattr("pagewave.gemini.client.LIST_PAGE_SIZE", 2)
    with EmbeddedProcess(tmp_path / "server", "--file-seconds", "0") as server:
        older, lost, newer = (
            Reading(new_folder(tmp_path / name), server, {"Elm/1850": pages})
            for name, pages in (("older", 2), ("lost", 1), ("newer", 2))
        )
        older.run()
        server.set_faults(["cut-after:call=create,times=1"])
        with lost.crash_in("pagewave.waves.submit._find"):
            lost.run()
        newer.run()
        server.set_faults([*order, *between])
        lost.run()
        lost.check()
        assert [len(each.creates()) for each in (older, lost, newer)] == [2, 1, 2]


def test_a_list_goes_on_behind_the_pages_that_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the calls fail: begun anew each time, 24 pages would take millions of calls."""
    monkeypatch.setattr("pagewave.gemini.client.LIST_PAGE_SIZE", 1)
    with EmbeddedProcess(tmp_path / "server", "--file-seconds", "0") as server:
        books = {f"Elm/{year}": 1 for year in range(1850, 1862)}
        reading = Reading(tmp_path, server, books, execution={"batch_size_limit": 1})
        reading.run()
        there = server.stats()["batches"]
        already, failed = len(server.log("list")), len(server.log("refused"))
        server.set_faults(["http-error:call=list,code=503,probability=0.5"])
        found = reading.session.client.list_batches()
        assert len(found) == there == 12
        assert len(server.log("list")) == already + 12  # each page once
        assert len(server.log("refused")) > failed


def test_a_list_whose_next_page_is_refused_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the token of a page was good for a while only."""
    monkeypatch.setattr("pagewave.gemini.client.LIST_PAGE_SIZE", 1)
    with EmbeddedProcess(tmp_path / "server", "--file-seconds", "0") as server:
        reading = Reading(tmp_path, server, {"Elm/1850": 3})
        reading.run()
        already = len(server.log("list"))
        server.set_faults(["http-error:call=list,code=400,skip=1,times=1"])
        assert len(reading.session.client.list_batches()) == 3
        assert len(server.log("list")) == already + 1 + 3


def new_folder(path: Path) -> Path:
    """The folder, once it is there."""
    path.mkdir()
    return path


@pytest.mark.parametrize("fault", ["truncated-download", "short-download", "slow:call=download"])
def test_a_download_that_brings_too_little_is_repeated(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    spec = with_options(fault, "times=2")
    reading = read_under(tmp_path, quiet_server, spec, files={"timeout_seconds": 0.4})
    assert len(reading.creates()) == 2


@pytest.mark.parametrize("code", [403, 404])
def test_results_that_are_refused_for_a_while_are_not_lost(
    tmp_path: Path, quiet_server: EmbeddedProcess, code: int
) -> None:
    read_under(tmp_path, quiet_server, f"http-error:call=download,code={code},times=4")


def test_an_undeletable_file_is_no_error(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    read_under(tmp_path, quiet_server, "undeletable")
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
