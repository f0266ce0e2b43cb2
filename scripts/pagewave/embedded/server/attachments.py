"""The images of a request: references to uploaded files, or bytes within the request."""

import base64
import binascii
import re

from pagewave.embedded.server.answers import Refused
from pagewave.embedded.server.store import Store
from pagewave.embedded.server.wire import (
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    PERMISSION_DENIED,
    Json,
    pick,
)


def images_of(request: Json, store: Store) -> list[bytes]:
    """The bytes of every image of a request. Raises Refused, with the code Google answers."""
    images = []
    for content in pick(request, "contents") or []:
        for part in pick(content, "parts") or []:
            if uri := pick(pick(part, "fileData"), "fileUri"):
                images.append(_uploaded(str(uri), store))
            elif data := pick(pick(part, "inlineData"), "data"):
                images.append(_inline(str(data)))
    return images


def is_any_inside(request: Json) -> bool:
    """Does a request hold the bytes of an image?"""
    return any(
        pick(part, "inlineData")
        for content in pick(request, "contents") or []
        for part in pick(content, "parts") or []
    )


def _uploaded(uri: str, store: Store) -> bytes:
    # Only the name counts: host and port of the URI are those of an earlier server, maybe.
    found = re.search(r"files/([a-z0-9-]+)$", uri)
    if found is None:
        raise Refused(INVALID_ARGUMENT, f"Invalid or unsupported file uri: {uri}")
    file = store.file(found[1])
    if file is None:
        message = f"You do not have permission to access the File {found[1]} or it may not exist."
        raise Refused(PERMISSION_DENIED, message)
    if file.state != "ACTIVE":
        message = f"The File {file.id} is not in an ACTIVE state and usage is not allowed."
        raise Refused(FAILED_PRECONDITION, message)
    return store.path(file.id).read_bytes()


def _inline(data: str) -> bytes:
    try:
        # Either alphabet: proto3 JSON takes both, and google-genai writes the URL-safe one.
        return base64.b64decode(data.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise Refused(INVALID_ARGUMENT, f"inline_data is not base64: {error}") from error
