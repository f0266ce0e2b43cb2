"""What random runs are made of: data sets, faults of the service, commands and where they die."""

import functools
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pagewave import crash_points as crash
from pagewave.embedded.server.faults import GARBAGE

CALLS = ("create", "get", "list", "upload", "download", "delete", "cancel")
PROJECTS = {"first": "one", "rotated": "one", "other": "two"}
"""Keys, and the project that each is of: a service shows to a project what it made."""
BOOKS = ("Ashgrove/1852", "Linden/1866", "Elm/1850")
NUMBERS = range(1, 6)


@functools.cache
def seed_of_commit() -> int:
    """A seed that is another for each commit; 0 where there is no git."""
    command = ["git", "rev-parse", "--short=8", "HEAD"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(done.stdout, 16)


@dataclass(frozen=True)
class Step:
    """One command: what it forces ("" nothing, "all", a book or a page), and where it dies.

    `edit`: the page that is corrected by hand before it, if it has a file ("" none). `temperature`:
    what the settings say from then on, and so `transport` ("" as before). `key`: whose name the
    command goes by, with engine gemini.
    `begins_late`: no hook begins the run, as in another workflow that has an `onstart` of its own.
    """

    force: str
    crash_at: str | None
    edit: str = ""
    temperature: float | None = None
    key: str = "first"
    begins_late: bool = False
    transport: str = ""


@dataclass(frozen=True)
class Case:
    """A data set, the service's faults, and the commands that meet them.

    `halves`: what is too long for one answer, or a loop, is asked in halves.
    """

    books: dict[str, list[int]]
    batch_size_limit: int
    max_retries: int
    on_dead_letter: str
    at_once: int
    faults: list[str]
    steps: list[Step]
    engine: str = "embedded"
    in_flight: str = "collect"
    halves: bool = False


def fault(names: Sequence[str], **options: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """A fault of one of these names, with these options; None leaves an option away."""

    def spec(name: str, values: dict[str, Any]) -> str:
        return f"{name}:" + ",".join(f"{k}={v}" for k, v in values.items() if v is not None)

    return st.builds(spec, st.sampled_from(names), st.fixed_dictionaries(options))


TIMES = st.integers(1, 3)
SHORT = st.just(0.1)
FAULTS = st.one_of(
    fault(
        ["http-error"],
        call=st.sampled_from(CALLS),
        code=st.sampled_from([408, 500, 502, 503, 504]),
        acted=st.sampled_from(["yes", "no"]),
        times=TIMES,
        skip=st.integers(0, 3),
    ),
    fault(
        ["cut-before", "cut-after"],
        call=st.sampled_from(CALLS),
        times=TIMES,
        skip=st.integers(0, 3),
    ),
    fault(
        ["garbage-200"],
        call=st.sampled_from([*CALLS, "generate"]),
        body=st.sampled_from([*GARBAGE]),
        times=TIMES,
        skip=st.integers(0, 3),
    ),
    fault(["http-error"], call=st.just("any"), probability=st.just(0.2), seed=st.integers(0, 99)),
    fault(["http-error"], call=st.sampled_from(CALLS), code=st.just(429), times=TIMES),
    fault(["slow"], call=st.sampled_from(CALLS), seconds=st.just(0.05), times=TIMES),
    fault(["hang"], call=st.sampled_from(["get", "create", "upload"]), times=st.just(1)),
    fault(["http-error"], call=st.just("create"), code=st.just(400), times=st.just(1)),
    fault(["truncated-download", "list-empty-later-page", "undeletable"], times=TIMES),
    fault(["list-oldest-first", "token-counts"]),
    fault(["short-download", "list-empty", "not-active-yet"], times=st.integers(1, 2)),
    fault(["cancel-ignored"], times=st.just(1)),
    fault(["quota-held"], seconds=SHORT, times=TIMES),
    fault(["file-failed", "file-stuck"], times=st.just(1), skip=st.integers(0, 3)),
    fault(["list-delay", "job-pending", "job-unknown-state"], seconds=SHORT),
    fault(["batch-hold"], seconds=st.just(0.4), times=TIMES),
    fault(["no-result-file"], seconds=st.just(0.05), times=TIMES),
    fault(["job-pending", "job-unknown-state"], times=st.just(1), skip=st.integers(0, 2)),
    fault(
        ["job-failed", "job-expired", "job-cancelled"],
        share=st.sampled_from([0, 0.5]),
        times=TIMES,
        skip=st.integers(0, 2),
    ),
    fault(["job-partial"], share=st.sampled_from([0, 0.5]), times=TIMES),
    fault(["response-only"], times=TIMES),
    fault(["record-error"], code=st.sampled_from([1, 7, 13, 14]), times=TIMES),
    fault(
        ["bad-request"],
        code=st.sampled_from([3, 13]),
        refused=st.sampled_from(["yes", "no"]),
        match=st.sampled_from([":1$", ":2$", "Ashgrove", "Linden"]),
        times=st.one_of(TIMES, st.none()),
    ),
    fault(
        [
            *("record-error", "record-status", "missing-key", "duplicate-key", "foreign-key"),
            *("blocked", "recitation", "max-tokens", "repetition", "fenced-json"),
            *("text-around-json", "invalid-schema", "line-separator", "echo-key"),
        ],
        match=st.sampled_from([":1$", ":2$", ":3$", "Ashgrove", "Linden"]),
        times=st.one_of(TIMES, st.none()),
    ),
    # A call that is answered with such a code was not read, or is not charged: taken at its word.
    fault(
        ["http-error"],
        call=st.just("generate"),
        code=st.sampled_from([429, 500, 503]),
        times=TIMES,
        skip=st.integers(0, 3),
    ),
    fault(
        ["http-error"],
        call=st.just("generate"),
        code=st.sampled_from([502, 504]),
        acted=st.sampled_from(["yes", "no"]),
        times=TIMES,
        skip=st.integers(0, 3),
    ),
    fault(
        ["cut-before", "cut-after", "hang"],
        call=st.just("generate"),
        times=st.integers(1, 2),
        skip=st.integers(0, 3),
    ),
    fault(["day-limit"], times=st.just(1), skip=st.integers(0, 3)),
    fault(["other-tier"], tier=st.sampled_from(["standard", "priority"]), times=TIMES),
)
TRANSPORTS = ("batch", "flex", "standard")
IN_FLIGHT = ["creating", "create-sent", "name-stored", "polling"]
PLACES = st.builds(
    lambda name, times: f"{name}:{times}",
    st.one_of(st.sampled_from(list(crash.POINTS)), st.sampled_from(IN_FLIGHT)),
    st.integers(1, 3),
)
"""Every point of a run, and more often those where it is in doubt what is being paid for."""


@st.composite
def cases(draw: st.DrawFn, most_steps: int = 4) -> Case:
    """A case of a few books of a few pages, and up to `most_steps` commands that go wrong."""
    books = draw(
        st.dictionaries(
            st.sampled_from(BOOKS),
            st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4, unique=True).map(sorted),
            min_size=1,
        )
    )
    pages = [f"{book}/{page}" for book, numbers in books.items() for page in numbers]
    force = st.sampled_from(["", "", "", "all", *books, *pages])
    edit = st.sampled_from(["", "", "", *pages])
    temperature = st.sampled_from([None, None, None, 0.2, 0.4])
    key = st.sampled_from(["first", *PROJECTS])
    crash_at = st.one_of(PLACES, PLACES, st.none())
    transport = st.sampled_from(["", "", *TRANSPORTS])
    steps = st.builds(Step, force, crash_at, edit, temperature, key, st.booleans(), transport)
    return Case(
        books,
        batch_size_limit=draw(st.integers(1, 3)),
        max_retries=draw(st.integers(1, 3)),
        on_dead_letter=draw(st.sampled_from(["block", "continue"])),
        at_once=draw(st.integers(1, 2)),
        faults=draw(st.lists(FAULTS, max_size=4)),
        steps=draw(st.lists(steps, min_size=1, max_size=most_steps)),
        engine=draw(st.sampled_from(["embedded", "embedded", "gemini"])),
        in_flight=draw(st.sampled_from(["collect", "replace"])),
        halves=draw(st.booleans()),
    )
