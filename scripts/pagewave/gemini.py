"""Gemini's File and Batch services, as far as waves need them: a thin layer over google-genai.

What the layer adds is care. Every call but one is repeated if need be, with growing pauses; the
other is `create`, which has no idempotency key: where its fate is unknown it raises
`CreateUnknown`, and the caller looks for the batch by its display name first. All waits end when
`stop` is set.
"""

import contextlib
import json
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import ServiceError
from .redaction import hide_keys, hide_keys_in_bytes

if TYPE_CHECKING:
    from google.genai import types

T = TypeVar("T")

TERMINAL_STATES = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
"""Our own list: the SDK's `.done` is False for PARTIALLY_SUCCEEDED and unknown states."""

STATES_WITH_RESULTS = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "CANCELLED"})
"""A batch that was cancelled after it started may still hold answers, which are paid for."""

TRANSIENT_CODES = frozenset({408, 429, 500, 502, 503, 504})
LONGEST_PAUSE_SECONDS = 60.0
LIST_PAGE_SIZE = 100  # without a page size the service was seen to answer with an empty list
UPLOAD_LIFE_SECONDS = 47 * 3600.0  # the service deletes uploaded files after 48 h


class Stopped(Exception):
    """The run was told to stop; what is at the service stays there and is collected later."""


class CreateUnknown(Exception):
    """The create call failed in a way that leaves open whether the batch exists."""


class Refused(ServiceError):
    """The service said no; `code` is the HTTP status, 403 or 404 for what it doesn't know."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class QuotaExceeded(Exception):
    """The service takes no further batch now (429): wait for minutes, then ask again."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at the service; `expires_at` in Unix seconds."""

    name: str
    uri: str
    state: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as the service describes it; `state` without its prefix, such as SUCCEEDED.

    Times are Unix seconds; `model` has no `models/` in front.
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


