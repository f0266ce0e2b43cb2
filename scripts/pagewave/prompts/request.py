"""What is sent for a page: the request's line, its settings, the fingerprint of its answer.

Gemini reads a batch as JSON lines of `GenerateContentRequest`s, each with a key. The fingerprint
says which requests ask for the same thing, so that no answer is paid for twice.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pagewave.prompts.registry import Prompt
from pagewave.prompts.schema import Json, canonical_json, response_schema

if TYPE_CHECKING:
    from pagewave.config.settings import Settings
    from pagewave.pages.dataset import Page
    from pagewave.pages.image_files import ImageFacts

WIRE_NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "max_output_tokens": "maxOutputTokens",
    "response_mime_type": "responseMimeType",
    "media_resolution": "mediaResolution",
    "thinking_budget": "thinkingBudget",
}
"""The settings of a generation and their names in Gemini's `GenerationConfig`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One page to be read; `fingerprint` stands for everything that determines the answer."""

    key: str
    fingerprint: str
    prompt: str
    previous_context: str | None
    image: Path
    facts: "ImageFacts"


def build_request(
    page: "Page",
    prompt: Prompt,
    previous_context: str | None,
    settings: "Settings",
    image: Path,
    facts: "ImageFacts",
) -> Request:
    """The request for a page, given what the page before says (None at the start of a chain).

    Raises:
        ConfigError: the prompt cannot be rendered, or its page model not be expressed to Gemini.
    """
    text = prompt.render(previous_context)
    return Request(
        key=page.key,
        fingerprint=fingerprint(settings, response_schema(prompt.page_model), text, facts.sha256),
        prompt=text,
        previous_context=previous_context,
        image=image,
        facts=facts,
    )


def fingerprint(
    settings: "Settings", schema: Mapping[str, Any], prompt_text: str, image_sha256: str
) -> str:
    """SHA-256 (hex) of all that determines an answer.

    The generation config counts as configured: what a retry changes is not part of it, so an answer
    of the third attempt is as good as one of the first.
    """
    of_the_page = {"prompt": prompt_text, "image_sha256": image_sha256}
    return _sha256(_common(settings, schema) | of_the_page)


def recipe(settings: "Settings", prompt: Prompt) -> str:
    """Eight hex digits of what all requests of a batch share: model, settings, schema, template.

    They stand in the batch's display name: with them a batch can be told from one that was asked
    in another way even where nothing else is left of it.
    """
    schema = response_schema(prompt.page_model)
    return _sha256(_common(settings, schema) | {"template": prompt.sha256})[:8]


def recipe_in(display_name: str) -> str | None:
    """The recipe in a batch's display name, which ends with it and a random part; None: none."""
    found = re.fullmatch(r".+-lane\d+-wave\d+-([0-9a-f]{8})-[0-9a-f]{8}", display_name)
    return found[1] if found else None


def _common(settings: "Settings", schema: Mapping[str, Any]) -> Json:
    """What determines the answers of all pages alike."""
    determines: Json = {
        "engine": settings.engine,
        "model": settings.model.name,
        "generation_config": generation_config(settings, 1, ()),
        "response_schema": schema,
    }
    if settings.engine == "embedded":
        determines["reader"] = settings.embedded.reader
    return determines


def _sha256(value: Json) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def generation_config(settings: "Settings", attempt: int, errors: Iterable[str]) -> Json:
    """Gemini's `GenerationConfig` (camel case, without the response schema) for one attempt.

    A retry changes something: the second attempt takes the first entry of
    `retry.generation_config`, the third the second, and so on; the last entry repeats. What
    `retry.after` says for the errors so far goes over that: a page that was once too long for its
    answer stays so, whatever else befalls it.

    Args:
        attempt: 1 for the first.
        errors: the error types of the attempts before, oldest first.
    """
    values: Json = settings.model.generation_config.model_dump(exclude_none=True)
    ladder = settings.retry.generation_config
    if attempt > 1 and ladder:
        values |= ladder[min(attempt - 2, len(ladder) - 1)].model_dump(exclude_none=True)
    after = {str(name): overrides for name, overrides in settings.retry.after.items()}
    for error_type in errors:
        if error_type in after:
            values |= after[error_type].model_dump(exclude_none=True)
    config = {wire: values[name] for name, wire in WIRE_NAMES.items() if name in values}
    if "thinkingBudget" in config:
        config["thinkingConfig"] = {"thinkingBudget": config.pop("thinkingBudget")}
    return config


def request_body(
    request: Request,
    image_uri: str,
    generation_config: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> Json:
    """What is asked for a page, as Gemini's `GenerateContentRequest`.

    Args:
        image_uri: the uploaded image's URI at the service.
        generation_config: as from `generation_config`.
        schema: as from `response_schema`.
    """
    image = {"fileData": {"mimeType": request.facts.mime_type, "fileUri": image_uri}}
    return _body(request, image, generation_config, schema)


def jsonl_line(
    request: Request,
    image_uri: str,
    generation_config: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> bytes:
    """One line of a batch's input file, newline included; arguments as for `request_body`."""
    return _line(request, request_body(request, image_uri, generation_config, schema))


def line_around_image(
    request: Request, generation_config: Mapping[str, Any], schema: Mapping[str, Any]
) -> tuple[bytes, bytes]:
    """Such a line with the image inside, but for the image: its base64 stands between these two."""
    image = {"inlineData": {"mimeType": request.facts.mime_type, "data": ""}}
    before, empty, after = _line(
        request, _body(request, image, generation_config, schema)
    ).partition(b'"data":""')  # inside of a string its quotes would be escaped
    return before + empty[:-1], empty[-1:] + after


def _body(
    request: Request, image: Json, generation_config: Mapping[str, Any], schema: Mapping[str, Any]
) -> Json:
    # The text comes first, as its fixed beginning is what can be cached; an image before it would
    # make every prefix unique.
    return {
        "contents": [{"role": "user", "parts": [{"text": request.prompt}, image]}],
        "generationConfig": {**generation_config, "responseSchema": schema},
    }


def _line(request: Request, body: Json) -> bytes:
    # In ASCII, so that no reader takes a U+2028 inside a string for the end of the line.
    line = {"key": request.key, "request": body}
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
