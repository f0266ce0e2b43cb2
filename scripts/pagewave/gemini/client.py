"""Gemini's File and Batch services, as far as waves need them: a thin layer over google-genai.

What the layer adds is care. Every call but one is repeated if need be, with growing pauses; the
other is `create`, which has no idempotency key: where its fate is unknown it raises
`CreateUnknown`, and the caller looks for the batch by its display name first. All waits end when
`stop` is set.
"""

import contextlib
import json
import re
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pagewave import crash_points as crash
from pagewave.answers.result_line import is_nonsense
from pagewave.gemini.calls import Calls, Question
from pagewave.gemini.lists import all_of
from pagewave.gemini.models import Models
from pagewave.gemini.remote import TERMINAL_STATES as TERMINAL_STATES
from pagewave.gemini.remote import UPLOAD_LIFE_SECONDS as UPLOAD_LIFE_SECONDS
from pagewave.gemini.remote import Payload as Payload
from pagewave.gemini.remote import RemoteBatch as RemoteBatch
from pagewave.gemini.remote import RemoteFile as RemoteFile
from pagewave.gemini.remote import each_once, images_named, remote_batch, remote_file
from pagewave.gemini.remote import requests_done as requests_done
from pagewave.gemini.retries import (
    REFUSALS,
    NoSuccess,
    PassingTrouble,
    Refused,
    Repeating,
    is_about_key,
    is_about_place,
    is_about_storage,
    is_refusal,
    refusal,
    within,
)
from pagewave.gemini.service_time import ServiceClock, readable_times
from pagewave.redaction import hide_keys_in_bytes

if TYPE_CHECKING:
    from google.genai import types

SUCCESSFUL_STATES = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED"})
GOING_STATES = frozenset(
    {"UNSPECIFIED", "QUEUED", "PENDING", "RUNNING", "PAUSED", "UPDATING", "CANCELLING"}
)

ABSENT = (403, 404)  # how the service says that there is no such file; (404,) for batches
BAD_FILE = (400, 413)
STEPS_OF_UPLOAD = 3  # calls of which the smallest upload is made, each with its own time-out
SLOWEST_BYTES_PER_SECOND = 10_000.0  # an upload that is slower than this hangs, as it were
TELLS_TIMES = re.compile(r"/(batches|files)(/[^:]*)?$|:batchGenerateContent$")
"""Paths of calls whose answers describe batches and files."""
SHOWN_BYTES = 80
LIST_PAGE_SIZE = 100  # without a page size the service was seen to answer with an empty list


class CreateUnknown(Exception):
    """The create call failed in a way that leaves open whether the batch exists."""


class CreateRefused(Refused):
    """The service said no to a create call: the batch does not exist."""


class NotReady(CreateRefused):
    """It said no for now: FAILED_PRECONDITION, such as a file that is not ACTIVE yet."""


class UploadFailed(Exception):
    """The service is there, but does not take this file, however often it is sent."""


class QuotaExceeded(Exception):
    """The service takes no further batch, or file, now: wait for minutes, then ask again."""


