"""From one request to what stands in the result file for it: the reading, and what befalls it.

Everything here is a function of its arguments and may run in any thread.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from pagewave.embedded.server import tokens
from pagewave.embedded.server.faults import LOOSE, Fault
from pagewave.embedded.server.made_up import fitted
from pagewave.embedded.server.model_rules import refused, resolution_of
from pagewave.embedded.server.wire import INTERNAL, INVALID_ARGUMENT, Json, dumps, pick

Read = Callable[[str, bytes, str, int], str]
"""A reader: (record key, image, prompt, which reading of this key it is, from 1) -> the JSON text
of a page."""

# As in pagewave.page_model, whose import would delay the start of the server.
CONTEXT_BEGIN, CONTEXT_END = "<<<PREVIOUS_PAGE", "PREVIOUS_PAGE>>>"

SAID = {
    7: "You do not have permission to access the File it asks for or it may not exist.",
    16: "Request had invalid authentication credentials.",
}
"""What goes with some codes of error lines."""

# As the workflow's prompt says it (pagewave.prompts.numbered), for the same reason.
NUMBERED = "begin each line of transcribed text with its number and a bar"

LOOP = "Course of study, first term, "
INVENTED = (
    "FRESHMAN YEAR.\nLivy; Xenophon's Anabasis; Loomis's Algebra.\nSOPHOMORE YEAR.\nHorace; Homer."
)


class Refused(Exception):
    """A request that gets an error instead of an answer; `code` is a google.rpc code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a record came to: its lines in the result file (mostly one) and whether it is billed."""

    lines: tuple[str, ...]
    paid: bool
    failed: bool


def prompt_of(request: Json) -> str:
    """All text of a request, system instruction first."""
    contents = [pick(request, "systemInstruction", {}), *(pick(request, "contents") or [])]
    texts = [
        part["text"]
        for content in contents
        for part in (pick(content, "parts") or [])
        if isinstance(pick(part, "text"), str)
    ]
    return "\n".join(texts)


def error_line(key: str, code: int, message: str, field: str = "error") -> Outcome:
    """A line that says why there is no answer. Error lines are not billed."""
    return Outcome((dumps({"key": key, field: {"code": code, "message": message}}),), False, True)


def answer(
    key: str,
    request: Json,
    images: Sequence[bytes],
    model: str,
    read: Read,
    reading: int,
    faults: Sequence[Fault],
) -> Outcome:
    """Reads one record, for the `reading`-th time, and lets its faults happen."""
    for fault in faults:
        if fault.name in ("record-error", "record-status"):
            message = SAID.get(fault.code, "An internal error has occurred.")
            return error_line(key, fault.code, message, fault.name.removeprefix("record-"))
    try:
        response = respond(key, request, images, model, read, reading, faults)
    except Refused as refusal:
        return error_line(key, refusal.code, refusal.message)
    lines = [dumps({"key": key, "response": response})]
    for fault in faults:
        if fault.name == "missing-key":
            lines = []
        elif fault.name == "duplicate-key":
            lines *= 2
        elif fault.name == "foreign-key":
            lines.append(dumps({"key": f"foreign:{key}", "response": response}))
    return Outcome(tuple(lines), paid=True, failed=False)


def respond(
    key: str,
    request: Json,
    images: Sequence[bytes],
    model: str,
    read: Read,
    reading: int,
    faults: Sequence[Fault],
) -> Json:
    """The GenerateContentResponse to a request. Raises Refused when the reader fails."""
    if refusal := refused(model, request):
        raise Refused(INVALID_ARGUMENT, refusal)
    prompt = prompt_of(request)
    names = {fault.name for fault in faults}
    blocked, recited = "blocked" in names, "recitation" in names
    try:
        image = images[0] if images else b""
        text = "" if blocked or recited else read(key, image, prompt, reading)
        text = _misread(text, faults, key, prompt) if text else ""
        text = _with_numbers(text) if text and NUMBERED in prompt else text
        schema = pick(pick(request, "generationConfig"), "responseSchema")
        text = fitted(text, schema) if text else ""
        text, reason = _damage(text, faults) if text else ("", "STOP")
    except Exception as error:
        raise Refused(INTERNAL, f"the reader failed: {type(error).__name__}: {error}") from error
    limit = pick(pick(request, "generationConfig"), "maxOutputTokens")
    if isinstance(limit, int) and tokens.text_tokens(text) > limit:
        text, reason = text[: limit * tokens.CHARS_PER_TOKEN], "MAX_TOKENS"
    response: Json = {}
    if blocked:
        response["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
    elif recited:
        response["candidates"] = [{"finishReason": "RECITATION", "index": 0}]
    else:
        content = {"parts": [{"text": text}], "role": "model"}
        response["candidates"] = [{"content": content, "finishReason": reason, "index": 0}]
    response["usageMetadata"] = tokens.usage(prompt, images, text, model, resolution_of(request))
    for fault in faults:
        if fault.name == "token-counts":
            counts = (fault.prompt, fault.output, fault.thoughts, fault.cached)
            response["usageMetadata"] = tokens.usage_of(*counts)
            if fault.total >= 0:
                response["usageMetadata"]["totalTokenCount"] = fault.total
        elif fault.name == "no-counts":
            del response["usageMetadata"]
    response["modelVersion"] = model.removeprefix("models/")
    for fault in faults:
        if fault.name == "other-model":
            _serve_by_another(response, fault)
    response["responseId"] = hashlib.sha256(f"{key}\n{prompt}".encode()).hexdigest()[:22]
    return response


def _serve_by_another(response: Json, fault: Fault) -> None:
    """As the service answers for a model that it has retired, or is about to."""
    if fault.model:
        response["modelVersion"] = fault.model
    else:
        del response["modelVersion"]
    status = {
        "modelStage": fault.stage,
        "retirementTime": fault.retires,
        "message": fault.stage and "This model is going to be retired.",
    }
    if any(status.values()):
        response["modelStatus"] = {name: value for name, value in status.items() if value}
    if fault.tier:
        response.setdefault("usageMetadata", {})["serviceTier"] = fault.tier


def _misread(text: str, faults: Sequence[Fault], key: str, prompt: str) -> str:
    """A page (JSON text) that is valid and not what the image shows."""
    for fault in faults:
        match fault.name:
            case "echo-key":
                text = _with_text(text, key)
            case "echo-context" if CONTEXT_BEGIN in prompt:
                quoted = prompt.rpartition(CONTEXT_BEGIN)[2].partition(CONTEXT_END)[0]
                text = _with_text(text, quoted.strip())
            case "empty-text":
                text = _with_text(text, "", fault.declared)
            case "invented-text":
                text = _with_text(text, INVENTED)
    return text


def _with_numbers(text: str) -> str:
    """A page (JSON text) whose lines begin with their numbers."""
    page, number = json.loads(text), count(1)
    for block in page["raw_ocr"]["text_blocks"]:
        lines = block["text"].split("\n")
        block["text"] = "\n".join(f"{next(number)}| {line}" for line in lines)
    return dumps(page)


def _damage(text: str, faults: Sequence[Fault]) -> tuple[str, str]:
    """The answer's text after its faults, and the finish reason."""
    reason = "STOP"
    for fault in faults:
        match fault.name:
            case "max-tokens":
                text, reason = text[: max(1, len(text) // 2)], "MAX_TOKENS"
            case "repetition":
                looped = _with_first_text(text, LOOP * 200)
                # Cut inside the loop, where the limit would catch it, unless it is to be closed.
                cut = looped.rfind(LOOP) + len(LOOP) // 2
                text, reason = (looped, "STOP") if fault.closed else (looped[:cut], "MAX_TOKENS")
            case "fenced-json":
                text = f"```json\n{text}\n```"
            case "text-around-json":
                text = f"Here is the page you asked for:\n\n{text}\n\nI hope this helps!"
            case "finish-reason":
                text, reason = text[: max(1, len(text) // 2)], fault.finish
            case "loose-json":
                text = LOOSE[fault.how](text)
            case "invalid-schema":
                text = dumps({"page": json.loads(text).get("page_info"), "courses": "none"})
            case "line-separator":
                text = _with_first_text(text, "before\u2028after")
    return text, reason


def _with_text(text: str, words: str, content_type: str = "other") -> str:
    """A page (JSON text) with these words alone; without words, it has no block."""
    page = json.loads(text)
    block = {"block_id": 1, "position": "top", "text": words, "font_style": "regular"}
    page["raw_ocr"]["text_blocks"] = [block] if words else []
    page["page_info"]["content_type"] = content_type
    page["courses"] = []
    return dumps(page)


def _with_first_text(text: str, words: str) -> str:
    """A page (JSON text) with `words` put at the end of its first block."""
    page = json.loads(text)
    blocks = page["raw_ocr"]["text_blocks"]
    if not blocks:
        blocks.append({"block_id": 1, "position": "top", "text": "", "font_style": "regular"})
    blocks[0]["text"] += words
    return dumps(page)
