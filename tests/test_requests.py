"""What is sent for a page: its line, its fingerprint, the response schema, tokens and price."""

import hashlib
import io
import json
import math
import re
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from pagewave.dataset import Page
from pagewave.embedded import tokens
from pagewave.errors import ConfigError
from pagewave.images import ImageFacts
from pagewave.prompting import PageModel, load_prompt
from pagewave.requests import (
    Request,
    build_request,
    canonical_json,
    estimate,
    fingerprint,
    generation_config,
    image_tokens,
    jsonl_line,
    likely_answer_tokens,
    most_tokens,
    recipe,
    response_schema,
    usd,
)
from pagewave.settings import Settings, load_settings

PROMPT = load_prompt(Path(__file__).parent.parent / "prompts", "page_ocr", "v1.1.jinja")
SCHEMA = {"type": "OBJECT", "properties": {"words": {"type": "STRING"}}, "required": ["words"]}
IMAGE_SHA256 = "0f" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    return tmp_path


def make_settings(folder: Path, **sections: Any) -> Settings:
    """Settings with these sections, all other at their defaults."""
    paths = {"label_source_dir": "labels", "image_source_dir": "images"}
    return load_settings({"paths": paths, **sections}, folder)


def make_request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "key": "Ohio:Ashgrove College:1852:14",
        "fingerprint": "ab" * 32,
        "prompt": 'Read "this".\u2028Æ',
        "previous_context": None,
        "image": Path("14.jpg"),
        "facts": ImageFacts(IMAGE_SHA256, 1100, 1720, "image/jpeg", 1, 0),
    }
    return Request(**{**fields, **changes})


# The response schema


class Plain(PageModel):
    def text(self) -> str:
        return ""

    def context(self) -> str:
        return ""


class Tree(BaseModel):
    name: str
    children: "list[Tree]"


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Number(Enum):
    ONE = 1


class Part(BaseModel):
    """A part."""

    name: str


def test_the_schema_of_page_ocr_is_fixed() -> None:
    schema = response_schema(PROMPT.page_model)
    assert (
        schema["propertyOrdering"]
        == schema["required"]
        == [
            "raw_ocr",
            "page_info",
            "school_name",
            "catalog_year",
            "academic_year",
            "courses",
        ]
    )
    assert schema["properties"]["page_info"] == {
        "type": "OBJECT",
        "description": "Facts about the page as a whole.",
        "properties": {
            "page_number": {
                "type": "STRING",
                "nullable": True,
                "description": "The page number as printed, such as '14' or 'xii'; "
                "null when none is printed.",
            },
            "is_complete_page": {
                "type": "BOOLEAN",
                "description": "False when part of the page is cut off, covered or missing "
                "in the image.",
            },
            "content_type": {
                "type": "STRING",
                "description": "What the page mainly holds, in a word or two, such as 'courses', "
                "'faculty', 'calendar', 'expenses', 'title page', 'blank', 'unreadable'.",
            },
        },
        "propertyOrdering": ["page_number", "is_complete_page", "content_type"],
        "required": ["page_number", "is_complete_page", "content_type"],
    }
    course = schema["properties"]["courses"]["items"]["properties"]
    assert course["topics"]["items"] == {"type": "STRING"}
    assert course["topics"]["nullable"] is True
    assert "nullable" not in course["textbooks"]
    assert course["textbooks"]["items"]["propertyOrdering"] == ["title", "author"]


def _fields(schema: Any) -> set[str]:
    """All keys used in a schema, names of properties left out."""
    if isinstance(schema, list):
        return set().union(*map(_fields, schema))
    if not isinstance(schema, dict):
        return set()
    children = [
        child
        for key, value in schema.items()
        for child in (value.values() if key == "properties" else [value])
    ]
    return set(schema).union(*map(_fields, children))


def test_the_schema_has_only_fields_of_the_subset() -> None:
    assert _fields(response_schema(PROMPT.page_model)) == {
        "type",
        "description",
        "nullable",
        "properties",
        "propertyOrdering",
        "required",
        "items",
    }


def test_the_sdk_knows_every_field_of_the_schema() -> None:
    from google.genai import types

    schema = types.Schema.model_validate(response_schema(PROMPT.page_model))
    assert schema.properties is not None
    assert list(schema.properties) == schema.property_ordering


