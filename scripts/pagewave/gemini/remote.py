"""Files and batches as the service describes them."""

import base64
import binascii
import contextlib
import hashlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pagewave.gemini.retries import PassingTrouble
from pagewave.gemini.service_time import unix_seconds
from pagewave.redaction import hide_keys

if TYPE_CHECKING:
    from google.genai import types

TERMINAL_STATES = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
"""Our own list: the SDK's `.done` is False for PARTIALLY_SUCCEEDED and unknown states."""

UPLOAD_LIFE_SECONDS = 47 * 3600.0  # the service deletes uploaded files after 48 h


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

    def holds(self, data: bytes) -> bool:
        """Did these bytes arrive, as far as the service says?"""
        if self.size is not None and self.size != len(data):
            return False
        told = _digest(self.sha256_hash or "")
        return told is None or told == hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as the service describes it; `state` without its prefix, such as SUCCEEDED.

    Times are Unix seconds, `created_at` 0.0 where none is told; `model` has no `models/` in front.
    """

    name: str
    display_name: str
    model: str
    state: str
    result_file: str | None
    error: str | None
    created_at: float
    ended_at: float | None

    @property
    def ended(self) -> bool:
        """Will this state never change again?"""
        return self.state in TERMINAL_STATES


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
