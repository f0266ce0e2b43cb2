"""What the server refuses of a request by model, held against the workflow's table of models."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from helpers.embedded_process import EmbeddedProcess, client_of, result_lines, run_batch
from pagewave.config.models import ModelFacts, table
from pagewave.config.settings import Settings, load_settings
from pagewave.embedded.server.model_rules import refused
from pagewave.errors import ErrorType
from pagewave.pages.image_files import ImageFacts
from pagewave.prompts.request import Request, generation_config, jsonl_line

MODELS = list(table().model)
REQUEST = Request("k", "f", "Read.", None, Path("1.jpg"), ImageFacts("a", 9, 9, "image/jpeg", 1, 0))
SCHEMA = {"type": "OBJECT", "properties": {"words": {"type": "STRING"}}}


def settings_of(folder: Path, **model: Any) -> Settings:
    """Settings with this model."""
    for name in ("labels", "images"):
        (folder / name).mkdir(exist_ok=True)
    paths = {"label_source_dir": "labels", "image_source_dir": "images"}
    return load_settings({"paths": paths, "model": model}, folder)


def body(config: dict[str, Any]) -> dict[str, Any]:
    """A request as it is built for a page."""
    request: dict[str, Any] = json.loads(jsonl_line(REQUEST, "files/a", config, SCHEMA))["request"]
    return request


def configs_of(model: ModelFacts) -> list[dict[str, Any]]:
    """Settings that the table says a model takes."""
    budgets = [*(model.thinking_budget or ()), *([0] if model.thinking_off else [])]
    resolutions = [f"MEDIA_RESOLUTION_{name.upper()}" for name in model.media_resolutions]
    return [
        {},
        *({"thinking_level": level} for level in model.thinking_levels),
        *({"thinking_budget": budget} for budget in budgets),
        *({"media_resolution": resolution} for resolution in resolutions),
        {"temperature": 1.0, "top_p": 0.5, "top_k": 3, "max_output_tokens": 65_536},
    ]


@pytest.mark.parametrize("name", MODELS)
def test_each_request_and_each_default_retry_is_taken_by_its_model(
    name: str, tmp_path: Path
) -> None:
    errors: list[ErrorType] = list(get_args(ErrorType))
    tried = 0
    for given in configs_of(table().model[name]):
        settings = settings_of(tmp_path, name=name, generation_config=given)
        for attempt in range(1, 6):
            for seen in ([], *([error] for error in errors), errors):
                config = generation_config(settings, attempt, seen[: attempt - 1])
                assert refused(name, body(config)) is None, (given, attempt, seen)
                tried += 1
    assert tried > 100
    harmless = settings_of(
        tmp_path, name=name, safety_settings={"HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"}
    )
    assert refused(name, body(generation_config(harmless, 1, []))) is None


@pytest.mark.parametrize("name", MODELS)
def test_what_the_table_says_is_refused_is_refused(name: str) -> None:
    """The server's rules are written apart from the table: both must come to the same."""
    model = table().model[name]
    thinking: list[dict[str, Any]] = [
        {"thinkingLevel": level.upper()}
        for level in ("minimal", "low", "medium", "high", "xhigh")
        if level not in model.thinking_levels
    ]
    if model.thinking_budget is None:
        thinking.append({"thinkingBudget": 1000})
    if not model.thinking_off:
        thinking.append({"thinkingBudget": 0})
    thinking.append({"thinkingBudget": 1000, "thinkingLevel": "LOW"})
    assert len(thinking) > 2
    for config in thinking:
        assert refused(name, body({"thinkingConfig": config})), config
    ultra = {"mediaResolution": "MEDIA_RESOLUTION_ULTRA_HIGH"}
    assert bool(refused(name, body(dict(ultra)))) == ("ultra_high" not in model.media_resolutions)
    assert refused(name, {"generationConfig": ultra})  # never of the whole request
    assert refused(name, {"generationConfig": {"maxOutputTokens": 65_537}})
    assert refused(name, {"generationConfig": {"temperature": 2.5}})
    assert refused(name, {"serviceTier": "FLEX"})


def test_what_is_no_gemini_takes_all() -> None:
    config = {"thinkingBudget": 1000, "thinkingLevel": "LOW"}
    assert refused("my-model", body({"thinkingConfig": config})) is None


def test_a_refused_setting_is_an_error_line_of_a_batch_and_a_400_of_a_call(
    quiet_server: EmbeddedProcess,
) -> None:
    from google.genai import errors

    client = client_of(quiet_server)
    level = {"thinkingConfig": {"thinkingLevel": "LOW"}}
    contents = [{"role": "user", "parts": [{"text": "Read this page."}]}]
    record = {"key": "a:b:1900:1", "request": {"contents": contents, "generationConfig": level}}
    [line] = result_lines(client, run_batch(client, [record], "refused level"))
    assert line["error"]["code"] == 3
    assert "Thinking level is not supported" in line["error"]["message"]
    with pytest.raises(errors.ClientError, match="Thinking level is not supported") as refusal:
        client.models.generate_content(
            model="gemini-2.5-flash",
            contents="Read this page.",
            config={"thinking_config": {"thinking_level": "LOW"}},
        )
    assert refusal.value.code == 400
