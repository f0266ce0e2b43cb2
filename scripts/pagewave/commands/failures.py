"""Failures: counted by what they have in common, told in full, exported, forgiven."""

import csv
import difflib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pagewave.atomic import write_atomically
from pagewave.characters import harmless
from pagewave.commands.selection import Selection
from pagewave.config.service import Execution
from pagewave.errors import DataError
from pagewave.ledger import Ledger, LoggedFailure
from pagewave.levels import Levels
from pagewave.pages.places import nfc
from pagewave.wording import moment

ERROR_TYPE = "error_type"
"""By this, or by the folders of a level, failures can be grouped."""

_MORE = (
    *("batch_id", "attempt_number", "error_type", "error_message", "error_traceback"),
    *("raw_response_text", "raw_response_json", "model_name", "prompt_name", "prompt_template"),
    *("generation_config", "created_at", "engine", "counted", "cleared_at", "previous_context"),
)


def columns_of(levels: Levels) -> tuple[str, ...]:
    """Columns: those of the view `failure_logs`, the parts of the key, and what more is known."""
    return ("id", "record_key", *levels.names, "page", *_MORE)


@dataclass(frozen=True)
class Group:
    """Failures that have something in common; `example` is the newest one's message."""

    name: str
    failures: int
    uncleared: int
    pages: int
    dead_letters: int
    last: str | None
    example: str


@dataclass(frozen=True)
class DeadLetter:
    """A page that is not sent again until its failures are cleared."""

    key: str
    engine: str
    failures: int
    failures_of_batches: int
    error_type: str
    message: str


@dataclass(frozen=True)
class Summary:
    """All failures at a glance; `pages_read_since` are those with a good answer by now."""

    failures: int
    uncleared: int
    pages: int
    pages_read_since: int
    dead_letters: list[DeadLetter]
    by_error_type: list[Group]


def summarize(ledger: Ledger, limits: Execution, selection: Selection) -> Summary:
    """How many failures there are, of which kinds, and which pages are dead letters."""
    failures = _selected(ledger, selection)
    pages = {failure.key for failure in failures}
    return Summary(
        failures=len(failures),
        uncleared=sum(failure.cleared_at is None for failure in failures),
        pages=len(pages),
        pages_read_since=len(pages & ledger.answers.keys()),
        dead_letters=dead_letters(ledger, limits, selection),
        by_error_type=group(ledger, limits, selection, ERROR_TYPE),
    )


def group(ledger: Ledger, limits: Execution, selection: Selection, by: str) -> list[Group]:
    """Failures grouped by their type or by the folders of a level, the largest group first."""
    failures = _selected(ledger, selection)
    dead = _dead(ledger, limits, failures)
    groups: dict[str, list[LoggedFailure]] = {}
    levels = selection.levels
    for failure in failures:
        name = failure.error_type
        if by != ERROR_TYPE:
            # Schools of two states may have the same name.
            name = "/".join(levels.folders(failure.key)[: levels.names.index(by) + 1])
        groups.setdefault(name, []).append(failure)
    found = [
        Group(
            name=name,
            failures=len(members),
            uncleared=sum(member.cleared_at is None for member in members),
            pages=len({member.key for member in members}),
            dead_letters=len(
                {m.key for m in members if m.cleared_at is None and (m.key, m.engine) in dead}
            ),
            last=moment(members[-1].created_at),
            example=members[-1].message,
        )
        for name, members in groups.items()
    ]
    return sorted(found, key=lambda made: (-made.failures, made.name))


def dead_letters(ledger: Ledger, limits: Execution, selection: Selection) -> list[DeadLetter]:
    """Dead letters with the failure that each ended with, by key."""
    failures = [f for f in _selected(ledger, selection) if f.cleared_at is None]
    last = {(failure.key, failure.engine): failure for failure in failures}
    counts = {engine: ledger.failures.counts(engine) for _, engine in last}
    return [
        DeadLetter(
            key,
            engine,
            counts[engine][key].counted,
            counts[engine][key].of_batches,
            error_type=last[key, engine].error_type,
            message=last[key, engine].message,
        )
        for key, engine in sorted(_dead(ledger, limits, failures))
    ]


def history(ledger: Ledger, key: str) -> list[dict[str, Any]]:
    """All failures of one page with all that is known of each, oldest first.

    Raises:
        DataError: the page has none; names the nearest that has.
    """
    failures = ledger.failures.all()
    rows = [_full(ledger, failure) for failure in failures if nfc(failure.key) == nfc(key)]
    if not rows:
        raise unknown_keys([key], (failure.key for failure in failures))
    return rows


def export_csv(ledger: Ledger, selection: Selection, file: Path, limit: int | None) -> int:
    """Write failures, or the newest `limit` of them, to a CSV file; returns how many."""
    failures = _selected(ledger, selection)
    failures = failures[-limit:] if limit else failures
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns_of(selection.levels), lineterminator="\n")
    writer.writeheader()
    rows = (_full(ledger, failure) | selection.levels.parts(failure.key) for failure in failures)
    writer.writerows({name: harmless(cell) for name, cell in row.items()} for row in rows)
    write_atomically(file, text.getvalue())
    return len(failures)


def clearable(ledger: Ledger, selection: Selection) -> list[tuple[str, int, int]]:
    """Pages with failures that nothing has cleared: key, failures, failures of whole batches.

    Raises:
        DataError: a page named by its key has none.
    """
    rows = [(key, c.counted, c.of_batches) for key, c in ledger.failures.uncleared().items()]
    found = [row for row in rows if row[0] in selection]
    if missing := selection.keys - {nfc(key) for key, _, _ in found}:
        raise unknown_keys(sorted(missing), (row[0] for row in rows))
    return found


def unknown_keys(keys: Sequence[str], known: Iterable[str]) -> DataError:
    """The error for pages that have no failures, with the nearest that have."""
    known = sorted(set(known))
    lines = []
    for key in keys:
        near = difflib.get_close_matches(key, known, n=1)
        lines.append(f"{key} has no such failures." + (f" Did you mean {near[0]}?" if near else ""))
    return DataError("\n".join(lines))


def _selected(ledger: Ledger, selection: Selection) -> list[LoggedFailure]:
    return [failure for failure in ledger.failures.all() if failure.key in selection]


def _dead(
    ledger: Ledger, limits: Execution, failures: Iterable[LoggedFailure]
) -> set[tuple[str, str]]:
    """Key and engine of each dead letter among these failures."""
    failed = {(failure.key, failure.engine) for failure in failures}
    return {
        (key, engine)
        for engine in {engine for _, engine in failed}
        for key in ledger.failures.dead_letters(
            engine, limits.max_retries, limits.max_batch_failures
        )
        if (key, engine) in failed
    }


def _full(ledger: Ledger, failure: LoggedFailure) -> dict[str, Any]:
    values = ledger.failures.in_full(failure.id)
    del values["extracted_text"]  # the view has it for queries of old; it is the raw text
    return values | {
        "counted": failure.counted == 1,
        "created_at": moment(failure.created_at),
        "cleared_at": moment(failure.cleared_at),
    }
