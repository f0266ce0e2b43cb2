"""The configuration: what config.yaml and `snakemake --config` may say, checked as a whole.

The sections are in `data`, `reading`, `service` and `pricing`, the keys for services in `keys`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError
from pydantic_core import PydanticUndefined

from pagewave.config.citation import Citation
from pagewave.config.data import Fetch, Filters, Images, Paths, Site, Words
from pagewave.config.elsewhere import with_its_own_paths
from pagewave.config.keys import Secrets
from pagewave.config.model_checks import doubts, refused_settings
from pagewave.config.models import family_of
from pagewave.config.pricing import Pricing
from pagewave.config.problems import explain
from pagewave.config.reading import Model, PromptChoice, Quality, Retry
from pagewave.config.service import Batch, Calls, Embedded, Execution, Files, Notify, Tracking
from pagewave.config.types import BucketAddress, Section
from pagewave.errors import ConfigError

SNAKEMAKE_KEYS = frozenset({"pathvars"})
"""Keys that Snakemake itself reads from a workflow's configuration (pathvars.py of 9.27.1)."""

_NEEDED_LATER = ("state_dir", "corrections_dir", "fetched_dir", "audit_dir")
"""Folders that most runs never write to."""

BY_THE_CLOCK = " docs/deployment.md has what starts a run by the clock (cron, systemd)."

EMBEDDED_PACE = {
    "batch": {
        "poll_interval_seconds": 0.2,
        "max_poll_attempts": 864_000,
        "retry_pause_seconds": 0.2,
    },
    "calls": {"retry_pause_seconds": 0.05},
}
"""Defaults for `engine: embedded`: a local batch takes seconds, and is looked at for 48 hours too.

They follow from the engine, so that changing the engine alone never asks Google 5 times a second.
"""


class Settings(Section):
    """The whole configuration, as `load_settings` returns it."""

    engine: Literal["gemini", "embedded"] = Field(
        default="gemini",
        description="gemini: Google's service, needs GEMINI_API_KEY and costs money. embedded: a "
        "reader on this machine, no key, no network.",
    )
    paths: Paths = Field(description="Where things are.")
    filters: Filters = Field(default=Filters(), description="Which pages to read.")
    fetch: Fetch = Field(default=Fetch(), description="How scans are fetched that lie elsewhere.")
    images: Images = Field(
        default=Images(), description="What is made of a scan before it is sent."
    )
    execution: Execution = Field(
        default=Execution(), description="How much is sent, and how often."
    )
    model: Model = Field(default=Model(), description="Which model reads, and how.")
    batch: Batch = Field(default=Batch(), description="How batches are named and waited for.")
    calls: Calls = Field(default=Calls(), description="How single calls are made.")
    files: Files = Field(default=Files(), description="How files are uploaded.")
    prompt: PromptChoice = Field(default=PromptChoice(), description="Which prompt is sent.")
    retry: Retry = Field(default=Retry(), description="What a further attempt does differently.")
    quality: Quality = Field(
        default=Quality(), description="What becomes of answers that are in doubt."
    )
    exports: Annotated[list[str], BeforeValidator(lambda value: value or [])] = Field(
        default=[],
        description="Forms in which all books are written as well: csv, codebook, sqlite, excel, "
        "parquet, stata, duckdb, text, markdown, jsonl, crate, alto, page_xml, hocr, pdf, iiif, "
        "mets, or one of your own as file.py:Class.",
    )
    exports_to: BucketAddress | None = Field(
        default=None,
        description="A bucket that files of exports are copied to, such as s3://archive/exports or "
        "gs://archive/exports; null: they stay here.",
    )
    citation: Citation = Field(default=Citation(), description="How what was read is to be cited.")
    site: Site = Field(default=Site(), description="The reading room: books in a browser.")
    words: Words = Field(
        default=Words(), description="Where each word stands, and which to look at."
    )
    pricing: Pricing = Field(default=Pricing(), description="What tokens cost.")
    embedded: Embedded = Field(default=Embedded(), description="The reader on this machine.")
    tracking: Tracking = Field(
        default=Tracking(), description="How attempts are logged to Braintrust."
    )
    notify: Notify = Field(default=Notify(), description="Whom a run tells.")
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know though it is no error, such as keys that have no effect."""
        return self._warnings


def load_settings(config: object, folder: Path, files: Sequence[Path] = ()) -> Settings:
    """Check a configuration, such as Snakemake's `config`; raise ConfigError with all its problems.

    `folder` is where relative paths start: the working directory of the run; or the folder of the
    one file of `files` (those that were named), where its sources lie there and not here.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(
            "The configuration is no mapping of keys to values. See config/README.md."
        )
    given, warnings = _without_foreign_keys(config)
    given, of_paths = with_its_own_paths(given, files, folder)
    warnings += of_paths
    if given.get("engine") == "embedded":
        for section, pace in EMBEDDED_PACE.items():
            if isinstance(given.setdefault(section, {}), Mapping):
                given[section] = {**pace, **given[section]}
    all_scans = _are_all_scans_read(given)
    if all_scans and "image_source_dir" in given["paths"]:
        given["paths"] = given["paths"] | {"label_source_dir": given["paths"]["image_source_dir"]}
    problems: list[str] = []
    wrong: set[str | int] = set()
    try:
        settings = Settings.model_validate(given)
        warnings += [*_doubts(settings), *doubts(settings, time.time())]
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += explain(found, Settings)
        wrong = {part for item in found if item["loc"][0] == "paths" for part in item["loc"]}
    else:
        problems += problems_together(settings)
        problems += _road_problems(settings)
    problems += _path_problems(_checkable_paths(given["paths"], wrong), folder)
    if all_scans:
        problems = [p for p in problems if not p.startswith("paths.label_source_dir")]
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ConfigError(
            f"The configuration has {count}:\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + "\nconfig/README.md explains every key."
        )
    settings._warnings = tuple(warnings)
    return settings


