"""What a side of a comparison is: a version of the prompt, a model, settings of it, a transport.

A side is written as `FILE` or `key=value`, or both: `v1.1.jinja,model=gemini-3.8-flash`. What it
does not name is as configured.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pagewave.commands.selection import nearest
from pagewave.config.model_checks import doubts
from pagewave.config.reading import GenerationOverrides, Retry
from pagewave.config.settings import Settings, changed, problems_together
from pagewave.errors import ConfigError
from pagewave.ledger import BY_BATCH
from pagewave.prompts.registry import TEMPLATE_SUFFIX, Prompt, load_prompt
from pagewave.prompts.request import Request, recipe
from pagewave.prompts.retries import asked

KEYS = {
    "model": "model.name",
    **{name: f"model.generation_config.{name}" for name in GenerationOverrides.model_fields},
    "transport": "execution.transport",
}
"""What a side may change: the short name, and the key of the configuration, which does as well."""


@dataclass(frozen=True)
class Choice:
    """What a side asks with; `notes` is what a person should know of it."""

    prompt: Prompt
    settings: Settings
    notes: tuple[str, ...] = ()

    @property
    def transport(self) -> str:
        """`batch`, or the tier of its calls."""
        return self.settings.execution.transport

    def values(self) -> dict[str, Any]:
        """What the settings are under the short names, as configured; None where one is not."""
        config = self.settings.model.generation_config.model_dump(include=set(KEYS))
        return {"model": self.settings.model.name, **config, "transport": self.transport}


@dataclass(frozen=True)
class Side:
    """One of the two sides, and what is asked for it; its batches have a lane of their own.

    Attributes:
        label: names it by what the other side has not.
        road: the transport by which its answers must have come, where that is all that differs:
            both ask the very same. None: whichever they took.
    """

    choice: Choice
    label: str
    lane: int
    requests: Mapping[str, Request]
    road: str | None = None

    @property
    def prompt(self) -> Prompt:
        """The version of the prompt that it asks with."""
        return self.choice.prompt

    @property
    def settings(self) -> Settings:
        """The settings that it asks with."""
        return self.choice.settings

    @property
    def asked(self) -> str:
        """In words, what a first attempt is asked with."""
        how = asked(self.settings, 1, ())
        values = {name: value for name, value in how.values.items() if name in KEYS}
        return ", ".join([how.model, *_words(values), f"by {self.choice.transport}"])


def choose(settings: Settings, words: Sequence[str]) -> Choice:
    """What a side asks with, by the words of the command line.

    Raises:
        ConfigError: there is no such prompt or key, or the model refuses a setting.
    """
    name, is_auto = ",".join(words), settings.execution.transport == "auto"
    if is_auto:
        settings = changed(settings, {"execution.transport": BY_BATCH})
    template, values = settings.prompt.template_file, dict[str, Any]()
    files = []
    for part in (part for word in words for part in _parts(word)):
        key, is_value, text = part.partition("=")
        if not is_value:
            files.append(part)
            continue
        key, value = _key(name, key), _value(name, part, text)
        if key in values:
            raise ConfigError(f"{name}: {part}: {key} is given twice. Leave one out.")
        values[key] = value
    if len(files) > 1:
        raise ConfigError(f"{name}: {' and '.join(files)} are several prompts. A side has one.")
    if files:
        template = files[0].removesuffix(TEMPLATE_SUFFIX) + TEMPLATE_SUFFIX
    prompt = load_prompt(settings.prompt.registry_dir, settings.prompt.name, template)
    notes = []
    if is_auto and KEYS["transport"] not in values:
        notes.append(f"by {BY_BATCH}: execution.transport: auto chooses for the waves of a run")
    if not values:
        return Choice(prompt, settings, tuple(notes))
    try:
        own = changed(settings, values)
    except ConfigError as error:
        raise ConfigError(_refusal(name, str(error).splitlines())) from None
    problems = [*problems_together(own), *_road_problems(own)]
    if own.model.name != settings.model.name and any(p.startswith("retry.") for p in problems):
        # What was configured for the one model need not be what the other takes.
        own = own.model_copy(update={"retry": Retry()})
        problems = [*problems_together(own), *_road_problems(own)]
        notes.append(f"{own.model.name} refuses what `retry` says: retries are its family's own")
    if problems:
        raise ConfigError(_refusal(name, problems))
    # Of the configuration all that was told already, or is by the next run.
    told = doubts(settings, time.time())
    notes += [doubt for doubt in doubts(own, time.time()) if doubt not in told]
    return Choice(prompt, own, tuple(notes))


def refuse_same(names: Sequence[str], a: Choice, b: Choice) -> None:
    """Raise ConfigError where both sides ask the very same, in the same way."""
    is_same_text = a.prompt.sha256 == b.prompt.sha256
    if not is_same_text or a.transport != b.transport:
        return
    if recipe(a.settings, a.prompt) == recipe(b.settings, b.prompt):
        what = "the same text" if a.settings == b.settings else "asked with the same settings"
        raise ConfigError(f"{names[0]} and {names[1]} are {what}: nothing to compare.")


def is_road_alone(a: Choice, b: Choice) -> bool:
    """Do both ask the very same, by different transports?"""
    is_same = a.prompt.sha256 == b.prompt.sha256 and a.transport != b.transport
    return is_same and recipe(a.settings, a.prompt) == recipe(b.settings, b.prompt)


def labels(a: Choice, b: Choice) -> tuple[str, str]:
    """Both sides named by what differs between them."""
    of_a, of_b = a.values(), b.values()
    differing = [name for name in of_a if of_a[name] != of_b[name]]
    has_own_prompt = a.prompt.sha256 != b.prompt.sha256

    def label(choice: Choice, values: Mapping[str, Any]) -> str:
        version = [choice.prompt.version] if has_own_prompt else []
        return ", ".join([*version, *_words({name: values[name] for name in differing})])

    return label(a, of_a), label(b, of_b)


def _parts(word: str) -> list[str]:
    """A file's name may have spaces and commas, as before; with values these divide."""
    return word.replace(",", " ").split() if "=" in word else [word]


def _key(side: str, name: str) -> str:
    if name in KEYS.values():
        return name
    if name not in KEYS:
        raise ConfigError(f"{side}: {name}: unknown key. {nearest(name, KEYS, most=len(KEYS))}")
    return KEYS[name]


def _value(side: str, part: str, text: str) -> object:
    try:
        if text:
            return yaml.safe_load(text)
    except yaml.YAMLError:
        pass
    raise ConfigError(f"{side}: {part}: expected KEY=VALUE, such as model=gemini-3.8-flash.")


def _road_problems(settings: Settings) -> list[str]:
    if settings.execution.transport != "auto":
        return []
    return [
        "execution.transport: auto chooses a road for each wave of a run, and a comparison has "
        f"none; choose {BY_BATCH}, flex or standard"
    ]


def _refusal(side: str, problems: Sequence[str]) -> str:
    return "\n".join([f"{side} can't be asked:", *(f"  {problem}" for problem in problems)])


def _words(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}={'null' if value is None else value}" for name, value in values.items()]
