"""A working directory with everything that sending takes: client, key, stop, patience.

Whoever has a `Session` may send and spend; whoever has only a `Workspace` can't.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count

from pagewave.gemini.client import Gemini
from pagewave.ledger.lock import one_at_a_time
from pagewave.workspace import Workspace

LONGEST_RETRY_PAUSE = 15
"""A pause before a retry grows up to so many times `batch.retry_pause_seconds`."""

FEWEST_POLLS = 3
LONGEST_POLL_PAUSE_SECONDS = 10.0


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
    looked_at: float = 0.0
    """When doubtful batches were last looked for (Unix seconds)."""

    @cached_property
    def client(self) -> Gemini:
        """The client, made when the first wave needs it: its import takes more than a second."""
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
        )

    def batch_lock(self, batch_id: int) -> AbstractContextManager[None]:
        """Held by who collects this batch: the waves of two lanes may both want it.

        They may be two processes, so it is a file. The next run removes it.
        """
        return one_at_a_time(self.settings.paths.state_dir / "results" / f"{batch_id}.lock")

    def polls(self, since: float) -> Iterator[int]:
        """Numbers the looks for something that the service does not show, with pauses in between.

        One missing answer proves nothing: it is gone when none of these looks found it. They go
        on until `batch.reconcile_seconds` after `since` (Unix seconds), and are three at least.

        Raises:
            Stopped: the run was told to stop.
        """
        patience = self.settings.batch.reconcile_seconds
        pause = min(LONGEST_POLL_PAUSE_SECONDS, patience / 10)
        for number in count(1):
            is_last = number >= FEWEST_POLLS and time.time() > since + patience
            yield number
            if is_last:
                return
            self.client.pause(pause)

    def retry_pause(self, times: int) -> float:
        """Seconds to wait before trying again what failed so often: doubled each time."""
        first = self.settings.batch.retry_pause_seconds
        return float(first * min(2 ** max(0, times - 1), LONGEST_RETRY_PAUSE))
