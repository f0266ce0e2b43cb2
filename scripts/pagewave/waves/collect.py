"""From a batch at the service to attempts in the ledger: poll, store, parse, commit, clean.

Raw lines are stored before they are understood, results join their records by key alone, and all
that a batch brought is committed at once. Collecting a batch twice changes nothing.

A batch that is lost, stuck or without results is given up only after several looks; its records may
be sent again then, and should it turn up later, `recover` takes in what it brings.
"""

import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.answers.guards import Evidence, judge
from pagewave.answers.result_line import (
    BATCH_ERROR_TYPES,
    Answer,
    Failure,
    Usage,
    key_of,
    parse_line,
    split_lines,
)
from pagewave.config.settings import Settings
from pagewave.errors import DataError, ServiceError
from pagewave.gemini.client import GOING_STATES, SUCCESSFUL_STATES, TERMINAL_STATES, RemoteBatch
from pagewave.gemini.session import Session
from pagewave.gemini.uploads import delete_files_of
from pagewave.ledger import (
    LOST,
    NO_RESULTS,
    STUCK,
    Attempt,
    Batch,
    FailureRow,
    Ledger,
    Record,
    explained,
)
from pagewave.log import log
from pagewave.prompts.costs import usd
from pagewave.waves import events
from pagewave.workspace import Workspace