class Gemini:
    """One client for all threads of the process.

    `attempts` and `backoff_seconds` rule uploads; for all other calls an outage of up to
    `outage_seconds` is waited out, because a batch at the service loses nothing by it.
    """

    def __init__(
        self,
        api_key: str,
        stop: threading.Event,
        *,
        base_url: str | None = None,
        api_version: str = "v1beta",
        timeout_seconds: float = 120.0,
        attempts: int = 5,
        backoff_seconds: float = 2.0,
        outage_seconds: float = 3600.0,
    ) -> None:
        from google import genai

        self._stop = stop
        self._attempts = attempts
        self._backoff_seconds = backoff_seconds
        self._outage_seconds = outage_seconds
        self._raw = threading.local()
        client_args: dict[str, Any] = {"event_hooks": {"response": [self._keep_batch_json]}}
        if base_url:
            client_args["trust_env"] = False  # a proxy from the environment must not see loopback
        self._client = genai.Client(
            api_key=api_key,
            vertexai=False,
            http_options={
                "base_url": base_url,
                "api_version": api_version,
                "timeout": int(timeout_seconds * 1000),
                "client_args": client_args,
            },
        )

    # Files

    def upload(self, path: Path, mime_type: str, display_name: str) -> RemoteFile:
        """Upload a file; raises ServiceError when the service refuses it."""

        def send() -> RemoteFile:
            # As a stream: a path's name would travel in a header, which non-ASCII letters break.
            with path.open("rb") as stream:
                file = self._client.files.upload(
                    file=stream, config={"mime_type": mime_type, "display_name": display_name}
                )
            return _remote_file(file)

        return self._repeat(send, f"uploading {path}", attempts=self._attempts)

    def wait_until_active(self, file: RemoteFile, patience_seconds: float = 600.0) -> RemoteFile:
        """Wait until the service has digested an uploaded file; it refuses batches before that."""
        deadline = time.monotonic() + patience_seconds
        pause = 0.2
        while file.state != "ACTIVE":
            if file.state == "FAILED" or time.monotonic() > deadline:
                raise ServiceError(
                    f"The service could not process the uploaded file {file.name} "
                    f"(state {file.state}). Run the same command again to upload it anew."
                )
            self.pause(pause)
            pause = min(pause * 1.5, 10.0)
            file = self._look_at_file(file.name)
        return file

    def _look_at_file(self, name: str) -> RemoteFile:
        return self._repeat(
            lambda: _remote_file(self._client.files.get(name=name)), f"looking at {name}"
        )

    def delete_file(self, name: str) -> None:
        """Delete a file; one that is gone already, or can't be deleted, is left to expire."""
        from google.genai import errors

        with contextlib.suppress(errors.ClientError):
            self._repeat(
                lambda: self._client.files.delete(name=name),
                f"deleting {name}",
                attempts=self._attempts,
                refusals=False,
            )

    def download(self, name: str, path: Path) -> None:
        """Download a result file to `path`; a cut-off download never counts as one."""
        partial = path.with_name(path.name + ".partial")

        def fetch() -> None:
            # In one piece: a truncated body raises before anything is kept.
            partial.write_bytes(hide_keys_in_bytes(self._client.files.download(file=name)))

        self._repeat(fetch, f"downloading {name}")
        partial.replace(path)

    # Batches

    def create(self, model: str, input_file: str, display_name: str) -> RemoteBatch:
        """Submit a batch, exactly once.

        Raises:
            CreateUnknown: it may or may not exist now; look for its display name.
            QuotaExceeded: it does not exist; the quota is used up for now.
            ServiceError: it does not exist; the service refuses it for good.
        """
        from google.genai import errors

        try:
            job = self._client.batches.create(
                model=model, src=input_file, config={"display_name": display_name}
            )
            return self._remote_batch(job)
        except errors.APIError as error:
            if error.code == 429:
                raise QuotaExceeded(str(error)) from error
            if 400 <= error.code < 500 and error.code != 408:
                raise _refusal(error, f"creating the batch for model {model}") from error
            raise CreateUnknown(str(error)) from error
        except Exception as error:
            # Whatever broke, the request may have arrived: only a look at the service can tell.
            raise CreateUnknown(f"{type(error).__name__}: {error}") from error

    def find_batches(self, display_name: str) -> list[RemoteBatch]:
        """All batches with this display name, the earliest first."""
        found = [batch for batch in self.list_batches() if batch.display_name == display_name]
        return sorted(found, key=lambda batch: batch.created_at)

    def list_batches(self) -> list[RemoteBatch]:
        """All batches that the service still knows of, of any state."""

        def read() -> list[RemoteBatch]:
            pager = self._client.batches.list(config={"page_size": LIST_PAGE_SIZE})
            batches = [self._remote_batch(job, raw=False) for job in pager.page]
            # Not `for job in pager`: that raises IndexError when a later page is empty.
            while pager.config.get("page_token"):
                pager.next_page()
                batches += [self._remote_batch(job, raw=False) for job in pager.page]
            return batches

        return self._repeat(read, "listing the batches")

    def get(self, name: str) -> RemoteBatch | None:
        """A batch's state now; None when the service says that it doesn't exist."""
        from google.genai import errors

        def read() -> RemoteBatch | None:
            try:
                return self._remote_batch(self._client.batches.get(name=name))
            except errors.ClientError as error:
                if error.code == 404:
                    return None
                raise

        return self._repeat(read, f"looking at {name}")

    def cancel(self, name: str) -> None:
        """Ask the service to cancel a batch; it may end as SUCCEEDED all the same."""
        self._repeat(lambda: self._client.batches.cancel(name=name), f"cancelling {name}")

    def delete_batch(self, name: str) -> None:
        """Remove a finished batch from the service's list."""
        self._repeat(lambda: self._client.batches.delete(name=name), f"deleting {name}")

    # Waiting

    def pause(self, seconds: float) -> None:
        """Sleep, unless the run is told to stop.

        Raises:
            Stopped: it was.
        """
        if self._stop.wait(seconds):
            raise Stopped

    def _repeat(
        self, call: Callable[[], T], doing: str, attempts: int | None = None, refusals: bool = True
    ) -> T:
        """Call until it succeeds, as long as the errors are of the passing kind."""
        import tenacity
        from google.genai import errors

        give_up = (
            tenacity.stop_after_attempt(attempts)
            if attempts
            else tenacity.stop_after_delay(self._outage_seconds)
        )
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_transient),
            wait=tenacity.wait_exponential_jitter(
                initial=self._backoff_seconds,
                max=LONGEST_PAUSE_SECONDS,
                jitter=self._backoff_seconds,
            ),
            stop=give_up,
            sleep=self.pause,
            reraise=True,
        )
        try:
            with warnings.catch_warnings():
                # The SDK warns of states it doesn't know; those are written to the ledger instead.
                warnings.simplefilter("ignore", UserWarning)
                return retrying(call)
        except Exception as error:
            if not refusals:
                raise
            if _is_transient(error):
                raise ServiceError(
                    f"{doing[0].upper()}{doing[1:]} failed again and again, at last with "
                    f"{type(error).__name__}: {error}. Run the same command again later; what is "
                    "at the service stays there."
                ) from error
            if isinstance(error, errors.ClientError):
                raise _refusal(error, doing) from error
            raise

    def _keep_batch_json(self, response: Any) -> None:
        """Remember a batch's raw JSON: the SDK drops its error and results under `response`."""
        self._raw.operation = None
        if "/batches/" in response.request.url.path:
            response.read()
            with contextlib.suppress(ValueError):
                self._raw.operation = json.loads(response.content)

    def _remote_batch(self, job: "types.BatchJob", raw: bool = True) -> RemoteBatch:
        operation = getattr(self._raw, "operation", None) if raw else None
        operation = operation if isinstance(operation, dict) else {}
        result = job.dest.file_name if job.dest else None
        response = operation.get("response") or {}
        state = str(getattr(job.state, "value", job.state) or "UNSPECIFIED")
        error = operation.get("error")
        return RemoteBatch(
            name=str(job.name),
            display_name=job.display_name or "",
            model=(job.model or "").removeprefix("models/"),
            state=state.removeprefix("JOB_STATE_").removeprefix("BATCH_STATE_"),
            result_file=result or response.get("responsesFile") or response.get("responses_file"),
            error=hide_keys(json.dumps(error)) if error else None,
            created_at=job.create_time.timestamp() if job.create_time else 0.0,
            ended_at=job.end_time.timestamp() if job.end_time else None,
        )


