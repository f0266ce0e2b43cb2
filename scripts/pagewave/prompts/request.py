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

from pagewave.halves import line_key
from pagewave.prompts.halved import KEY as HALVED
from pagewave.prompts.numbered import KEY as NUMBERED
from pagewave.prompts.numbered import sent_prompt
from pagewave.prompts.registry import Prompt
from pagewave.prompts.retries import Asked, asked
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
    "thinking_level": "thinkingLevel",
}
"""The settings of a generation and their names in Gemini's `GenerationConfig`."""

ULTRA_HIGH = "MEDIA_RESOLUTION_ULTRA_HIGH"
"""A resolution that a single image may have, and no request as a whole."""
FIRST_DEFAULT_MODEL = "gemini-2.5-flash"
"""The default model of the first release."""
SAFETY = "safetySettings"
"""Kept beside the generation config, though it stands elsewhere in a request."""


@dataclass(frozen=True, slots=True)
class Request:
    """One page to be read; `fingerprint` stands for everything that determines the answer.

    `half`: which half of the page this asks for, under the page's key and fingerprint; None: all.
    """

    key: str
    fingerprint: str
    prompt: str
    previous_context: str | None
    image: Path
    facts: "ImageFacts"
    half: str | None = None

    @property
    def line_key(self) -> str:
        """The key of its line in a batch, which the answer's line has as well."""
        return line_key(self.key, self.half)


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


def fingerprint_again(
    batch: Mapping[str, Any],
    reader: str,
    schema: Mapping[str, Any],
    prompt_text: str,
    image_sha256: str,
) -> str:
    """The same of a first attempt, by what the ledger kept of it: whatever the settings are now.

    Args:
        batch: `engine`, `model` and `generation_config` (JSON) that it was asked with.
        reader: of the embedded engine.
    """
    config = json.loads(batch["generation_config"])
    safety = config.pop(SAFETY, None)
    for mark in (NUMBERED, HALVED):
        config.pop(mark, None)
    determines: Json = {
        "engine": batch["engine"],
        "model": batch["model"],
        "generation_config": config,
        "response_schema": schema,
        "prompt": prompt_text,
        "image_sha256": image_sha256,
    }
    if safety:
        determines["safety_settings"] = {each["category"]: each["threshold"] for each in safety}
    if batch["engine"] == "embedded":
        determines["reader"] = reader
    return _sha256(determines)


def recipe(settings: "Settings", prompt: Prompt) -> str:
    """Eight hex digits of what all requests of a batch share: model, settings, schema, template.

    They stand in the batch's display name: with them a batch can be told from one that was asked
    in another way even where nothing else is left of it.
    """
    determines = _common(settings, response_schema(prompt.page_model))
    determines["template"] = prompt.sha256
    if settings.prompt.context == "none":  # not of the fingerprint: that has the prompt as sent
        determines["context"] = "none"
    return _sha256(determines)[:8]


def recipe_in(display_name: str) -> str | None:
    """The recipe in a batch's display name, which ends with it and a random part; None: none."""
    found = re.fullmatch(r".+-lane\d+-wave\d+-([0-9a-f]{8})-[0-9a-f]{8}", display_name)
    return found[1] if found else None


def _common(settings: "Settings", schema: Mapping[str, Any]) -> Json:
    """What determines the answers of all pages alike, as a person configured it: a default counts
    also where the model is not sent it."""
    configured = settings.model.generation_config.model_dump(exclude_none=True)
    determines: Json = {
        "engine": settings.engine,
        "model": _hashed_model(settings),
        "generation_config": _on_the_wire(configured),
        "response_schema": schema,
    }
    if settings.model.safety_settings:
        determines["safety_settings"] = settings.model.safety_settings
    if settings.engine == "embedded":
        determines["reader"] = settings.embedded.reader
    return determines


def _hashed_model(settings: "Settings") -> str:
    """The model's name. The embedded reader has none: where no name is given its answers stay what
    they were, whatever the default comes to be."""
    is_given = "name" in settings.model.model_fields_set
    return settings.model.name if is_given or settings.engine == "gemini" else FIRST_DEFAULT_MODEL


def _sha256(value: Json) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def generation_config(settings: "Settings", attempt: int, errors: Iterable[str]) -> Json:
    """Gemini's `GenerationConfig` (camel case, without the response schema) for one attempt, with
    the safety settings if there are any; `retries.asked` says what a retry changes.

    Args:
        attempt: 1 for the first.
        errors: the error types of the attempts before, oldest first.
    """
    return wire_config(settings, asked(settings, attempt, errors))


def wire_config(settings: "Settings", how: Asked) -> Json:
    """The same of an attempt that is known already."""
    config = _on_the_wire(how.values)
    if how.values.get("numbered_lines"):
        config[NUMBERED] = True
    if how.values.get("halves"):
        config[HALVED] = True
    if safety := settings.model.safety_settings:
        config[SAFETY] = [{"category": name, "threshold": safety[name]} for name in sorted(safety)]
    return config


def _on_the_wire(values: Mapping[str, Any]) -> Json:
    """Settings under Gemini's names."""
    config = {wire: values[name] for name, wire in WIRE_NAMES.items() if name in values}
    if "thinkingBudget" in config:
        config["thinkingConfig"] = {"thinkingBudget": config.pop("thinkingBudget")}
    if "thinkingLevel" in config:
        level = str(config.pop("thinkingLevel")).upper()
        config["thinkingConfig"] = {**config.get("thinkingConfig", {}), "thinkingLevel": level}
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
    # The text comes first, as its fixed beginning is what can be cached; an image before it would
    # make every prefix unique.
    image = {"fileData": {"mimeType": request.facts.mime_type, "fileUri": image_uri}}
    return body_with_image(request.prompt, image, generation_config, schema)


def body_with_image(
    prompt: str,
    image: Mapping[str, Any],
    generation_config: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> Json:
    """The same with the image's part as it is to be sent, uploaded or not."""
    config, image = dict(generation_config), dict(image)
    safety, text = config.pop(SAFETY, None), sent_prompt(prompt, config)
    for mark in (NUMBERED, HALVED):
        config.pop(mark, None)
    if config.get("mediaResolution") == ULTRA_HIGH:
        image["mediaResolution"] = {"level": config.pop("mediaResolution")}
    body: Json = {
        "contents": [{"role": "user", "parts": [{"text": text}, image]}],
        "generationConfig": {**config, "responseSchema": schema},
    }
    if safety:
        body[SAFETY] = safety
    return body


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
        request, body_with_image(request.prompt, image, generation_config, schema)
    ).partition(b'"data":""')  # inside of a string its quotes would be escaped
    return before + empty[:-1], empty[-1:] + after


def _line(request: Request, body: Json) -> bytes:
    # In ASCII, so that no reader takes a U+2028 inside a string for the end of the line.
    line = {"key": request.line_key, "request": body}
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