CANCEL_SENT = "CANCEL_SENT"
"""Our word for a batch beyond its deadline that the run did not wait to see cancelled."""
DOWNLOADS_OF_SHORT_RESULTS = 3
SENDING_SECONDS = 24 * 3600.0
"""Long enough to upload the images of any batch; whoever sends it is not at it any more."""
NEIGHBOURS = 8
"""Pages on either side of one that may be blank, to whose images its own is compared."""
NO_USAGE = Usage(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a batch ended, as far as the service tells; LOST, STUCK and NO_RESULTS are our words."""

    state: str
    error: str | None
    lines: Sequence[bytes] = ()


def collect(session: Session, batch_id: int) -> bool:
    """Wait for a batch to end and take in what it brought; at once if that was done already.

    With `execution.wait: false` it is only looked at. Returns False if it still goes on then.

    Raises:
        ServiceError: the service is not there; the batch stays open for the next run.
        Stopped: the run was told to stop; the batch stays at the service.
    """
    with session.batch_lock(batch_id):
        batch = _wait_until_submitted(session, batch_id)
        if batch.status in ("collected", "abandoned"):
            return True
        records = session.ledger.records(batch_id)
        ended = _ended_before(session.ledger, batch) or _wait_until_ended(session, batch, records)
        if ended is None:
            return False
        if ended.state in (LOST, STUCK, NO_RESULTS):
            log.warning("%s: given up as %s (%s)", batch.name, ended.state, ended.error)
            attempts, failures = parse_results(session, batch, ended, records)
            session.ledger.give_up(batch_id, ended.state, ended.error, attempts, failures)
            events.batch_collected(
                session.ledger, batch, ended.state, ended.error, attempts, failures
            )
        else:
            _take_in(session, batch, records, ended)
        return True


def collect_late(session: Session, batch_id: int, remote: RemoteBatch) -> bool:
    """Take in what a batch brought that was given up on and has ended; False: nothing so far.

    That it failed as a whole was held against its records when it was given up, not again now.
    """
    with session.batch_lock(batch_id):
        batch = session.ledger.batch(batch_id)
        if batch.status != "abandoned":
            return False
        records = session.ledger.records(batch_id)
        lines = _results(session, batch, remote, records)
        if lines is None and remote.state in SUCCESSFUL_STATES:
            return False
        _take_in(session, batch, records, Ended(remote.state, remote.error, lines or ()), late=True)
        return True


def _take_in(
    session: Session, batch: Batch, records: Sequence[Record], ended: Ended, late: bool = False
) -> None:
    session.ledger.store_lines(batch.id, [(key_of(line), line) for line in ended.lines])
    crash.point("raw-stored")
    attempts, failures = parse_results(session, batch, ended, records)
    crash.point("parsed")
    if late:
        failures = [failure for failure in failures if failure.counted]
    session.ledger.commit_results(batch.id, ended.state, ended.error, attempts, failures)
    crash.point("committed")
    events.batch_collected(session.ledger, batch, ended.state, ended.error, attempts, failures)
    session.request_file(batch.display_name).unlink(missing_ok=True)
    _compare(session.ledger, batch)
    delete_files_of(session, batch.id)
    crash.point("cleaned-up")


def _ended_before(ledger: Ledger, batch: Batch) -> Ended | None:
    """How a batch ended whose lines were stored just before a crash; the service may be without."""
    lines = ledger.lines(batch.id)
    if lines and batch.state in TERMINAL_STATES:
        return Ended(batch.state, None, lines)
    return None


def _wait_until_submitted(session: Session, batch_id: int) -> Batch:
    """The batch once it is no longer about to be sent: another lane may still be at that."""
    pause = min(1.0, session.settings.batch.poll_interval_seconds)
    while (batch := session.ledger.batch(batch_id)).status in ("intent", "creating"):
        # Each wait for quota renews `creating_at`.
        if time.time() > max(batch.intent_at, batch.creating_at or 0.0) + SENDING_SECONDS:
            raise ServiceError(
                f"Batch {batch.display_name} was never created. Run the same command again."
            )
        session.client.pause(pause)
    return batch


def _wait_until_ended(session: Session, batch: Batch, records: Sequence[Record]) -> Ended | None:
    """Poll until the batch has ended, and fetch its results; None: it is not waited for."""
    assert batch.name, "only a submitted batch can be waited for"
    settings = session.settings.batch
    submitted_at = batch.submitted_at or batch.intent_at
    deadline = submitted_at + settings.poll_interval_seconds * settings.max_poll_attempts
    # Only a run that does not wait leaves our own word in the ledger; the time was not kept.
    cancelled_at, asked_at = deadline if batch.state == CANCEL_SENT else 0.0, 0.0
    last_state = batch.state
    told_old = False
    while True:
        remote = session.client.get(batch.name) or _look_again(session, batch.name)
        crash.point("polling")
        if remote is None:
            return Ended(LOST, "the service knows this batch no longer")
        if remote.state != last_state:
            if not remote.ended and remote.state not in GOING_STATES:
                log.warning("%s: unknown state %s, waiting on", batch.name, remote.state)
            session.ledger.mark_state(batch.id, remote.state)
            events.batch_state(batch, remote, last_state)
            last_state = remote.state
        if remote.ended:
            return _fetch(session, batch, remote, records)
        now = time.time()
        told_old = told_old or events.batch_old(session.settings, batch, remote.state)
        if cancelled_at and now > cancelled_at + settings.cancel_seconds:
            waited = f"{settings.cancel_seconds:.0f} s after it was cancelled"
            return Ended(STUCK, f"still {remote.state} {waited}")
        if now > deadline and now > asked_at + settings.reconcile_seconds:
            # Asked again now and then: the service may have said yes and done nothing.
            log.warning("%s: %s beyond its deadline, cancelling", batch.name, remote.state)
            session.client.cancel(batch.name)
            asked_at = now
            cancelled_at = cancelled_at or now
        if not session.waits:
            if cancelled_at:
                session.ledger.mark_state(batch.id, CANCEL_SENT)
            return None
        # Jitter keeps many lanes from polling in step.
        session.client.pause(settings.poll_interval_seconds * random.uniform(0.8, 1.2))


def download(session: Session, display_name: str, result_file: str) -> list[bytes] | None:
    """The raw lines of a batch's results; None where the service has no such file (yet)."""
    path = session.settings.paths.state_dir / "results" / f"{display_name}.jsonl"
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not session.client.download(result_file, path):
            return None
        crash.point("downloading")
        lines = split_lines(path.read_bytes())
        path.unlink()
    return lines


def _look_again(session: Session, name: str) -> RemoteBatch | None:
    """A batch that the service said it doesn't know: neither by name nor in its list?"""
    for _ in session.polls(time.time()):
        listed = [batch for batch in session.client.list_batches() if batch.name == name]
        if remote := session.client.get(name) or next(iter(listed), None):
            return remote
    return None


def _fetch(session: Session, batch: Batch, remote: RemoteBatch, records: Sequence[Record]) -> Ended:
    """The results of a batch that has ended, whatever its state: what there is was paid for."""
    for _ in session.polls(time.time()):
        lines = _results(session, batch, remote, records)
        # A batch may say SUCCEEDED a little before its results can be had.
        has_results = remote.state in SUCCESSFUL_STATES or remote.result_file
        if lines is not None or not has_results:
            return Ended(remote.state, remote.error, lines or ())
        remote = session.client.get(remote.name) or remote
    return Ended(NO_RESULTS, f"{remote.state} without results")


def _results(
    session: Session, batch: Batch, remote: RemoteBatch, records: Sequence[Record]
) -> list[bytes] | None:
    """The lines of a batch's result file; None where there is none (yet).

    A file without a line for each record is fetched again before that is believed: to send those
    records once more costs money.
    """
    if not remote.result_file:
        return None
    wanted = {record.key for record in records}
    best: list[bytes] | None = None
    most = -1
    for _ in range(DOWNLOADS_OF_SHORT_RESULTS):
        lines = download(session, batch.display_name, remote.result_file)
        answered = -1 if lines is None else len(wanted & {key_of(line) for line in lines})
        if answered > most:
            best, most = lines, answered
        if most == len(wanted):
            break
        session.client.pause(min(1.0, session.settings.batch.poll_interval_seconds))
    return best


def parse_results(
    workspace: Workspace,
    batch: Batch,
    ended: Ended,
    records: Sequence[Record],
) -> tuple[list[Attempt], list[FailureRow]]:
    """What a batch brought, its lines joined to its records by key.

    Of several answers for one key the first valid one counts. An attempt is what the model ran for:
    an error line is a failure without one.
    """
    results: dict[str, Answer | Failure] = {}
    by_key = {record.key: record for record in records}
    for line in ended.lines:
        key = key_of(line)
        if key not in by_key:
            log.warning("%s: a line for %r, which was not asked for", batch.name, key)
        elif not isinstance(results.get(key), Answer):
            parsed = parse_line(line, workspace.prompt.page_model)
            if isinstance(parsed, Answer):
                record = by_key[key]
                parsed = guarded(
                    workspace, parsed, record.previous_context, Path(record.image), line
                )
            if key not in results or isinstance(parsed, Answer):
                results[key] = parsed
    attempts, failures = [], []
    for record in records:
        result = results.get(record.key)
        if result is None:
            failure = _unanswered(record, ended)
            failures.append(failure)
            # Where the batch succeeded the record was read in all likelihood, and is paid for.
            if failure.counted or ended.state == NO_RESULTS:
                attempts.append(_attempt(workspace.settings, batch, record, None, NO_USAGE, None))
        elif isinstance(result, Answer):
            attempt = _attempt(
                workspace.settings,
                batch,
                record,
                result.page_json,
                result.usage,
                result.finish_reason,
            )
            attempts.append(replace(attempt, flags=result.flags))
        else:
            if result.inferred:
                usage = result.usage or NO_USAGE
                attempts.append(
                    _attempt(workspace.settings, batch, record, None, usage, result.error_type)
                )
            failures.append(
                FailureRow(
                    key=record.key,
                    attempt_number=record.attempt_number,
                    counted=result.error_type not in BATCH_ERROR_TYPES,
                    error_type=result.error_type,
                    message=result.message,
                    traceback=result.traceback,
                    raw_text=result.raw_text,
                    raw_json=result.raw_json,
                )
            )
    return attempts, failures


def guarded(
    workspace: Workspace, answer: Answer, context: str | None, image: Path, line: bytes
) -> Answer | Failure:
    """The answer, unless a guard refuses it; `context` is what was told of the page before."""
    evidence = Evidence(
        key=answer.key,
        context=context,
        image=image,
        page_before=lambda: _page_before(workspace, answer.key),
        neighbours=lambda: _neighbours(workspace, answer.key),
    )
    found = judge(answer, evidence, workspace.settings.quality)
    if isinstance(found, Failure):
        return replace(found, raw_json=line.decode("utf-8", "backslashreplace"))
    return found


def _page_before(workspace: Workspace, key: str) -> str:
    """The text of the page before; none where its file, or the page itself, is gone by now."""
    try:
        before = workspace.dataset.previous(workspace.dataset.page(key))
        return workspace.read_page(before).text() if before else ""
    except DataError:
        return ""


def _neighbours(workspace: Workspace, key: str) -> list[Path]:
    """Images of the pages around one, itself left out."""
    try:
        page = workspace.dataset.page(key)
    except DataError:
        return []
    near = range(page.number - NEIGHBOURS, page.number + NEIGHBOURS + 1)
    pages = workspace.dataset.book(page.book_id).pages
    images = []
    for other in pages:
        if other.number in near and other != page:
            with contextlib.suppress(DataError):  # none was made of its scan
                images.append(workspace.images.path(other))
    return images


def _unanswered(record: Record, ended: Ended) -> FailureRow:
    """Why a record has no line: only a batch that succeeded can be said to have tried it."""
    if ended.state in SUCCESSFUL_STATES:
        error_type, message = "MissingResponse", "the batch's results hold no line for this record"
    else:
        error_type = {"EXPIRED": "BatchExpired", "CANCELLED": "BatchCancelled"}.get(
            ended.state, "BatchFailed"
        )
        message = f"the batch ended as {ended.state}" + (f": {ended.error}" if ended.error else "")
    return FailureRow(
        key=record.key,
        attempt_number=record.attempt_number,
        counted=error_type == "MissingResponse",
        error_type=error_type,
        message=message,
    )


def _attempt(
    settings: Settings,
    batch: Batch,
    record: Record,
    page: str | None,
    usage: Usage,
    finish_reason: str | None,
) -> Attempt:
    output = usage.output_tokens + usage.thoughts_tokens
    cost = usd(settings.pricing, batch.model, usage.prompt_tokens, output, usage.cached_tokens)
    return Attempt(
        key=record.key,
        number=record.attempt_number,
        fingerprint=record.fingerprint,
        page=page,
        finish_reason=finish_reason,
        prompt_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        thoughts_tokens=usage.thoughts_tokens,
        cached_tokens=usage.cached_tokens,
        usd=cost if settings.engine == "gemini" else 0.0,
    )


def _compare(ledger: Ledger, batch: Batch) -> None:
    """Say so when a batch brought more or fewer answers than it was asked for."""
    totals = ledger.batch_totals(batch.id)
    if totals["records_answered"] != totals["records_sent"] or totals["lines_unexpected"]:
        log.warning(
            "%s: %d of %d records answered, %d lines that nobody asked for",
            batch.name,
            totals["records_answered"],
            totals["records_sent"],
            totals["lines_unexpected"],
        )
