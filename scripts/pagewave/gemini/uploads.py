"""What a batch needs at the service: its images, each once, and its requests as one JSONL file.

An image that cannot be sent is its record's failure alone; the others go without it.
"""

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from pagewave.gemini.client import UploadFailed
from pagewave.gemini.service_files import upload
from pagewave.gemini.session import Session
from pagewave.ledger import Batch, explained
from pagewave.log import log
from pagewave.prompts.request import Request, jsonl_line
from pagewave.prompts.schema import response_schema

LIFE_LEFT_SECONDS = 36 * 3600.0
"""An image uploaded earlier is used again only if it lives so long: the service's target for a
batch is 24 hours, and until the quota lets it in, 12 may pass before uploads are looked at anew."""


def upload_images(
    session: Session, requests: Sequence[Request]
) -> tuple[dict[str, str], dict[str, Exception]]:
    """URIs of the requests' images by content hash, and why others have none.

    Raises:
        ServiceError: the service refuses all uploads, or is not there.
    """
    uris: dict[str, str] = {}
    problems: dict[str, Exception] = {}
    distinct = {request.facts.sha256: request for request in requests}

    def send(request: Request) -> None:
        session.client.pause(0)  # ends a long queue at once when the run is told to stop
        sha256 = request.facts.sha256
        try:
            uris[sha256] = _reusable(session, sha256) or _upload(session, request)
        except (OSError, UploadFailed) as problem:
            log.warning("%s: %s", request.key, problem)
            problems[sha256] = problem

    with ThreadPoolExecutor(session.settings.files.upload_concurrency) as pool:
        uploads = [pool.submit(send, request) for request in distinct.values()]
        try:
            for done in uploads:
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return uris, problems


def upload_requests(
    session: Session, batch: Batch, requests: Sequence[Request], uris: Mapping[str, str]
) -> str:
    """Upload a batch's requests as one JSONL file; returns the service's name for it.

    Raises:
        UploadFailed: the service does not take it.
        ServiceError: the service refuses all uploads, or is not there.
    """
    configs = {r.key: json.loads(r.generation_config) for r in session.ledger.records(batch.id)}
    schema = response_schema(session.prompt.page_model)
    path = session.request_file(batch.display_name)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for request in requests:
                uri = uris[request.facts.sha256]
                file.write(jsonl_line(request, uri, configs[request.key], schema))
    return upload(session, path, "application/jsonl", batch.display_name, batch_id=batch.id).name


def _reusable(session: Session, sha256: str) -> str | None:
    """URI of an image that the service still has: it is asked, as files may go early."""
    known = session.ledger.uploaded_image(session.engine, sha256, time.time() + LIFE_LEFT_SECONDS)
    if not known:
        return None
    name, uri = known
    file = session.client.file(name)
    if file and file.state == "ACTIVE":
        return uri
    session.ledger.forget_files(session.engine, [name])
    return None


def _upload(session: Session, request: Request) -> str:
    facts = request.facts
    return upload(
        session, request.image, facts.mime_type, facts.sha256, image_sha256=facts.sha256
    ).uri
