"""From requests to a batch at the service: intent, uploads, create; and intents left by a crash.

Nothing is sent before the ledger knows of it, and no batch is created twice: when the fate of a
create call is unknown, the service's own list decides.
"""

import json
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .errors import ServiceError
from .gemini import CreateUnknown, QuotaExceeded, RemoteBatch, RemoteFile
from .ledger import Batch, Record, explained
from .requests import (
    Request,
    canonical_json,
    generation_config,
    jsonl_line,
    recipe,
    response_schema,
)
from .workbench import Workbench, log

CREATE_ATTEMPTS = 5
FIRST_QUOTA_PAUSE_SECONDS = 60.0
LONGEST_QUOTA_PAUSE_SECONDS = 900.0
BATCH_LIFE_SECONDS = 24 * 3600.0
"""An image uploaded earlier is used again only if it outlives the service's target for a batch."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request and how often it was tried: what the next attempt changes depends on both."""

    request: Request
    attempt_number: int
    last_error: str | None


def intend(
    bench: Workbench, run_id: str, lane: int, wave: int, submissions: Sequence[Submission]
) -> Batch:
    """Write a batch and its records into the ledger; nothing is sent yet."""
    prompt, settings = bench.prompt, bench.settings
    bench.ledger.add_prompt(prompt.sha256, prompt.name, prompt.template_file, prompt.source)
    return bench.ledger.add_intent(
        display_name=_display_name(bench, run_id, lane, wave),
        engine=bench.engine,
        model=settings.model.name,
        prompt_sha256=prompt.sha256,
        run_id=run_id,
        lane=lane,
        wave=wave,
        records=[
            Record(
                key=s.request.key,
                fingerprint=s.request.fingerprint,
                attempt_number=s.attempt_number,
                previous_context=s.request.previous_context,
                generation_config=canonical_json(
                    generation_config(settings, s.attempt_number, s.last_error)
                ),
                image=str(s.request.image),
                image_sha256=s.request.facts.sha256,
            )
            for s in submissions
        ],
    )


def send(bench: Workbench, batch: Batch, submissions: Sequence[Submission]) -> Batch:
    """Send an intended batch.

    Raises:
        ServiceError: the service refuses it; nothing was created.
        Stopped: the run was told to stop; the next one goes on from the ledger.
    """
    try:
        uris = _upload_images(bench, [s.request for s in submissions])
        input_file = _upload_requests(bench, batch, submissions, uris)
        remote = _create(bench, batch, input_file)
    except Exception as error:
        if bench.ledger.batch(batch.id).status == "intent":
            abandon(bench, batch, f"{type(error).__name__}: {error}")
        raise
    bench.ledger.mark_submitted(batch.id, remote.name)
    return bench.ledger.batch(batch.id)


def settle_intents(bench: Workbench) -> None:
    """Find out what became of the batches that an earlier run was about to create."""
    for batch in bench.ledger.open_batches(bench.engine):
        if batch.status == "intent":
            abandon(bench, batch, "the run ended before anything was created")
        elif batch.status == "creating":
            log.info("looking for batch %s of an earlier run", batch.display_name)
            remote = _find(bench, batch)
            if remote:
                bench.ledger.mark_submitted(batch.id, remote.name)
            else:
                abandon(bench, batch, "the service never had it")


def abandon(bench: Workbench, batch: Batch, why: str) -> None:
    """The batch never came to be: its records are free to be sent again."""
    bench.ledger.mark_abandoned(batch.id, why)
    bench.request_file(batch.display_name).unlink(missing_ok=True)


def _display_name(bench: Workbench, run_id: str, lane: int, wave: int) -> str:
    """Unique, because a batch whose name was lost is found again by it."""
    prefix = bench.settings.batch.display_name_prefix
    place = f"{prefix}-{run_id}-lane{lane}-wave{wave}"
    return f"{place}-{recipe(bench.settings, bench.prompt)}-{secrets.token_hex(4)}"


