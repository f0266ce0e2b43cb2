"""SIGTERM at an awkward moment."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from helpers.embedded_process import NEVER_SECONDS, SCRIPTS
from pagewave.errors import RunStopped
from pagewave.workflow.signals import SignalHandler

STUCK = """\
import os, signal, threading
from pagewave.workflow.signals import SignalHandler
stop, lock = threading.Event(), threading.Lock()
lock.acquire()
signal.signal(signal.SIGTERM, lambda *_: lock.acquire())
SignalHandler(stop).install()
os.kill(os.getpid(), signal.SIGTERM)
assert stop.is_set()
lock.acquire()
"""
"""A program in which no thread ever gets the lock it waits for."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Puts the handlers of this process back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the last resort from ending this process."""
    monkeypatch.setattr("pagewave.workflow.signals._end_in_time", lambda seconds: None)


@pytest.mark.usefixtures("no_end")
def test_a_signal_that_meets_snakemake_under_its_lock_is_heeded_afterwards() -> None:
    lock, heeded, stop = threading.Lock(), threading.Event(), threading.Event()

    def handler_of_snakemake(number: int, frame: FrameType | None) -> None:
        if lock.acquire(timeout=NEVER_SECONDS):
            heeded.set()

    signal.signal(signal.SIGTERM, handler_of_snakemake)
    SignalHandler(stop).install()
    with lock:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(NEVER_SECONDS)
    assert heeded.wait(NEVER_SECONDS)


@pytest.mark.usefixtures("no_end")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_jobs_on_other_machines_are_cancelled_once(number: signal.Signals) -> None:
    stopper = SignalHandler(threading.Event())
    stopper.install()
    stopper.interrupts = True
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)  # `timeout` sends it twice, and Snakemake is busy cancelling
    assert stopper.told


def test_a_process_that_hangs_ends_all_the_same() -> None:
    result = subprocess.run(
        [sys.executable, "-c", STUCK],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=NEVER_SECONDS,
    )
    assert result.returncode == RunStopped.exit_code, result.stderr
    assert "The same command goes on" in result.stderr