def problems_together(settings: Settings) -> list[str]:
    """What is wrong with values that are right one by one: a line each."""
    of_filters = settings.filters.problems(settings.paths.tree)
    return [*of_filters, *_price_problems(settings), *refused_settings(settings)]


def changed(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The same settings with other values, by dotted key (`model.name`).

    Each value is checked as one of the configuration is; `problems_together` says of them together.

    Raises:
        ConfigError: a value is not what its key takes; a line for each.
    """
    sections: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        name, *way, last = key.split(".")
        if name not in sections:
            sections[name] = getattr(settings, name).model_dump(exclude_unset=True)
        place = sections[name]
        for part in way:
            place = place.setdefault(part, {})
        place[last] = value
    as_given = {name: getattr(settings, name) for name in settings.model_fields_set}
    try:
        return Settings.model_validate(as_given | sections)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(error.errors(include_url=False), Settings))) from None


def require_key(settings: Settings, secrets: Secrets) -> str:
    """The Gemini key, or "" for the embedded engine; raises ConfigError when it is needed."""
    if settings.engine != "gemini":
        return ""
    if secrets.gemini_api_key is None:
        raise ConfigError(
            "engine: gemini needs a key, and GEMINI_API_KEY is set neither in the environment nor "
            "in .env. Write it into .env, as a line GEMINI_API_KEY=your-key, or set engine: "
            "embedded."
        )
    return secrets.gemini_api_key.get_secret_value()


def _are_all_scans_read(given: Mapping[Any, Any]) -> bool:
    """Do the scans themselves say which pages there are, instead of labels?"""
    filters, paths = given.get("filters"), given.get("paths")
    return (
        isinstance(filters, Mapping)
        and isinstance(paths, Mapping)
        and filters.get("labels") == "all"
    )


def _without_foreign_keys(config: Mapping[Any, Any]) -> tuple[dict[Any, Any], list[str]]:
    """The configuration without Snakemake's and Prefect's keys; a section left empty has none."""
    given = {k: _with_nulls(v) for k, v in config.items() if k not in SNAKEMAKE_KEYS}
    prefect = given.pop("prefect", None)
    keys = [f"prefect.{key}" for key in prefect] if isinstance(prefect, Mapping) else ["prefect"]
    warnings = [
        f"{key} has no effect: Snakemake runs this workflow, not Prefect."
        + (BY_THE_CLOCK if key == "prefect.schedule_interval_minutes" else "")
        for key in keys
    ]
    sections = {name for name in Settings.model_fields if name != "engine"}
    given = {k: v for k, v in given.items() if not (k in sections and v is None)}
    given.setdefault("paths", {})  # so that each missing path is named
    return given, warnings if "prefect" in config else []


def _with_nulls(value: Any) -> Any:
    """`snakemake --config` hands on `null` as text, as it does all values within mappings."""
    if isinstance(value, Mapping):
        return {k: _with_nulls(v) for k, v in value.items()}
    return None if value in ("null", "~") else value


def _doubts(settings: Settings) -> list[str]:
    """What is allowed but hardly meant."""
    found = []
    hours = settings.batch.poll_interval_seconds * settings.batch.max_poll_attempts / 3600
    if settings.engine == "gemini" and hours < 24:
        found.append(
            f"batch.poll_interval_seconds x batch.max_poll_attempts is {hours:.3g} hours: batches "
            "that take longer are cancelled, and Google's may take 24 hours."
        )
    if settings.prompt.context == "none":
        found.append(
            "prompt.context is none: pages are told nothing of the page before. What runs on from "
            "it, such as a sentence or a heading, is read without its beginning."
        )
    return found


def _price_problems(settings: Settings) -> list[str]:
    """A budget can't be kept for a model without a price."""
    names = [settings.model.name, *sorted(settings.retry.models)]
    return [
        f"execution.{key}: the price of {name} is not known, so no budget can be "
        "kept; add it under pricing.batch_usd_per_million_tokens"
        for name in names
        if not settings.pricing.of(name, time.time())
        for key in ("max_cost_usd", "max_cost_usd_total")
        if getattr(settings.execution, key) is not None
    ]


def _road_problems(settings: Settings) -> list[str]:
    """`auto` needs roads to choose from, and a deadline `auto` and money: it buys what is dear."""
    found, execution, name = [], settings.execution, settings.model.name
    family = family_of(name)
    if execution.transport == "auto" and family and "flex" not in family.roads:
        found.append(
            f"execution.transport: auto chooses between batch and flex, and {name} is not read by "
            "flex; choose batch"
        )
    if execution.deadline is None:
        return found
    if execution.transport != "auto":
        found.append(
            "execution.deadline: only transport: auto keeps to one; set execution.transport: auto, "
            "or leave it out"
        )
    if execution.max_cost_usd is None and execution.max_cost_usd_total is None:
        found.append(
            "execution.deadline: needs a budget, as calls at twice the price are bought for it; "
            "set execution.max_cost_usd or execution.max_cost_usd_total, or leave it out"
        )
    return found


def _checkable_paths(given: object, wrong: Collection[str | int]) -> dict[str, Path]:
    """The paths that were given or have a default, but those named in `wrong`."""
    values = given if isinstance(given, Mapping) else {}
    fields = Paths.model_fields
    paths = {name: values.get(name, fields[name].default) for name in Paths.folders()}
    return {
        name: Path(value).expanduser()
        for name, value in paths.items()
        if name not in wrong and value is not PydanticUndefined
    }


def _path_problems(paths: Mapping[str, Path], folder: Path) -> list[str]:
    """Sources must exist, outputs must be possible, and never in a source tree."""
    problems = []
    sources = {n: p for n, p in paths.items() if n in ("label_source_dir", "image_source_dir")}
    for name, path in sources.items():
        if not (folder / path).exists():
            problems.append(f"paths.{name}: there is no folder {path} in {folder.resolve()}")
        elif not (folder / path).is_dir():
            problems.append(f"paths.{name}: {path} is a file, expected a folder")
        elif not os.access(folder / path, os.R_OK | os.X_OK):
            problems.append(f"paths.{name}: {path} is not readable; check its permissions")
    kept, output = paths.get("corrections_dir"), paths.get("output_dir")
    if kept and output and (folder / kept).resolve() == (folder / output).resolve():
        problems.append(f"paths.corrections_dir: {kept} is paths.output_dir; choose another folder")
    for name, path in paths.items():
        if name in sources:
            continue
        target = (folder / path).resolve()
        for source, source_path in sources.items():
            # What is written there would be taken for labels or images by the next run.
            if target.is_relative_to((folder / source_path).resolve()):
                problems.append(
                    f"paths.{name}: {path} lies in paths.{source}; choose a folder outside"
                )
        # The nearest thing that exists tells whether the rest can be made.
        nearest = next(p for p in (target, *target.parents) if p.exists())
        if not nearest.is_dir():
            problems.append(f"paths.{name}: {path} cannot be made, {nearest} is a file")
        # The ledger tells for itself, when it is written to: a dry run only looks. A folder for
        # corrections or audits is needed by whoever makes one, one for scans where there are any to
        # fetch.
        elif name not in _NEEDED_LATER and not os.access(nearest, os.W_OK | os.X_OK):
            problems.append(f"paths.{name}: {path} cannot be written, no permission in {nearest}")
    return problems