class Gemini:
    """One client for all threads of the process.

    `attempts` and `backoff_seconds` rule uploads; for all other calls an outage of up to
    `outage_seconds` is waited out, because a batch at the service loses nothing by it. `may_send`
    is asked before anything is uploaded or paid for, and raises where that must not be.
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
        may_send: Callable[[], None] = lambda: None,
    ) -> None:
        import httpx2
        from google import genai

        self._may_send = may_send
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._calls = Repeating(stop, backoff_seconds, outage_seconds)
        self._clock = ServiceClock()
        self._raw = threading.local()
        self._single = Calls(may_send)
        heard = [self._hear, self._make_readable, self._keep_batch_json, self._single.keep]
        client_args: dict[str, Any] = {
            "event_hooks": {"request": [self._single.note_sent], "response": heard},
            # Each call in flight has a connection of its own.
            "limits": httpx2.Limits(max_connections=None, max_keepalive_connections=100),
        }
        async_client_args: dict[str, Any] = {}
        if base_url:
            client_args["trust_env"] = False  # a proxy from the environment must not see loopback
            # Nor is TLS spoken there: to load the certificates that are trusted takes 60 ms.
            trusts_none = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client_args["verify"] = async_client_args["ssl"] = trusts_none
        self._client = genai.Client(
            api_key=api_key,
            vertexai=False,
            http_options={
                "base_url": base_url,
                "api_version": api_version,
                "timeout": int(timeout_seconds * 1000),
                "client_args": client_args,
                "async_client_args": async_client_args,
            },
        )
        self.models = Models(self._client, self._calls)

    # Files

    def upload(
        self,
        sent: Payload,
        what: Path,
        mime_type: str,
        display_name: str,
        processing_seconds: float,
        new_name: Callable[[], str],
    ) -> RemoteFile:
        """Upload a file and wait until the service has digested it: batches want it ACTIVE.

        A file that is FAILED, or PROCESSING for longer than `processing_seconds`, is sent anew; so
        is one that did not arrive as it was sent, or whose upload does not come to an end.

        Args:
            sent: what is sent; of a file that may change on the disk meanwhile, its bytes.
            what: the file that holds it, for messages.
            new_name: gives the file's name, such as `files/abc`; asked before each try.

        Raises:
            UploadFailed: as many tries as are allowed failed, with the service up.
            QuotaExceeded: there is no room for it now, or it was one upload too many.
            ServiceError: the service refuses it, or is not there at all.
        """
        from google.genai import errors

        self._may_send()

        def send() -> RemoteFile:
            config: types.UploadFileConfigDict = {
                "name": new_name(),
                "mime_type": mime_type,
                "display_name": display_name,
            }
            # As a stream: a path's name would travel in a header, which non-ASCII letters break.
            stream = sent.open()
            try:
                file = within(
                    self._longest_upload(sent.size),
                    lambda: self._client.files.upload(file=stream, config=config),
                )
            except errors.APIError as error:
                is_full = is_about_storage(error)
                about_us = is_about_key(error) or is_about_place(error)
                is_bad_file = is_refusal(error) and error.code in BAD_FILE and not about_us
                if not is_full and not is_bad_file:
                    raise
                kind = QuotaExceeded if is_full else UploadFailed
                raise kind(f"uploading {what}: {error}") from error
            finally:
                stream.close()  # which also ends an upload that goes on without us
            found = self._digested(remote_file(file), processing_seconds)
            if not found.holds(sent):
                self._give_up(found)
                raise PassingTrouble(f"{found.name} did not arrive as it was sent")
            return found

        try:
            # An outage of the whole service is waited out between two tries, and uses up none.
            return self._calls.repeat(
                send, f"uploading {what}", tries=self._attempts, between=self._reach
            )
        except NoSuccess as error:
            kind = QuotaExceeded if getattr(error.__cause__, "code", 0) == 429 else UploadFailed
            raise kind(str(error)) from error

    def _longest_upload(self, size: int) -> float:
        """Seconds after which an upload of so many bytes is taken to hang."""
        return STEPS_OF_UPLOAD * self._timeout_seconds + size / SLOWEST_BYTES_PER_SECOND

    def _reach(self) -> None:
        """Return as soon as the service answers at all."""
        self._calls.repeat(
            lambda: self._client.batches.list(config={"page_size": 1}), "reaching the service"
        )

    def _digested(self, file: RemoteFile, processing_seconds: float) -> RemoteFile:
        """The file once it is ACTIVE; raises PassingTrouble when it won't be."""
        deadline = time.monotonic() + processing_seconds
        pause = 0.05
        while file.state != "ACTIVE":
            if file.state == "FAILED" or time.monotonic() > deadline:
                self._give_up(file)
                raise PassingTrouble(f"{file.name} stayed {file.state}")
            self.pause(pause)
            pause = min(pause * 1.5, 10.0)
            file = self.file(file.name) or RemoteFile(file.name, file.uri, "FAILED", 0.0)
        return file

    def _give_up(self, file: RemoteFile) -> None:
        with contextlib.suppress(NoSuccess):
            self.delete_file(file.name)

    def file(self, name: str) -> RemoteFile | None:
        """An uploaded file as it is now; None when the service has it no longer."""
        return self._calls.repeat_unless(
            ABSENT, lambda: remote_file(self._client.files.get(name=name)), f"looking at {name}"
        )

    def images(self) -> dict[str, int]:
        """Images of ours at the service, by themselves or as the first ones in requests: digits of
        their hashes (`MARK_DIGITS`), and their sizes in bytes."""

        def made(file: "types.File") -> dict[str, int]:
            return images_named(file.display_name or "", file.size_bytes or 0)

        fetch = self._client.files.list
        files = all_of(self._calls, fetch, made, "listing the files", LIST_PAGE_SIZE)
        return {mark: size for named in files for mark, size in named.items()}

    def delete_file(self, name: str) -> None:
        """Delete a file; that it is gone already, or can't be deleted, is no error.

        Raises:
            NoSuccess: the service had as many chances as an upload has.
        """
        self._calls.repeat_unless(
            REFUSALS,
            lambda: self._client.files.delete(name=name),
            f"deleting {name}",
            tries=self._attempts,
        )

    def download(self, name: str, path: Path) -> bool:
        """Download a result file to `path`; False when the service has no such file (yet).

        A download that is cut off never counts as one, nor does what is no results at all.
        """
        partial = path.with_name(path.name + ".partial")

        def fetch() -> bool:
            # In one piece: a truncated body raises before anything is kept.
            data = hide_keys_in_bytes(self._client.files.download(file=name))
            if is_nonsense(data):
                raise PassingTrouble(f"no results, but {data[:SHOWN_BYTES]!r}")
            partial.write_bytes(data)
            partial.replace(path)
            return True

        return bool(self._calls.repeat_unless(ABSENT, fetch, f"downloading {name}"))

    # Batches

    def create(self, model: str, input_file: str, display_name: str) -> RemoteBatch:
        """Submit a batch, exactly once.

        Raises:
            CreateUnknown: it may or may not exist now; look for its display name.
            QuotaExceeded: the quota is used up for now; it hardly exists, but look before you ask
                again.
            CreateRefused: it does not exist; the service refuses it.
            Stopped: it does not exist; the run was told to stop.
        """
        from google.genai import errors

        self._may_send()
        self.pause(0)
        try:
            job = self._client.batches.create(
                model=model, src=input_file, config={"display_name": display_name}
            )
            crash.point("create-sent")
            return self._remote_batch(job)
        except errors.APIError as error:
            if error.code == 429:
                raise QuotaExceeded(str(error)) from error
            if is_refusal(error):
                is_early = error.status == "FAILED_PRECONDITION" and not is_about_place(error)
                kind = NotReady if is_early else CreateRefused
                said = refusal(error, f"creating the batch for model {model}")
                raise kind(str(said), said.code) from error
            raise CreateUnknown(str(error)) from error
        except Exception as error:
            # Whatever broke, the request may have arrived: only a look at the service can tell.
            raise CreateUnknown(f"{type(error).__name__}: {error}") from error

    def find_batches(self, display_name: str) -> list[RemoteBatch]:
        """All batches with this display name, the earliest first."""
        found = [batch for batch in self.list_batches() if batch.display_name == display_name]
        return sorted(found, key=lambda batch: batch.created_at)

    def list_batches(self) -> list[RemoteBatch]:
        """All batches that the service still knows of, of any state, each once.

        A list may show one twice, as where it grows between two of its pages.
        """

        fetch, doing = self._client.batches.list, "listing the batches"
        return each_once(all_of(self._calls, fetch, remote_batch, doing, LIST_PAGE_SIZE))

    def get(self, name: str, tries: int | None = None) -> RemoteBatch | None:
        """A batch's state now; None when the service says that it doesn't exist.

        With `tries` no outage is waited out; raises NoSuccess when all of them failed.
        """
        return self._calls.repeat_unless(
            (404,),
            lambda: self._remote_batch(self._client.batches.get(name=name)),
            f"looking at {name}",
            tries=tries,
        )

    def cancel(self, name: str) -> None:
        """Ask the service to cancel a batch; it may end as SUCCEEDED all the same.

        That it has ended by now, or is not there, is no error: a look at it will tell.
        """
        from google.genai import errors

        def ask() -> None:
            try:
                self._client.batches.cancel(name=name)
            except errors.ClientError as error:
                if error.code != 409:  # a conflict: it is ending, or has ended
                    raise

        self._calls.repeat_unless(REFUSALS, ask, f"cancelling {name}")

    # Without a batch

    def ask(self, question: Question) -> dict[str, Any]:
        """Make a single call, once; see `Calls.ask`."""
        return self._single.ask(self._client, question)

    # Waiting

    def pause(self, seconds: float) -> None:
        """Sleep, unless the run is told to stop: then raises Stopped."""
        self._calls.pause(seconds)

    def now(self) -> float:
        """What time it is at the service (Unix seconds), as far as it has told."""
        return self._clock.now()

    def _hear(self, response: Any) -> None:
        if response.status_code == 200:  # else something on the way may speak
            self._clock.hear(response.headers.get("date"))

    def _keep_batch_json(self, response: Any) -> None:
        """Remember a batch's raw JSON: the SDK drops its error and results under `response`."""
        self._raw.operation = None
        if "/batches/" in response.request.url.path:
            response.read()
            with contextlib.suppress(ValueError):
                self._raw.operation = json.loads(response.content)

    def _make_readable(self, response: Any) -> None:
        """Take out times that nobody can read, for which the SDK would refuse the answer."""
        if TELLS_TIMES.search(response.request.url.path):
            response.read()
            if content := readable_times(response.content):
                response._content = content  # httpx has no other way than a transport of its own

    def _remote_batch(self, job: "types.BatchJob") -> RemoteBatch:
        return remote_batch(job, getattr(self._raw, "operation", None))
