"""What the configuration's values are made of: numbers, paths and names with their own checks."""

from __future__ import annotations

import datetime
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from pagewave.levels import problem_of_names

PATH_VARIABLE = re.compile(r"<[a-z][a-z0-9_]*>")
"""What Snakemake replaces in the names of files (PATHVAR_REGEX of its pathvars.py, 9.27.1)."""


MOST_HOURS = 8760
"""Of a deadline: a year."""


def unfit_for_snakemake(name: str) -> str | None:
    """Why Snakemake cannot carry this name through file names and wildcards, or None if it can.

    Measured with 9.27.1: spaces, colons, quotes, commas, `*`, `[`, `#`, `$`, `~`, a leading `-` and
    trailing spaces do no harm.
    """
    if variable := PATH_VARIABLE.search(name):
        return f"holds {variable[0]!r}, which Snakemake takes for a path variable"
    for character in name:
        if character in "{}":
            return f"holds {character!r}, which Snakemake takes for a wildcard"
        # Both are doubled or escaped where a job is handed to another process, and then not found.
        if character == "\\":
            return "holds a backslash, which Snakemake cannot hand to a job"
        if "\ud800" <= character <= "\udfff":
            return "is not valid UTF-8"
        if not character.isprintable():
            return f"holds the invisible character U+{ord(character):04X}"
    return None


def _no_bool(value: object) -> object:
    # YAML's `yes` is True, which pydantic would take for the number 1.
    if isinstance(value, bool):
        raise PydanticCustomError("not_a_number", "not a number")
    return value


def _plain_path(value: Path) -> Path:
    if reason := unfit_for_snakemake(str(value)):
        raise ValueError(f"{reason}; choose another path")
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError("there is no such user's home; write the path in full") from None


def _no_empty_path(value: object) -> object:
    # Path("") is the working directory, which nobody means by an empty value.
    if isinstance(value, str) and not value.strip():
        raise PydanticCustomError("empty_path", "empty path")
    return value


def _model_name(value: str) -> str:
    name = value.strip().removeprefix("models/")
    if not re.fullmatch(r"(tunedModels/)?[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError("expected a model's name such as gemini-2.5-flash")
    return name


def _display_prefix(value: str) -> str:
    # It becomes part of a file name and of an HTTP header.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}", value):
        raise ValueError("expected up to 60 of A-Z a-z 0-9 . _ - and spaces, no space in front")
    return value


def _file_name(value: str) -> str:
    if not value or "/" in value or "\\" in value or value in (".", ".."):
        raise ValueError("expected a plain name without folders")
    return value


def _bucket_address(value: str) -> str:
    found = re.fullmatch(r"(s3|gs)://[a-z0-9][a-z0-9._-]+(/[^/].*)?", value.rstrip("/"))
    if not found or "//" in (found[2] or "") or "/.." in (found[2] or ""):
        raise ValueError("expected a bucket and a prefix, such as s3://archive/exports")
    if reason := unfit_for_snakemake(value):
        raise ValueError(f"{reason}; choose another prefix")
    return value.rstrip("/")


def _level_names(value: list[str]) -> list[str]:
    if reason := problem_of_names(value):
        raise ValueError(reason)
    return value


def _names(value: object) -> object:
    # Boxes and years are numbered: YAML reads their names as numbers.
    if not isinstance(value, list):
        return value
    return [str(n) if isinstance(n, int) and not isinstance(n, bool) else n for n in value]


Int = Annotated[int, BeforeValidator(_no_bool)]
Float = Annotated[float, BeforeValidator(_no_bool)]
ConfigPath = Annotated[Path, BeforeValidator(_no_empty_path), AfterValidator(_plain_path)]
ModelName = Annotated[str, AfterValidator(_model_name)]
DisplayPrefix = Annotated[str, AfterValidator(_display_prefix)]
BucketAddress = Annotated[str, AfterValidator(_bucket_address)]
FileName = Annotated[str, AfterValidator(_file_name)]
LevelNames = Annotated[list[str], AfterValidator(_level_names)]
Names = Annotated[
    list[str],
    BeforeValidator(_names),
    WithJsonSchema({"type": "array", "items": {"type": ["string", "integer"]}}),
]


def _off(value: object) -> object:
    # YAML's `off` is False.
    return "off" if value is False else value


GuardAction = Annotated[Literal["fail", "flag", "off"], BeforeValidator(_off)]
FlagAction = Annotated[Literal["flag", "off"], BeforeValidator(_off)]


class Deadline(str):
    """Hours from the beginning of a run, or a date as ISO 8601 has it; of a day its end counts.

    Without a zone it is the time of this computer.
    """

    __slots__ = ()

    def at(self, began: float) -> float:
        """When it is, in Unix seconds; `began`: when the run did.

        Raises:
            ValueError: it is neither.
        """
        with suppress(ValueError):
            if not 0 < (hours := float(self)) <= MOST_HOURS:
                raise OverflowError
            return began + 3600 * hours
        moment = datetime.datetime.fromisoformat(self)
        if len(self) <= len("2026-12-24"):
            moment += datetime.timedelta(days=1)
        return moment.timestamp()


def _deadline(value: object) -> Deadline:
    # YAML knows numbers and dates; `snakemake --config` hands on texts.
    is_known = isinstance(value, int | float | str | datetime.date) and not isinstance(value, bool)
    deadline = Deadline(str(value).strip())
    try:
        if not is_known:
            raise ValueError
        deadline.at(0.0)
    except (ValueError, OverflowError):
        raise ValueError(
            f"expected hours above 0, {MOST_HOURS} at most, or a date such as 2026-12-24 or "
            "2026-12-24 18:00"
        ) from None
    return deadline


DeadlineValue = Annotated[
    Deadline, PlainValidator(_deadline), WithJsonSchema({"type": ["number", "string"]})
]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
