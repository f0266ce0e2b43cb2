"""What is sent for a page: its settings, its fingerprint, its line."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pagewave.config.settings import Settings, load_settings
from pagewave.embedded.server.answers import NUMBERED
from pagewave.pages.dataset import Page
from pagewave.pages.image_files import ImageFacts
from pagewave.prompts.numbered import INSTRUCTION, KEY, is_numbered
from pagewave.prompts.registry import load_prompt
from pagewave.prompts.request import (
    Request,
    build_request,
    fingerprint,
    fingerprint_again,
    generation_config,
    jsonl_line,
    recipe,
)
from pagewave.prompts.schema import canonical_json, response_schema

PROMPT = load_prompt(Path(__file__).parents[2] / "prompts", "page_ocr", "v1.1.jinja")
SCHEMA = {"type": "OBJECT", "properties": {"words": {"type": "STRING"}}, "required": ["words"]}
IMAGE_SHA256 = "0f" * 32
OLDER, NEWER = "gemini-2.5-flash", "gemini-3.8-flash"
"""A model that takes temperatures and budgets of thought, and one that takes levels."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    return tmp_path


def make_settings(folder: Path, **sections: Any) -> Settings:
    """Settings with these sections, all other at their defaults; the model is an older one."""
    sections["model"] = {"name": OLDER, **sections.get("model", {})}
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
    level = {"name": NEWER, "generation_config": {"thinking_level": "low"}}
    config = generation_config(make_settings(folder, model=level), 1, [])
    assert config["thinkingConfig"] == {"thinkingLevel": "LOW"}
    fields = set(type(settings.model.generation_config).model_fields)
    others = {"response_mime_type", "thinking_level"}
    assert fields == {*configured} | others, "a new setting needs a name on the wire"


def test_a_default_temperature_is_not_sent_to_models_that_deprecate_it(folder: Path) -> None:
    configs = [
        generation_config(make_settings(folder, model={"name": NEWER}), n, []) for n in (1, 3)
    ]
    configs.append(
        generation_config(make_settings(folder, model={"name": NEWER}), 2, ["Recitation"])
    )
    assert [config.get("temperature") for config in configs] == [None, None, None]
    assert configs[0] == {"maxOutputTokens": 8192, "responseMimeType": "application/json"}
    given = {"name": NEWER, "generation_config": {"temperature": 0.1}}
    retry = {"generation_config": [{"temperature": 0.5}], "after": {"Echo": {"temperature": 1.5}}}
    settings = make_settings(folder, model=given, retry=retry)
    sent = [generation_config(settings, *tried)["temperature"] for tried in ((1, []), (2, []))]
    assert [*sent, generation_config(settings, 2, ["Echo"])["temperature"]] == [0.1, 0.5, 1.5]
    assert any("temperature is deprecated" in warning for warning in settings.warnings)


def test_the_fingerprint_holds_what_is_configured_and_not_what_is_sent(folder: Path) -> None:
    def of(**model: Any) -> str:
        return fingerprint(make_settings(folder, model=model), SCHEMA, "prompt", IMAGE_SHA256)

    explicit = {"temperature": 0.1, "max_output_tokens": 8192}
    assert of(name=NEWER) == of(name=NEWER, generation_config=explicit)
    assert of(name=NEWER) == of(name=NEWER, safety_settings={}, on_other_model="stop")
    harassment = {"HARM_CATEGORY_HARASSMENT": "OFF"}
    others = [
        of(name=NEWER, generation_config={"thinking_level": "low"}),
        of(name=NEWER, generation_config={"media_resolution": "MEDIA_RESOLUTION_ULTRA_HIGH"}),
        of(name=NEWER, safety_settings=harassment),
        of(name=OLDER),
    ]
    assert len({of(name=NEWER), *others}) == 5


def test_the_embedded_reader_s_answers_do_not_depend_on_which_model_is_the_default(
    folder: Path,
) -> None:
    paths = {"label_source_dir": "labels", "image_source_dir": "images"}

    def of(engine: str, **model: str) -> str:
        sections = {"model": model} if model else {}
        settings = load_settings({"paths": paths, "engine": engine, **sections}, folder)
        return fingerprint(settings, SCHEMA, "prompt", IMAGE_SHA256)

    assert of("embedded") == of("embedded", name="gemini-2.5-flash")
    assert of("gemini") == of("gemini", name=Settings.model_fields["model"].default.name)
    assert of("gemini") != of("gemini", name="gemini-2.5-flash")


