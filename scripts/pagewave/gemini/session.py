"""A working directory with everything that sending takes: client, key, stop, patience.

Whoever has a `Session` may send and spend; whoever has only a `Workspace` can't.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

from pagewave.gemini.client import Gemini
from pagewave.gemini.gate import Gate
from pagewave.ledger.lock import one_at_a_time
from pagewave.workspace import Workspace

LONGEST_RETRY_PAUSE = 15
"""A pause before a retry grows up to so many times `batch.retry_pause_seconds`."""

FEWEST_POLLS = 3
LONGEST_POLL_PAUSE_SECONDS = 10.0
DATE_RESOLUTION_SECONDS = 1.0


@dataclass
class Session(Workspace):
    """A workspace that reaches the service; shared by all threads of a run.

    `base_url` is None for Google's own service, else the embedded server's address.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    api_key: str = field(default="", repr=False)
    base_url: str | None = None
    waits: bool = True
    """Is what takes its time waited for, or left to the next run?"""
    most_batches: int | None = None
    """Batches in flight at once, if the command line says another number than the settings."""
    refused: str | None = None
    """Why the service reads nothing more for this account, if its answers say so."""
    images_apart: bool = False
    """Did the service refuse images inside of requests, and take the same ones beside them?"""
    looked_at: float = -math.inf
    """When doubtful batches were last looked for (seconds of the monotonic clock)."""
    _checking: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _gates: dict[str, Gate] = field(default_factory=dict, repr=False)
    _models: set[str] = field(default_factory=set)
    """Models that the service was asked about, and knows."""

    @cached_property
    def client(self) -> Gemini:
        """The client, made when the first wave needs it: its import takes more than a second.

        It looks, cancels and deletes for anyone, and sends nothing unless the ledger has a run that
        was begun by this process, or by the head whose job this is.
        """
        files, batch = self.settings.files, self.settings.batch
        return Gemini(
            self.api_key,
            self.stop,
            base_url=self.base_url,
            api_version=batch.api_version,
            timeout_seconds=files.timeout_seconds,
            attempts=files.upload_retry_attempts,
            backoff_seconds=files.upload_retry_backoff_seconds,
            outage_seconds=batch.outage_seconds,
            may_send=self.ledger.runs.require_begun,
        )

    @property
    def batch_limit(self) -> int:
        """How many batches may be in flight at once."""
        return self.most_batches or self.settings.execution.max_concurrent_batches

    @property
    def gate(self) -> Gate:
        """The one gate for the calls of all lanes, and of all who ask the same model beside this
        session: limits are a model's."""
        with self._checking:
            model = self.settings.model.name
            return self._gates.get(model) or self._gates.setdefault(model, self._new_gate())

    def _new_gate(self) -> Gate:
        calls, model = self.settings.calls, self.settings.model.name
        history = self.ledger.history
        return Gate(
            self.stop,
            calls.in_flight,
            calls.limits(model),
            calls.retry_pause_seconds,
            lambda since: history.calls_since(self.engine, model, since),
        )

    @property
    def key_hash(self) -> str | None:
        """What stands for the key in the ledger; None for the embedded engine, which has none."""
        if self.engine != "gemini" or not self.api_key:
            return None
        return self.ledger.identity.hash_of(self.api_key)

    def check_access(self, model: str) -> None:
        """Before anything is uploaded, once a session: may this key use this model from here?

        Raises:
            ServiceError: it may not, or the service is not there.
        """
        with self._checking:
            if model not in self._models:
                self.client.models.check(model)
                self._models.add(model)

    def batch_lock(self, batch_id: int) -> AbstractContextManager[None]:
        """Held by who collects this batch: the waves of two lanes may both want it.

        They may be two processes, so it is a file. The next run removes it.
        """
        return one_at_a_time(self.batch_lock_file(batch_id))

    def batch_lock_file(self, batch_id: int) -> Path:
        """The file of that lock."""
        return self.settings.paths.state_dir / "results" / f"{batch_id}.lock"

    def polls(self, since: float) -> Iterator[int]:
        """Numbers the looks for something that the service does not show, with pauses in between.

        One missing answer proves nothing: it is gone when none of these looks found it. They go
        on until `batch.reconcile_seconds` after `since` (Unix seconds, as the service's clock has
        them), and are three at least.

        Raises:
            Stopped: the run was told to stop.
        """
        patience = self.settings.batch.reconcile_seconds
        pause = min(LONGEST_POLL_PAUSE_SECONDS, patience / 10)
        began = time.monotonic()
        yield 1  # which also tells what time it is there, to the second
        gone = max(0.0, self.client.now() - since - DATE_RESOLUTION_SECONDS)
        for number in count(2):
            self.client.pause(pause)
            is_last = number >= FEWEST_POLLS and time.monotonic() - began + gone > patience
            yield number
            if is_last:
                return

    def retry_pause(self, times: int) -> float:
        """Seconds to wait before trying again what failed so often: doubled each time."""
        first = self.settings.batch.retry_pause_seconds
        return float(first * min(2 ** max(0, times - 1), LONGEST_RETRY_PAUSE))
