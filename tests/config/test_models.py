"""The table of models: names, refused settings, prices with dates, and the one that served."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from pagewave.config.model_checks import doubts
from pagewave.config.models import Limits, family_of, is_other_model, known, limits, table
from pagewave.config.other_model import paid_as, price_name, what_then
from pagewave.config.pricing import Pricing
from pagewave.config.settings import Settings, load_settings
from pagewave.errors import ConfigError
from pagewave.prompts.costs import image_tokens, interactive_usd, most_usd, usd

FLASH, LITE = "gemini-2.5-flash", "gemini-3.5-flash-lite"
MILLION = 1_000_000


def at(text: str) -> float:
    """A time (UTC) in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-11-29T12:00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    return tmp_path


def settings_of(folder: Path, **sections: Any) -> Settings:
    """Settings with these sections."""
    paths = {"label_source_dir": "labels", "image_source_dir": "images"}
    return load_settings({"paths": paths, **sections}, folder)


# Names


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        (FLASH, FLASH),
        (FLASH, f"models/{FLASH}"),
        (FLASH, "gemini-2.5-flash-001"),
        (FLASH, "gemini-2.5-flash-preview-09-2025"),
        ("gemini-2.5-pro", "gemini-2.5-pro-preview-05-06"),
        ("gemini-3.1-flash-lite-preview", "gemini-3.1-flash-lite"),
        ("gemini-2.5-flash-latest", FLASH),
        ("gemini-flash-latest", "gemini-3.6-flash"),
        ("gemini-flash-lite-latest", LITE),
        ("tunedModels/mine", FLASH),
        (FLASH, ""),
        ("GEMINI-2.5-FLASH", FLASH),
    ],
)
def test_a_version_of_a_model_is_no_other_model(asked: str, served: str) -> None:
    assert not is_other_model(asked, served)


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        (FLASH, LITE),
        (FLASH, "gemini-2.5-flash-lite"),
        ("gemini-2.5-flash-lite", FLASH),
        ("gemini-3.5-flash", "gemini-3.6-flash"),
        ("gemini-flash-latest", LITE),
        ("gemini-4-argon", "gemini-4-carbon"),
        ("my-model", "my-other-model"),
    ],
)
def test_another_model_is_one(asked: str, served: str) -> None:
    assert is_other_model(asked, served)


def test_a_version_has_its_model_s_entry_and_an_unknown_model_none() -> None:
    entry = known("models/gemini-2.5-flash-001")
    assert entry is not None
    assert entry.name == FLASH
    assert known("gemini-3-flash-preview") is not None
    assert known("gemini-3.5-flash-preview") is None  # what a preview costs is its own
    assert known("gemini-99-imaginary") is None
    # Of models newer than the table their family is known, or the newest.
    for name in ("gemini-3.9-flash", "gemini-9-radium", "gemini-flash-latest"):
        family = family_of(name)
        assert family is not None, name
        assert family.sampling == "deprecated"
    assert family_of("gemini-2.0-flash") is None
    assert family_of("my-model") is None


def test_limits_are_those_of_the_entry_and_unknown_of_an_unknown_model() -> None:
    lite = limits(f"{LITE}-001")
    assert (lite.requests_per_minute, lite.requests_per_day) == (4000, 150_000)
    assert lite.enqueued_tokens == (10_000_000, 500_000_000, 1_000_000_000)
    assert limits("gemini-2.5-flash-lite").requests_per_day is None
    assert limits("gemini-99-imaginary") == Limits()


def test_every_entry_is_whole() -> None:
    models = table().model
    assert len(models) > 10
    assert LITE in models
    for name, model in models.items():
        assert model.prices[0].first_day is None, name
        days = [price.first_day or date.min for price in model.prices]
        assert days == sorted(set(days)), name
        assert model.thinking_levels or model.thinking_budget, name
        assert model.thinking_default in (None, *model.thinking_levels), name
        assert model.successor is None or model.successor in models, name
        assert set(model.image_tokens) in (set(), {*model.media_resolutions, "unset"}), name


# Settings that a model refuses


