"""From a batch at the service to attempts in the ledger: poll, store, parse, commit.

Raw lines are stored before they are understood, results join their records by key alone, and all
that a batch brought is committed at once. Collecting a batch twice changes nothing.

A batch that is lost, stuck or without results is given up only after several looks; its records may
be sent again then, and should it turn up later, `recover` takes in what it brings.
"""

import hashlib
import random
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from pagewave import crash_points as crash
from pagewave.answers.result_line import (
    key_of,
    page_key_of,
    split_lines,
)
from pagewave.errors import ServiceError
from pagewave.gemini.client import GOING_STATES, SUCCESSFUL_STATES, TERMINAL_STATES, RemoteBatch
from pagewave.gemini.session import FEWEST_POLLS, Session
from pagewave.gemini.uploads import delete_files_of
from pagewave.ledger import LOST, NO_RESULTS, RECENT, STUCK, Batch, Ledger, Record, explained
from pagewave.log import log
from pagewave.waves import events
from pagewave.waves.next_look import seconds_to_next_look
from pagewave.waves.other_model import reason_to_stop
from pagewave.waves.results import Ended, line_keys, parse_results

CANCEL_SENT = "CANCEL_SENT"
"""Our word for a batch beyond its deadline that the run did not wait to see cancelled."""
ADVICE_ON_ACCOUNT = (
    "Google limits or has disabled this account (its policy on prohibited use): see "
    "ai.google.dev/gemini-api/docs/usage-policies and the account's mail. Nothing more is sent; "
    "what was read is kept. When that is settled, run the same command again."
)
DOWNLOADS_OF_SHORT_RESULTS = 3
CREATED_BEFORE_SECONDS = 3600.0
"""A batch that says that it is so much older than its create call, or younger than now, is wrong
about that: it may say 1970, or nothing."""
SENDING_SECONDS = 24 * 3600.0
"""Long enough to upload the images of any batch; whoever sends it is not at it any more."""


def collect(session: Session, batch_id: int, *, keeps_files: bool = False) -> bool:
    """Wait for a batch to end and take in what it brought; at once if that was done already.

    With `execution.wait: false` it is only looked at. Returns False if it still goes on then.

    Args:
        keeps_files: what was uploaded for it is left to the caller, who has more urgent things to
            do than to delete it.

    Raises:
        ServiceError: the service is not there; the batch stays open for the next run.
        Stopped: the run was told to stop; the batch stays at the service.
    """
    with session.batch_lock(batch_id):
        batch = _wait_until_submitted(session, batch_id)
        if batch.status in ("collected", "abandoned"):
            return True
        records = session.ledger.batches.records(batch_id)
        ended = _ended_before(session.ledger, batch) or _wait_until_ended(session, batch, records)
        if ended is None:
            return False
        if ended.state in (LOST, STUCK, NO_RESULTS):
            log.warning("%s: given up as %s (%s)", batch.name, ended.state, ended.error)
            attempts, failures = parse_results(session, batch, ended, records)
            session.ledger.answers.give_up(batch_id, ended.state, ended.error, attempts, failures)
            events.batch_collected(
                session.ledger, batch, ended.state, ended.error, attempts, failures
            )
        else:
            _take_in(session, batch, records, ended)
            if not keeps_files:
                clean_up(session, batch_id)
        return True


def collect_late(session: Session, batch_id: int, remote: RemoteBatch) -> bool:
    """Take in what a batch brought that was given up on and has ended; False: nothing so far.

    That it failed as a whole was held against its records when it was given up, not again now.
    """
    with session.batch_lock(batch_id):
        batch = session.ledger.batches.get(batch_id)
        if batch.status != "abandoned":
            return False
        records = session.ledger.batches.records(batch_id)
        lines = _results(session, batch, remote, records)
        if lines is None and _owes(remote, lines):
            return False
        ended = Ended(remote.state, remote.error, lines or (), at=remote.ended_at)
        _take_in(session, batch, records, ended, late=True)
        clean_up(session, batch_id)
        return True


def clean_up(session: Session, batch_id: int) -> None:
    """Delete what was uploaded for a batch that was collected."""
    delete_files_of(session, batch_id)
    crash.point("cleaned-up")


