"""Files at the service: each is on record before it is uploaded and until it is deleted.

So whatever a crash or a lost answer leaves there is known, and deleted when a later run ends.
"""

import secrets
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.gemini.client import UPLOAD_LIFE_SECONDS, RemoteFile
from pagewave.gemini.session import Session
from pagewave.log import log


def upload(
    session: Session,
    path: Path,
    mime_type: str,
    display_name: str,
    *,
    image_sha256: str | None = None,
    batch_id: int | None = None,
) -> RemoteFile:
    """Upload an image or the requests of a batch, as `Gemini.upload` does.

    Every try has a name of its own: nobody can tell what became of a try without an answer.
    """

    def new_name() -> str:
        name = unused_name()
        expires_at = time.time() + UPLOAD_LIFE_SECONDS
        session.ledger.add_file(
            session.engine, name, expires_at, image_sha256=image_sha256, batch_id=batch_id
        )
        return name

    patience = session.settings.files.processing_seconds
    file = session.client.upload(path, mime_type, display_name, patience, new_name)
    crash.point("file-uploaded")
    session.ledger.confirm_file(session.engine, file.name, file.uri, file.expires_at)
    return file


def unused_name() -> str:
    """A name that no file at the service has."""
    return f"files/pagewave-{secrets.token_hex(12)}"


def delete_files_of(session: Session, batch_id: int) -> None:
    """Delete what a collected batch leaves, but for what the next attempts need."""
    _delete(session, session.ledger.release_files_of(batch_id))


def delete_unneeded_files(session: Session) -> None:
    """Delete every file of ours that no open batch needs, whoever left it."""
    session.ledger.forget_expired_files(session.engine)
    _delete(session, session.ledger.release_files(session.engine))


def _delete(session: Session, names: list[str]) -> None:
    """Delete files; when one can't be deleted now, the rest is left for later as well.

    They expire by themselves after two days, so that nothing fails for it.
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
        session.ledger.forget_files(session.engine, deleted)
