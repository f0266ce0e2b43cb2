"""Takes rows from the outbox to the service, chunk by chunk, and notes how that went.

A row is ticked off once the service has acknowledged it, never before: after a crash or an answer
that got lost it is sent again, and replaces itself there. When the service is down, the ledger
keeps when to try again; when it is the rows, those to blame are found and at last parked.
"""

import json
import random
import time
from collections.abc import Sequence
from typing import NamedTuple

from pagewave.ledger import Ledger, LogRow, Outage
from pagewave.log import log
from pagewave.tracking.cleaning import cleaned
from pagewave.tracking.rows import Row, braintrust_row
from pagewave.tracking.service import Braintrust, RowsRefused, Unavailable

CHUNK_ROWS = 100
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 600.0
PARK_AFTER_REFUSALS = 5
SUSPICIOUS_FAILURES = 3
"""After so many errors in a row (not refusals) it may be the rows all the same."""
PROBES = 20
"""Requests with parts of a chunk; when all of them fail, it is the service after all."""


class _Ready(NamedTuple):
    """A row as it is sent, and its number in the outbox."""

    id: int
    row: Row


class Delivery:
    """Delivers the rows of a ledger; for one thread.

    Args:
        first_pause_seconds: after the first failure; each further one doubles it.
    """

    def __init__(
        self,
        ledger: Ledger,
        service: Braintrust,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._service = service
        self._first_pause_seconds = first_pause_seconds
        self._outage = ledger.outbox.outage()
        self.delivered = 0

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next try; 0 unless the last one failed."""
        return max(0.0, self._outage.next_try_at - time.time()) if self._outage else 0.0

    def deliver_all(self) -> None:
        """Deliver until nothing waits, or the service takes nothing now.

        Raises:
            KeyRefused: the service does not take the key.
        """
        while self.deliver_chunk():
            pass

    def deliver_chunk(self) -> bool:
        """Send the next rows. False: there are none, or the service takes nothing now.

        Raises:
            KeyRefused: the service does not take the key.
        """
        waiting = self._ledger.outbox.waiting(CHUNK_ROWS)
        ready = [row for row in map(self._made_ready, waiting) if row]
        if not ready:
            return bool(waiting)
        try:
            self._send(ready)
        except Unavailable as error:
            before = self._outage.failures if self._outage else 0
            suspicious = error.answered and before >= SUSPICIOUS_FAILURES and len(ready) > 1
            if isinstance(error, RowsRefused) or suspicious:
                return self._find_refused(ready, error)
            self._note_failure(error)
            return False
        return True

    def _made_ready(self, row: LogRow) -> _Ready | None:
        """The row as it is sent; one that can't be made is parked, and holds up no other."""
        try:
            made = cleaned(braintrust_row(row, self._ledger.identity.levels()))
            json.dumps(made, allow_nan=False)
            return _Ready(row.id, made)
        except Exception as error:
            message = cleaned(f"{row.key} can't be logged: {type(error).__name__}: {error}")
            self._ledger.outbox.mark_refused(row.id, message, park_after=1)
            log.warning("%s", message)
            return None

    def _send(self, rows: Sequence[_Ready]) -> None:
        self._service.send([ready.row for ready in rows])
        self._ledger.outbox.mark_delivered([ready.id for ready in rows])
        self.delivered += len(rows)
        if self._outage:
            log.info("Braintrust takes rows again")
            self._outage = None
            self._ledger.outbox.set_outage(None)

    def _find_refused(self, rows: Sequence[_Ready], error: Unavailable) -> bool:
        """Send ever smaller parts, until those that can't be taken stand alone. False: none can."""
        before = self.delivered
        failing = [rows]
        refused: dict[int, str] = {}
        requests = 0
        while failing and (self.delivered > before or requests < PROBES):
            part = failing.pop()
            if len(part) == 1:
                refused[part[0].id] = cleaned(str(error))
                continue
            for half in (part[: len(part) // 2], part[len(part) // 2 :]):
                requests += 1
                try:
                    self._send(half)
                except Unavailable as trouble:
                    if not trouble.answered:
                        self._note_failure(trouble)
                        return False
                    error = trouble
                    failing.append(half)
        some_were_taken = self.delivered > before
        if some_were_taken or (isinstance(error, RowsRefused) and not failing):
            for row_id, message in refused.items():
                self._ledger.outbox.mark_refused(row_id, message, PARK_AFTER_REFUSALS)
        if not some_were_taken:
            self._note_failure(error)
        return some_were_taken

    def _note_failure(self, error: Unavailable) -> None:
        failures = 1 + (self._outage.failures if self._outage else 0)
        pause = min(LONGEST_PAUSE_SECONDS, self._first_pause_seconds * 2 ** (failures - 1))
        next_try_at = time.time() + pause * random.uniform(0.8, 1.2)
        message = cleaned(str(error))
        if not self._outage:
            log.warning("rows for Braintrust stay in the ledger for now: %s", message)
        self._outage = Outage(failures, next_try_at, message)
        self._ledger.outbox.set_outage(self._outage)