def test_kinds_of_fields() -> None:
    class Kinds(Plain):
        """A page."""

        model_config = ConfigDict(extra="forbid")

        text_: str = Field(title="Words", examples=["a"])
        count: Annotated[int, Field(ge=1, le=9)]
        share: float | None
        choice: Literal["a", "b"]
        only: Literal["a"]
        size: Size | None
        part: Part = Field(description="The first part.")
        other: Part | None
        some: Annotated[list[Part], Field(min_length=1, max_length=3)]
        either: str | int | None
        optional: str = "x"

    part = {
        "type": "OBJECT",
        "properties": {"name": {"type": "STRING"}},
        "propertyOrdering": ["name"],
        "required": ["name"],
        "description": "A part.",
    }
    schema = response_schema(Kinds)
    assert schema.pop("properties") == {
        "text_": {"type": "STRING"},
        "count": {"type": "INTEGER", "minimum": 1, "maximum": 9},
        "share": {"type": "NUMBER", "nullable": True},
        "choice": {"type": "STRING", "format": "enum", "enum": ["a", "b"]},
        "only": {"type": "STRING", "format": "enum", "enum": ["a"]},
        "size": {"type": "STRING", "format": "enum", "enum": ["small", "large"], "nullable": True},
        "part": {**part, "description": "The first part."},
        "other": {**part, "nullable": True},
        "some": {"type": "ARRAY", "items": part, "minItems": 1, "maxItems": 3},
        "either": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}], "nullable": True},
        "optional": {"type": "STRING"},
    }
    names = [*Kinds.model_fields]
    assert schema == {
        "type": "OBJECT",
        "description": "A page.",
        "propertyOrdering": names,
        "required": names[:-1],
    }


class Recursive(Plain):
    trees: list[Tree]


class WithDictionary(Plain):
    counts: dict[str, int]


class WithTuple(Plain):
    pair: tuple[str, int]


class WithAnything(Plain):
    part: list[Any]


class WithNumberChoice(Plain):
    choice: Literal[1, 2]


class WithNumberEnum(Plain):
    choice: Number


class WithNull(Plain):
    nothing: None


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Recursive, r"Recursive, field trees\[\]\.children\[\]: .*Tree contains itself"),
        (WithDictionary, r"field counts: .*dictionary"),
        (WithTuple, r"field pair: .*tuple"),
        (WithAnything, r"field part(\[\])?: .*any"),
        (WithNumberChoice, r"field choice: .*only texts"),
        (WithNumberEnum, r"field choice: .*only texts"),
        (WithNull, r"field nothing: .*null"),
        (Plain, r"Plain, field \(the model itself\): .*without fields"),
    ],
)
def test_what_gemini_cannot_express_is_named(model: type[PageModel], said: str) -> None:
    with pytest.raises(ConfigError, match=said + r".*page\.py"):
        response_schema(model)


# The generation config


def test_the_first_attempt_is_as_configured(folder: Path) -> None:
    settings = make_settings(folder)
    assert generation_config(settings, 1, []) == {
        "temperature": 0.1,
        "maxOutputTokens": 8192,
        "responseMimeType": "application/json",
    }


def test_every_setting_has_its_name_on_the_wire(folder: Path) -> None:
    configured = {
        "temperature": None,
        "max_output_tokens": 100,
        "top_p": 0.5,
        "top_k": 3,
        "seed": 0,
        "thinking_budget": 0,
        "media_resolution": "MEDIA_RESOLUTION_HIGH",
    }
    settings = make_settings(folder, model={"generation_config": configured})
    config = generation_config(settings, 1, [])
    assert config == {
        "maxOutputTokens": 100,
        "topP": 0.5,
        "topK": 3,
        "seed": 0,
        "thinkingConfig": {"thinkingBudget": 0},
        "mediaResolution": "MEDIA_RESOLUTION_HIGH",
        "responseMimeType": "application/json",
    }
    fields = set(type(settings.model.generation_config).model_fields)
    assert fields == {*configured, "response_mime_type"}, "a new setting needs a name on the wire"


def test_a_retry_climbs_the_ladder(folder: Path) -> None:
    retry = {"generation_config": [{"temperature": 0.4}, {"temperature": 0.8, "top_p": 0.9}]}
    settings = make_settings(folder, retry=retry)
    configs = [generation_config(settings, attempt, ["APIError"]) for attempt in (1, 2, 3, 4, 9)]
    assert [config["temperature"] for config in configs] == [0.1, 0.4, 0.8, 0.8, 0.8]
    assert [config.get("topP") for config in configs] == [None, None, 0.9, 0.9, 0.9]


