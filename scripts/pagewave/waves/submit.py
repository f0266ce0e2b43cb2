"""From requests to a batch at the service: intent, uploads, create; and intents left by a crash.

Nothing is sent before the ledger knows of it, and no batch is created twice: when the fate of a
create call is unknown, the service's own list decides. Each create call has a display name of its
own, so that a batch which turns up after all can be told from the one that took its place.
"""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pagewave import crash_points as crash
from pagewave.config.other_model import paid_as
from pagewave.errors import BudgetReached, OnItsWay, ServiceError
from pagewave.gemini.client import (
    CreateRefused,
    CreateUnknown,
    NotReady,
    QuotaExceeded,
    RemoteBatch,
)
from pagewave.gemini.retries import Stopped, is_about_content
from pagewave.gemini.session import Session
from pagewave.gemini.uploads import delete_unneeded_files
from pagewave.ledger import BY_BATCH, UNKNOWN, Batch, FailureRow, Record
from pagewave.log import log
from pagewave.plan.budget import reserve, reserve_now
from pagewave.plan.enqueued import reserve_tokens
from pagewave.plan.estimates import Estimator, estimator
from pagewave.prompts.costs import most_tokens, most_usd, usd
from pagewave.prompts.halved import KEY as HALVED
from pagewave.prompts.numbered import sent_prompt
from pagewave.prompts.request import Request, recipe, wire_config
from pagewave.prompts.retries import asked
from pagewave.prompts.schema import canonical_json
from pagewave.waves import events
from pagewave.waves.other_model import refuse_other
from pagewave.waves.upload import upload_batch
from pagewave.workspace import Workspace

UPLOADS_FRESH_SECONDS = 12 * 3600.0
"""After so long a wait for quota, uploads are looked at anew: the service keeps them for 48 h."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request and what befell it so far: what the next attempt changes depends on that."""

    request: Request
    attempt_number: int
    errors: Sequence[str]


def intend(
    workspace: Workspace,
    run_id: str,
    lane: int,
    wave: int,
    submissions: Sequence[Submission],
    transport: str = BY_BATCH,
    *,
    may_wait: bool = True,
    expected: Estimator | None = None,
) -> Batch:
    """Write a batch and its records, all of one model, into the ledger; nothing is sent yet.

    Args:
        transport: the tier of a single call, which is a batch of one record.
        may_wait: until batches in flight leave room for its tokens.
        expected: what pages use, where that is known already.

    Raises:
        BudgetReached: the run sends nothing more. (Called by `admission.within_budget`.)
    """
    prompt, settings, first = workspace.prompt, workspace.settings, submissions[0]
    expected = expected or estimator(workspace)
    records = [_record(workspace, expected, each, transport) for each in submissions]
    what = f"lane {lane} wave {wave}"
    with workspace.ledger.transaction():
        reserve(workspace.ledger, settings, run_id, what, records)
        if may_wait:
            reserve_tokens(workspace.ledger, settings, what, records)
        workspace.ledger.files.add_prompt(
            prompt.sha256, prompt.name, prompt.template_file, prompt.source
        )
        return workspace.ledger.batches.add_intent(
            display_name=_display_name(workspace, run_id, lane, wave),
            engine=workspace.engine,
            model=asked(settings, first.attempt_number, first.errors).model,
            prompt_sha256=prompt.sha256,
            run_id=run_id,
            lane=lane,
            wave=wave,
            records=records,
            transport=transport,
        )


def _record(
    workspace: Workspace, expected: Estimator, submission: Submission, transport: str
) -> Record:
    """A request as the ledger keeps it, with what it will use about and at most."""
    request, settings = submission.request, workspace.settings
    facts = request.facts
    how = asked(settings, submission.attempt_number, submission.errors)
    config = wire_config(settings, how)
    text, page_model = sent_prompt(request.prompt, config), workspace.prompt.page_model
    guess = expected.of_page(len(text), facts.width, facts.height)
    # Prompt and image twice; both answers together have the page's words.
    guess = replace(guess, input_tokens=guess.input_tokens * (2 if config.get(HALVED) else 1))
    most = most_tokens(text, page_model, facts.width, facts.height, config)
    price, model, tier = settings.pricing, how.model, paid_as(transport)
    held = most_usd(price, model, most.input_tokens, most.output_tokens, tier=tier)
    return Record(
        key=request.key,
        fingerprint=request.fingerprint,
        attempt_number=submission.attempt_number,
        previous_context=request.previous_context,
        generation_config=canonical_json(config),
        image=str(request.image),
        image_sha256=request.facts.sha256,
        expected_input_tokens=guess.input_tokens,
        expected_output_tokens=guess.output_tokens,
        expected_usd=usd(price, model, guess.input_tokens, guess.output_tokens, tier=tier),
        max_usd=held,
        step=how.step,
    )


