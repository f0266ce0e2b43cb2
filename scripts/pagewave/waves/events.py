"""What is told of waves, batches and records: which events there are, and in which words.

A wave is a line when its batch is sent, when that changes its state on the way, and when it ends.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from pagewave.command_line import script
from pagewave.config.settings import Settings
from pagewave.gemini.client import SUCCESSFUL_STATES, RemoteBatch
from pagewave.ledger import Attempt, Batch, FailureRow, Ledger, MemberOutcome, Outcome, Served
from pagewave.log import emit, log, seconds_since
from pagewave.plan.roads import Choice
from pagewave.prompts.request import Request
from pagewave.wording import by_number, count, moment
from pagewave.workspace import IS_DEAD, Workspace

SHOWN_LANES = 5
"""More of them are counted, not named."""
SHOWN_DEAD_LETTERS = 3
"""Dead letters of one wave that get a line in the terminal."""


def wave_started(
    name: str,
    lane: int,
    number: int,
    free: Sequence[Request],
    waiting: Sequence[Request],
    new: Sequence[Request],
) -> None:
    """A wave starts: which records have an answer, are on their way, are to be sent."""
    emit(
        "wave_started",
        f"{name}: starts",
        level=logging.DEBUG,
        lane=lane,
        wave=number,
        free=[request.key for request in free],
        sent_earlier=[request.key for request in waiting],
        to_send=[request.key for request in new],
    )


def calls_started(name: str, lane: int, number: int, keys: Sequence[str]) -> None:
    """A wave of single calls starts: which page of each chain is its first."""
    emit(
        "wave_started",
        f"{name}: starts",
        level=logging.DEBUG,
        lane=lane,
        wave=number,
        first=list(keys),
    )


def road_chosen(choice: Choice, lanes: Sequence[int]) -> None:
    """Lanes go another road from their next wave on, and why."""
    names = f"{len(lanes)} lanes"
    if len(lanes) <= SHOWN_LANES:
        names = f"lane{'s' * (len(lanes) > 1)} {', '.join(map(str, lanes))}"
    how = "wait for flex" if choice.road == "wait" else f"by {choice.road}"
    emit(
        "road_chosen",
        f"{names} {how}: {choice.why}",
        lanes=list(lanes),
        road=choice.road,
        why=choice.why,
    )


def deadline_missed(note: str) -> None:
    """All will not be read by `execution.deadline`."""
    emit("deadline_missed", note, level=logging.WARNING)


def batch_sent(ledger: Ledger, name: str, batch: Batch) -> None:
    """The service has a wave's batch."""
    records = ledger.batches.records(batch.id)
    emit(
        "batch_sent",
        f"{name}: {count(len(records), 'page')} sent as {batch.name}",
        lane=batch.lane,
        wave=batch.wave,
        batch=batch.name,
        display_name=batch.display_name,
        attempts={record.key: record.attempt_number for record in records},
    )


def wave_closed(
    workspace: Workspace,
    name: str,
    run_id: str,
    lane: int,
    number: int,
    started_at: float,
    outcomes: Sequence[MemberOutcome],
) -> None:
    """The wave's end, and each dead letter: its page's job fails without a word of its own."""
    dead = [outcome.key for outcome in outcomes if outcome.outcome == Outcome.DEAD]
    read = sum(o.outcome == Outcome.READ and not o.free for o in outcomes)
    free = sum(o.free for o in outcomes)
    failed = [outcome.key for outcome in outcomes if outcome.outcome == Outcome.FAILED]
    reasons = Counter(
        last["error_type"] for key in failed if (last := workspace.ledger.failures.last(key))
    )
    parts = [
        f"{read} read" if read else "",
        f"{free} taken from stored answers" if free else "",
        f"{len(failed)} failed ({by_number(reasons)}), to be tried again" if failed else "",
        count(len(dead), "dead letter") if dead else "",
    ]
    told = ", ".join(part for part in parts if part) or "no pages"
    done, pages = workspace.ledger.runs.progress(run_id)
    emit(
        "wave_closed",
        f"{name}: {told}; {done} of {pages} pages done",
        level=logging.INFO if outcomes else logging.DEBUG,
        lane=lane,
        wave=number,
        seconds=seconds_since(started_at),
        read=read,
        free=free,
        failed=len(failed),
        reasons=dict(reasons),
        dead=len(dead),
        pages_done=done,
        pages=pages,
    )
    for place, key in enumerate(dead):
        why = workspace.why_dead(key)
        level = logging.WARNING if place < SHOWN_DEAD_LETTERS else logging.DEBUG
        emit("dead_letter", f"{key} {IS_DEAD} {why}", level=level, key=key, why=why)
    if len(dead) > SHOWN_DEAD_LETTERS:
        log.warning("%s: %s shows all dead letters", name, script("analyze_failures"))


