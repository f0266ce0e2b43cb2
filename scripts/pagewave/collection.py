"""From a batch at the service to attempts in the ledger: poll, store, parse, commit, clean.

Raw lines are stored before they are understood, results join their records by key alone, and all
that a batch brought is committed at once. Collecting a batch twice changes nothing.
"""

import random
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from .errors import DataError, ServiceError
from .gemini import STATES_WITH_RESULTS, RemoteBatch
from .ledger import Attempt, Batch, FailureRow, Record, explained
from .quality import Evidence, judge
from .requests import usd
from .responses import BATCH_ERROR_TYPES, Answer, Failure, Usage, key_of, parse_line, split_lines
from .workbench import Workbench, log

POLLS_FOR_LATE_RESULTS = 5
"""A batch may say SUCCEEDED a little before its result file can be named."""
CANCEL_PATIENCE_SECONDS = 3600.0
NEIGHBOURS = 8
"""Pages on either side of one that may be blank, to whose images its own is compared."""
NO_USAGE = Usage(0, 0, 0, 0, 0)


def collect(bench: Workbench, batch_id: int) -> None:
    """Wait for a batch to end and take in what it brought; at once if that was done already.

    Raises:
        Stopped: the run was told to stop; the batch stays at the service.
    """
    with bench.batch_lock(batch_id):
        batch = _wait_until_submitted(bench, batch_id)
        if batch.status in ("collected", "abandoned"):
            return
        state, error, remote = _wait_until_ended(bench, batch)
        records = bench.ledger.records(batch_id)
        lines: list[bytes] = []
        if remote and remote.result_file and state in STATES_WITH_RESULTS:
            lines = download(bench, batch.display_name, remote.result_file)
            bench.ledger.store_lines(batch_id, [(key_of(line), line) for line in lines])
        attempts, failures = understand(bench, batch, state, error, records, lines)
        bench.ledger.commit_results(batch_id, state, error, attempts, failures)
        bench.request_file(batch.display_name).unlink(missing_ok=True)
        _clean_up(bench, batch, records, attempts)


def _wait_until_submitted(bench: Workbench, batch_id: int) -> Batch:
    """The batch once it is no longer about to be sent: another lane may still be at that."""
    settings = bench.settings.batch
    deadline = time.time() + settings.outage_seconds + settings.reconcile_seconds
    while (batch := bench.ledger.batch(batch_id)).status in ("intent", "creating"):
        if time.time() > deadline:
            raise ServiceError(
                f"Batch {batch.display_name} was never created. Run the same command again."
            )
        bench.gemini.pause(min(1.0, settings.poll_interval_seconds))
    return batch


def _wait_until_ended(bench: Workbench, batch: Batch) -> tuple[str, str | None, RemoteBatch | None]:
    """Poll until the batch has ended: its state, the service's error, the batch itself."""
    assert batch.name, "only a submitted batch can be waited for"
    settings = bench.settings.batch
    submitted_at = batch.submitted_at or batch.intent_at
    deadline = submitted_at + settings.poll_interval_seconds * settings.max_poll_attempts
    cancelled_at: float | None = None
    last_state, late_polls = batch.state, 0
    while True:
        remote = bench.gemini.get(batch.name)
        if remote is None:
            return "LOST", "the service doesn't know this batch any more", None
        if remote.state != last_state:
            bench.ledger.mark_state(batch.id, remote.state)
            last_state = remote.state
        if remote.ended:
            if remote.state != "SUCCEEDED" or remote.result_file:
                return remote.state, remote.error, remote
            late_polls += 1
            if late_polls > POLLS_FOR_LATE_RESULTS:
                return "NO_RESULTS", "SUCCEEDED without a result file", remote
        now = time.time()
        if cancelled_at and now > cancelled_at + CANCEL_PATIENCE_SECONDS:
            return "STUCK", f"still {remote.state} an hour after it was cancelled", remote
        if not cancelled_at and not remote.ended and now > deadline:
            log.warning("%s: %s beyond its deadline, cancelling", batch.name, remote.state)
            bench.gemini.cancel(batch.name)
            cancelled_at = now
        # Jitter keeps many lanes from polling in step.
        bench.gemini.pause(settings.poll_interval_seconds * random.uniform(0.8, 1.2))


def download(bench: Workbench, display_name: str, result_file: str) -> list[bytes]:
    """The raw lines of a batch's results."""
    path = bench.settings.paths.state_dir / "results" / f"{display_name}.jsonl"
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        bench.gemini.download(result_file, path)
        lines = split_lines(path.read_bytes())
        path.unlink()
    return lines


