"""The table of models (`models.toml`): what each takes, costs and allows, and until when.

A model that is not in the table works all the same: its price is unknown, and of its family is
known what its name tells.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pagewave.config.types import Section

TABLE = Path(__file__).with_name("models.toml")

Level = Literal["minimal", "low", "medium", "high"]
Resolution = Literal["low", "medium", "high", "ultra_high"]
Tier = Literal["batch", "flex", "standard", "priority"]
"""What a request is paid as; `batch` is what a batch's requests are."""

LEVELS: tuple[Level, ...] = ("minimal", "low", "medium", "high")
"""From the least thought to the most."""


def _begins(day: datetime.date) -> float:
    """When a day begins (UTC), in Unix seconds."""
    return datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp()


class DatedPrice(Section):
    """USD per million tokens, standard tier, from a day on; the first of a model has no day."""

    first_day: datetime.date | None = Field(default=None, alias="from")
    input: float = Field(ge=0)
    output: float = Field(ge=0)

    @property
    def since(self) -> float:
        """When it begins, in Unix seconds."""
        return 0.0 if self.first_day is None else _begins(self.first_day)


DAY_SECONDS = 86_400.0
MIDNIGHT_UTC_SECONDS = 8 * 3600.0
"""When a day of the service's limits begins: midnight in California (in winter), seconds of a UTC
day."""


class Limits(Section):
    """What a project may use; None: not known, or no limit.

    Those of calls are of tier 1 (Google shows the others in AI Studio only, "not guaranteed");
    `enqueued_tokens` are those that batches may hold at once, by tiers 1, 2 and 3.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    requests_per_day: int | None = None
    enqueued_tokens: tuple[int, int, int] | None = None


class Family(Section):
    """What a family takes; `thinking_budget` None: none is taken, no levels: none are.

    `retry` are the steps that retries take where none are configured, by error type or `any`.
    """

    thinking_levels: tuple[Level, ...]
    thinking_budget: tuple[int, int] | None = None
    thinking_off: bool
    sampling: Literal["taken", "deprecated"]
    media_resolutions: tuple[Resolution, ...]
    image_tokens: dict[str, int]
    max_output_tokens: int
    cached_share: float
    roads: tuple[Literal["batch", "flex", "standard"], ...]
    retry: dict[str, tuple[dict[str, bool | int | str], ...]] = Field(default={})


class ModelFacts(Family):
    """A model of the table: what its family takes, and what is its own."""

    name: str
    status: Literal["stable", "preview", "deprecated", "retired"]
    thinking_default: Level | None = None
    prices: tuple[DatedPrice, ...]
    limits: Limits = Limits()
    retires: datetime.date | None = None
    successor: str | None = None
    source: str
    sure: Literal["high", "medium", "low"]

    def price(self, at: float) -> DatedPrice:
        """The one that holds at a time in Unix seconds."""
        return max((p for p in self.prices if p.since <= at), key=lambda price: price.since)

    @property
    def ends_at(self) -> float | None:
        """When it is there no more, in Unix seconds; None: no day is announced."""
        return None if self.retires is None else _begins(self.retires)


class Table(Section):
    """The whole file; `tiers` are shares of the standard price."""

    as_of: datetime.date
    tiers: dict[Tier, float]
    family: dict[str, Family]
    model: dict[str, ModelFacts]


@cache
def table() -> Table:
    """The table, read once."""
    return read_table(tomllib.loads(TABLE.read_text(encoding="utf-8")))


def read_table(content: Mapping[str, Any]) -> Table:
    """The table of a file's content; a model has what its family has and it does not say itself.

    Raises:
        ValueError: it is not what a table says.
    """
    families = content["family"]
    models = {
        name: {**families[_longest_prefix(name, families)], **own, "name": name}
        for name, own in content["model"].items()
    }
    return Table.model_validate({**content, "model": models})


def known(name: str) -> ModelFacts | None:
    """The table's entry of a model, whatever version of it is named; None: there is none."""
    models, bare = table().model, bare_name(name)
    return models.get(bare) or models.get(_without_version(bare))


def limits(name: str) -> Limits:
    """What a project may use of a model, as far as the table knows."""
    entry = known(name)
    return entry.limits if entry else Limits()


def family_of(name: str) -> Family | None:
    """What a model takes, by its entry or its name; None where nothing is known of its family.

    A Gemini newer than the table is taken for one like the newest family in it.
    """
    if entry := known(name):
        return entry
    families, bare = table().family, bare_name(name)
    if prefix := _longest_prefix(bare, families):
        return families[prefix]
    said = re.match(r"gemini-(\d+)", bare)
    is_newer = bare.startswith("gemini-") and (not said or int(said[1]) > 3)
    return families[max(families)] if is_newer else None


def sampling_is_deprecated(name: str) -> bool:
    """Is temperature (topP, topK) no longer recommended, or ignored, for this model?"""
    found = family_of(name)
    return found is not None and found.sampling == "deprecated"


def bare_name(name: str) -> str:
    """A model's name without `models/`, in small letters."""
    return name.strip().lower().removeprefix("models/")


def is_other_model(asked: str, served: str) -> bool:
    """Is the model that answered another one than was asked for?

    A version of the same model is none: `-001`, `-preview`, a dated preview (`-preview-09-2025`,
    `-05-06`) and `-latest` behind a name do not count. Nor is what an alias without a number stands
    for (`gemini-flash-latest` is any Flash, and no Flash-Lite). Of tuned models nothing is said.
    """
    asked, served = bare_name(asked), bare_name(served)
    if not served or "tunedmodels/" in asked:
        return False
    asked, served = _without_version(asked, preview=True), _without_version(served, preview=True)
    if re.fullmatch(r"gemini(-[a-z]+)+", asked):
        return re.sub(r"-\d+(\.\d+)?", "", served) != asked
    return asked != served


def _without_version(bare: str, *, preview: bool = False) -> str:
    """A name without what only says which version of a model it is."""
    bare = bare.removesuffix("-latest")
    dated = re.sub(r"(-preview)?-\d{2}-(\d{4}|\d{2})$", "", bare)
    bare = re.sub(r"-\d{3}$", "", dated)
    return bare.removesuffix("-preview") if preview else bare


def _longest_prefix(name: str, families: Mapping[str, Any]) -> str:
    return max((family for family in families if name.startswith(family)), key=len, default="")
