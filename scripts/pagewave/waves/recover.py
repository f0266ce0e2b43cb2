"""What earlier runs left behind: batches, files, and what was given up on and turns up after all.

A batch that the service did not show when it was looked for may exist all the same, and costs money
if it does. So it is looked for again: when a run starts, and now and then before a wave. What it
brought is taken in; while it still goes on it is adopted if its pages need it, else cancelled.
"""

import shutil
import time

from pagewave.atomic import partial_of, remove_partial_files
from pagewave.errors import ServiceError
from pagewave.gemini.client import SUCCESSFUL_STATES, RemoteBatch
from pagewave.gemini.request_files import remove_unsent
from pagewave.gemini.retries import NoSuccess
from pagewave.gemini.session import Session
from pagewave.gemini.uploads import delete_unneeded_files
from pagewave.ledger import DOUBT_SECONDS, STUCK, Batch, Ledger
from pagewave.log import log
from pagewave.waves.calls import settle_calls
from pagewave.waves.collect import collect, collect_late
from pagewave.waves.in_halves import remove_halves
from pagewave.waves.other_key import settle_keys
from pagewave.waves.submit import settle_intents
from pagewave.workspace import REQUESTS, Workspace

TRIES_AT_THE_END = 3
"""A run that is over does not wait for a service that is away."""


def recover(session: Session) -> None:
    """Put in order what earlier runs left: called when a run starts.

    Raises:
        ServiceError: the service is not there, or what is in flight was sent with another key;
            which batches exist cannot be told.
        Stopped: the run was told to stop.
    """
    settle_calls(session)
    settle_keys(session)
    settle_intents(session)
    _remove_leftover_files(session)
    _note_written_pages(session)
    _collect_ended(session)
    find_doubtful(session)


def clear_up(session: Session) -> None:
    """After the last wave: take in what ended meanwhile, and delete what nobody needs any more.

    A batch may be left that no wave asked for: a forced rebuild does so, a narrower target, or a
    label that was taken away.
    """
    try:
        _collect_ended(session, tries=TRIES_AT_THE_END)
    except NoSuccess as error:
        log.warning("the service is not there, batches are left for the next run (%s)", error)
    else:
        delete_unneeded_files(session)


def find_doubtful(session: Session) -> None:
    """Look for batches that were given up on; not more often than `batch.reconcile_seconds`."""
    if time.monotonic() < session.looked_at + session.settings.batch.reconcile_seconds:
        return
    session.looked_at = time.monotonic()
    since = session.client.now() - DOUBT_SECONDS
    doubtful = session.ledger.batches.doubtful(session.engine, since)
    if not doubtful:
        return
    listed = session.client.list_batches()
    for batch in doubtful:
        if not session.ledger.batches.exists(batch.id):
            continue  # it was another one's twin by mistake
        found = [
            remote
            for remote in listed
            if remote.name == batch.name
            or (batch.name is None and remote.display_name == batch.display_name)
        ]
        found.sort(key=lambda remote: remote.created_at)
        for twin in found[1:]:
            session.ledger.batches.add_twin(batch.id, twin.name)  # has its turn at the next look
        if found:
            _settle(session, batch, found[0])


def _remove_leftover_files(workspace: Workspace) -> None:
    """Remove files that only the run which died had a use for."""
    paths = workspace.settings.paths
    remove_partial_files(paths.logs_dir / "waves")
    for leftover in (paths.state_dir / "results").glob("*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    remove_unsent(paths.state_dir / REQUESTS)
    remove_halves(workspace)
    settled = workspace.ledger.batches.settled()
    for requests in (paths.state_dir / REQUESTS).glob("*.jsonl"):
        # Those of batches that this ledger doesn't know are what it can be rebuilt from.
        if requests.stem in settled:
            requests.unlink()


def _note_written_pages(workspace: Workspace) -> None:
    """Tell the ledger of page files that were written just before a crash."""
    answers = workspace.ledger.runs.unwritten_answers()
    for page in workspace.dataset.pages:
        path = workspace.page_file(page)
        if page.key not in answers:
            continue
        partial_of(path).unlink(missing_ok=True)
        if path.exists():
            text = workspace.page_text(answers[page.key])
            if path.read_bytes() == text.encode():
                workspace.ledger.files.mark_written(page.key, answers[page.key])


def _collect_ended(session: Session, tries: int | None = None) -> None:
    """Take in what ended while no run was there, even if no page of this run asks for it."""
    for batch in session.ledger.batches.open(session.engine):
        remote = session.client.get(batch.name, tries) if batch.name else None
        # SUCCEEDED without results: a wave has the time to wait for them.
        if (
            remote
            and remote.ended
            and (remote.result_file or remote.state not in SUCCESSFUL_STATES)
        ):
            try:
                collect(session, batch.id)
            except ServiceError as error:
                log.warning("%s: can't be collected now (%s)", batch.name, error)


def _settle(session: Session, batch: Batch, found: RemoteBatch) -> None:
    """Deal with a batch that turned up although it was given up on."""
    if not session.ledger.batches.mark_seen(batch.id, found.name):
        return  # of the same create call, and taken in already
    if found.ended:
        remote = session.client.get(found.name) or found  # a list may leave out where results are
        if collect_late(session, batch.id, remote):
            log.warning("%s: turned up after all, %s; taken in", found.name, remote.state)
        return
    if batch.state == STUCK:
        log.warning("%s: still %s, cancelling again", found.name, found.state)
        session.client.cancel(found.name)
        return
    with session.ledger.transaction():
        is_adopted = _is_needed(session.ledger, session.engine, batch)
        if is_adopted:
            session.ledger.batches.mark_submitted(batch.id, found.name)
    if is_adopted:
        log.warning("%s: turned up after all and is waited for", found.name)
    else:
        log.warning("%s: turned up after all, and nobody needs it: cancelling", found.name)
        session.client.cancel(found.name)


def _is_needed(ledger: Ledger, engine: str, batch: Batch) -> bool:
    """Does a record of this batch have neither an answer nor another batch that carries it?"""
    rebuilds = ledger.runs.rebuilds()
    return any(
        not ledger.answers.stored(record.fingerprint, rebuilds.get(record.key, 0))
        and not ledger.batches.carrying(record.fingerprint, engine)
        for record in ledger.batches.records(batch.id)
    )
