"""Which settings each family of models refuses, in the service's way: the whole request.

Written from what Google documents and what others met, not from the workflow's own table of models,
so that both can disagree; a test holds them against each other. What is not a Gemini takes all.
"""

import re
from collections.abc import Iterator

from pagewave.embedded.server.wire import Json, pick

LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
RESOLUTIONS = tuple(f"MEDIA_RESOLUTION_{name}" for name in ("LOW", "MEDIUM", "HIGH"))
PART_RESOLUTIONS = (*RESOLUTIONS, "MEDIA_RESOLUTION_ULTRA_HIGH")
TIERS = ("flex", "standard", "priority", "unspecified")
MOST_OUTPUT_TOKENS = 65_536

# ai.google.dev, "Gemini thinking", "Thinking budgets": least and most, and whether 0 is taken.
BUDGETS = {
    "2.5-pro": (128, 32_768, False),
    "2.5-flash-lite": (512, 24_576, True),
    "2.5-flash": (1, 24_576, True),
}
# The levels that a model has not, by the beginning of its name ("Thinking levels"; 3.7, 3.8:
# simstudioai/sim#7402). The first one that fits decides.
NO_LEVELS = {
    "3-pro": ("MINIMAL", "MEDIUM"),
    "3.1-pro": ("MINIMAL",),
    "3.7": ("MINIMAL",),
    "3.8": ("MINIMAL",),
    "3": (),
    "4": ("MINIMAL",),
}


def refused(model: str, request: Json) -> str | None:
    """Why a model refuses a request, in the service's words; None: it is taken."""
    said = re.match(r"(?:models/)?gemini-(\d+(?:\.\d+)?(?:-[a-z]+)*)", model)
    return next(_refusals(said[1], request), None) if said else None


def resolution_of(request: Json) -> str:
    """The media resolution that a request asks for; "": none."""
    for part in _parts(request):
        if level := pick(pick(part, "mediaResolution"), "level"):
            return str(level)
    return str(pick(pick(request, "generationConfig"), "mediaResolution") or "")


def _refusals(version: str, request: Json) -> Iterator[str]:
    config = pick(request, "generationConfig") or {}
    thinking = pick(config, "thinkingConfig") or {}
    yield from _of_thinking(version, pick(thinking, "thinkingBudget"), thinking)
    resolution = pick(config, "mediaResolution")
    if resolution is not None and resolution not in RESOLUTIONS:
        yield f"Invalid value at 'generation_config.media_resolution': {resolution!r}"
    for part in _parts(request):
        level = pick(pick(part, "mediaResolution"), "level")
        if level is not None and version.startswith(("1", "2")):
            yield "Media resolution per part is not supported for this model."
        if level is not None and level not in PART_RESOLUTIONS:
            yield f"Invalid value at 'media_resolution.level': {level!r}"
    limit = pick(config, "maxOutputTokens")
    if limit is not None and not 1 <= limit <= MOST_OUTPUT_TOKENS:
        yield f"max_output_tokens must be between 1 and {MOST_OUTPUT_TOKENS}, {limit} given."
    temperature = pick(config, "temperature")
    if temperature is not None and not 0 <= temperature <= 2:
        yield f"temperature must be in the range [0.0, 2.0], {temperature} given."
    tier = pick(request, "serviceTier")
    if tier is not None and tier not in TIERS:
        yield f"Invalid value at 'service_tier': {tier!r}"
    for setting in pick(request, "safetySettings") or []:
        if not str(pick(setting, "category")).startswith("HARM_CATEGORY_"):
            yield f"Invalid value at 'safety_settings.category': {setting!r}"
        if not re.fullmatch(r"OFF|BLOCK_[A-Z_]+", str(pick(setting, "threshold"))):
            yield f"Invalid value at 'safety_settings.threshold': {setting!r}"


def _of_thinking(version: str, budget: int | None, thinking: Json) -> Iterator[str]:
    level = pick(thinking, "thinkingLevel")
    if budget is not None and level is not None:
        yield "You can only set only one of thinking budget and thinking level."
    if version.startswith(("1", "2")):
        if level is not None:
            yield "Thinking level is not supported for this model."
        least, most, has_none = BUDGETS.get(version, (0, 24_576, True))
        if budget is not None and not (budget == -1 or least <= budget <= most):
            if budget == 0 and not has_none:
                yield "Budget 0 is invalid. This model only works in thinking mode."
            if budget != 0:
                yield (
                    f"The thinking budget {budget} is invalid. Please choose a value between "
                    f"{least} and {most}."
                )
        return
    if budget is not None and version.startswith("4"):
        yield "Thinking budget is not supported for this model."
    if budget == 0:
        yield "Budget 0 is invalid. This model only works in thinking mode."
    if level is not None:
        missing = next((no for name, no in NO_LEVELS.items() if version.startswith(name)), ())
        if str(level).upper() not in LEVELS or str(level).upper() in missing:
            yield f"Thinking level {level} is not supported for this model."


def _parts(request: Json) -> Iterator[Json]:
    for content in pick(request, "contents") or []:
        yield from pick(content, "parts") or []
