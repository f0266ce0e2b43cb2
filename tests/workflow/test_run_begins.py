"""A run begins with the first job that needs it, whoever calls that job and however."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import head_of, in_one_process
from pagewave.embedded.process import TOKEN_VARIABLE
from pagewave.errors import LedgerError, PagewaveError, RunStopped, ServiceError
from pagewave.gemini.connect import ADDRESS_VARIABLE
from pagewave.ledger import Ledger
from pagewave.ledger.lock import LockedError, holder, take_lock
from pagewave.plan.targets import Command
from pagewave.workflow import run as running
from pagewave.workflow import signals
from pagewave.workflow.run import RUN_VARIABLE, Run

INSTALL = signals.SignalHandler.install
"""Which does nothing in runs within this process."""


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library of one page, with its server, in whose folder this process is."""
    with (
        EmbeddedProcess(tmp_path / "state/embedded") as server,
        in_one_process(),
        Library(tmp_path, {"Ohio/Elm/1850": 1}) as library,
        contextlib.chdir(tmp_path),
    ):
        os.environ[ADDRESS_VARIABLE], os.environ[TOKEN_VARIABLE] = server.base_url, server.token
        os.environ.pop(RUN_VARIABLE, None)
        yield library


def close(head: Run) -> None:
    """Lets go of what it holds."""
    head.session.ledger.close()
    if head._lock_file:
        head._lock_file.close()


def read_first_wave(head: Run) -> None:
    """The job that a rule would call."""
    head.read_wave(1, 1, head.plan.wave_file(1, 1))


def test_a_job_that_nobody_began_a_run_for_begins_it_under_the_lock(library: Library) -> None:
    head = head_of(library, Command())
    read_first_wave(head)
    assert holder(library.state) == os.getpid()
    assert library.ledger("SELECT id, outcome FROM run") == [(head.plan.id, None)]
    head.write_page(next(iter(head.session.dataset.pages)))
    head.end("ok")  # type: ignore[arg-type]
    assert library.ledger("SELECT outcome FROM run") == [("ok",)]
    assert library.inferences() == {"Ohio:Elm:1850:1": 1}
    close(head)


def test_while_another_run_goes_on_it_is_refused(library: Library) -> None:
    with take_lock(library.state):
        head = head_of(library, Command())
        with pytest.raises(LockedError):
            read_first_wave(head)
        close(head)
    assert not library.events("create")


def test_with_dry_run_in_the_config_no_job_sends_anything(library: Library) -> None:
    library.configure(execution={"dry_run": True})
    head = head_of(library, Command())
    with pytest.raises(PagewaveError, match=r"execution\.dry_run is true: nothing was sent"):
        read_first_wave(head)
    close(head)
    assert not library.events("create") and not (library.state / "ledger.sqlite").exists()


def test_the_process_of_a_job_needs_a_head_that_goes_on(library: Library) -> None:
    head = head_of(library, Command())
    head.begin()
    run_id = os.environ[RUN_VARIABLE]
    part = head_of(library, Command())  # finds the name of the run in the environment
    assert part.session.ledger.runs.begun == run_id
    close(part)
    head.end("failed")  # type: ignore[arg-type]
    with pytest.raises(LedgerError, match=f"no run {run_id} that goes on"):
        head_of(library, Command())
    close(head)
    with pytest.raises(LedgerError, match="belongs to is over"):
        head_of(library, Command())


def test_two_runs_of_one_second_have_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(tmp_path, {"Ohio/Elm/1850": 1})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda *_: "20260101T000000Z")
    for name in ("20260101T000000Z", "20260101T000000Z-2", "20260101T000000Z-3"):
        head = head_of(library, Command())
        assert head.plan.id == name
        head.session.ledger.close()
        with contextlib.closing(Ledger.open(library.state / "ledger.sqlite")) as ledger:
            ledger.runs.start(name, "embedded", "a model", [], [])


def test_why_a_run_can_not_begin_is_what_each_of_its_jobs_says(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds its own lock by then, and must not take that for another run's."""

    def refuse(*_: object) -> None:
        raise ServiceError("sent with another key")

    monkeypatch.setattr(running, "recover", refuse)
    head = head_of(library, Command())
    for _ in range(2):
        with pytest.raises(ServiceError, match="sent with another key"):
            read_first_wave(head)
    close(head)


def test_a_signal_before_all_is_in_order_stops_the_run(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake's own handler was there already, and would make it a run that failed."""

    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(signals, "_end_in_time", lambda seconds: None)
    monkeypatch.setattr(running, "use_service", interrupted)
    head = head_of(library, Command())
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, lambda *_: None)  # as Snakemake's
    try:
        with (
            mock.patch.object(signals.SignalHandler, "install", INSTALL),
            pytest.raises(RunStopped, match="stopped before the first job"),
        ):
            head.begin()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        close(head)
    assert not library.ledger("SELECT id FROM run")