def test_the_last_error_goes_over_the_ladder(folder: Path) -> None:
    retry = {
        "generation_config": [{"temperature": 0.4}],
        "after": {
            "Truncated": {"max_output_tokens": 20000},
            "Recitation": {"temperature": 1.0},
        },
    }
    settings = make_settings(folder, retry=retry)
    truncated = generation_config(settings, 2, ["Truncated"])
    assert (truncated["temperature"], truncated["maxOutputTokens"]) == (0.4, 20000)
    assert generation_config(settings, 2, ["Recitation"])["temperature"] == 1.0
    assert generation_config(settings, 2, ["Blocked"])["temperature"] == 0.4
    assert generation_config(settings, 3, [])["maxOutputTokens"] == 8192
    # The newest error has the last word; an older one stays in force beside it.
    both = generation_config(settings, 3, ["Truncated", "Recitation"])
    assert (both["maxOutputTokens"], both["temperature"]) == (20000, 1.0)


def test_without_a_ladder_a_retry_repeats(folder: Path) -> None:
    settings = make_settings(folder, retry={"generation_config": [], "after": {}})
    assert generation_config(settings, 3, ["Truncated"]) == generation_config(settings, 1, [])


# The fingerprint

SAME = {
    "engine": "gemini",
    "model": {"name": "gemini-2.5-flash"},
}


def test_the_fingerprint_is_fixed(folder: Path) -> None:
    determines = (
        rb'{"engine":"gemini","generation_config":{"maxOutputTokens":8192,'
        rb'"responseMimeType":"application/json","temperature":0.1},'
        rb'"image_sha256":"' + IMAGE_SHA256.encode() + rb'","model":"gemini-2.5-flash",'
        rb'"prompt":"Read.","response_schema":{"properties":{"words":{"type":"STRING"}},'
        rb'"required":["words"],"type":"OBJECT"}}'
    )
    found = fingerprint(make_settings(folder, **SAME), SCHEMA, "Read.", IMAGE_SHA256)
    assert found == hashlib.sha256(determines).hexdigest()
    # A change here means that every page of every user would be bought again.
    assert found == "0869cf45a406d45230daeaa3078d84fb65d2f7fb81ae217c57367c16462d7ee5"


def test_the_schema_that_pages_were_bought_with_never_changes() -> None:
    # A docstring or description in page.py is part of every fingerprint.
    schema = canonical_json(response_schema(PROMPT.page_model))
    assert hashlib.sha256(schema.encode()).hexdigest() == (
        "e9809cbab46f4e117e2e44162bdec16f0f6fca52144a156184008d2194887da5"
    )


@pytest.mark.parametrize(
    "sections",
    [
        {"retry": {"generation_config": [{"temperature": 2.0}], "after": {}}},
        {"execution": {"max_retries": 9, "batch_size_limit": 1}},
        {"batch": {"display_name_prefix": "other", "api_version": "v1"}},
        {"model": {"name": "models/gemini-2.5-flash"}},
        {"model": {"name": "gemini-2.5-flash", "generation_config": {"temperature": 0.1}}},
        {"pricing": {"output_tokens_per_page": 9}},
        {"embedded": {"reader": "echo"}},
    ],
)
def test_what_does_not_determine_the_answer_does_not_count(
    folder: Path, sections: dict[str, Any]
) -> None:
    one = fingerprint(make_settings(folder, **SAME), SCHEMA, "Read.", IMAGE_SHA256)
    other = make_settings(folder, **{**SAME, **sections})
    assert fingerprint(other, SCHEMA, "Read.", IMAGE_SHA256) == one


@pytest.mark.parametrize(
    "sections",
    [
        {"engine": "embedded"},
        {"engine": "embedded", "embedded": {"reader": "echo"}},
        {"model": {"name": "gemini-2.5-pro"}},
        {"model": {"name": "gemini-2.5-flash", "generation_config": {"temperature": 0.2}}},
        {"model": {"name": "gemini-2.5-flash", "generation_config": {"seed": 0}}},
        {"model": {"name": "gemini-2.5-flash", "generation_config": {"thinking_budget": 0}}},
    ],
)
def test_what_determines_the_answer_counts(folder: Path, sections: dict[str, Any]) -> None:
    one = fingerprint(make_settings(folder, **SAME), SCHEMA, "Read.", IMAGE_SHA256)
    other = make_settings(folder, **{**SAME, **sections})
    assert fingerprint(other, SCHEMA, "Read.", IMAGE_SHA256) != one