def send(session: Session, batch: Batch, submissions: Sequence[Submission]) -> Batch:
    """Send an intended batch, and see to it that it is created once, however often that takes.

    Returns the batch that came of it: submitted, or abandoned where nothing of it could be
    uploaded or a request in it is not accepted; then its records carry the failure.

    Raises:
        ServiceError: the service refuses it, or is not there; nothing was created.
        OnItsWay: the quota is used up, and the run does not wait.
        Stopped: the run was told to stop; the next one goes on from the ledger.
    """
    requests = [submission.request for submission in submissions]
    errors = {submission.request.key: submission.errors for submission in submissions}
    patience = _Patience(session)
    uploaded, uploaded_at, apart = None, 0.0, False
    try:
        session.check_access(batch.model)
        refuse_other(session, batch.model)
        while True:
            if uploaded is None or session.client.now() > uploaded_at + UPLOADS_FRESH_SECONDS:
                try:
                    uploaded = upload_batch(session, batch, requests, errors, apart=apart)
                except QuotaExceeded as error:
                    patience.wait_for_storage(batch, error)
                    continue
                uploaded_at = session.client.now()
                if uploaded is None:
                    abandon(session, batch, "nothing of it could be uploaded")
                    return session.ledger.batches.get(batch.id)
                crash.point("requests-uploaded")
                patience.begin()
            try:
                remote = _create(session, batch, uploaded.input_file)
            except QuotaExceeded as error:
                patience.wait_for_quota(batch, error)
                # The refusal may be that of a second try which the service made by itself.
                remote = _listed(session, batch)
                if not remote:
                    continue
            except CreateRefused as error:
                try:
                    patience.wait_for_file(batch, uploaded.input_file, error)
                except CreateRefused as refused:
                    if not is_about_content(refused.__cause__):
                        raise
                    if not uploaded.may_go_apart:
                        _refuse_content(session, batch, refused)
                        return session.ledger.batches.get(batch.id)
                    log.warning("%s: refused with images inside (%s)", batch.display_name, refused)
                    apart = True
                uploaded = None
                continue
            if remote:
                session.images_apart |= apart
                session.ledger.batches.mark_submitted(batch.id, remote.name)
                crash.point("name-stored")
                return session.ledger.batches.get(batch.id)
            patience.wait_for_service(batch)
            batch = _renew(session, batch)
    except Exception as error:
        if session.ledger.batches.get(batch.id).status == "intent":
            abandon(session, batch, f"{type(error).__name__}: {error}")
        raise


@dataclass
class _Patience:
    """How long one submission has tried, and how long it may: by the service's clock."""

    session: Session
    started_at: float | None = None
    refused_by_quota: int = 0
    refused_for_file: int = 0

    def begin(self) -> None:
        """All is uploaded, and what time it is there is known."""
        if self.started_at is None:
            self.started_at = self.session.client.now()

    def _seconds(self) -> float:
        now = self.session.client.now()
        return now - (now if self.started_at is None else self.started_at)

    def wait_for_storage(self, batch: Batch, error: QuotaExceeded) -> None:
        """As `wait_for_quota`, once no file of ours is left that nobody needs any more."""
        self.begin()  # the refusal told what time it is there
        if deleted := delete_unneeded_files(self.session):
            log.warning("no room for uploads, %d old files of ours deleted (%s)", deleted, error)
        else:
            self.wait_for_quota(batch, error, state=None)  # no create call was sent

    def wait_for_quota(
        self, batch: Batch, error: QuotaExceeded, state: str | None = UNKNOWN
    ) -> None:
        """Wait for minutes; raises ServiceError when the quota was used up for too long.

        Args:
            state: what the batch is abandoned as.
        """
        settings = self.session.settings.batch
        if not self.session.waits:
            abandon(self.session, batch, "the quota was used up", state)
            raise OnItsWay(f"the quota is used up ({error})") from error
        if self._seconds() > settings.quota_seconds:
            abandon(self.session, batch, "the quota was used up", state)
            raise ServiceError(
                f"The quota has been used up for {settings.quota_seconds / 3600:.3g} hours: {error}"
                " Look at the project's limits, cancel batches that nobody needs, and run the same "
                "command again; batch.quota_seconds says how long a run waits."
            ) from error
        self.refused_by_quota += 1
        pause = self.session.retry_pause(self.refused_by_quota)
        log.warning(
            "%s: quota used up, asking again in %.0f s (%s)", batch.display_name, pause, error
        )
        self.session.client.pause(pause)

    def wait_for_file(self, batch: Batch, input_file: str, error: CreateRefused) -> None:
        """Wait a little where the refusal is about the uploaded requests; else raise it."""
        self.refused_for_file += 1
        too_often = self.refused_for_file >= self.session.settings.files.upload_retry_attempts
        file = None if too_often else self.session.client.file(input_file)
        is_there = file is not None and file.state == "ACTIVE"
        if too_often or (is_there and not isinstance(error, NotReady)):
            raise error
        log.warning("%s: its requests are sent anew (%s)", batch.display_name, error)
        self.session.client.pause(self.session.retry_pause(self.refused_for_file))

    def wait_for_service(self, batch: Batch) -> None:
        """Raise ServiceError when create calls have got lost for too long."""
        settings = self.session.settings.batch
        if self._seconds() > settings.outage_seconds:
            abandon(self.session, batch, "it did not turn up", UNKNOWN)
            raise ServiceError(
                f"The service has not created a batch for {settings.outage_seconds:.0f} s (last "
                f"tried: {batch.display_name}). Run the same command again later: should one of "
                "them turn up, it is used."
            )
        self.session.client.pause(min(1.0, settings.poll_interval_seconds))


