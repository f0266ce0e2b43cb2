"""Files at the service: each is on record before it is uploaded and until it is deleted.

So whatever a crash or a lost answer leaves there is known, and deleted when a later run ends.
"""

import secrets
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.gemini.client import UPLOAD_LIFE_SECONDS, RemoteFile
from pagewave.log import log
from pagewave.workspace import Workbench


def upload(
    bench: Workbench,
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
        bench.ledger.add_file(
            bench.engine, name, expires_at, image_sha256=image_sha256, batch_id=batch_id
        )
        return name

    patience = bench.settings.files.processing_seconds
    file = bench.gemini.upload(path, mime_type, display_name, patience, new_name)
    crash.point("file-uploaded")
    bench.ledger.confirm_file(bench.engine, file.name, file.uri, file.expires_at)
    return file


def unused_name() -> str:
    """A name that no file at the service has."""
    return f"files/pagewave-{secrets.token_hex(12)}"


def delete_files_of(bench: Workbench, batch_id: int) -> None:
    """Delete what a collected batch leaves, but for what the next attempts need."""
    _delete(bench, bench.ledger.release_files_of(batch_id))


def delete_unneeded_files(bench: Workbench) -> None:
    """Delete every file of ours that no open batch needs, whoever left it."""
    bench.ledger.forget_expired_files(bench.engine)
    _delete(bench, bench.ledger.release_files(bench.engine))


def _delete(bench: Workbench, names: list[str]) -> None:
    """Delete files; when one can't be deleted now, the rest is left for later as well.

    They expire by themselves after two days, so that nothing fails for it.
    """
    deleted: list[str] = []

    def delete(name: str) -> None:
        bench.gemini.delete_file(name)
        deleted.append(name)
        crash.point("cleanup")

    with ThreadPoolExecutor(bench.settings.files.upload_concurrency) as pool:
        for done in [pool.submit(delete, name) for name in names]:
            try:
                done.result()
            except CancelledError:
                pass
            except Exception as error:
                log.warning("uploaded files could not be deleted, later then (%s)", error)
                pool.shutdown(wait=False, cancel_futures=True)
    if deleted:
        bench.ledger.forget_files(bench.engine, deleted)