def test_schema_prompt_and_image_count(folder: Path) -> None:
    settings = make_settings(folder, **SAME)
    fingerprints = {
        fingerprint(settings, SCHEMA, "Read.", IMAGE_SHA256),
        fingerprint(settings, {**SCHEMA, "required": []}, "Read.", IMAGE_SHA256),
        fingerprint(settings, SCHEMA, "Read!", IMAGE_SHA256),
        fingerprint(settings, SCHEMA, "Read.", "00" * 32),
    }
    assert len(fingerprints) == 4


def test_the_two_embedded_readers_have_fingerprints_of_their_own(folder: Path) -> None:
    fingerprints = {
        fingerprint(
            make_settings(folder, engine="embedded", embedded={"reader": reader}),
            SCHEMA,
            "Read.",
            IMAGE_SHA256,
        )
        for reader in ("ocr", "echo")
    }
    assert len(fingerprints) == 2


def test_the_recipe_stands_for_what_all_pages_share(folder: Path) -> None:
    settings = make_settings(folder, **SAME)
    older = load_prompt(Path(__file__).parent.parent / "prompts", "page_ocr", "v1.jinja")
    other_model = make_settings(folder, **SAME | {"model": {"name": "gemini-2.5-pro"}})
    other_ladder = make_settings(folder, **SAME, retry={"generation_config": []})
    one = recipe(settings, PROMPT)
    assert re.fullmatch(r"[0-9a-f]{8}", one)
    assert recipe(other_ladder, PROMPT) == one
    assert len({one, recipe(settings, older), recipe(other_model, PROMPT)}) == 3


def test_canonical_json() -> None:
    assert canonical_json({"b": [1.0, None], "a": "Æ"}) == '{"a":"\\u00c6","b":[1.0,null]}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


# The request and its line


def test_a_request_is_built_from_page_prompt_and_image(folder: Path) -> None:
    page = Page("Ohio", "Ashgrove College", 1852, 14, Path("images/14.png"))
    facts = ImageFacts(IMAGE_SHA256, 1100, 1720, "image/png", 1, 0)
    settings = make_settings(folder)
    request = build_request(page, PROMPT, "some words", settings, page.scan, facts)
    schema = response_schema(PROMPT.page_model)
    assert request == Request(
        key="Ohio:Ashgrove College:1852:14",
        fingerprint=fingerprint(settings, schema, PROMPT.render("some words"), IMAGE_SHA256),
        prompt=PROMPT.render("some words"),
        previous_context="some words",
        image=Path("images/14.png"),
        facts=facts,
    )
    assert (
        build_request(page, PROMPT, None, settings, page.scan, facts).fingerprint
        != request.fingerprint
    )


def test_the_line_is_fixed() -> None:
    config = {"temperature": 0.1, "responseMimeType": "application/json"}
    line = jsonl_line(make_request(), "https://example.org/v1beta/files/abc", config, SCHEMA)
    assert line == (
        rb'{"key":"Ohio:Ashgrove College:1852:14","request":{"contents":[{"role":"user","parts":['
        rb'{"text":"Read \"this\".\u2028\u00c6"},'
        rb'{"fileData":{"mimeType":"image/jpeg","fileUri":"https://example.org/v1beta/files/abc"}}'
        rb']}],"generationConfig":{"temperature":0.1,"responseMimeType":"application/json",'
        rb'"responseSchema":{"type":"OBJECT","properties":{"words":{"type":"STRING"}},'
        rb'"required":["words"]}}}}'
        b"\n"
    )


def test_a_line_is_one_line_for_every_reader() -> None:
    request = make_request(prompt="a\nb\r\nc\u2028d\u2029e\x85f\x0bg")
    line = jsonl_line(request, "u", {}, SCHEMA)
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line)["request"]["contents"][0]["parts"][0]["text"] == request.prompt


def test_making_a_line_changes_nothing() -> None:
    config = {"temperature": 0.1}
    jsonl_line(make_request(), "u", config, SCHEMA)
    assert config == {"temperature": 0.1}


