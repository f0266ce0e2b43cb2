"""Files at the service: a batch's requests, images that do not go inside of them, and their end.

Each file is on record before it is uploaded and until it is deleted: whatever a crash or a lost
answer leaves there is known, and deleted when a later run ends. An image that can't be sent is its
record's failure alone; the others go without it.
"""

import hashlib
import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.gemini.client import UPLOAD_LIFE_SECONDS, QuotaExceeded, RemoteFile, UploadFailed
from pagewave.gemini.remote import Payload, name_of_requests
from pagewave.gemini.request_files import ChangedMeanwhile, RequestFile
from pagewave.gemini.session import Session
from pagewave.ledger import Batch
from pagewave.log import log
from pagewave.prompts.request import Request

LIFE_LEFT_SECONDS = 36 * 3600.0
"""An image uploaded earlier is used again only if it lives so long: the service's target for a
batch is 24 hours, and until the quota lets it in, 12 may pass before uploads are looked at anew."""


def upload_images(
    session: Session, requests: Sequence[Request], batch: Batch
) -> tuple[dict[str, str], dict[str, Exception]]:
    """URIs of the requests' images by content hash, and why others have none.

    Images of halves are the batch's own, as its requests are.

    Raises:
        QuotaExceeded: there is no room for more; what was uploaded stays.
        ServiceError: the service refuses all uploads, or is not there.
    """
    uris: dict[str, str] = {}
    problems: dict[str, Exception] = {}
    no_room = threading.Event()
    distinct = {request.facts.sha256: request for request in requests}

    def send(request: Request) -> None:
        session.client.pause(0)  # ends a long queue at once when the run is told to stop
        if no_room.is_set():
            return
        sha256 = request.facts.sha256
        try:
            uris[sha256] = _reusable(session, sha256) or _upload(session, request, batch)
        except QuotaExceeded:
            no_room.set()
            raise
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


def upload_requests(session: Session, batch: Batch, file: RequestFile) -> str:
    """Upload a batch's requests and keep them; returns the service's name for the file.

    Raises:
        UploadFailed: the service does not take it.
        ServiceError: the service refuses all uploads, or is not there.
    """
    name = upload(
        session,
        file.sent,
        file.path,
        "application/jsonl",
        name_of_requests(batch.display_name, file.inside),
        batch_id=batch.id,
    ).name
    file.keep(name)
    return name


def images_at_hand(session: Session, requests: Sequence[Request]) -> dict[str, str]:
    """URIs by content hash of the requests' images that were uploaded and are still there."""
    distinct = {request.facts.sha256 for request in requests}
    return {sha256: uri for sha256 in distinct if (uri := _reusable(session, sha256))}


def _reusable(session: Session, sha256: str) -> str | None:
    """URI of an image that the service still has: it is asked, as files may go early."""
    known = _known(session, sha256)
    if not known:
        return None
    name, uri = known
    file = session.client.file(name)
    if file and file.state == "ACTIVE":
        # The look has told what time it is there.
        return uri if _known(session, sha256) else None
    session.ledger.files.forget(session.engine, [name])
    return None


def _known(session: Session, sha256: str) -> tuple[str, str] | None:
    """Name and URI of an uploaded image that lives long enough, by the service's clock."""
    until = session.client.now() + LIFE_LEFT_SECONDS
    return session.ledger.files.uploaded_image(session.engine, sha256, until)


def image_bytes(request: Request) -> bytes:
    """A request's image, read once, and the one that its fingerprint stands for.

    Raises:
        OSError: it can't be read, or is another one by now.
    """
    data = request.image.read_bytes()
    if hashlib.sha256(data).hexdigest() != request.facts.sha256:
        raise ChangedMeanwhile
    return data


def _upload(session: Session, request: Request, batch: Batch) -> str:
    facts, image = request.facts, Payload.of(image_bytes(request))
    whole, of_batch = (None, batch.id) if request.half else (facts.sha256, None)
    return upload(
        session,
        image,
        request.image,
        facts.mime_type,
        facts.sha256,
        image_sha256=whole,
        batch_id=of_batch,
    ).uri


def upload(
    session: Session,
    sent: Payload,
    what: Path,
    mime_type: str,
    display_name: str,
    *,
    image_sha256: str | None = None,
    batch_id: int | None = None,
) -> RemoteFile:
    """Upload an image or the requests of a batch (`what` names them), as `Gemini.upload` does.

    Every try has a name of its own: nobody can tell what became of a try without an answer.
    """

    def new_name() -> str:
        name = unused_name()
        expires_at = session.client.now() + UPLOAD_LIFE_SECONDS
        session.ledger.files.add(
            session.engine, name, expires_at, image_sha256=image_sha256, batch_id=batch_id
        )
        return name

    patience = session.settings.files.processing_seconds
    file = session.client.upload(sent, what, mime_type, display_name, patience, new_name)
    crash.point("file-uploaded")
    session.ledger.files.confirm(session.engine, file.name, file.uri, file.expires_at)
    return file


def unused_name() -> str:
    """A name that no file at the service has."""
    return f"files/pagewave-{secrets.token_hex(12)}"


def delete_files_of(session: Session, batch_id: int) -> None:
    """Delete what a collected batch leaves, but for what the next attempts need."""
    _delete(session, session.ledger.files.release_of(batch_id))


def delete_unneeded_files(session: Session) -> int:
    """Delete every file of ours that no open batch needs, whoever left it; returns how many."""
    session.ledger.files.forget_expired(session.engine, session.client.now())
    return _delete(session, session.ledger.files.release(session.engine))


def _delete(session: Session, names: list[str]) -> int:
    """Delete files; when one can't be deleted now, the rest is left for later as well.

    They expire by themselves after two days, so that nothing fails for it. Returns how many were.
    """
    deleted: list[str] = []

    def delete(name: str) -> None:
        session.client.delete_file(name)
        deleted.append(name)
        crash.point("cleanup")

    with ThreadPoolExecutor(session.settings.files.upload_concurrency) as pool:
        for done in [pool.submit(delete, name) for name in names]:
            try:
                done.result()
            except CancelledError:
                pass
            except Exception as error:
                log.warning("uploaded files could not be deleted, later then (%s)", error)
                pool.shutdown(wait=False, cancel_futures=True)
    if deleted:
        session.ledger.files.forget(session.engine, deleted)
    return len(deleted)
