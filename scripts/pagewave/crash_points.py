"""Crash points: where a test lets the head die, to show that the same command goes on.

`PAGEWAVE_CRASH_AT=NAME[:N]` in the environment ends the process, dead and without any cleaning up,
when it comes to the point NAME for the Nth time (1 unless given). Without the variable a point does
nothing.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

VARIABLE = "PAGEWAVE_CRASH_AT"
EXIT_CODE = 86
"""Not one of Snakemake's or of ours, so that nobody takes another end for this one."""

POINTS = {
    "run-begun": "the run and what it forces are in the ledger; no wave has begun",
    "intent-written": "a batch and its records are in the ledger; nothing is sent",
    "file-uploaded": "the service has an image (or the requests); the ledger only expects it",
    "images-uploaded": "all images that go by themselves are there, no requests",
    "requests-uploaded": "the requests are there as well",
    "creating": "the ledger says that create may have been sent; it was not",
    "create-sent": "the service has the batch; its answer was not looked at",
    "name-stored": "the ledger has the batch's name",
    "call-sent": "the ledger says that a call may have been made; it was not",
    "call-answered": "a call's answer has arrived, nothing of it is stored",
    "answer-stored": "a call's answer is stored as it came",
    "polling": "the batch was looked at once",
    "downloading": "the results have arrived, nothing of them is stored",
    "raw-stored": "every line is stored as it came",
    "parsed": "the lines are understood, nothing of that is stored",
    "committed": "attempts and failures are in the ledger; no upload is deleted",
    "file-half-written": "a file stands under its temporary name (manifest, pages, books)",
    "manifest-written": "the manifest is there, the wave is open",
    "wave-closed": "the schedule counts with the wave; its pages are not written",
    "page-written": "a page's file is there; the ledger doesn't know",
    "page-marked": "the ledger knows that the page's file is there",
    "cleanup": "one upload is deleted; the next wave may be on its way",
    "cleaned-up": "all uploads are deleted; the wave's job is about to end",
    "book-written": "a book's files are there",
    "run-ended": "the ledger says that the run ended; the head was about to",
}
"""All points in the order in which a run comes to them, and how things stand there."""


def _die() -> NoReturn:
    os.write(sys.stderr.fileno(), f"pagewave: dead, as {VARIABLE} says\n".encode())
    os._exit(EXIT_CODE)


die: Callable[[], NoReturn] = _die
"""What happens at the planned point; tests that stay in their process put a raise here."""

_lock = threading.Lock()
_planned: str | None = None
_passes_left = 0


def arm(where: str | None) -> None:
    """Crash at `NAME[:N]`; None: nowhere.

    Raises:
        ValueError: there is no such point.
    """
    global _planned, _passes_left
    name, _, times = (where or "").partition(":")
    if name and (name not in POINTS or not (times or "1").isdecimal() or int(times or 1) < 1):
        raise ValueError(f"{VARIABLE}={where}: not NAME[:N] with one of {', '.join(POINTS)}")
    _planned, _passes_left = name or None, int(times or 1)


def point(name: str) -> None:
    """The head has come to this point."""
    global _passes_left
    if name != _planned:
        return
    with _lock:
        _passes_left -= 1
        if _passes_left:
            return
    die()


arm(os.environ.get(VARIABLE))
