"""Files and batches as the wire shows them: int64s as strings, what is zero or empty left out."""

import base64
import time
from collections.abc import Callable, Sequence

from starlette.requests import Request

from pagewave.embedded.server.delays import Delays
from pagewave.embedded.server.entities import Batch, File
from pagewave.embedded.server.wire import ApiError, Json, stamp

_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
_NEWEST = 2**62  # above every number of a file or a batch
DEFAULT_PAGE, LARGEST_PAGE = 10, 100


def base_of(request: Request) -> str:
    """Scheme and host as the client sees them."""
    return f"{request.url.scheme}://{request.headers['host']}"


def file(file: File, request: Request) -> Json:
    """A File message. Its URI names this server; whoever reads it back heeds only the id."""
    url = f"{base_of(request)}/{request.path_params['api']}/files/{file.id}"
    state = file.state
    message: Json = {
        "name": f"files/{file.id}",
        "displayName": file.display_name,
        "mimeType": file.mime_type,
        "sizeBytes": str(file.size) if file.size else None,
        "createTime": stamp(file.created),
        "updateTime": stamp(min(max(file.created, file.active), time.time())),
        "expirationTime": stamp(file.expires),
        "sha256Hash": base64.b64encode(bytes.fromhex(file.sha256)).decode(),
        "uri": url,
        "downloadUri": f"{url}:download?alt=media" if file.source == "GENERATED" else None,
        "state": state,
        "source": file.source,
        "error": {"code": 13, "message": "The file could not be processed."}
        if state == "FAILED"
        else None,
    }
    return {name: value for name, value in message.items() if value}


def operation(batch: Batch, delays: Delays) -> Json:
    """A batch job, as the long-running operation that it is at Google."""
    output = {"responsesFile": f"files/{batch.output}"} if batch.output else None
    # Results are late or in another place where a batch succeeded. One that failed has them at once
    # and in metadata, if at all: an operation holds an error or a response.
    quirks = {} if batch.error else batch.quirks
    if batch.ended and not delays.is_over(batch.ended, quirks.get("no-result-file", 0.0)):
        output = None
    pending = 0 if batch.ended else batch.requests - batch.succeeded - batch.failed
    counts = {
        "requestCount": batch.requests,
        "pendingRequestCount": pending,
        "successfulRequestCount": batch.succeeded,
        "failedRequestCount": batch.failed,
    }
    metadata: Json = {
        "@type": _TYPE,
        "model": batch.model,
        "displayName": batch.display_name,
        "inputConfig": {"fileName": f"files/{batch.input}"},
        "createTime": stamp(batch.created),
        "updateTime": stamp(batch.updated),
        "endTime": stamp(batch.ended) if batch.ended else None,
        "batchStats": {name: str(count) for name, count in counts.items() if count},
        "state": f"BATCH_STATE_{batch.state}",
        "name": batch.name,
        "output": None if "response-only" in quirks else output,
    }
    message: Json = {"name": batch.name}
    message["metadata"] = {name: value for name, value in metadata.items() if value}
    if batch.terminal:
        message["done"] = True
        if batch.error:
            message["error"] = batch.error
        elif output:
            message["response"] = {"@type": f"{_TYPE}Output"} | output
    return message


def page(
    request: Request,
    field: str,
    fetch: Callable[[int, int, bool], Sequence[tuple[int, Json | None]]],
) -> Json:
    """One page of a list, newest first unless a fault wants it the other way round.

    `fetch(behind, limit, oldest_first)` gives (number, entry or None when it is not to be seen) of
    what stands behind a number in the list. A token is the number of the page's last entry, so what
    is added meanwhile shifts nothing; an "e" before it asks for an empty page first.
    """
    faults = request.state.faults
    oldest_first = "list-oldest-first" in faults
    try:
        size = min(LARGEST_PAGE, int(request.query_params.get("pageSize") or DEFAULT_PAGE))
        token = request.query_params.get("pageToken") or str(0 if oldest_first else _NEWEST)
        behind = int(token.removeprefix("e"))
    except ValueError as error:
        raise ApiError(400, "pageSize or pageToken is invalid.") from error
    if token.startswith("e"):
        return {"nextPageToken": str(behind)}
    rows = fetch(behind, size + 1, oldest_first)
    body: Json = {}
    if entries := [entry for _, entry in rows[:size] if entry is not None]:
        body[field] = entries
    if len(rows) > size:
        mark = "e" if "list-empty-later-page" in faults else ""
        body["nextPageToken"] = f"{mark}{rows[size - 1][0]}"
    if "list-twice" in faults and entries:
        body[field] = [entry for entry in entries for _ in range(2)]
    if "list-in-circles" in faults:
        body["nextPageToken"] = token
    return body