def _remote_file(file: "types.File") -> RemoteFile:
    state = str(getattr(file.state, "value", file.state) or "ACTIVE")
    lives_until = time.time() + UPLOAD_LIFE_SECONDS
    if file.expiration_time:
        lives_until = min(lives_until, file.expiration_time.timestamp())
    return RemoteFile(str(file.name), str(file.uri), state, lives_until)


def _is_transient(error: BaseException) -> bool:
    """May the same call succeed a little later?"""
    import httpx2
    from google.genai import errors

    if isinstance(error, errors.APIError):
        return error.code in TRANSIENT_CODES
    # Garbage in a 200 answer ends as a ValueError (JSON, Unicode, "not finalized") or a KeyError
    # (a missing upload header) inside the SDK.
    return isinstance(error, httpx2.TransportError | httpx2.StreamError | ValueError | KeyError)


def _refusal(error: Any, doing: str) -> Refused:
    """A definite no, in words that help."""
    advice = {
        400: "The request itself is not accepted: check model.name and model.generation_config.",
        401: "Check GEMINI_API_KEY in the environment or in .env.",
        403: "The key may not do this: check GEMINI_API_KEY and the project's billing.",
        404: "The service doesn't know it: check model.name.",
    }.get(error.code, "Nothing was paid for.")
    return Refused(f"Gemini refused {doing}: {error.code} {error.message}. {advice}", error.code)