def _take_in(
    session: Session, batch: Batch, records: Sequence[Record], ended: Ended, late: bool = False
) -> None:
    if not batch.is_call:  # its answer is stored before it is collected
        lines = [(page_key_of(line), line) for line in ended.lines]
        session.ledger.answers.store_lines(batch.id, lines)
    crash.point("raw-stored")
    attempts, failures = parse_results(session, batch, ended, records)
    crash.point("parsed")
    limited = [failure for failure in failures if failure.error_type == "AccountLimited"]
    if limited:
        session.refused = f"{limited[0].message} {ADVICE_ON_ACCOUNT}"
    if reason := reason_to_stop(session, batch, attempts):
        session.refused = session.refused or reason
    if late:
        # What has a line of its own is news.
        failures = [failure for failure in failures if failure.counted or failure.raw_json]
    session.ledger.answers.commit(batch.id, ended.state, ended.error, attempts, failures)
    crash.point("committed")
    events.batch_collected(session.ledger, batch, ended.state, ended.error, attempts, failures)
    session.request_file(batch.display_name).unlink(missing_ok=True)
    _compare(session.ledger, batch)


def _ended_before(ledger: Ledger, batch: Batch) -> Ended | None:
    """How a batch ended whose lines were stored just before a crash; the service may be without."""
    lines = ledger.answers.lines(batch.id)
    if lines and batch.state in TERMINAL_STATES:
        return Ended(batch.state, None, lines)
    return None


def _wait_until_submitted(session: Session, batch_id: int) -> Batch:
    """The batch once it is no longer about to be sent: another lane may still be at that."""
    pause = min(1.0, session.settings.batch.poll_interval_seconds)
    while (batch := session.ledger.batches.get(batch_id)).status in ("intent", "creating"):
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
    cancelled_at, asked_at = 0.0, 0.0
    last_state, last_done = batch.state, None
    told_old = False
    history = session.ledger.history
    usual = history.seconds(batch.engine, batch.model, batch.transport, RECENT)
    while True:
        remote = session.client.get(batch.name) or _look_again(session, batch.name)
        crash.point("polling")
        if remote is None:
            return Ended(LOST, "the service knows this batch no longer")
        if remote.state != last_state:
            if not remote.ended and remote.state not in GOING_STATES:
                log.warning("%s: unknown state %s, waiting on", batch.name, remote.state)
            session.ledger.batches.mark_state(batch.id, remote.state)
            events.batch_state(batch, remote, last_state)
            last_state = remote.state
        if remote.done not in (None, last_done) and not remote.ended:
            session.ledger.batches.mark_progress(batch.id, last_done := remote.done)
        if remote.ended:
            ended = _fetch(session, batch, remote, records)
            was_cancelled = cancelled_at > 0 or batch.state == CANCEL_SENT
            return replace(ended, was_cancelled=was_cancelled)
        # By the service's clock: this computer may have slept, or its clock been set.
        now = session.client.now()
        began = _began(batch, remote, now)
        deadline = began + settings.poll_interval_seconds * settings.max_poll_attempts
        if batch.state == CANCEL_SENT and not cancelled_at:
            # A run that did not wait left our own word in the ledger; the time was not kept.
            cancelled_at = deadline
        told_old = told_old or events.batch_old(session.settings, batch, remote.state)
        if cancelled_at and _is_past(session, batch, cancelled_at + settings.cancel_seconds):
            waited = f"{settings.cancel_seconds:.0f} s after it was cancelled"
            return Ended(STUCK, f"still {remote.state} {waited}")
        is_time_to_ask = now > asked_at + settings.reconcile_seconds
        if is_time_to_ask and _is_past(session, batch, deadline):
            # Asked again now and then: the service may have said yes and done nothing.
            log.warning("%s: %s beyond its deadline, cancelling", batch.name, remote.state)
            session.client.cancel(batch.name)
            asked_at = now
            cancelled_at = cancelled_at or now
        if not session.waits:
            if cancelled_at:
                session.ledger.batches.mark_state(batch.id, CANCEL_SENT)
            return None
        pause = seconds_to_next_look(settings.poll_interval_seconds, now - began, usual)
        # Jitter keeps many lanes from polling in step.
        session.client.pause(pause * random.uniform(0.8, 1.2))