def batch_state(batch: Batch, remote: RemoteBatch, before: str | None) -> None:
    """A state is worth a line when it is neither the first one nor an end that brings results."""
    is_plain = before is None or remote.state in SUCCESSFUL_STATES
    reason = f": {remote.error}" if remote.error else ""
    emit(
        "batch_state",
        f"lane {batch.lane} wave {batch.wave}: {batch.name} is {remote.state}{reason}",
        level=logging.DEBUG if is_plain and not reason else logging.INFO,
        lane=batch.lane,
        wave=batch.wave,
        batch=batch.name,
        state=remote.state,
        before=before,
        seconds=seconds_since(batch.submitted_at),
    )


def batch_old(settings: Settings, batch: Batch, state: str) -> bool:
    """Tell of a batch that takes longer than `notify.batch_older_than_hours`; was that so?"""
    hours = settings.notify.batch_older_than_hours
    submitted_at = batch.submitted_at or batch.intent_at
    if hours is None or time.time() < submitted_at + hours * 3600:
        return False
    emit(
        "batch_old",
        f"lane {batch.lane} wave {batch.wave}: {batch.name} is still {state} {hours:.3g} hours "
        "after it was sent",
        level=logging.WARNING,
        lane=batch.lane,
        wave=batch.wave,
        batch=batch.name,
        state=state,
        seconds=seconds_since(submitted_at),
    )
    return True


def batch_collected(
    ledger: Ledger,
    batch: Batch,
    state: str,
    error: str | None,
    attempts: Sequence[Attempt],
    failures: Sequence[FailureRow],
) -> None:
    """A batch is over and taken in, as `state`: its totals, its failures, its flags."""
    totals = ledger.answers.totals(batch.id)
    emit(
        "batch_collected",
        f"{batch.name}: {state}, {totals['records_answered']} of {totals['records_sent']} "
        f"records answered, {totals['records_valid']} valid",
        level=logging.DEBUG,
        lane=batch.lane,
        wave=batch.wave,
        batch=batch.name,
        state=state,
        error=error,
        seconds=seconds_since(batch.submitted_at),
        **totals,
    )
    records_failed(failures, batch.name)
    for attempt in attempts:
        for flag in attempt.flags:
            text = f"{attempt.key}: {flag.what}: {flag.message}"
            facts = {"key": attempt.key, "what": flag.what, "batch": batch.name}
            emit("record_flagged", text, level=logging.DEBUG, **facts)


def other_model(asked: str, served: Served, then: str) -> None:
    """Another model answers than was asked for; told once a run."""
    ends = "" if served.retires_at is None else f" It ends on {moment(served.retires_at)}."
    said = f" Gemini says: {served.message}" if served.message else ""
    what = {
        "accept": "The answers are taken (model.on_other_model: accept)",
        "flag": "The answers are taken and flagged",
        "stop": "What was read is kept, and nothing more is sent",
    }[then]
    emit(
        "other_model",
        f"ANOTHER MODEL ANSWERS: {served.model}, asked was {asked}. {what}; prices are those of "
        f"{served.model}.{ends}{said}",
        level=logging.WARNING,
        asked=asked,
        served=served.model,
        stage=served.stage,
        tier=served.tier,
        then=then,
    )


def records_failed(
    failures: Iterable[FailureRow], batch: str | None, level: int = logging.DEBUG
) -> None:
    """Tell of each record that failed; `batch` names the batch it was in, if it got so far."""
    for failure in failures:
        emit(
            "record_failed",
            f"{failure.key}: {failure.error_type}: {failure.message}",
            level=level,
            key=failure.key,
            batch=batch,
            attempt=failure.attempt_number,
            counted=failure.counted,
            error_type=failure.error_type,
        )
