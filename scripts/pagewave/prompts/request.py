"""What is sent for a page: the request's line, the fingerprint of its answer, tokens and price.

Gemini reads a batch as JSON lines of `GenerateContentRequest`s, each with a key. The fingerprint
says which requests ask for the same thing, so that no answer is paid for twice.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pagewave.errors import ConfigError
from pagewave.page_model import PageModel
from pagewave.prompts.registry import Prompt

if TYPE_CHECKING:
    from pagewave.config.settings import Pricing, Settings
    from pagewave.pages.dataset import Page
    from pagewave.pages.image_files import ImageFacts

Json = dict[str, Any]

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

# ai.google.dev, "Understand and count tokens": a token is about four characters.
CHARS_PER_TOKEN = 4
# ai.google.dev, "Image understanding", section "Token calculation".
TOKENS_PER_TILE = 258
SMALL_IMAGE_SIDE = 384  # px; up to this, both ways, an image is one tile
SIDE_PER_CROP_UNIT = 1.5
# ai.google.dev, "Batch API": batches cost 50 % of what the same calls cost interactively.
INTERACTIVE_PRICE_FACTOR = 2
# ai.google.dev, "Optimization": cached tokens are 90 % off the interactive price, in batches too.
CACHED_SHARE_OF_BATCH_PRICE = 0.1 * INTERACTIVE_PRICE_FACTOR
# How answers follow from print; fitted to the sample, see `likely_answer_tokens`.
TOKENS_OF_EMPTY_ANSWER = 75
TOKENS_AT_NO_PRINT = -176
TOKENS_PER_SHARE_OF_PRINT = 10_985
USUAL_SHARE_OF_PRINT = 0.1  # where no image can be looked at yet
DENSEST_SHARE_OF_PRINT = 0.2  # more is no print
# What bounds a request's tokens from above. Other pages of the documentation count tiles of so many
# pixels as they are, and Gemini 3 takes up to so many tokens for an image ("Media resolution").
PIXELS_PER_TILE_SIDE = 768
MOST_TOKENS_OF_AN_IMAGE = 2240
MOST_OUTPUT_TOKENS = 65_536  # of every Gemini 2.5 and 3 model


@dataclass(frozen=True, slots=True)
class Request:
    """One page to be read; `fingerprint` stands for everything that determines the answer."""

    key: str
    fingerprint: str
    prompt: str
    previous_context: str | None
    image: Path
    facts: "ImageFacts"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that one request is expected to use."""

    input_tokens: int
    output_tokens: int


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