def _began(batch: Batch, remote: RemoteBatch, now: float) -> float:
    """When a batch began (Unix seconds, the service's): as it says itself, where that can be."""
    asked = min(batch.creating_at or batch.intent_at, now)
    can_be = asked - CREATED_BEFORE_SECONDS <= remote.created_at <= now + CREATED_BEFORE_SECONDS
    return remote.created_at if can_be else asked


def _is_past(session: Session, batch: Batch, deadline: float) -> bool:
    """Is it later at the service, by several of its answers? One may tell a time that is wrong."""
    assert batch.name
    for _ in range(FEWEST_POLLS):
        if session.client.now() <= deadline:
            return False
        session.client.pause(min(1.0, session.settings.batch.poll_interval_seconds))
        session.client.get(batch.name)
    return session.client.now() > deadline


def download(
    session: Session, display_name: str, result_file: str, wanted: Collection[str]
) -> list[bytes] | None:
    """The raw lines of a batch's results; None where the service has no such file (yet).

    A file without a line for each of the wanted keys is fetched again before that is believed: to
    send those records once more costs money.
    """
    best: list[bytes] | None = None
    most = -1
    for _ in range(DOWNLOADS_OF_SHORT_RESULTS):
        lines = _download_once(session, display_name, result_file)
        answered = -1 if lines is None else len({*wanted} & {key_of(line) for line in lines})
        if answered > most:
            best, most = lines, answered
        if most == len(wanted):
            break
        session.client.pause(min(1.0, session.settings.batch.poll_interval_seconds))
    return best


def _download_once(session: Session, display_name: str, result_file: str) -> list[bytes] | None:
    # A display name may hold anything: that of a twin has the service's name in it, with its slash.
    name = hashlib.sha256(display_name.encode()).hexdigest()[:32]
    path = session.settings.paths.state_dir / "results" / f"{name}.jsonl"
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
    for _ in session.polls(session.client.now()):
        listed = [batch for batch in session.client.list_batches() if batch.name == name]
        if remote := session.client.get(name) or next(iter(listed), None):
            return remote
    return None


def _fetch(session: Session, batch: Batch, remote: RemoteBatch, records: Sequence[Record]) -> Ended:
    """The results of a batch that has ended, whatever its state: what there is was paid for."""
    lines: list[bytes] | None = None
    for _ in session.polls(session.client.now()):
        lines = _results(session, batch, remote, records)
        if not _owes(remote, lines):
            break
        remote = session.client.get(remote.name) or remote
    if lines is None and _owes(remote, lines):
        return Ended(NO_RESULTS, f"{remote.state} without results")
    return Ended(remote.state, remote.error, lines or (), at=remote.ended_at)


def _owes(remote: RemoteBatch, lines: Sequence[bytes] | None) -> bool:
    """Has a batch that has ended more to give than these lines? None: there is no file (yet).

    It may say SUCCEEDED a little before its results can be had.
    """
    if lines:
        return False
    if remote.state in SUCCESSFUL_STATES:
        return True
    return bool(remote.result_file if lines is None else remote.done)


def _results(
    session: Session, batch: Batch, remote: RemoteBatch, records: Sequence[Record]
) -> list[bytes] | None:
    """The lines of a batch's result file; None where there is none (yet)."""
    if not remote.result_file:
        return None
    wanted = {key for record in records for key in line_keys(record)}
    return download(session, batch.display_name, remote.result_file, wanted)


def _compare(ledger: Ledger, batch: Batch) -> None:
    """Say so when a batch brought more or fewer answers than it was asked for."""
    totals = ledger.answers.totals(batch.id)
    if totals["records_answered"] != totals["records_sent"] or totals["lines_unexpected"]:
        log.warning(
            "%s: %d of %d records answered, %d lines that nobody asked for",
            batch.name,
            totals["records_answered"],
            totals["records_sent"],
            totals["lines_unexpected"],
        )
