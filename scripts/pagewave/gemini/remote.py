"""Files and batches as the service describes them."""

import base64
import binascii
import contextlib
import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pagewave.gemini.retries import PassingTrouble
from pagewave.gemini.service_time import unix_seconds
from pagewave.redaction import hide_keys

if TYPE_CHECKING:
    from google.genai import types

TERMINAL_STATES = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
"""Our own list: the SDK's `.done` is False for PARTIALLY_SUCCEEDED and unknown states."""

UPLOAD_LIFE_SECONDS = 47 * 3600.0  # the service deletes uploaded files after 48 h
MOST_REQUESTS = 10**9  # a count above is none


@dataclass(frozen=True, slots=True)
class Payload:
    """What is uploaded: how many bytes, their SHA-256, and a stream of them from the first one."""

    size: int
    sha256: bytes
    open: Callable[[], io.IOBase]

    @classmethod
    def of(cls, data: bytes) -> "Payload":
        """Bytes in memory."""
        return cls(len(data), hashlib.sha256(data).digest(), lambda: io.BytesIO(data))

    @classmethod
    def of_file(cls, path: Path, size: int, sha256: bytes) -> "Payload":
        """A file of ours that is on the disk as it was written, else its upload does not succeed.

        It is read a piece at a time, as the client asks for it.
        """
        return cls(size, sha256, lambda: _Whole(path, size))


class _Whole(io.FileIO):
    """A file that has an end: the client asks for ever for bytes that are missing.

    Raises:
        PassingTrouble: it is gone, can't be read or was cut off.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._size = size
        with _as_trouble():
            super().__init__(path)

    def read(self, size: int | None = -1, /) -> bytes:
        with _as_trouble():
            piece = super().read(-1 if size is None else size) or b""
        if not piece and self.tell() < self._size:
            raise PassingTrouble(f"{self.name!r} was cut off")
        return piece


@contextlib.contextmanager
def _as_trouble() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PassingTrouble(str(error)) from error


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at the service; `expires_at` in Unix seconds.

    Size (in bytes) and hash are what the service says that it was sent, if it does.
    """

    name: str
    uri: str
    state: str
    expires_at: float
    size: int | None = None
    sha256_hash: str | None = None

    def holds(self, sent: Payload) -> bool:
        """Did these bytes arrive, as far as the service says?"""
        if self.size is not None and self.size != sent.size:
            return False
        told = _digest(self.sha256_hash or "")
        return told is None or told == sent.sha256


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as the service describes it; `state` without its prefix, such as SUCCEEDED.

    Times are Unix seconds, `created_at` 0.0 where none is told; `model` has no `models/` in front.
    `done`: how many of its requests are, answered or not; None where the service does not say.
    """

    name: str
    display_name: str
    model: str
    state: str
    result_file: str | None
    error: str | None
    created_at: float
    ended_at: float | None
    done: int | None = None

    @property
    def ended(self) -> bool:
        """Will this state never change again?"""
        return self.state in TERMINAL_STATES


MARKED_IMAGES = 12
MARK_DIGITS = 16
"""Of so many images in a file of requests, the file's name has so many digits of their hashes: a
name has 512 characters at most (ai.google.dev/api/files)."""


def name_of_requests(batch: str, inside: Sequence[tuple[str, int]]) -> str:
    """Display name of a batch's requests at the service, which tells of images inside of them.

    So pages of ours in flight are known even where nothing else is left of a ledger.

    Args:
        inside: content hashes (hex) and sizes (bytes) of the images inside.
    """
    marks = [f"{sha256[:MARK_DIGITS]}-{size}" for sha256, size in inside[:MARKED_IMAGES]]
    return " ".join([batch, *marks])


def images_named(display_name: str, size: int) -> dict[str, int]:
    """The images of ours that a file at the service is, or holds, by its name: `MARK_DIGITS` digits
    of their hashes, and their sizes in bytes.

    Args:
        size: the file's own.
    """
    if re.fullmatch("[0-9a-f]{64}", display_name):
        return {display_name[:MARK_DIGITS]: size}
    marks = re.findall(rf"(?<= )([0-9a-f]{{{MARK_DIGITS}}})-(\d+)(?= |$)", display_name)
    return {mark: int(bytes_) for mark, bytes_ in marks}


def requests_done(operation: Mapping[str, Any]) -> int | None:
    """How many requests of a batch are done, by its raw JSON: the SDK drops `batchStats`.

    Its counts are int64s, hence strings, and left out where they are 0
    (ai.google.dev/api/batch-api).
    """
    metadata = operation.get("metadata")
    stats = metadata.get("batchStats") if isinstance(metadata, dict) else None
    if not isinstance(stats, dict) or not stats:
        return None
    with contextlib.suppress(TypeError, ValueError):
        counts = [int(stats.get(f"{end}RequestCount", 0)) for end in ("successful", "failed")]
        if all(0 <= count <= MOST_REQUESTS for count in counts):
            return sum(counts)
    return None


def each_once(batches: Iterable[RemoteBatch]) -> list[RemoteBatch]:
    """One entry a name: of several the last, unless an earlier one says that the batch ended."""
    found: dict[str, RemoteBatch] = {}
    for batch in batches:
        if batch.name not in found or not found[batch.name].ended:
            found[batch.name] = batch
    return list(found.values())


def remote_file(file: "types.File") -> RemoteFile:
    """A file as the service describes it."""
    if not file.name or not file.uri:
        raise PassingTrouble("the answer names no file")
    state = str(getattr(file.state, "value", file.state) or "ACTIVE")
    lives_until = time.time() + UPLOAD_LIFE_SECONDS
    if expires_at := unix_seconds(file.expiration_time):
        lives_until = min(lives_until, expires_at)
    return RemoteFile(file.name, file.uri, state, lives_until, file.size_bytes, file.sha256_hash)


def remote_batch(job: "types.BatchJob", operation: Any = None) -> RemoteBatch:
    """A batch as the service describes it.

    Args:
        operation: its raw JSON, of which the SDK drops the error, and results under `response`.
    """
    if not job.name:
        raise PassingTrouble("the answer names no batch")
    raw = operation if isinstance(operation, dict) else {}
    response = raw.get("response") or {}
    result = job.dest.file_name if job.dest else None
    state = str(getattr(job.state, "value", job.state) or "UNSPECIFIED")
    error = raw.get("error")
    return RemoteBatch(
        name=job.name,
        display_name=job.display_name or "",
        model=(job.model or "").removeprefix("models/"),
        state=state.removeprefix("JOB_STATE_").removeprefix("BATCH_STATE_"),
        result_file=result or response.get("responsesFile") or response.get("responses_file"),
        error=hide_keys(json.dumps(error)) if error else None,
        created_at=unix_seconds(job.create_time) or 0.0,
        ended_at=unix_seconds(job.end_time),
        done=requests_done(raw),
    )


def _digest(told: str) -> bytes | None:
    """The SHA-256 that the service tells: base64 of the bytes or of their hex digits, or those.

    None where it is neither.
    """
    digits = [told]
    with contextlib.suppress(binascii.Error, ValueError):
        decoded = base64.b64decode(told, validate=True)
        if len(decoded) == hashlib.sha256().digest_size:
            return decoded
        digits.append(decoded.decode("ascii"))
    for candidate in digits:
        if re.fullmatch("[0-9a-fA-F]{64}", candidate):
            return bytes.fromhex(candidate)
    return None
