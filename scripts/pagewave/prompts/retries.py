"""How an attempt is asked: the settings as configured, with what the attempts before it change.

The errors so far name the steps, so that the same page is always asked the same way again. What a
retry changes is no part of the fingerprint.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pagewave.config.model_checks import taken_by
from pagewave.config.models import family_of, sampling_is_deprecated
from pagewave.config.reading import GenerationOverrides, Step
from pagewave.errors import BATCH_ERROR_TYPES
from pagewave.prompts.schema import Json

if TYPE_CHECKING:
    from pagewave.config.settings import Settings

ANY = "any"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which model is asked for one attempt, with which settings (under their configured names).

    `step` is what the newest failure changed, in words; None of the first attempt.
    """

    model: str
    values: Mapping[str, Any]
    step: str | None = None


def asked(settings: "Settings", attempt: int, errors: Iterable[str]) -> Asked:
    """How an attempt is asked.

    With `retry.steps`, or the ladder of the model's family where nothing is configured, each error
    takes the next step of its own ladder, or of `any`, on top of what earlier ones changed; the
    last step repeats, and one that changes nothing is passed over. Failures that are not the
    answer's take a step only where one is named for them. The older `retry.generation_config` and
    `retry.after` stay as they were: the second attempt takes the first entry, and so on.

    Args:
        attempt: 1 for the first.
        errors: the error types of the attempts before, oldest first.
    """
    steps = steps_of(settings)
    first = _first(settings)
    if steps is None:
        return _older(settings, first, attempt, list(errors))
    seen = list(errors)
    tried = sum(error not in BATCH_ERROR_TYPES for error in seen)
    # Of some attempts it may not be known any more what went wrong.
    seen = [ANY] * (attempt - 1 - tried) + seen
    return _climb(settings, steps, first, seen)


def steps_of(settings: "Settings") -> Mapping[str, list[Step]] | None:
    """The ladders by error type; None where it is the older two keys that count."""
    retry = settings.retry
    if retry.steps is not None:
        return {str(name): ladder for name, ladder in retry.steps.items()}
    if {"generation_config", "after"} & retry.model_fields_set:
        return None
    family = family_of(settings.model.name)
    if family is None or not family.retry:
        return None
    return {
        name: [Step.model_validate(step) for step in ladder]
        for name, ladder in family.retry.items()
    }


def _first(settings: "Settings") -> Json:
    given = settings.model.generation_config
    values: Json = given.model_dump(exclude_none=True)
    if sampling_is_deprecated(settings.model.name) and "temperature" not in given.model_fields_set:
        values.pop("temperature", None)
    return values


def _climb(
    settings: "Settings", steps: Mapping[str, list[Step]], first: Json, errors: Iterable[str]
) -> Asked:
    now = Asked(settings.model.name, first)
    place: Counter[str] = Counter()
    for error in errors:
        name = error if error in steps else ANY
        ladder = steps.get(name)
        if not ladder or (name == ANY and error in BATCH_ERROR_TYPES):
            continue
        taken = min(place[name], len(ladder) - 1)
        following = _laid_over(settings, now, ladder[taken])
        while following == now and taken < len(ladder) - 1:
            taken += 1
            following = _laid_over(settings, now, ladder[taken])
        place[name] = taken + 1
        now = Asked(following.model, following.values, f"{name}: {_words(ladder[taken])}")
    return now


def _laid_over(settings: "Settings", now: Asked, step: Step) -> Asked:
    given = step.model_dump(exclude_none=True)
    model = given.pop("model", now.model)
    values = dict(now.values)
    if model != now.model:
        # What was meant for the one model may be refused by the other.
        values = taken_by(model, values)
        own = settings.model.generation_config.model_fields_set
        if sampling_is_deprecated(model) and "temperature" not in own:
            values.pop("temperature", None)
    lay_over(values, given)
    return Asked(model, taken_by(model, values), now.step)


def _older(settings: "Settings", first: Json, attempt: int, errors: list[str]) -> Asked:
    """By `retry.generation_config` and `retry.after`."""
    retry, values, words = settings.retry, dict(first), []
    no_default = sampling_is_deprecated(settings.model.name)
    ladder: list[GenerationOverrides] = list(retry.generation_config)
    if no_default and "generation_config" not in retry.model_fields_set:
        ladder = []
    if attempt > 1 and ladder:
        entry = ladder[min(attempt - 2, len(ladder) - 1)]
        lay_over(values, entry.model_dump(exclude_none=True))
        words.append(f"attempt {attempt}: {_words(entry)}")
    after = {str(name): overrides for name, overrides in retry.after.items()}
    if no_default and "after" not in retry.model_fields_set:
        after.pop("Recitation")
    for error_type in errors:
        if error_type in after:
            lay_over(values, after[error_type].model_dump(exclude_none=True))
            words.append(f"{error_type}: {_words(after[error_type])}")
    return Asked(settings.model.name, values, "; ".join(dict.fromkeys(words)) or None)


def lay_over(values: Json, given: Mapping[str, Any]) -> None:
    """Put a retry's settings over others; a budget of thought and a level exclude each other."""
    if "thinking_level" in given:
        values.pop("thinking_budget", None)
    if "thinking_budget" in given:
        values.pop("thinking_level", None)
    values |= given


def _words(step: GenerationOverrides) -> str:
    """A step in words, such as `thinking_level=high`."""
    given = step.model_dump(exclude_none=True)
    return ", ".join(f"{name}={value}" for name, value in given.items()) or "the same again"
