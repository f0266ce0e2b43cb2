"""What a batch needs at the service before it is created: its requests, and images beside them.

Images go inside of the requests or by themselves (`files.images`). With `auto` an image that was
uploaded before and is still there is named, not sent again; and where the service does not take
images inside, the same batch is sent with them as files of their own: that costs nothing.

Records whose image can't be sent leave the batch: each has failed, the others go on.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pagewave import crash_points as crash
from pagewave.errors import PagewaveError
from pagewave.gemini.client import UploadFailed
from pagewave.gemini.request_files import written
from pagewave.gemini.session import Session
from pagewave.gemini.uploads import images_at_hand, upload_images, upload_requests
from pagewave.ledger import Batch, FailureRow, Record
from pagewave.log import log
from pagewave.prompts.inline_images import fit_inside, may_go_inside
from pagewave.prompts.request import Request
from pagewave.prompts.schema import response_schema
from pagewave.waves import events
from pagewave.waves.in_halves import in_halves


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The requests' file at the service; `may_go_apart`: it may be refused for images inside."""

    input_file: str
    may_go_apart: bool


def upload_batch(
    session: Session,
    batch: Batch,
    requests: Sequence[Request],
    errors: Mapping[str, Sequence[str]],
    *,
    apart: bool = False,
) -> Uploaded | None:
    """Upload images and requests; None where no record of the batch is left.

    Args:
        errors: what befell each page so far (error types), by key.
        apart: no image goes inside.

    Raises:
        QuotaExceeded: there is no room for more; what was uploaded stays.
        ServiceError: the service refuses all uploads, or is not there.
    """
    records = {record.key: record for record in session.ledger.batches.records(batch.id)}
    pairs = [(request, records[request.key]) for request in requests if request.key in records]
    with in_halves(session, pairs) as (parts, uncut):
        _leave_out(session, batch, records, uncut)
        return _upload_parts(session, batch, parts, errors, apart)


def _upload_parts(
    session: Session,
    batch: Batch,
    requests: Sequence[Request],
    errors: Mapping[str, Sequence[str]],
    apart: bool,
) -> Uploaded | None:
    """The same of the requests as they go out, of which a page in halves has two."""
    records = {record.key: record for record in session.ledger.batches.records(batch.id)}
    road = session.settings.files.images
    apart = apart or session.images_apart
    uris = images_at_hand(session, requests) if road == "auto" else {}
    inside = set() if apart else _inside(session, requests, errors, uris)
    alone = [r for r in requests if r.facts.sha256 not in uris and r.facts.sha256 not in inside]
    found, problems = upload_images(session, alone, batch)
    crash.point("images-uploaded")
    uris |= found
    _leave_out(session, batch, records, _by_key(requests, problems))
    ready = _without(requests, _by_key(requests, problems))
    configs = {key: json.loads(record.generation_config) for key, record in records.items()}
    schema = response_schema(session.prompt.page_model)
    path = session.request_file(batch.display_name)
    with written(path, ready, uris, configs, schema) as file:
        unread = _by_key(ready, file.problems)
        _leave_out(session, batch, records, unread)
        ready, written_out = _without(ready, unread), ready
        if not ready:
            return None
        if any(request.half for request in written_out if request.key in unread):
            # The other half may be among what was written, and would be paid for nobody.
            return _upload_parts(session, batch, ready, errors, apart)
        may_go_apart = road == "auto" and bool(file.inside)
        try:
            return Uploaded(upload_requests(session, batch, file), may_go_apart)
        except UploadFailed as problem:
            log.warning("%s: %s", batch.display_name, problem)
            if not may_go_apart:
                _leave_out(session, batch, records, {r.key: problem for r in ready})
                return None
    log.warning("%s: its images are sent as files of their own instead", batch.display_name)
    return _upload_parts(session, batch, ready, errors, True)


def _by_key(requests: Sequence[Request], problems: Mapping[str, Exception]) -> dict[str, Exception]:
    """Problems of images (by content hash) as those of their pages."""
    return {r.key: problems[r.facts.sha256] for r in requests if r.facts.sha256 in problems}


def _without(requests: Sequence[Request], keys: Collection[str]) -> list[Request]:
    return [request for request in requests if request.key not in keys]


def _inside(
    session: Session,
    requests: Sequence[Request],
    errors: Mapping[str, Sequence[str]],
    at_hand: Collection[str],
) -> set[str]:
    """Content hashes of the images that go inside of the requests."""
    road = session.settings.files.images
    kept_out = {r.facts.sha256 for r in requests if not may_go_inside(road, errors.get(r.key, ()))}
    kept_out.update(at_hand)
    able = [request for request in requests if request.facts.sha256 not in kept_out]
    fits = fit_inside(road, [request.facts.size_bytes for request in able])
    return {request.facts.sha256 for request in able} if fits else set()


def _leave_out(
    session: Session,
    batch: Batch,
    records: Mapping[str, Record],
    problems: Mapping[str, Exception],
) -> None:
    """Take the records with a problem (by key) out of the batch: it is the failure of each."""
    left_out = [_not_sent(records[key], problem) for key, problem in problems.items()]
    session.ledger.failures.leave_out(batch.id, left_out)
    events.records_failed(left_out, batch.display_name)


def _not_sent(record: Record, problem: Exception) -> FailureRow:
    gone = isinstance(problem, OSError | PagewaveError)
    return FailureRow(
        key=record.key,
        attempt_number=record.attempt_number,
        counted=False,
        error_type="FileNotFound" if gone else "UploadFailed",
        message=f"{record.image}: {problem}" if isinstance(problem, OSError) else str(problem),
    )