def _upload_images(bench: Workbench, requests: Sequence[Request]) -> dict[str, str]:
    """URIs of the requests' images by content hash; what the service has is not sent again."""
    uris: dict[str, str] = {}
    missing: dict[str, Request] = {}
    for request in requests:
        uri = bench.ledger.upload(
            bench.engine, request.facts.sha256, time.time() + BATCH_LIFE_SECONDS
        )
        if uri:
            uris[request.facts.sha256] = uri
        else:
            missing[request.facts.sha256] = request

    def upload(request: Request) -> RemoteFile:
        path = Path(request.image)
        file = bench.gemini.upload(path, request.facts.mime_type, request.facts.sha256)
        file = bench.gemini.wait_until_active(file)
        bench.ledger.add_upload(
            bench.engine, request.facts.sha256, file.name, file.uri, file.expires_at
        )
        return file

    with ThreadPoolExecutor(bench.settings.files.upload_concurrency) as pool:
        for sha256, file in zip(missing, pool.map(upload, missing.values()), strict=True):
            uris[sha256] = file.uri
    return uris


def _upload_requests(
    bench: Workbench, batch: Batch, submissions: Sequence[Submission], uris: dict[str, str]
) -> str:
    """Upload the batch's requests as one JSONL file; returns the service's name for it."""
    configs = {r.key: json.loads(r.generation_config) for r in bench.ledger.records(batch.id)}
    schema = response_schema(bench.prompt.page_model)
    path = bench.request_file(batch.display_name)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for request in (s.request for s in submissions):
                uri = uris[request.facts.sha256]
                file.write(jsonl_line(request, uri, configs[request.key], schema))
    uploaded = bench.gemini.upload(path, "application/jsonl", batch.display_name)
    bench.gemini.wait_until_active(uploaded)
    return uploaded.name


def _create(bench: Workbench, batch: Batch, input_file: str) -> RemoteBatch:
    """Create the batch once, however often that takes."""
    quota_pause = FIRST_QUOTA_PAUSE_SECONDS
    attempts = 0
    while attempts < CREATE_ATTEMPTS:
        bench.ledger.mark_creating(batch.id, input_file)
        try:
            return bench.gemini.create(batch.model, input_file, batch.display_name)
        except QuotaExceeded as error:
            log.warning(
                "%s: quota used up, asking again in %.0f s (%s)",
                batch.display_name,
                quota_pause,
                error,
            )
            bench.gemini.pause(quota_pause)
            quota_pause = min(2 * quota_pause, LONGEST_QUOTA_PAUSE_SECONDS)
        except CreateUnknown as error:
            log.warning("%s: create may have failed, looking (%s)", batch.display_name, error)
            attempts += 1
            if remote := _find(bench, batch):
                return remote
        except ServiceError as error:
            abandon(bench, batch, str(error))
            raise
    abandon(bench, batch, "create failed again and again")
    raise ServiceError(
        f"The service did not create batch {batch.display_name} in {CREATE_ATTEMPTS} attempts. "
        "Run the same command again later; nothing was lost."
    )


def _find(bench: Workbench, batch: Batch) -> RemoteBatch | None:
    """Look for a batch whose create call may or may not have arrived.

    New batches may be listed late, so it counts as absent only `batch.reconcile_seconds` after the
    call. Should there be several, the earliest is adopted and the others are cancelled.
    """
    patience = bench.settings.batch.reconcile_seconds
    created_at = bench.ledger.batch(batch.id).creating_at or batch.intent_at
    while True:
        absent_for = time.time() - created_at
        found = bench.gemini.find_batches(batch.display_name)
        for twin in found[1:]:
            if not twin.ended:
                bench.gemini.cancel(twin.name)
        if found:
            return found[0]
        if absent_for > patience:
            return None
        bench.gemini.pause(min(10.0, max(0.1, patience / 10)))
