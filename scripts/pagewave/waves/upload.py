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
    requests = [request for request in requests if request.key in records]
    road = session.settings.files.images
    apart = apart or session.images_apart
    uris = images_at_hand(session, requests) if road == "auto" else {}
    inside = set() if apart else _inside(session, requests, errors, uris)
    alone = [r for r in requests if r.facts.sha256 not in uris and r.facts.sha256 not in inside]
    found, problems = upload_images(session, alone)
    crash.point("images-uploaded")
    uris |= found
    ready = [request for request in requests if request.facts.sha256 not in problems]
    configs = {key: json.loads(record.generation_config) for key, record in records.items()}
    schema = response_schema(session.prompt.page_model)
    path = session.request_file(batch.display_name)
    with written(path, ready, uris, configs, schema) as file:
        problems |= file.problems
        _leave_out(
            session, batch, [(records[r.key], problems.get(r.facts.sha256)) for r in requests]
        )
        ready = [request for request in ready if request.facts.sha256 not in problems]
        if not ready:
            return None
        may_go_apart = road == "auto" and bool(file.inside)
        try:
            return Uploaded(upload_requests(session, batch, file), may_go_apart)
        except UploadFailed as problem:
            log.warning("%s: %s", batch.display_name, problem)
            if not may_go_apart:
                _leave_out(session, batch, [(records[r.key], problem) for r in ready])
                return None
    log.warning("%s: its images are sent as files of their own instead", batch.display_name)
    return upload_batch(session, batch, ready, errors, apart=True)


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
    session: Session, batch: Batch, fates: Sequence[tuple[Record, Exception | None]]
) -> None:
    """Take the records with a problem out of the batch: it is the failure of each."""
    left_out = [_not_sent(record, problem) for record, problem in fates if problem]
    session.ledger.failures.leave_out(batch.id, left_out)
    events.records_failed(left_out, batch.display_name)


def _not_sent(record: Record, problem: Exception) -> FailureRow:
    gone = isinstance(problem, OSError)
    return FailureRow(
        key=record.key,
        attempt_number=record.attempt_number,
        counted=False,
        error_type="FileNotFound" if gone else "UploadFailed",
        message=f"{record.image}: {problem}" if gone else str(problem),
    )
