"""What an error of the service means, in a result line or of a whole batch: whose trouble is it?

Errors are google.rpc statuses. Their code comes as a number, as text, by its name, or as the HTTP
status that stands for it; what is known by none of these is the record's own failure.
"""

import itertools
import json
import re
from collections.abc import Mapping
from typing import Final

# google.rpc.Code, the numbers in error lines (googleapis/google/rpc/code.proto).
RPC_CODES: Final = {
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    6: "ALREADY_EXISTS",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    10: "ABORTED",
    11: "OUT_OF_RANGE",
    12: "UNIMPLEMENTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    15: "DATA_LOSS",
    16: "UNAUTHENTICATED",
}
HTTP_CODES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    425: "UNAVAILABLE",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP statuses by the code they stand for (the comments in code.proto); all other 5xx are
UNAVAILABLE: proxies have numbers of their own."""

TROUBLE: Final = frozenset(
    {
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "ABORTED",
        "INTERNAL",
        "UNAVAILABLE",
    }
)
"""Codes that say nothing of the request: the same may do well a little later."""

REFUSALS: Final = re.compile(
    r"API[ _-]?key|user location|location is not supported|billing|consumer .*(suspended|invalid)",
    re.IGNORECASE,
)
WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
FILES: Final = re.compile(r"\bfiles?\b", re.IGNORECASE)


def code_name(error: object) -> str | None:
    """The name of an error's code, such as UNAVAILABLE; None where it has none that is known.

    Args:
        error: an object with `code`, `status` or both, or words that begin with one of them.
    """
    if not isinstance(error, Mapping):
        return _name(error)
    status, code = error.get("status"), error.get("code")
    name = (_name(status) if isinstance(status, str) else None) or _name(code)
    # Without either, its words may name it: "Deadline exceeded".
    return name or (None if status or code else _name(error.get("message")))


def error_type(name: str | None, message: object) -> str:
    """The error type of a record whose error has this code and message.

    ServiceTrouble passes; ServiceRefused is about the key or the account, and holds for all
    records; APIError is the record's own.
    """
    if name in TROUBLE:
        return "ServiceTrouble"
    said = str(message or "")
    # Of an uploaded file that is gone the service says too that it may not be seen.
    if name == "PERMISSION_DENIED" and (not said or FILES.search(said)):
        return "ServiceTrouble"
    if name in ("PERMISSION_DENIED", "UNAUTHENTICATED") or REFUSALS.search(said):
        return "ServiceRefused"
    return "APIError"


def error_type_of_batch(error: str | None, *, is_alone: bool) -> str:
    """The error type of a record whose batch ended FAILED, without a line for it.

    BadBatch: some request in it may be the cause, halves of it are sent. BadRequest: this one is
    not accepted though it `is_alone`; BatchFailed: it was alone, and what failed nobody knows.

    Args:
        error: the batch's error as JSON.
    """
    try:
        said = json.loads(error or "null")
    except ValueError:
        said = error
    name = code_name(said)
    kind = error_type(name, said.get("message") if isinstance(said, Mapping) else said)
    # INTERNAL is said of a bad request too.
    if kind != "APIError" and name != "INTERNAL":
        return kind
    if not is_alone:
        return "BadBatch"
    return "BadRequest" if name == "INVALID_ARGUMENT" else "BatchFailed"


def _name(code: object) -> str | None:
    if isinstance(code, bool) or code is None:
        return None
    if isinstance(code, float) and code.is_integer():
        code = int(code)
    if isinstance(code, int):
        return _name_of_number(code)
    if not isinstance(code, str):
        return None
    # "14", "UNAVAILABLE", "unavailable", "google.rpc.Code.UNAVAILABLE", "503 UNAVAILABLE. Try …",
    # "Deadline exceeded", "DeadlineExceeded".
    words = [word.upper().replace("CANCELED", "CANCELLED") for word in WORDS.findall(code)[:8]]
    for length in (3, 2, 1):
        for start in range(len(words)):
            if (name := "_".join(words[start : start + length])) in RPC_CODES.values():
                return name
    # "Error 503", "code: 14".
    rest = itertools.dropwhile({"HTTP", "ERROR", "STATUS", "CODE"}.__contains__, words)
    number = next(rest, "")
    return _name_of_number(int(number)) if number.isdecimal() and len(number) < 4 else None


def _name_of_number(number: int) -> str | None:
    if 500 <= number < 600:
        return HTTP_CODES.get(number, "UNAVAILABLE")
    return RPC_CODES.get(number) or HTTP_CODES.get(number)
