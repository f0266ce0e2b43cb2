"""The shapes of Google's JSON: errors, times, either spelling of a name, a batch's lines."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

# google.rpc.Code numbers, as they stand in the lines of a result file and in an operation's error.
CANCELLED, INVALID_ARGUMENT, PERMISSION_DENIED, FAILED_PRECONDITION, INTERNAL = 1, 3, 7, 9, 13

STATUS_OF_HTTP = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
HTTP_OF_RPC = {CANCELLED: 499, INVALID_ARGUMENT: 400, PERMISSION_DENIED: 403}
HTTP_OF_RPC |= {FAILED_PRECONDITION: 400, INTERNAL: 500}

# Fields of GenerateContentRequest. Google fails the whole job over a field it does not know
# (python-genai#1307, inspect_ai#3273), so a misspelt one must not pass here either.
REQUEST_FIELDS = frozenset(
    (
        *("model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings"),
        *("generationConfig", "cachedContent", "labels", "serviceTier", "store"),
    )
)
GENERATION_FIELDS = frozenset(
    (
        *("stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema"),
        *("responseModalities", "responseFormat", "candidateCount", "maxOutputTokens"),
        *("temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty"),
        *("responseLogprobs", "logprobs", "enableEnhancedCivicAnswers", "speechConfig"),
        *("thinkingConfig", "imageConfig", "mediaResolution"),
    )
)


class ApiError(Exception):
    """A refusal, answered as Google answers it: an HTTP code and a `google.rpc.Status` body."""

    def __init__(
        self, code: int, message: str, status: str | None = None, details: list[Json] | None = None
    ) -> None:
        super().__init__(message)
        self.code = int(code)
        self.message = message
        self.details = details
        self.status = status or STATUS_OF_HTTP.get(code, "UNKNOWN")

    def body(self) -> Json:
        """The error body of the reply."""
        error = {"code": self.code, "message": self.message, "status": self.status}
        return {"error": error | ({"details": self.details} if self.details else {})}


class BadRecord(Exception):
    """A line of an input file for which Google fails the whole job."""


def camel(name: str) -> str:
    """`input_config` as `inputConfig`; what is camel case already stays as it is."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def pick(obj: object, name: str, default: Any = None) -> Any:
    """Field `name` (camel case) of a JSON object, in camel or snake case: proto3 takes either."""
    if not isinstance(obj, Mapping):
        return default
    if name in obj:
        return obj[name]
    return next((value for key, value in obj.items() if camel(key) == name), default)


def dumps(value: object) -> str:
    """Compact JSON, letters as they are (so U+2028 is a raw character, as in Google's files)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def stamp(seconds: float) -> str:
    """Unix seconds as Google writes a time: RFC 3339, UTC, nine decimals."""
    whole = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{int(seconds % 1 * 1e9):09d}Z"


def check_fields(obj: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    """Raises BadRecord when `obj` has a field that is not in `known` (camel case)."""
    for name in obj:
        if camel(name) not in known:
            raise BadRecord(f'Invalid JSON payload received. Unknown name "{name}" at "{where}".')


def check_request(request: Mapping[str, Any], where: str) -> None:
    """Raises BadRecord when a GenerateContentRequest has a field that Google does not know."""
    check_fields(request, REQUEST_FIELDS, where)
    config = pick(request, "generationConfig", {})
    check_fields(config, GENERATION_FIELDS, f"{where}.generation_config")
