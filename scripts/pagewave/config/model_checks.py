"""What a model refuses of the configuration, with the nearest that it takes, and when it ends.

Only models of the table are judged: what an unknown one takes, its service says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pagewave.config.models import (
    LEVELS,
    Level,
    ModelFacts,
    family_of,
    known,
    sampling_is_deprecated,
)
from pagewave.config.reading import GenerationOverrides

if TYPE_CHECKING:
    from pagewave.config.settings import Settings

NOTICE_SECONDS = 90 * 86_400
"""So long before a model ends that is told."""
ROADS = ("batch", "flex", "standard")
"""What `auto` chooses from is for others to judge."""
SAMPLING = ("temperature", "top_p", "top_k")

BUDGET_OF_LEVEL: dict[Level, int] = {"minimal": 0, "low": 1024, "medium": 8192, "high": 24_576}
"""Levels as budgets of Gemini 2.5 (ai.google.dev, "OpenAI compatibility": reasoning_effort)."""


def refused_settings(settings: Settings) -> list[str]:
    """A line for each setting that the model would refuse, base and retries alike."""
    lines = []
    older = sorted({"generation_config", "after"} & settings.retry.model_fields_set)
    if settings.retry.steps is not None and older:
        lines.append(
            f"retry.steps: stands in place of retry.{' and retry.'.join(older)}; choose one"
        )
    for where, given, name in _places(settings):
        if given.thinking_level is not None and given.thinking_budget is not None:
            lines.append(
                f"{where}: thinking_level and thinking_budget exclude each other; leave one out"
            )
            continue
        model = known(name)
        if model is not None:
            lines += [f"{where}.{line}" for line in _refused(model, given)]
    return lines + _refused_roads(settings)


def _refused_roads(settings: Settings) -> list[str]:
    """Each model that is not read by the transport, also one that only a retry asks."""
    transport = settings.execution.transport
    lines = []
    for name in dict.fromkeys([settings.model.name, *sorted(settings.retry.models)]):
        family = family_of(name)
        if family and transport in ROADS and transport not in family.roads:
            lines.append(
                f"execution.transport: {name} is not read by {transport}; nearest: "
                f"{family.roads[0]} (there are: {', '.join(family.roads)})"
            )
    return lines


def taken_by(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of settings, by their configured names, what a model takes; an unknown one takes all."""
    model = known(name)
    if model is None:
        return dict(values)
    given = {key: value for key, value in values.items() if key in GenerationOverrides.model_fields}
    refused = {
        line.partition(":")[0]
        for line in _refused(model, GenerationOverrides.model_validate(given))
    }
    return {key: value for key, value in values.items() if key not in refused}


def doubts(settings: Settings, now: float) -> list[str]:
    """What a person should know of the model, though it is no error: its end, and old settings."""
    if settings.engine == "embedded":
        return []  # its reader is no model
    lines = []
    model = known(settings.model.name)
    if model and (ending := _ending(model, now)):
        lines.append(f"model.name: {ending}")
    if sampling_is_deprecated(settings.model.name):
        given = settings.model.generation_config
        named = [
            name
            for name in SAMPLING
            if name in given.model_fields_set and getattr(given, name) is not None
        ]
        if named:
            are = "are" if len(named) > 1 else "is"
            lines.append(
                f"model.generation_config: {', '.join(named)} {are} deprecated for "
                f"{settings.model.name}, which may ignore it or repeat itself; sent as configured. "
                "What is left out is not sent."
            )
    return lines


def _ending(model: ModelFacts, now: float) -> str | None:
    """That it ends soon, or did, and what comes after it; None: nothing to tell."""
    if model.ends_at is not None and model.ends_at < now + NOTICE_SECONDS:
        told = f"{model.name} {'ends' if now < model.ends_at else 'ended'} on {model.retires}"
    elif model.ends_at is None and model.status == "deprecated":
        told = f"{model.name} is deprecated"
    else:
        return None
    if not model.successor:
        return f"{told}."
    return (
        f"{told}; then {model.successor} answers, at its own price. Set model.name: "
        f"{model.successor} once what is begun is read (pages read before stay as they are)."
    )


def _places(settings: Settings) -> Iterator[tuple[str, GenerationOverrides, str]]:
    """Where settings stand, what they are, and the model that is asked with them."""
    name = settings.model.name
    yield "model.generation_config", settings.model.generation_config, name
    for place, entry in enumerate(settings.retry.generation_config):
        yield f"retry.generation_config[{place}]", entry, name
    for error_type, entry in settings.retry.after.items():
        yield f"retry.after.{error_type}", entry, name
    for key, ladder in (settings.retry.steps or {}).items():
        asked = name
        for place, step in enumerate(ladder):
            asked = step.model or asked
            yield f"retry.steps.{key}[{place}]", step, asked


def _refused(model: ModelFacts, given: GenerationOverrides) -> Iterator[str]:
    if (budget := given.thinking_budget) is not None and (nearest := _for_budget(model, budget)):
        yield f"thinking_budget: {model.name} does not take {budget}; nearest: {nearest}"
    if (level := given.thinking_level) is not None and (nearest := _for_level(model, level)):
        yield f"thinking_level: {model.name} does not take {level}; nearest: {nearest}"
    if given.media_resolution is not None:
        name = given.media_resolution.removeprefix("MEDIA_RESOLUTION_").lower()
        if name not in model.media_resolutions:
            nearest = f"MEDIA_RESOLUTION_{model.media_resolutions[-1].upper()}"
            yield f"media_resolution: {model.name} does not take {given.media_resolution}; " + (
                f"nearest: media_resolution: {nearest}"
            )
    most = given.max_output_tokens
    if most is not None and most > model.max_output_tokens:
        yield (
            f"max_output_tokens: {model.name} does not take {most}; nearest: "
            f"max_output_tokens: {model.max_output_tokens}"
        )


def _for_budget(model: ModelFacts, budget: int) -> str | None:
    """The nearest that a model takes for this many tokens of thought; None: it takes them."""
    if model.thinking_budget is None or (
        budget == 0 and not model.thinking_off and model.thinking_levels
    ):
        return f"thinking_level: {_level_for(model, budget)}"
    least, most = model.thinking_budget
    if budget == -1 or (budget == 0 and model.thinking_off) or least <= budget <= most:
        return None
    return f"thinking_budget: {min(max(budget, least), most)}"


def _level_for(model: ModelFacts, budget: int) -> Level:
    if budget < 0:
        return model.thinking_default or model.thinking_levels[-1]
    return min(model.thinking_levels, key=lambda level: abs(BUDGET_OF_LEVEL[level] - budget))


def _for_level(model: ModelFacts, level: Level) -> str | None:
    """The nearest that a model takes for a level of thought; None: it takes it."""
    if level in model.thinking_levels:
        return None
    if model.thinking_levels:
        wanted = LEVELS.index(level)
        nearest = min(model.thinking_levels, key=lambda each: abs(LEVELS.index(each) - wanted))
        return f"thinking_level: {nearest}"
    assert model.thinking_budget, "a model that thinks takes a budget or levels"
    budget = BUDGET_OF_LEVEL[level]
    least, most = model.thinking_budget
    if budget == 0 and model.thinking_off:
        return "thinking_budget: 0"
    return f"thinking_budget: {min(max(budget, least), most)}"