def test_safety_and_the_finest_images_have_places_of_their_own_in_a_request(folder: Path) -> None:
    model = {
        "name": NEWER,
        "generation_config": {"media_resolution": "MEDIA_RESOLUTION_ULTRA_HIGH"},
        "safety_settings": {"HARM_CATEGORY_HARASSMENT": False},  # YAML's OFF
    }
    config = generation_config(make_settings(folder, model=model), 1, [])
    request = json.loads(jsonl_line(make_request(), "files/abc", config, SCHEMA))["request"]
    harassment = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}
    assert request["safetySettings"] == [harassment]
    image = request["contents"][0]["parts"][1]
    assert image["mediaResolution"] == {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}
    assert set(request["generationConfig"]) == {
        *("maxOutputTokens", "responseMimeType", "responseSchema")
    }


def test_a_retry_s_level_of_thought_takes_the_place_of_a_budget(folder: Path) -> None:
    model = {"name": "gemini-3.5-flash", "generation_config": {"thinking_budget": 100}}
    retry = {"generation_config": [{"thinking_level": "high"}]}
    config = generation_config(make_settings(folder, model=model, retry=retry), 2, [])
    assert config["thinkingConfig"] == {"thinkingLevel": "HIGH"}


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


@pytest.mark.parametrize("engine", ["gemini", "embedded"])
def test_what_the_ledger_kept_of_an_attempt_makes_its_fingerprint_again(
    folder: Path, engine: str
) -> None:
    step = {"numbered_lines": True, "halves": True}  # marks, and nothing of what determines it
    retry = {"steps": {"Recitation": [step]}}
    safety = {"HARM_CATEGORY_HARASSMENT": "OFF"}
    model = {"safety_settings": safety}
    settings = make_settings(folder, engine=engine, model=model, retry=retry)
    given = (SCHEMA, "Read.", IMAGE_SHA256)
    for errors in ([], ["Recitation"]):
        config = generation_config(settings, 1 + len(errors), errors)
        batch = {"engine": engine, "model": OLDER, "generation_config": json.dumps(config)}
        again = fingerprint_again(batch, settings.embedded.reader, *given)
        assert again == fingerprint(settings, *given)


def test_the_recipe_stands_for_what_all_pages_share(folder: Path) -> None:
    settings = make_settings(folder, **SAME)
    older = load_prompt(Path(__file__).parents[2] / "prompts", "page_ocr", "v1.jinja")
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
    page = Page(("Ohio", "Ashgrove College", "1852"), 14, Path("images/14.png"))
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


def test_the_sdk_knows_what_is_new_from_gemini_3_on(folder: Path) -> None:
    from google.genai import types

    model = {
        "name": NEWER,
        "generation_config": {
            "thinking_level": "low",
            "media_resolution": "MEDIA_RESOLUTION_ULTRA_HIGH",
        },
        "safety_settings": {"HARM_CATEGORY_HATE_SPEECH": "BLOCK_NONE"},
    }
    config = generation_config(make_settings(folder, model=model), 1, [])
    request = json.loads(jsonl_line(make_request(), "files/abc", config, SCHEMA))["request"]
    understood = types.GenerateContentConfig.model_validate(request["generationConfig"])
    assert understood.thinking_config is not None
    assert understood.thinking_config.thinking_level == types.ThinkingLevel.LOW
    (content,) = [types.Content.model_validate(content) for content in request["contents"]]
    assert content.parts is not None
    level = types.PartMediaResolutionLevel.MEDIA_RESOLUTION_ULTRA_HIGH
    assert content.parts[1].media_resolution == types.PartMediaResolution(level=level)
    (safety,) = [types.SafetySetting.model_validate(each) for each in request["safetySettings"]]
    assert safety.threshold == types.HarmBlockThreshold.BLOCK_NONE


def test_numbered_lines_are_asked_for_in_words_and_their_mark_is_not_sent(folder: Path) -> None:
    retry = {"steps": {"Recitation": [{"numbered_lines": True}]}}
    settings = make_settings(folder, model={"name": NEWER}, retry=retry)
    config = generation_config(settings, 2, ["Recitation"])
    assert is_numbered(json.dumps(config))
    request = json.loads(jsonl_line(make_request(), "files/abc", config, SCHEMA))["request"]
    text = request["contents"][0]["parts"][0]["text"]
    assert text == make_request().prompt + INSTRUCTION
    assert NUMBERED in text  # the words by which the embedded server knows it
    assert KEY not in json.dumps(request)
    assert not is_numbered(json.dumps(generation_config(settings, 1, [])))
    assert not is_numbered("[1]") and not is_numbered("")
