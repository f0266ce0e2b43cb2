"""What a person sees of a run that goes on for days: one block of a few lines, for any size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pagewave.console import printable
from pagewave.waves.status import BatchStatus, RunStatus
from pagewave.waves.waiting import waiting_lines
from pagewave.wording import age, by_number, count, dollars

AGES = ((600.0, "up to 10 min"), (3600.0, "to 1 h"), (6 * 3600.0, "to 6 h"))
"""Seconds since they were sent, by which batches in flight are counted; the rest is older."""
MESSAGE_CHARACTERS = 300
"""Of a failure's message: models write anything, of any length."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The newest failure: which page, and why."""

    key: str
    error_type: str
    message: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as it was at a moment (Unix seconds), with its failures by error type."""

    at: float
    status: RunStatus
    failures: Mapping[str, int]
    newest: Failure | None


def live_view(seen: Seen, now: float) -> RenderableType:
    """The block; what counts seconds goes on from the moment of the look to `now`."""
    status = seen.status
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    # A key stays whole: what is too long is folded as it is, never cut.
    grid.add_column(overflow="fold")
    rows = [
        ("time", _time(seen, now)),
        ("money", _money(status)),
        ("in flight", _in_flight(status, now - seen.at)),
    ]
    if seen.failures:
        number = sum(seen.failures.values())
        rows.append(
            (
                "failed",
                f"{number:,} {'try' if number == 1 else 'tries'}: {by_number(seen.failures)}",
            )
        )
    if seen.newest:
        rows.append(("newest", printable(seen.newest.key)))
        rows.append(("", _why(seen.newest)))
    for name, text in rows:
        grid.add_row(name, Text(text))
    # They end with commands: one that is cut can't be pasted.
    lines = [Text(line, overflow="fold") for line in waiting_lines(status)]
    return Group(_bar(status), grid, *lines)


def _bar(status: RunStatus) -> RenderableType:
    done = status.pages_read + status.pages_free
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    share = done / status.pages if status.pages else 1.0
    grid.add_row(
        ProgressBar(total=max(1, status.pages), completed=done),
        Text(f"{done:,} of {status.pages:,} pages ({share:.0%})"),
    )
    return grid


def _time(seen: Seen, now: float) -> str:
    status = seen.status
    so_far = f"{age(now - status.started_at)} so far"
    if status.eta_seconds is None or status.seconds_a_wave is None:
        return f"{so_far}; how long it takes is known when the first wave has ended"
    left = age(status.eta_seconds - (now - seen.at))
    return f"about {left} left ({age(status.seconds_a_wave)} a wave, with pauses); {so_far}"


def _money(status: RunStatus) -> str:
    """What is spent, of which limit."""
    free = " at Gemini's prices, free here" if status.engine == "embedded" else ""
    if status.budgets:
        return "; ".join(
            f"{dollars(each.spent)} of {dollars(each.limit)} USD{free}"
            + (f", {dollars(each.held)} held" if each.held else "")
            for each in status.budgets
        )
    if free:
        return "free here"
    return f"{dollars(status.spent.usd)} USD (no limit: execution.max_cost_usd)"


def _in_flight(status: RunStatus, later: float) -> str:
    """Batches and calls, by how long they have been."""
    parts = []
    if status.batches:
        noun = "batch" if len(status.batches) == 1 else "batches"
        pages = count(sum(batch.records for batch in status.batches), "page")
        parts.append(f"{len(status.batches)} {noun}, {pages}: {_ages(status.batches, later)}")
    if status.calls:
        parts.append(count(status.calls, "call"))
    return "; ".join(parts) or "nothing"


def _ages(batches: Sequence[BatchStatus], later: float) -> str:
    """How many of them are how old, the oldest by its own age."""
    ages = sorted(batch.age_seconds + later for batch in batches)
    parts, low = [], 0.0
    for high, name in AGES:
        if number := sum(low <= seconds < high for seconds in ages):
            parts.append(f"{number} {name}")
        low = high
    if number := sum(seconds >= low for seconds in ages):
        parts.append(f"{number} older")
    return f"{', '.join(parts)} (oldest {age(ages[-1])})"


def _why(failure: Failure) -> str:
    message = printable(" ".join(failure.message.split()))[:MESSAGE_CHARACTERS]
    return f"{failure.error_type}: {message}"