def understand(
    bench: Workbench,
    batch: Batch,
    state: str,
    error: str | None,
    records: Sequence[Record],
    lines: Iterable[bytes],
) -> tuple[list[Attempt], list[FailureRow]]:
    """Join lines to records by key; of several answers for one key the first valid one counts."""
    results: dict[str, Answer | Failure] = {}
    by_key = {record.key: record for record in records}
    for line in lines:
        key = key_of(line)
        if key not in by_key:
            log.warning("%s: a line for %r, which was not asked for", batch.name, key)
        elif not isinstance(results.get(key), Answer):
            parsed = parse_line(line, bench.prompt.page_model)
            if isinstance(parsed, Answer):
                parsed = _judged(bench, by_key[key], parsed, line)
            if key not in results or isinstance(parsed, Answer):
                results[key] = parsed
    if results and len(results) < len(records):
        log.warning("%s: %d of %d records answered", batch.name, len(results), len(records))
    attempts, failures = [], []
    for record in records:
        result = results.get(record.key)
        if result is None:
            failure = _unanswered(record, state, error)
            failures.append(failure)
            if failure.counted:
                attempts.append(_attempt(bench, batch, record, None, NO_USAGE, None))
        elif isinstance(result, Answer):
            attempt = _attempt(
                bench, batch, record, result.page_json, result.usage, result.finish_reason
            )
            attempts.append(replace(attempt, flags=result.flags))
        else:
            attempts.append(
                _attempt(bench, batch, record, None, result.usage or NO_USAGE, result.error_type)
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


def _judged(bench: Workbench, record: Record, answer: Answer, line: bytes) -> Answer | Failure:
    """The answer, unless a guard refuses it."""
    evidence = Evidence(
        key=record.key,
        context=record.previous_context,
        image=Path(record.image),
        page_before=lambda: _page_before(bench, record.key),
        neighbours=lambda: _neighbours(bench, record.key),
    )
    judged = judge(answer, evidence, bench.settings.quality)
    if isinstance(judged, Failure):
        return replace(judged, raw_json=line.decode("utf-8", "backslashreplace"))
    return judged


def _page_before(bench: Workbench, key: str) -> str:
    """The text of the page before; none where its file, or the page itself, is gone by now."""
    try:
        before = bench.dataset.previous(bench.dataset.page(key))
        return bench.read_page(before).text() if before else ""
    except DataError:
        return ""


def _neighbours(bench: Workbench, key: str) -> list[Path]:
    """Images of the pages around one, itself left out."""
    try:
        page = bench.dataset.page(key)
    except DataError:
        return []
    near = range(page.number - NEIGHBOURS, page.number + NEIGHBOURS + 1)
    pages = bench.dataset.book(page.book_id).pages
    return [other.image for other in pages if other.number in near and other != page]


def _unanswered(record: Record, state: str, error: str | None) -> FailureRow:
    """Why a record has no line: only a batch that succeeded can be said to have tried it."""
    if state in ("SUCCEEDED", "PARTIALLY_SUCCEEDED"):
        error_type, message = "MissingResponse", "the batch's results hold no line for this record"
    else:
        error_type = {"EXPIRED": "BatchExpired", "CANCELLED": "BatchCancelled"}.get(
            state, "BatchFailed"
        )
        message = f"the batch ended as {state}" + (f": {error}" if error else "")
    return FailureRow(
        key=record.key,
        attempt_number=record.attempt_number,
        counted=error_type == "MissingResponse",
        error_type=error_type,
        message=message,
    )


def _attempt(
    bench: Workbench,
    batch: Batch,
    record: Record,
    page: str | None,
    usage: Usage,
    finish_reason: str | None,
) -> Attempt:
    output = usage.output_tokens + usage.thoughts_tokens
    cost = usd(bench.settings.pricing, batch.model, usage.prompt_tokens, output)
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
        usd=cost if bench.engine == "gemini" else 0.0,
    )


def _clean_up(
    bench: Workbench, batch: Batch, records: Sequence[Record], attempts: Sequence[Attempt]
) -> None:
    """Delete at the service what no batch needs; images of failed records stay for later."""
    read = {attempt.key for attempt in attempts if attempt.page is not None}
    needed = bench.ledger.images_in_flight(bench.engine)
    names = [batch.input_file] if batch.input_file else []
    for sha256 in {record.image_sha256 for record in records if record.key in read} - needed:
        if name := bench.ledger.forget_upload(bench.engine, sha256):
            names.append(name)
    with ThreadPoolExecutor(bench.settings.files.upload_concurrency) as pool:
        for done in [pool.submit(bench.gemini.delete_file, name) for name in names]:
            if error := done.exception():
                # They expire by themselves after two days; no wave fails for that.
                log.warning("%s: an uploaded file could not be deleted (%s)", batch.name, error)
