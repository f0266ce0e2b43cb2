"""What came back for a page: one line of a batch's result, as a validated page or a typed failure.

Lines are read as plain dictionaries in either spelling (`finishReason`, `finish_reason`), so that a
field which Google adds tomorrow breaks nothing today.
"""

import io
import json
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import pydantic

from pagewave.answers.finish_reasons import blocks, ending
from pagewave.answers.loops import Loop, find_loop_in_json
from pagewave.answers.loose_json import Json, as_object, decode, get, load_object, storable
from pagewave.answers.page import ReadPage, read_page
from pagewave.answers.repair import Contradiction, NoObject
from pagewave.answers.served import UNKNOWN, served_by
from pagewave.answers.service_errors import code_name, error_type
from pagewave.answers.usage import Usage, usage_of
from pagewave.characters import clean
from pagewave.errors import ErrorType
from pagewave.halves import split_line_key
from pagewave.ledger import Flag, Served
from pagewave.page_model import PageModel

ERROR_TYPES = frozenset(
    {
        "ServiceTrouble",  # the service failed, not the record: the same may do well later
        "ServiceRefused",  # the service refuses the key, or the account
        "BatchFailed",  # the whole batch failed
        "BadBatch",  # the same, and a request in it may be the cause: its halves are sent
        "BadRequest",  # the request is not accepted, though it was alone in its batch
        "AnswerLost",  # the answer of a single call got lost; it may be paid for all the same
        "BatchExpired",  # the service did not get to it in time
        "BatchCancelled",  # cancelled, the whole batch or what of it had not been read yet
        "MissingResponse",  # the batch succeeded, but holds no line for the record
        "APIError",  # the record's line is an error, or no line at all
        "Blocked",  # a filter stopped the prompt or the answer
        "Recitation",  # the answer was taken for a recited text
        "Truncated",  # the answer reached max_output_tokens
        "BrokenOff",  # the service ended the answer for a reason of its own
        "Repetition",  # the model wrote the same words over and over
        "Echo",  # the answer is what the prompt quoted, not what the page says
        "EmptyOnInk",  # no text, of a page that has print
        "TextOnBlank",  # text, of a page that has none
        "EmptyAnswer",  # no text at all
        "JSONDecodeError",  # text, but no JSON object
        "ValidationError",  # JSON, but not what the page model says
        "UploadFailed",  # the service did not take the page's image, or the batch's requests
        "FileNotFound",  # the page's image, or the answer of the page before, is gone or broken
        "AccountLimited",  # the service reads nothing for this account any more
    }
)
"""Why a record may have failed."""

STOPPED: dict[ErrorType, str] = {
    "Blocked": "The answer was blocked",
    "Recitation": "The answer was stopped as one that recites a known text",
    "AccountLimited": "The service reads nothing for this account",
    "Truncated": "The answer reached its limit of tokens",
    "BrokenOff": "The service broke the answer off",
}
"""What is said of an answer that the service ended."""

NUMBER = re.compile(r'("|\\n|\n)[ \t]*\d{1,4}\|[ ]?')
"""The number of a line where it begins in a JSON string: behind a quote or a newline."""
PAID_BEFORE = "paidBefore"
"""Our own word in a line that was taken over; the service has none like it."""
SHOWN_PROBLEMS = 5
SHOWN_CHARS = 80


@dataclass(frozen=True, slots=True)
class Answer:
    """A page that was read: `page_json` is its validated JSON, on one line, `text` its words.

    `flags` say what was put right to get it.
    """

    key: str
    page: PageModel
    text: str
    page_json: str
    usage: Usage
    finish_reason: str
    flags: tuple[Flag, ...] = ()
    served: Served = UNKNOWN


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a line is no answer; `raw_text` is what the model wrote, `raw_json` the whole line.

    `inferred` says whether the model ran at all: error lines say that it did not, and are not paid
    for; then `usage` is None.
    """

    key: str
    error_type: str
    message: str
    traceback: str
    raw_text: str | None
    raw_json: str | None
    usage: Usage | None
    inferred: bool = True
    served: Served = UNKNOWN


def says_more(line: Answer | Failure, other: Answer | Failure | None) -> bool:
    """Of two lines about the same: an answer says more than a failure that was paid for, and that
    says more than an error."""

    def rank(said: Answer | Failure | None) -> int:
        if isinstance(said, Failure):
            return 2 if said.inferred else 1
        return 3 if said else 0

    return rank(line) > rank(other)


class _Refused(Exception):
    """An answer that cannot be taken."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def split_lines(data: bytes) -> list[bytes]:
    """The lines of a result file, without empty ones.

    Split at newlines only: `splitlines` takes a U+2028 or U+0085 inside a string for one.
    """
    return [line for line in data.split(b"\n") if line.strip()]