def settle_intents(session: Session) -> None:
    """Find out what became of the batches that an earlier run was about to create."""
    for batch in session.ledger.batches.open(session.engine):
        if batch.status == "intent":
            abandon(session, batch, "the run ended before anything was created")
        elif batch.status == "creating":
            log.info("looking for batch %s of an earlier run", batch.display_name)
            remote = _find(session, batch)
            if remote:
                session.ledger.batches.mark_submitted(batch.id, remote.name)
            else:
                abandon(session, batch, "the service does not show it", UNKNOWN)


def abandon(workspace: Workspace, batch: Batch, why: str, state: str | None = None) -> None:
    """The batch never came to be: its records are free to be sent again.

    With the state UNKNOWN that is likely, not certain: it is looked for again later.
    """
    workspace.ledger.batches.mark_abandoned(batch.id, why, state)
    workspace.request_file(batch.display_name).unlink(missing_ok=True)


def _display_name(workspace: Workspace, run_id: str, lane: int, wave: int) -> str:
    """Unique, because a batch whose name was lost is found again by it."""
    prefix = workspace.settings.batch.display_name_prefix
    place = f"{prefix}-{run_id}-lane{lane}-wave{wave}"
    return f"{place}-{recipe(workspace.settings, workspace.prompt)}-{secrets.token_hex(4)}"


def _renew(workspace: Workspace, batch: Batch) -> Batch:
    """The same requests, to be created under another display name."""
    name = _display_name(workspace, batch.run_id, batch.lane, batch.wave)
    what = f"lane {batch.lane} wave {batch.wave} once more"
    try:
        with workspace.ledger.transaction():
            # What did not turn up may do so yet, and cost as much again.
            reserve_now(
                workspace.ledger,
                workspace.settings,
                batch.run_id,
                what,
                workspace.ledger.batches.records(batch.id),
            )
            renewed = workspace.ledger.batches.renew_intent(batch.id, name)
    except BudgetReached as full:
        abandon(workspace, batch, "it did not turn up", UNKNOWN)
        workspace.ledger.spending.mark_over_budget(batch.run_id, str(full))
        raise
    with contextlib.suppress(FileNotFoundError):
        workspace.request_file(batch.display_name).rename(workspace.request_file(name))
    return renewed


def _refuse_content(session: Session, batch: Batch, error: CreateRefused) -> None:
    """A create call was refused for one of the requests: that is their failure, not the service's.

    Raises:
        CreateRefused: a request alone, while the service has taken no other batch: it may be all
            that it refuses.
    """
    ledger = session.ledger
    records = ledger.batches.records(batch.id)
    is_alone = len(records) == 1
    if is_alone and not ledger.batches.is_any_taken(batch, records[0].key):
        raise error
    failures = [
        FailureRow(
            key=record.key,
            attempt_number=record.attempt_number,
            counted=False,
            error_type="BadRequest" if is_alone else "BadBatch",
            message=str(error),
        )
        for record in records
    ]
    with ledger.transaction():
        ledger.failures.add(session.engine, failures, batch.id)
        ledger.batches.mark_abandoned(batch.id, str(error))
    session.request_file(batch.display_name).unlink(missing_ok=True)
    log.warning("%s: %s", batch.display_name, error)
    events.records_failed(failures, batch.display_name)


def _create(session: Session, batch: Batch, input_file: str) -> RemoteBatch | None:
    """One create call; None when it is unknown what became of it and no batch is to be found.

    With QuotaExceeded too the ledger goes on saying that the batch may exist.
    """
    with session.ledger.transaction():
        session.ledger.batches.mark_creating(batch.id, input_file, session.client.now())
        session.ledger.identity.note_key(batch.id, session.key_hash)
    crash.point("creating")
    try:
        return session.client.create(batch.model, input_file, batch.display_name)
    except CreateUnknown as error:
        log.warning("%s: create may have failed, looking (%s)", batch.display_name, error)
        return _find(session, batch)
    except (CreateRefused, Stopped):
        session.ledger.batches.mark_not_created(batch.id)
        raise


def _find(session: Session, batch: Batch) -> RemoteBatch | None:
    """Look for a batch whose create call may or may not have arrived.

    New batches may be listed late, so it is looked for during `batch.reconcile_seconds`. Should
    there be several, the earliest is adopted; the others are cancelled, what they bring is kept.
    """
    since = session.ledger.batches.get(batch.id).creating_at or batch.intent_at
    for _ in session.polls(since):
        if remote := _listed(session, batch):
            return remote
    return None


def _listed(session: Session, batch: Batch) -> RemoteBatch | None:
    """The batch as the service lists it now, if it does."""
    found = session.client.find_batches(batch.display_name)
    for twin in found[1:]:
        log.warning("%s: created twice, cancelling %s", batch.display_name, twin.name)
        session.ledger.batches.add_twin(batch.id, twin.name)
        session.client.cancel(twin.name)
    return found[0] if found else None