def canonical_json(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


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
    # The text comes first, as its fixed beginning is what can be cached; an image before it would
    # make every prefix unique.
    parts = [
        {"text": request.prompt},
        {"fileData": {"mimeType": request.facts.mime_type, "fileUri": image_uri}},
    ]
    return {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": {**generation_config, "responseSchema": schema},
    }


def jsonl_line(
    request: Request,
    image_uri: str,
    generation_config: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> bytes:
    """One line of a batch's input file, newline included; arguments as for `request_body`."""
    body = request_body(request, image_uri, generation_config, schema)
    line = {"key": request.key, "request": body}
    # In ASCII, so that no reader takes a U+2028 inside a string for the end of the line.
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def estimate(prompt_chars: int, width: int, height: int, output_tokens: int) -> Estimate:
    """Tokens to expect for one page.

    A rule of thumb: prompt and image as Gemini's documentation counts them. The response schema,
    and what thinking adds, are not in it.

    Args:
        prompt_chars: length of the rendered prompt.
        width: of the image, px.
        height: of the image, px.
        output_tokens: how long the answer is likely to be.
    """
    return Estimate(
        input_tokens=math.ceil(prompt_chars / CHARS_PER_TOKEN) + image_tokens(width, height),
        output_tokens=output_tokens,
    )


def likely_answer_tokens(share_of_print: float) -> int:
    """How long a page's answer is likely to be, told from its image's `ink.share_of_print`.

    Fitted to the sample, whose pages hold up to 30 courses: on average right, for a single page by
    a factor of two either way, as lists of courses take more words than they print.
    """
    print_tokens = TOKENS_PER_SHARE_OF_PRINT * min(share_of_print, DENSEST_SHARE_OF_PRINT)
    return max(TOKENS_OF_EMPTY_ANSWER, round(TOKENS_AT_NO_PRINT + print_tokens))


def image_tokens(width: int, height: int) -> int:
    """Tokens of an image of so many pixels, by the documented rule.

    A small image is one tile. A larger one is cut into squares whose side is two thirds of its
    shorter side, and each is scaled to a tile of 768 x 768 px.
    """
    if max(width, height) <= SMALL_IMAGE_SIDE:
        return TOKENS_PER_TILE
    unit = max(1, math.floor(min(width, height) / SIDE_PER_CROP_UNIT))
    # As in the documentation's example: 960 x 540 px has a unit of 360 px and 3 * 2 tiles.
    return math.ceil(width / unit) * math.ceil(height / unit) * TOKENS_PER_TILE


def most_tokens(
    prompt_text: str,
    page_model: type[PageModel],
    width: int,
    height: int,
    generation_config: Mapping[str, Any],
) -> Estimate:
    """Tokens that one page can't go beyond: what a budget has to hold ready for it.

    A tokenizer that falls back on bytes never makes more tokens than there are bytes; an image is
    counted by the dearest rule; an answer ends at `maxOutputTokens`, thoughts included.

    Args:
        prompt_text: the rendered prompt.
        page_model: what the response schema is made of.
        width: of the image, px.
        height: of the image, px.
        generation_config: as from `generation_config`.
    """
    tiles = math.ceil(width / PIXELS_PER_TILE_SIDE) * math.ceil(height / PIXELS_PER_TILE_SIDE)
    image = max(MOST_TOKENS_OF_AN_IMAGE, tiles * TOKENS_PER_TILE, image_tokens(width, height))
    return Estimate(
        input_tokens=len(prompt_text.encode()) + _schema_bytes(page_model) + image,
        output_tokens=generation_config.get("maxOutputTokens") or MOST_OUTPUT_TOKENS,
    )


def usd(
    pricing: "Pricing", model: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0
) -> float | None:
    """The price of so many tokens in a batch, in US dollars; None when the model's is not known.

    Args:
        output_tokens: thinking included, which costs the same.
        cached_tokens: those of the input that the service had in its cache.
    """
    price = pricing.batch_usd_per_million_tokens.get(model)
    if price is None:
        return None
    cached = price.cached_input
    if cached is None:
        cached = price.input * CACHED_SHARE_OF_BATCH_PRICE
    new_tokens = input_tokens - cached_tokens
    total = new_tokens * price.input + cached_tokens * cached + output_tokens * price.output
    return total / 1_000_000


def interactive_usd(
    pricing: "Pricing", model: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0
) -> float | None:
    """The price of so many tokens asked for at once, without a batch; arguments as for `usd`.

    Cached tokens cost the same here and there.
    """
    dearer = usd(pricing, model, input_tokens - cached_tokens, output_tokens)
    alike = usd(pricing, model, cached_tokens, 0, cached_tokens)
    return None if dearer is None or alike is None else INTERACTIVE_PRICE_FACTOR * dearer + alike


@cache
def response_schema(page_model: type[PageModel]) -> Json:
    """A page model as Gemini's `responseSchema`, a subset of OpenAPI 3.0. Not to be changed.

    Not as `responseJsonSchema`, which batches were seen to ignore (crmne/ruby_llm#894).

    Raises:
        ConfigError: the subset cannot express a field; names it.
    """
    schema = page_model.model_json_schema()
    return _Converter(page_model, schema.get("$defs", {})).convert(schema, "", ())


@cache
def _schema_bytes(page_model: type[PageModel]) -> int:
    return len(canonical_json(response_schema(page_model)).encode())


class _Converter:
    """Turns pydantic's JSON Schema into the subset: upper-case types, `nullable`, no references."""

    # Constraints that the subset shares with JSON Schema. Pydantic checks all of them afterwards.
    SHARED = ("description", "minItems", "maxItems", "minimum", "maximum")
    SCALARS = ("string", "integer", "number", "boolean")

    def __init__(self, page_model: type[PageModel], definitions: Json) -> None:
        self._model_name = page_model.__name__
        self._definitions = definitions

    def convert(self, node: Json, where: str, parents: tuple[str, ...]) -> Json:
        """The schema of one field; `parents` are the definitions that it stands in."""
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if name in parents:
                raise self._refusal(where, f"{name} contains itself")
            outer = {key: value for key, value in node.items() if key != "$ref"}
            return self.convert({**self._definitions[name], **outer}, where, (*parents, name))
        shared = {key: node[key] for key in self.SHARED if key in node}
        if "anyOf" in node:
            return {**self._any_of(node["anyOf"], where, parents), **shared}
        kind = node.get("type")
        if kind == "object":
            return {**self._object(node, where, parents), **shared}
        if kind == "array":
            if "items" not in node:
                raise self._refusal(where, "it is a tuple, or a list of anything")
            items = self.convert(node["items"], f"{where}[]", parents)
            return {"type": "ARRAY", "items": items, **shared}
        values = node.get("enum", [node["const"]] if "const" in node else None)
        if values is not None:
            if not all(isinstance(value, str) for value in values):
                raise self._refusal(where, "only texts can be a choice of fixed values")
            return {"type": "STRING", "format": "enum", "enum": values, **shared}
        if kind not in self.SCALARS:
            raise self._refusal(where, f"its type ({kind or 'any'}) has no counterpart")
        return {"type": kind.upper(), **shared}

    def _any_of(self, choices: list[Json], where: str, parents: tuple[str, ...]) -> Json:
        wanted = [choice for choice in choices if choice.get("type") != "null"]
        nullable = {"nullable": True} if len(wanted) < len(choices) else {}
        converted = [self.convert(choice, where, parents) for choice in wanted]
        if len(converted) == 1:
            return {**converted[0], **nullable}
        return {"anyOf": converted, **nullable}

    def _object(self, node: Json, where: str, parents: tuple[str, ...]) -> Json:
        if not node.get("properties"):
            raise self._refusal(where, "it is a dictionary, or a model without fields")
        properties = {
            name: self.convert(child, f"{where}.{name}" if where else name, parents)
            for name, child in node["properties"].items()
        }
        # Gemini writes the fields in this order: the transcription before what is drawn from it.
        schema: Json = {
            "type": "OBJECT",
            "properties": properties,
            "propertyOrdering": list(properties),
        }
        if "required" in node:
            schema["required"] = node["required"]
        return schema

    def _refusal(self, where: str, why: str) -> ConfigError:
        return ConfigError(
            f"Page model {self._model_name}, field {where or '(the model itself)'}: Gemini's "
            f"response schema cannot express it: {why}. Change it in the prompt's page.py."
        )
