"""The ladder of retries: which error takes which step, and what is asked then."""

from pathlib import Path
from typing import Any

import pytest

from pagewave.config.models import table
from pagewave.config.settings import Settings, load_settings
from pagewave.errors import ConfigError
from pagewave.prompts.request import generation_config
from pagewave.prompts.retries import asked

OLDER, NEWER = "gemini-2.5-flash", "gemini-3.8-flash"
ULTRA = "MEDIA_RESOLUTION_ULTRA_HIGH"


def settings_of(folder: Path, model: str, retry: dict[str, Any] | None = None) -> Settings:
    """Settings with this model and these retries."""
    for name in ("labels", "images"):
        (folder / name).mkdir(exist_ok=True)
    paths = {"label_source_dir": "labels", "image_source_dir": "images"}
    sections = {"retry": retry} if retry else {}
    return load_settings({"paths": paths, "model": {"name": model}, **sections}, folder)


def changed(settings: Settings, *errors: str) -> dict[str, Any]:
    """What is asked otherwise than at first after these errors."""
    first = asked(settings, 1, []).values
    now = asked(settings, 1 + len(errors), errors).values
    return {name: value for name, value in now.items() if first.get(name) != value}


@pytest.mark.parametrize("model", [name for name, m in table().model.items() if m.retry])
def test_from_gemini_3_on_each_default_retry_asks_something_else(
    tmp_path: Path, model: str
) -> None:
    settings = settings_of(tmp_path, model)
    high = {"thinking_level": "high", "max_output_tokens": 16_384}
    finest = {**high, "thinking_level": "low", "media_resolution": ULTRA}
    assert changed(settings, "Echo") == high
    assert changed(settings, "Echo", "Repetition") == finest
    assert changed(settings, "Echo", "Repetition", "Echo") == finest  # the last one repeats
    assert changed(settings, "EmptyOnInk") == {"media_resolution": ULTRA}
    assert changed(settings, "Truncated") == {"max_output_tokens": 65_536}
    # What was too long once stays so, whatever befalls it then.
    assert changed(settings, "Truncated", "EmptyOnInk") == {
        "max_output_tokens": 65_536,
        "media_resolution": ULTRA,
    }


def test_failures_that_are_not_the_answers_take_no_step_unless_it_is_named(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, NEWER)
    assert asked(settings, 1, ["BatchFailed", "BatchExpired"]) == asked(settings, 1, [])
    assert changed(settings, "Truncated") == {"max_output_tokens": 65_536}
    steps = {"steps": {"BatchFailed": [{"thinking_level": "low"}]}}
    settings = settings_of(tmp_path, NEWER, steps)
    assert asked(settings, 1, ["BatchFailed"]).values["thinking_level"] == "low"


def test_attempts_whose_errors_are_not_known_any_more_count_as_any(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, NEWER)
    assert asked(settings, 3, []) == asked(settings, 3, ["Echo", "Echo"])


def test_a_step_that_changes_nothing_is_passed_over(tmp_path: Path) -> None:
    steps = [{"max_output_tokens": 8192}, {"thinking_level": "low"}, {"thinking_level": "high"}]
    settings = settings_of(tmp_path, NEWER, {"steps": {"any": steps}})
    levels = [
        asked(settings, n, ["Echo"] * (n - 1)).values.get("thinking_level") for n in (1, 2, 3)
    ]
    assert levels == [None, "low", "high"]


def test_a_step_is_named_by_what_it_changes(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, NEWER)
    assert asked(settings, 1, []).step is None
    step = asked(settings, 2, ["Echo"]).step
    assert step == "any: max_output_tokens=16384, thinking_level=high"
    older = settings_of(tmp_path, OLDER)
    assert asked(older, 1, []).step is None
    named = asked(older, 2, ["Truncated"]).step
    assert named == "attempt 2: temperature=0.4; Truncated: max_output_tokens=65536"


def test_another_model_is_asked_with_what_it_takes(tmp_path: Path) -> None:
    steps = [{"thinking_level": "minimal"}, {"model": NEWER}, {"model": OLDER}]
    settings = settings_of(tmp_path, "gemini-3.5-flash-lite", {"steps": {"any": steps}})
    assert settings.retry.models == {NEWER, OLDER}
    second, third, fourth = (asked(settings, n, ["Echo"] * (n - 1)) for n in (2, 3, 4))
    assert (second.model, second.values["thinking_level"]) == ("gemini-3.5-flash-lite", "minimal")
    assert third.model == NEWER
    assert "thinking_level" not in third.values  # it does not take minimal
    assert fourth.model == OLDER
    assert generation_config(settings, 4, ["Echo"] * 3) == {
        "maxOutputTokens": 8192,
        "responseMimeType": "application/json",
    }


@pytest.mark.parametrize("retry", [{"generation_config": [{"seed": 3}]}, {"after": {}}])
def test_the_older_keys_stay_in_force_where_they_are_given(
    tmp_path: Path, retry: dict[str, Any]
) -> None:
    settings = settings_of(tmp_path, NEWER, retry)
    config = generation_config(settings, 2, ["Echo"])
    assert "thinkingConfig" not in config
    assert config.get("seed") == (3 if retry.get("generation_config") else None)


@pytest.mark.parametrize(
    ("retry", "told"),
    [
        (
            {"steps": {"any": [{"thinking_level": "minimal"}]}},
            "retry.steps.any[0].thinking_level: gemini-3.8-flash does not take minimal; nearest: "
            "thinking_level: low",
        ),
        (
            {"steps": {"any": [{"model": OLDER}, {"thinking_level": "low"}]}},
            "retry.steps.any[1].thinking_level: gemini-2.5-flash does not take low",
        ),
        (
            {"steps": {}, "after": {}, "generation_config": []},
            "retry.steps: stands in place of retry.after and retry.generation_config; choose one",
        ),
        ({"steps": {"Ecko": []}}, "retry.steps.Ecko: unknown name; did you mean Echo?"),
        ({"steps": {"any": [{"temprature": 1}]}}, "did you mean temperature"),
    ],
)
def test_a_wrong_step_is_an_error_before_anything_is_sent(
    tmp_path: Path, retry: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings_of(tmp_path, NEWER, retry)
    assert told in str(refused.value)


def test_a_budget_needs_the_price_of_each_model_that_a_step_asks(tmp_path: Path) -> None:
    for name in ("labels", "images"):
        (tmp_path / name).mkdir()
    config = {
        "paths": {"label_source_dir": "labels", "image_source_dir": "images"},
        "execution": {"max_cost_usd": 1},
        "retry": {"steps": {"any": [{"model": "gemini-99-imaginary"}]}},
    }
    with pytest.raises(ConfigError, match="the price of gemini-99-imaginary is not known"):
        load_settings(config, tmp_path)
