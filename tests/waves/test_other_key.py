"""The key of another project: it does not see what is in flight, and that is not lost for it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.keyed_proxy import KeyedProxy
from helpers.library import Library
from helpers.reading import Reading
from pagewave.errors import ServiceError
from pagewave.gemini.connect import GEMINI_ADDRESS_VARIABLE
from pagewave.ledger import Ledger

FIRST, ROTATED, OTHER = "first-key-0001", "rotated-key-0002", "other-key-0003"
BOOK = {"Elm/1850": 1}


@pytest.fixture
def service(quiet_server: EmbeddedProcess) -> Iterator[KeyedProxy]:
    """A service with two projects; one has two keys."""
    projects = {FIRST: "one", ROTATED: "one", OTHER: "two"}
    with KeyedProxy(quiet_server, projects) as proxy:
        yield proxy


@pytest.fixture
def reading(
    tmp_path: Path, quiet_server: EmbeddedProcess, service: KeyedProxy
) -> Iterator[Reading]:
    """A book that is read with engine gemini, by way of that service."""
    with patch.object(quiet_server, "base_url", service.base_url):
        reading = Reading(tmp_path, quiet_server, BOOK)
        reading.library.config["engine"] = "gemini"
        yield reading


def run(reading: Reading, key: str) -> None:
    """A run with this key."""
    with patch.object(reading.server, "token", key):
        reading.run()


def in_flight(reading: Reading, server: EmbeddedProcess, seconds: float = 1.0) -> None:
    """A run with the first key that ends while its batch goes on."""
    server.set_faults([f"batch-hold:times=1,seconds={seconds}"])
    with reading.crash_in("pagewave.waves.batch_road.collect"):
        run(reading, FIRST)
    assert reading.batches() == [("submitted", None)]


def test_what_is_in_flight_with_another_key_stops_the_run(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    in_flight(reading, quiet_server)
    with pytest.raises(ServiceError, match="sent with another key") as stopped:
        run(reading, OTHER)
    words = str(stopped.value)
    assert reading.creates()[0]["batch"] in words
    assert "1 page, about 0." in words
    assert "--config 'execution={other_key: go_on}'" in words
    assert stopped.value.exit_code == 5
    assert len(reading.creates()) == 1
    assert reading.batches() == [("submitted", None)]
    run(reading, FIRST)
    reading.check()
    assert set(reading.inferences().values()) == {1}


def test_what_the_other_project_sent_itself_does_not_make_it_the_same_one(
    tmp_path: Path, reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    in_flight(reading, quiet_server)
    (tmp_path / "others").mkdir()
    others = Reading(tmp_path / "others", quiet_server, {"Oak/1850": 1})
    others.library.config["engine"] = "gemini"
    run(others, OTHER)
    with pytest.raises(ServiceError, match="sent with another key"):
        run(reading, OTHER)
    assert reading.batches() == [("submitted", None)]


def test_a_create_call_of_another_key_is_not_taken_for_lost(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults([])
    with reading.crash_in("pagewave.ledger.batches.Batches.mark_submitted"):
        run(reading, FIRST)
    with pytest.raises(ServiceError, match="sent with another key"):
        run(reading, OTHER)
    assert reading.batches() == [("creating", None)]
    run(reading, FIRST)
    reading.check()
    assert set(reading.inferences().values()) == {1}


def test_a_rotated_key_goes_on(
    reading: Reading, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    in_flight(reading, quiet_server)
    run(reading, ROTATED)
    reading.check()
    assert set(reading.inferences().values()) == {1}
    assert caplog.text.count("is seen with this one") == 1


def test_with_consent_the_pages_are_sent_again_and_the_batch_is_collected_when_its_key_is_back(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    in_flight(reading, quiet_server)
    reading.library.configure(execution={"other_key": "go_on"})
    run(reading, OTHER)
    assert reading.batches() == [("abandoned", "OTHER_KEY"), ("collected", "SUCCEEDED")]
    name = reading.creates()[0]["batch"]
    wait_for(lambda: name in [event["batch"] for event in quiet_server.log("finish")])
    run(reading, OTHER)  # looks in vain, and takes nothing for lost
    assert reading.batches()[0] == ("abandoned", "OTHER_KEY")
    run(reading, FIRST)  # though there is nothing to be read
    assert reading.batches() == [("collected", "SUCCEEDED")] * 2
    reading.check(paid_twice=1)


def test_batches_of_before_the_ledger_knew_keys_are_looked_for_as_ever(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    in_flight(reading, quiet_server)
    with reading.session.ledger.transaction() as db:
        db.execute("DELETE FROM batch_key")
    run(reading, FIRST)
    reading.check()
    assert set(reading.inferences().values()) == {1}


def test_no_key_is_written_but_as_a_hash_of_this_ledger_alone(
    tmp_path: Path, reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    in_flight(reading, quiet_server)
    ((stored,),) = reading.query("SELECT hash FROM batch_key")
    for file in tmp_path.rglob("*"):
        if file.is_file() and "server" not in file.parts:
            assert FIRST.encode() not in file.read_bytes()
            # The hash is in the ledger's own files, and in no log or export.
            assert file.parent.name == "state" or stored.encode() not in file.read_bytes()
    with reading.session.ledger.transaction() as db:
        db.execute("DELETE FROM identity")
    assert reading.session.ledger.identity.hash_of(FIRST) != stored


def test_the_command_says_so_and_collects_what_it_left_though_nothing_is_to_be_read(
    tmp_path: Path, quiet_server: EmbeddedProcess, service: KeyedProxy
) -> None:
    key = f"{tmp_path.name}:Elm:1850:1"
    with Library(tmp_path, {f"{tmp_path.name}/Elm/1850": 1}) as library:
        library.config["engine"] = "gemini"
        library.configure(execution={"wait": False}, batch={"reconcile_seconds": 0})
        address = {"GOOGLE_GEMINI_BASE_URL": service.base_url}

        def read_with(api_key: str, *arguments: str, code: int) -> str:
            library.environment = address | {"GEMINI_API_KEY": api_key}
            return library.run(*arguments, code=code)

        def read() -> int:
            return [event["key"] for event in quiet_server.log("inference")].count(key)

        quiet_server.set_faults(["batch-hold:times=1,seconds=3600"])
        read_with(FIRST, code=7)
        wait_for(lambda: read() == 1)
        assert "sent with another key" in read_with(OTHER, code=5)
        assert read() == 1
        consent = ("--config", "execution={wait: true, other_key: go_on}")
        read_with(OTHER, *consent, code=0)
        assert read() == 2
        states = "SELECT status, state FROM batch ORDER BY id"
        assert library.ledger(states)[0] == ("abandoned", "OTHER_KEY")
        ((name,),) = library.ledger("SELECT name FROM batch WHERE id = 1")
        quiet_server.request("POST", f"/v1beta/{name}:cancel").raise_for_status()
        assert "Nothing to be done" in read_with(FIRST, code=0)
        assert library.ledger(states) == [("collected", "SUCCEEDED")] * 2


def test_batches_of_before_the_ledger_knew_keys_are_not_lost_for_another_key(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    in_flight(reading, quiet_server)
    with reading.session.ledger.transaction() as db:
        db.execute("DELETE FROM batch_key")
    with pytest.raises(ServiceError, match="may have been sent with another key"):
        run(reading, OTHER)
    run(reading, FIRST)
    reading.check()
    assert set(reading.inferences().values()) == {1}


@pytest.mark.parametrize("key", [FIRST, ROTATED, OTHER])
def test_a_ledger_that_is_rebuilt_with_another_key_does_not_forget_what_is_in_flight(
    reading: Reading,
    quiet_server: EmbeddedProcess,
    service: KeyedProxy,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
) -> None:
    in_flight(reading, quiet_server)
    name = reading.creates()[0]["display_name"]
    reading.session.ledger.close()
    for file in reading.library.state.glob("ledger.sqlite*"):
        file.unlink()
    reading.library.configure()
    monkeypatch.setenv("GEMINI_API_KEY", key)
    monkeypatch.setenv(GEMINI_ADDRESS_VARIABLE, service.base_url)
    found = said(reading.library, "rebuild_ledger.py", code=1 if key == OTHER else 0)
    assert found["unseen"] == ([name] if key == OTHER else [])
    assert found["batches"] == (0 if key == OTHER else 1)
    ledger = Ledger.peek(reading.library.state / "ledger.sqlite")
    assert (ledger.identity.forgets_before() > 0) == (key != OTHER)
    ledger.close()


def test_with_its_own_key_it_is_seen_that_nothing_was_created(
    reading: Reading,
    quiet_server: EmbeddedProcess,
    service: KeyedProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with reading.crash_in("pagewave.waves.submit._create"):
        run(reading, FIRST)
    reading.session.ledger.close()
    for file in reading.library.state.glob("ledger.sqlite*"):
        file.unlink()
    reading.library.configure()
    monkeypatch.setenv("GEMINI_API_KEY", FIRST)
    monkeypatch.setenv(GEMINI_ADDRESS_VARIABLE, service.base_url)
    assert said(reading.library, "rebuild_ledger.py")["unseen"] == []
