"""SIGTERM at an awkward moment."""

import os
import signal
import threading
from types import FrameType

from pagewave.run import stop_on_signals


def test_a_signal_that_meets_snakemake_under_its_lock_is_heeded_afterwards() -> None:
    lock, heeded, stop = threading.Lock(), threading.Event(), threading.Event()

    def handler_of_snakemake(number: int, frame: FrameType | None) -> None:
        if lock.acquire(timeout=5):
            heeded.set()

    before = signal.signal(signal.SIGTERM, handler_of_snakemake)
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        stop_on_signals(stop)
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.wait(5)
        assert heeded.wait(10)
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupt)