def is_nonsense(data: bytes) -> bool:
    """Is it something, and no line of it names a key? No result file is like that.

    A proxy or a portal on the way may say it in the service's place, with 200 for a status.
    """
    is_empty = not data or data.isspace()
    return not is_empty and not any(map(key_of, io.BytesIO(data)))  # which copies nothing


def key_of(line: bytes) -> str | None:
    """The key of a line, or None when the line is not JSON in UTF-8 or has no key."""
    try:
        key = load_object(decode(line)).get("key")
    except ValueError:
        return None
    # A key that is no valid Unicode is none of ours, and no database would take it.
    return key if isinstance(key, str) and key and key == storable(key) else None


def page_key_of(line: bytes) -> str | None:
    """The key of the page that a line is about, the whole of it or a half; None as of `key_of`."""
    key = key_of(line)
    return key and split_line_key(key)[0]


def paid_before(line: bytes) -> bytes:
    """The same line, taken over from a call that ended too early: that one has paid for it."""
    return json.dumps(load_object(decode(line)) | {PAID_BEFORE: True}).encode("ascii")


def is_paid_before(line: bytes) -> bool:
    """Was a line taken over from an earlier call?"""
    try:
        return load_object(decode(line)).get(PAID_BEFORE) is True
    except ValueError:
        return False


def text_of(line: bytes) -> str | None:
    """What the model wrote, taken from a line as it is; None where the line holds no such text."""
    try:
        return storable(_text(_candidate(_response(_entry(line))))) or None
    except _Refused:
        return None


def finish_reason_of(line: bytes) -> str | None:
    """Why the model stopped, in the service's word; None where the line does not say so."""
    try:
        said = get(_candidate(_response(_entry(line))), "finishReason")
    except _Refused:
        return None
    return storable(str(said)).upper() if said else None


def parse_line(
    line: bytes, page_model: type[PageModel], *, numbered: bool = False
) -> Answer | Failure:
    """Understand one line; never raises for what the service or the model wrote.

    The key is "" where `key_of` finds none. `numbered`: its text was asked for in numbered lines.
    """
    key = key_of(line) or ""
    raw_text: str | None = None
    usage: Usage | None = None
    response: Json | None = None
    served = UNKNOWN
    try:
        entry = _entry(line)
        served = served_by(as_object(entry.get("response")))
        # What stands beside an error was paid for all the same.
        if get(as_object(entry.get("response")), "usageMetadata"):
            usage = usage_of(entry["response"])
        response = _response(entry)
        usage = usage_of(response)
        candidate = _candidate(response)
        raw_text = _text(candidate)
        finish_reason = str(get(candidate, "finishReason") or "UNSPECIFIED").upper()
        _refuse_stopped(candidate, finish_reason)
        text = NUMBER.sub(r"\1", raw_text) if numbered else raw_text
        read = _page(candidate, text, finish_reason, usage, page_model)
        return Answer(
            key, read.page, read.text, read.page_json, usage, finish_reason, read.flags, served
        )
    except _Refused as refusal:
        return Failure(
            key=key,
            error_type=refusal.error_type,
            message=clean(storable(str(refusal))),
            traceback=storable(traceback.format_exc()),
            raw_text=storable(raw_text) if raw_text else None,
            raw_json=line.decode("utf-8", "backslashreplace"),
            usage=usage,
            inferred=response is not None or usage is not None,
            served=served,
        )


# From the line to the model's text


def _entry(line: bytes) -> Json:
    try:
        return load_object(decode(line))
    except ValueError as error:
        raise _Refused("APIError", f"The result line is not a JSON object: {error}") from error


def _response(entry: Json) -> Json:
    """The response in a line, unless the line is an error: then that is raised."""
    response = entry.get("response")
    for field in ("error", "status"):
        error = _bare(entry.get(field))
        code = error.get("code") if isinstance(error, Mapping) else None
        # It may say that all is well; zero, as everywhere in this format, is left out.
        is_well = code in (0, "0", "OK") or (field == "status" and not code)
        if error and not (is_well and response):
            _raise_api_error(error)
    if not isinstance(response, dict):
        raise _Refused("APIError", "The result line holds neither a response nor an error.")
    inner = _bare(response.get("error"))
    if inner and not (response.get("candidates") or get(response, "usageMetadata")):
        _raise_api_error(inner)
    return response