@pytest.mark.parametrize(
    ("model", "generation_config", "nearest"),
    [
        (LITE, {"thinking_budget": 0}, "thinking_level: minimal"),
        ("gemini-3.8-flash", {"thinking_budget": 0}, "thinking_level: low"),
        ("gemini-3.7-flash", {"thinking_level": "minimal"}, "thinking_level: low"),
        ("gemini-3.8-flash", {"thinking_level": "minimal"}, "thinking_level: low"),
        ("gemini-3.1-pro-preview", {"thinking_level": "minimal"}, "thinking_level: low"),
        ("gemini-4-argon", {"thinking_budget": 8000}, "thinking_level: medium"),
        ("gemini-4-argon", {"thinking_budget": -1}, "thinking_level: high"),
        ("gemini-4-neon", {"thinking_level": "minimal"}, "thinking_level: low"),
        (FLASH, {"thinking_level": "minimal"}, "thinking_budget: 0"),
        (FLASH, {"thinking_level": "high"}, "thinking_budget: 24576"),
        ("gemini-2.5-pro", {"thinking_budget": 0}, "thinking_budget: 128"),
        ("gemini-2.5-pro", {"thinking_level": "minimal"}, "thinking_budget: 128"),
        ("gemini-2.5-flash-lite", {"thinking_budget": 100}, "thinking_budget: 512"),
        (
            FLASH,
            {"media_resolution": "MEDIA_RESOLUTION_ULTRA_HIGH"},
            "media_resolution: MEDIA_RESOLUTION_HIGH",
        ),
    ],
)
def test_a_setting_that_the_model_refuses_is_an_error_with_the_nearest_it_takes(
    folder: Path, model: str, generation_config: dict[str, Any], nearest: str
) -> None:
    [(name, value)] = generation_config.items()
    places: list[dict[str, Any]] = [
        {"model": {"name": model, "generation_config": generation_config}},
        {"model": {"name": model}, "retry": {"generation_config": [generation_config]}},
        {"model": {"name": model}, "retry": {"after": {"Echo": generation_config}}},
    ]
    for sections, where in zip(
        places,
        ("model.generation_config", "retry.generation_config[0]", "retry.after.Echo"),
        strict=True,
    ):
        with pytest.raises(ConfigError) as refused:
            settings_of(folder, **sections)
        told = f"{where}.{name}: {model} does not take {value}; nearest: {nearest}"
        assert told in str(refused.value)
    # What is proposed is taken.
    key, _, proposed = nearest.partition(": ")
    config = {key: int(proposed) if key == "thinking_budget" else proposed}
    settings_of(folder, model={"name": model, "generation_config": config})


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"name": "gemini-4-argon"}},
        {"retry": {"steps": {"any": [{"model": "gemini-4-argon"}]}}},
    ],
)
def test_a_transport_that_a_model_is_not_read_by_is_an_error_with_those_it_is(
    folder: Path, sections: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings_of(folder, execution={"transport": "flex"}, **sections)
    told = "gemini-4-argon is not read by flex; nearest: batch (there are: batch, standard)"
    assert f"execution.transport: {told}" in str(refused.value)
    for taken in ("batch", "standard"):
        settings_of(folder, execution={"transport": taken}, **sections)
    settings_of(folder, execution={"transport": "flex"}, model={"name": "my-model"})


def test_a_budget_and_a_level_of_thought_exclude_each_other(folder: Path) -> None:
    both = {"thinking_budget": 100, "thinking_level": "low"}
    with pytest.raises(ConfigError, match="exclude each other; leave one out"):
        settings_of(folder, model={"name": "my-model", "generation_config": both})


def test_of_an_unknown_model_nothing_is_refused_and_its_price_is_unknown(folder: Path) -> None:
    config = {"thinking_budget": 0, "media_resolution": "MEDIA_RESOLUTION_ULTRA_HIGH"}
    model = {"name": "gemini-99-imaginary", "generation_config": config}
    settings = settings_of(folder, model=model)
    assert settings.pricing.of(settings.model.name, NOW) is None


# Ends


def test_a_model_that_ends_soon_is_one_warning_that_names_its_successor(folder: Path) -> None:
    settings = settings_of(folder, model={"name": FLASH})
    (before,) = doubts(settings, at("2026-11-30T23:59"))
    (after,) = doubts(settings, at("2026-12-01T00:00"))
    assert before.startswith("model.name: gemini-2.5-flash ends on 2026-12-01; then gemini-3.5-")
    assert after.startswith("model.name: gemini-2.5-flash ended on 2026-12-01; then gemini-3.5-")
    assert all("Set model.name: gemini-3.5-flash-lite" in told for told in (before, after))
    assert doubts(settings, at("2026-06-01T00:00")) == []
    assert doubts(settings_of(folder), NOW) == []
    assert doubts(settings_of(folder, model={"name": FLASH}, engine="embedded"), NOW) == []
    (deprecated,) = doubts(settings_of(folder, model={"name": "gemini-3.5-flash"}), NOW)
    assert "is deprecated; then gemini-3.6-flash answers" in deprecated


# Prices


def test_a_price_holds_from_the_first_second_of_its_day() -> None:
    pricing, model = Pricing(), "gemini-3.8-flash"
    tokens = (MILLION, MILLION)
    before, after = at("2026-12-31T23:59:59"), at("2027-01-01T00:00:00")
    assert usd(pricing, model, *tokens, at=before) == pytest.approx((0.75 + 3.75) / 2)
    assert usd(pricing, model, *tokens, at=after) == pytest.approx((1.50 + 7.50) / 2)
    assert interactive_usd(pricing, model, *tokens, at=after) == pytest.approx(1.50 + 7.50)
    assert usd(pricing, "gemini-4-argon", *tokens, at=at("2026-11-30T23:59")) == pytest.approx(6)
    assert usd(pricing, "gemini-4-argon", *tokens, at=at("2026-12-01")) == pytest.approx(12)


def test_tiers_have_their_shares_and_cached_tokens_cost_the_same_in_all() -> None:
    def price(tier: Any, cached: int = 0) -> float:
        found = usd(Pricing(), LITE, MILLION, MILLION, cached, at=NOW, tier=tier)
        assert found is not None
        return found

    assert price("standard") == pytest.approx(0.30 + 2.50)
    assert price("batch") == price("flex") == pytest.approx(price("standard") / 2)
    assert price("priority") == pytest.approx(2 * price("standard"))
    output = {"batch": 1.25, "flex": 1.25, "standard": 2.50, "priority": 5.0}
    for tier, of_output in output.items():
        assert price(tier, MILLION) == pytest.approx(0.03 + of_output), tier


def test_what_is_held_for_a_batch_is_the_dearest_of_its_two_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time", lambda: at("2026-12-30T12:00"))
    pricing, model = Pricing(), "gemini-3.8-flash"
    assert usd(pricing, model, MILLION, 0) == pytest.approx(0.375)
    assert most_usd(pricing, model, MILLION, 0) == pytest.approx(0.75)
    assert most_usd(pricing, LITE, MILLION, 0) == pytest.approx(0.15)
    assert most_usd(pricing, "gemini-99-imaginary", MILLION, 0) is None


def test_own_prices_hold_at_all_times_and_for_all_versions() -> None:
    own = {"gemini-3.8-flash": {"input": 1, "output": 2}}
    pricing = Pricing.model_validate({"batch_usd_per_million_tokens": own})
    for moment in (at("2026-12-31"), at("2027-01-02")):
        assert usd(pricing, "gemini-3.8-flash-001", MILLION, MILLION, at=moment) == 3
        assert interactive_usd(pricing, "gemini-3.8-flash", MILLION, 0, at=moment) == 2


def test_tokens_of_an_image_follow_from_the_resolution_from_gemini_3_on() -> None:
    sizes = [(100, 100), (1100, 1720), (5000, 7000)]
    assert {image_tokens(*size, LITE) for size in sizes} == {1120}
    assert {image_tokens(*size, LITE, "MEDIA_RESOLUTION_LOW") for size in sizes} == {280}
    assert image_tokens(1, 1, "gemini-4-neon", "MEDIA_RESOLUTION_ULTRA_HIGH") == 2240
    assert [image_tokens(*size, FLASH) for size in sizes[:2]] == [258, 258 * 6]


# Another model


def wish(folder: Path, action: str, **pricing: Any) -> Settings:
    """Settings that say this of other models."""
    return settings_of(folder, model={"name": FLASH, "on_other_model": action}, pricing=pricing)


def test_nothing_dearer_is_bought_without_a_yes(folder: Path) -> None:
    flag, accept, stop = (wish(folder, action) for action in ("flag", "accept", "stop"))
    assert what_then(flag, FLASH, FLASH, NOW) is None
    assert what_then(flag, FLASH, None, NOW) is None
    assert what_then(flag, FLASH, LITE, NOW) == "flag"  # at the same price
    assert what_then(stop, FLASH, LITE, NOW) == "stop"
    assert what_then(accept, FLASH, "gemini-3.8-flash", NOW) == "accept"
    assert what_then(flag, FLASH, "gemini-3.8-flash", NOW) == "stop"  # dearer
    assert what_then(flag, FLASH, "gemini-99-imaginary", NOW) == "stop"  # price unknown
    assert what_then(flag, "gemini-99-imaginary", LITE, NOW) == "stop"  # than what?
    assert what_then(flag, "gemini-2.5-pro", "gemini-3.8-flash", NOW) == "flag"  # cheaper
    # Dearer by the day.
    before, after = at("2026-11-30"), at("2026-12-01")
    assert what_then(flag, "gemini-4-neon", "gemini-4-argon", before) == "flag"
    assert what_then(flag, "gemini-4-neon", "gemini-4-argon", after) == "stop"
    own = {FLASH: {"input": 9, "output": 9}}
    cheaper = wish(folder, "flag", batch_usd_per_million_tokens=own)
    assert what_then(cheaper, FLASH, "gemini-3.8-flash", NOW) == "flag"
    # Dearer in either direction.
    for price in ({"input": 9, "output": 0}, {"input": 0, "output": 9}):
        partly = wish(folder, "flag", batch_usd_per_million_tokens={FLASH: price})
        assert what_then(partly, FLASH, "gemini-3.8-flash", NOW) == "stop"


def test_an_answer_is_paid_by_the_model_and_tier_that_served() -> None:
    pricing = Pricing()
    assert price_name(pricing, FLASH, None, NOW) == FLASH
    assert price_name(pricing, FLASH, "gemini-2.5-flash-001", NOW) == FLASH
    assert price_name(pricing, FLASH, LITE, NOW) == LITE
    assert price_name(pricing, "gemini-flash-latest", "gemini-3.6-flash", NOW) == "gemini-3.6-flash"
    assert paid_as("flex", "standard") == "standard"
    assert paid_as("flex", "flex") == paid_as("flex", None) == "flex"
    assert paid_as("standard", "priority") == "priority"
    assert paid_as("flex", "something new") == "flex"
    assert paid_as("batch", "standard") == "batch"
