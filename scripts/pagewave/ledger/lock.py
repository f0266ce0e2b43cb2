"""Locks: one process at a time runs waves over a state folder or remakes its ledger, and within a
run one at a time does what two waves may both want.

They are `flock` on files, which the kernel releases however the holder ends. The state folder's,
`state/lock`, says who holds it: the process id and what it does.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pagewave.errors import LedgerError
from pagewave.ledger import explained

RUN = "Another run"
"""What the lock's file says of a run of the workflow."""


class LockedError(LedgerError):
    """Someone else holds the lock: process `holder`, 0 where it did not say."""

    def __init__(self, state_dir: Path, holder: int, what: str) -> None:
        super().__init__(
            f"{what} is using {state_dir} (process {holder or 'unknown'}). "
            "Wait for it or stop it; two must not share a ledger."
        )
        self.holder = holder
        self.what = what


def take_lock(state_dir: Path, what: str = RUN) -> IO[str]:
    """Take the lock; it is held until the file returned is closed, or the process ends.

    Args:
        what: who takes it, for the message that the next one sees.

    Raises:
        LockedError: another process holds it.
        LedgerError: the folder can't be written.
    """
    path = state_dir / "lock"
    file = _opened(path)
    with explained(path):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder, _, who = file.read().strip().partition(" ")
            file.close()
            process = int(holder) if holder.isdecimal() else 0
            raise LockedError(state_dir, process, who or RUN) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {what}")
        file.flush()
        return file


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait for all others that are inside with this file, threads or processes; it stays behind.

    Raises:
        LedgerError: the file can't be written.
    """
    with _opened(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def holder(state_dir: Path) -> int | None:
    """The process that holds the lock (0: it did not say which), or None; takes nothing."""
    try:
        with (state_dir / "lock").open("r", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                process = file.read().partition(" ")[0]
                return int(process) if process.isdecimal() else 0
    except OSError:
        pass
    return None


def _opened(path: Path) -> IO[str]:
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="utf-8")