def _bare(error: object) -> object:
    """An error out of what HTTP answers put around it: `{"error": …}`, and a list."""
    while True:
        if isinstance(error, list) and error:
            error = error[0]
        elif isinstance(error, Mapping) and error.get("error") and not code_name(error):
            error = error["error"]
        else:
            return error


def _raise_api_error(error: object) -> NoReturn:
    code, message = None, error
    if isinstance(error, Mapping):
        code, message = error.get("code"), error.get("message")
    name = code_name(error)
    said = f"The service answered with error {'without a code' if code is None else code}"
    said += f" ({name})" if name and name != code else ""
    said += f": {message}" if message else ", without a message."
    # What a cancelled batch had not read yet ends like this; whether it was, others know.
    raise _Refused("BatchCancelled" if name == "CANCELLED" else error_type(name, message), said)


def _candidate(response: Json) -> Json:
    feedback = as_object(get(response, "promptFeedback"))
    reason = str(get(feedback, "blockReason") or "").upper()
    if reason and (error_type := blocks(reason)):
        raise _Refused(error_type, f"The prompt was blocked: {reason}.{_told(feedback)}")
    candidates = response.get("candidates")
    if not isinstance(candidates, list) or not candidates or not isinstance(candidates[0], dict):
        raise _Refused("EmptyAnswer", "The response holds no candidate.")
    return candidates[0]


def _text(candidate: Json) -> str:
    """The answer's text, without the model's thoughts."""
    parts = as_object(candidate.get("content")).get("parts")
    return "".join(
        part["text"]
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, dict) and isinstance(part.get("text"), str) and not part.get("thought")
    )


def _refuse_stopped(candidate: Json, finish_reason: str) -> None:
    """An answer that was stopped for what it says is none, whatever there is of it."""
    error_type, is_final = ending(finish_reason)
    if error_type and is_final:
        raise _Refused(error_type, f"{STOPPED[error_type]}: {finish_reason}.{_told(candidate)}")


# From the text to the page


def _page(
    candidate: Json, text: str, finish_reason: str, usage: Usage, page_model: type[PageModel]
) -> ReadPage:
    """The validated page in an answer's text.

    An answer that was cut off or broken off is taken if it is whole all the same: the object is
    closed and no field is missing, so a second purchase could not bring more.
    """
    cut = ending(finish_reason).error_type
    how = f"{finish_reason}{_told(candidate)}"
    if not text.strip():
        if cut:
            raise _Refused(cut, f"{STOPPED[cut]} before any text ({how}). {_thoughts(usage)}")
        raise _Refused("EmptyAnswer", f"The answer holds no text (finish reason {how}).")
    try:
        return read_page(text, page_model, is_whole=cut is None)
    except Contradiction as error:
        raise _Refused("ValidationError", f"The answer contradicts itself: {error}.") from error
    except NoObject as error:
        if loop := find_loop_in_json(text):
            raise _Refused("Repetition", loop_message(loop)) from error
        if cut:
            message = f"{STOPPED[cut]} after {len(text)} characters ({how})."
            raise _Refused(cut, message) from error
        raise _Refused(
            "JSONDecodeError", f"The answer is not a JSON object: {error} ({how})."
        ) from error
    except Exception as error:  # page models are the user's; theirs may raise anything
        raise _Refused("ValidationError", page_problems(error)) from error


def loop_message(loop: Loop) -> str:
    """What a loop repeats, and how often."""
    shown = loop.unit if len(loop.unit) <= SHOWN_CHARS else f"{loop.unit[:SHOWN_CHARS]}…"
    return f"The answer repeats {shown!r} {loop.repeats} times."


def page_problems(error: Exception) -> str:
    """What a page lacks, field by field."""
    if not isinstance(error, pydantic.ValidationError):
        return f"The page model refuses the answer: {type(error).__name__}: {error}"
    problems = [
        f"{'.'.join(map(str, problem['loc'])) or 'the page'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    more = len(problems) - SHOWN_PROBLEMS
    return (
        f"The answer is not what the page model says ({len(problems)} problems). "
        + "; ".join(problems[:SHOWN_PROBLEMS])
        + (f"; and {more} more" if more > 0 else "")
    )


def _thoughts(usage: Usage) -> str:
    taken = str(usage.thoughts_tokens) if usage.is_known else "an unknown number of"
    return f"It took {taken} tokens of thought."


def _told(values: Json) -> str:
    """What the service says about it besides, if anything."""
    message = get(values, "finishMessage") or get(values, "blockReasonMessage")
    return f" {message}" if message else ""