def test_the_sdk_knows_every_field_of_a_line(folder: Path) -> None:
    from google.genai import types

    generation = {
        "top_p": 0.5,
        "top_k": 3,
        "seed": 1,
        "thinking_budget": 0,
        "media_resolution": "MEDIA_RESOLUTION_HIGH",
    }
    settings = make_settings(folder, model={"generation_config": generation})
    config = generation_config(settings, 1, [])
    line = jsonl_line(make_request(), "files/abc", config, response_schema(PROMPT.page_model))
    request = json.loads(line)["request"]
    (content,) = [types.Content.model_validate(content) for content in request["contents"]]
    assert content.parts is not None
    assert content.parts[0].text == make_request().prompt
    assert content.parts[1].file_data == types.FileData(
        file_uri="files/abc", mime_type="image/jpeg"
    )
    understood = types.GenerateContentConfig.model_validate(request["generationConfig"])
    assert understood.max_output_tokens == 8192
    assert understood.response_mime_type == "application/json"
    assert understood.thinking_config == types.ThinkingConfig(thinking_budget=0)
    assert isinstance(understood.response_schema, types.Schema | dict)
    assert set(request) == {"contents", "generationConfig"}


# Tokens and price


@pytest.mark.parametrize(
    ("width", "height", "tiles"),
    [
        (1, 1, 1),
        (384, 384, 1),
        (384, 100, 1),
        (960, 540, 6),  # the documentation's own example
        (540, 960, 6),
        (1500, 1500, 4),
        (1100, 1720, 6),
        (385, 1, 385),  # no page, but no crash
    ],
)
def test_tokens_of_an_image(width: int, height: int, tiles: int) -> None:
    assert image_tokens(width, height) == 258 * tiles


@pytest.mark.parametrize(
    "size", [(1, 1), (384, 384), (385, 384), (960, 540), (1100, 1720), (1720, 1100), (2400, 3600)]
)
def test_the_embedded_server_counts_images_by_the_same_rule(size: tuple[int, int]) -> None:
    data = io.BytesIO()
    Image.new("L", size).save(data, "PNG")
    assert tokens.image_tokens(data.getvalue()) == image_tokens(*size)


def test_an_estimate_adds_prompt_and_image() -> None:
    guess = estimate(4001, 960, 540, 1200)
    assert (guess.input_tokens, guess.output_tokens) == (1001 + 1548, 1200)


def test_the_price_of_tokens(folder: Path) -> None:
    prices = {"gemini-2.5-flash": {"input": 0.15, "output": 1.25}}
    pricing = make_settings(folder, pricing={"batch_usd_per_million_tokens": prices}).pricing
    assert usd(pricing, "gemini-2.5-flash", 2_000_000, 1_000_000) == pytest.approx(1.55)
    assert usd(pricing, "gemini-2.5-flash", 0, 0) == 0.0
    assert usd(pricing, "gemini-99-imaginary", 1, 1) is None
    cheaper = usd(pricing, "gemini-2.5-flash", 2_000_000, 1_000_000, cached_tokens=1_000_000)
    assert cheaper == pytest.approx(0.15 + 0.03 + 1.25)
    prices["gemini-2.5-flash"]["cached_input"] = 0.1
    pricing = make_settings(folder, pricing={"batch_usd_per_million_tokens": prices}).pricing
    assert usd(pricing, "gemini-2.5-flash", 2_000_000, 0, 1_000_000) == pytest.approx(0.25)


class Noted(Plain):
    note: str


@pytest.mark.parametrize("text", ["Read this page.", "中文字符" * 50, "\N{OLD PERSIAN SIGN A}"])
@pytest.mark.parametrize("size", [(16, 16), (1100, 1720), (5000, 700)])
def test_a_page_never_takes_more_than_is_held_for_it(text: str, size: tuple[int, int]) -> None:
    """Held against the dearest ways to count that the documentation knows."""
    most = most_tokens(text, Noted, *size, {"maxOutputTokens": 700})
    by_tiles = math.ceil(size[0] / 768) * math.ceil(size[1] / 768) * 258
    assert most.output_tokens == 700
    assert most.input_tokens >= len(text) + max(by_tiles, image_tokens(*size), 2240)
    assert most_tokens("", Noted, *size, {}).output_tokens == 65_536


def test_more_print_means_longer_answers_and_noise_is_no_print() -> None:
    blank, usual, dense = (likely_answer_tokens(share) for share in (0.0, 0.1, 0.15))
    assert 0 < blank < usual < dense
    assert likely_answer_tokens(0.9) == likely_answer_tokens(0.5)
