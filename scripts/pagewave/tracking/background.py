"""Delivery beside a run: a thread that no wave waits for, and that fails no run."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pagewave.command_line import script
from pagewave.config.keys import Secrets
from pagewave.config.service import Tracking
from pagewave.ledger import Ledger
from pagewave.log import log
from pagewave.tracking.delivery import Delivery
from pagewave.tracking.service import Braintrust, KeyRefused, why_off
from pagewave.wording import count

REST = 4.0
"""Rest after a chunk, in times of what it took: the waves share the interpreter with us."""
JOIN_SECONDS = 0.1
STOPPING_SECONDS = 1.0
"""For the last rows when a run is told to stop."""


def how_to_send() -> str:
    """What becomes of rows that are not sent yet."""
    return f"they go with the next run, or with: {script('deliver_logs')}"


class BackgroundDelivery:
    """Delivers while a run goes on; rows that it can't deliver stay in the outbox.

    Between deliveries rows are gathered for `interval_seconds`: the head has other things to do.
    """

    def __init__(self, ledger: Ledger, delivery: Delivery, interval_seconds: float) -> None:
        self._ledger = ledger
        self._delivery = delivery
        self._interval_seconds = interval_seconds
        self._ending = threading.Event()
        self._left_behind = False
        # A daemon: a request that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._deliver, name="delivery", daemon=True)
        self._thread.start()

    def finish(self, seconds: float, stop: threading.Event) -> None:
        """End the delivery, after so many seconds at most: what is left by then is sent later.

        `stop` is the run's: set before or meanwhile, it leaves the last rows a moment only.
        """
        self._ending.set()
        until = time.monotonic() + seconds
        hurried = False
        while self._thread.is_alive() and time.monotonic() < until:
            if stop.is_set() and not hurried:
                hurried = True
                until = min(until, time.monotonic() + STOPPING_SECONDS)
            self._thread.join(JOIN_SECONDS)
        self._left_behind = self._thread.is_alive()

    def _deliver(self) -> None:
        try:
            while not self._ending.wait(self._interval_seconds):
                self._deliver_gently()
            self._delivery.deliver_all()
        except KeyRefused as error:
            log.warning("Braintrust refuses BRAINTRUST_API_KEY: %s. Nothing more is sent.", error)
        except Exception as error:  # whatever it is, the waves go on
            if not self._left_behind:  # then the ledger is closed, and all is said
                log.warning("delivery to Braintrust ended: %s: %s", type(error).__name__, error)

    def _deliver_gently(self) -> None:
        """Deliver what was gathered, with rests, unless it is not time to try again yet."""
        if self._delivery.pause_seconds:
            return
        started = time.monotonic()
        while self._delivery.deliver_chunk():
            if self._ending.wait(REST * (time.monotonic() - started)):
                return
            started = time.monotonic()

    def summary(self) -> list[str]:
        """What became of the rows, for the end of a run."""
        return outbox_summary(self._ledger, self._delivery.delivered)


def keeps_rows(settings: Tracking, secrets: Secrets) -> bool:
    """Are rows noted for what is read now: to be sent at once, or once there is a key?"""
    return settings.keep_rows or why_off(secrets) is None


@contextmanager
def delivering(
    settings: Tracking, secrets: Secrets, ledger: Ledger, stop: threading.Event
) -> Iterator[None]:
    """Deliver rows beside what happens inside, as a run does; says at its end what is left."""
    delivery = start_delivery(settings, secrets, ledger)
    try:
        yield
    finally:
        if delivery:
            delivery.finish(settings.wait_at_end_seconds, stop)
            for line in delivery.summary():
                log.info("%s", line)


def start_delivery(
    settings: Tracking, secrets: Secrets, ledger: Ledger
) -> BackgroundDelivery | None:
    """Start to deliver; None, and a line that says why, where Braintrust is not configured."""
    if reason := why_off(secrets):
        kept = "rows are kept and can be sent later" if settings.keep_rows else "no rows are kept"
        log.info("%s; %s", reason, kept)
        return None
    delivery = delivery_for(settings, secrets, ledger)
    return BackgroundDelivery(ledger, delivery, settings.interval_seconds)


def delivery_for(settings: Tracking, secrets: Secrets, ledger: Ledger) -> Delivery:
    """What delivers a ledger's rows with these settings."""
    return Delivery(ledger, Braintrust(secrets, settings.timeout_seconds))


def outbox_summary(ledger: Ledger, delivered: int) -> list[str]:
    """How many rows were delivered, wait, are parked; nothing where there is nothing to say."""
    counts, outage = ledger.outbox.counts(), ledger.outbox.outage()
    lines = []
    if delivered:
        lines.append(f"Braintrust: {count(delivered, 'row')} logged.")
    if counts.waiting:
        because = f" ({outage.error})" if outage else ""
        rows = count(counts.waiting, "row")
        lines.append(f"Braintrust: {rows} not sent yet{because}; {how_to_send()}")
    if counts.parked:
        lines.append(
            f"Braintrust: {count(counts.parked, 'row')} refused and not sent any more; "
            f"{script('deliver_logs', '--status')} says why."
        )
    return lines
