"""Turns what pydantic finds wrong with a configuration into sentences for the person who wrote it.

`expected` describes a key's type; the tables of `config/README.md` use the same words.
"""

from __future__ import annotations

import datetime
import difflib
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from pagewave.config.types import Deadline
from pagewave.redaction import HIDDEN

PLAIN_TYPES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
    SecretStr: "a web address",
    datetime.date: "a date such as 2026-10-07",
    Deadline: "hours, or a date such as 2026-12-24",
}


class Place(NamedTuple):
    """What a key may hold: its type without `| None`, and the bounds of its value."""

    kind: Any
    bounds: tuple[Any, ...] = ()
    nullable: bool = False


def explain(errors: Sequence[Any], model: type[BaseModel]) -> list[str]:
    """A line for each of `ValidationError.errors()`: the key's path, its value, what it may be."""
    return [_explain(error, model) for error in errors]


def known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All keys that are no sections, as (dotted path, field), in the order of the models."""
    for name, field in model.model_fields.items():
        kind = place_of(field).kind
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from known_keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def place_of(field: FieldInfo) -> Place:
    """What a model's field may hold."""
    place = _unwrap(field.annotation)
    return Place(place.kind, (*place.bounds, *field.metadata), place.nullable)


def expected(place: Place) -> str:
    """A key's type in words, such as `a whole number, 1 or more`."""
    kind, origin = place.kind, get_origin(place.kind)
    if origin is Literal:
        words = " or ".join(json.dumps(choice) for choice in get_args(kind))
    elif origin is list:
        item = _unwrap(get_args(kind)[0]).kind
        words = "a list of mappings" if _is_model(item) else "a list of texts"
    elif origin is dict or _is_model(kind):
        words = "a mapping (keys with values)"
    else:
        words = PLAIN_TYPES[kind]
    low = next((b for b in place.bounds if isinstance(b, Ge | Gt)), None)
    high = next((b for b in place.bounds if isinstance(b, Le | Lt)), None)
    if isinstance(low, Ge) and isinstance(high, Le):
        words += f" from {low.ge} to {high.le}"
    elif isinstance(low, Gt):
        words += f" above {low.gt}" + (f", {high.le} at most" if isinstance(high, Le) else "")
    elif isinstance(low, Ge):
        words += f", {low.ge} or more"
    return words + (", or null" if place.nullable else "")


def show(value: object) -> str:
    """A value as YAML would have it, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _explain(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    loc = error["loc"]
    key = _dotted(loc)
    if error["type"] in ("extra_forbidden", "invalid_key"):
        return f"{key}: unknown key{_suggestion(loc, model)}"
    place = _place_at(loc, model)
    if error["type"] == "missing":
        return f"{key}: missing, expected {expected(place)}{_meaning(loc, model)}"
    if loc and loc[-1] == "[key]":
        choices = [str(choice) for choice in get_args(place.kind)]
        return f"{_dotted(loc[:-1])}: unknown name{_nearest(error['input'], choices)}"
    given = HIDDEN if place.kind is SecretStr else show(error["input"])
    if error["type"] == "value_error":
        return f"{key}: {given}: {error['ctx']['error']}"
    return f"{key}: {given} given, expected {expected(place)}"


def _dotted(loc: Sequence[str | int]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) and text else f".{part}" if text else str(part)
    return text


def _meaning(loc: Sequence[str | int], model: type[BaseModel]) -> str:
    parent = _place_at(loc[:-1], model).kind
    field = parent.model_fields.get(loc[-1]) if _is_model(parent) else None
    return f": {field.description}" if field and field.description else ""


def _suggestion(loc: Sequence[str | int], model: type[BaseModel]) -> str:
    """Near names at the same level first, then the same name elsewhere."""
    name, parent = str(loc[-1]), _place_at(loc[:-1], model).kind
    siblings = list(parent.model_fields) if _is_model(parent) else []
    paths = [path for path, _ in known_keys(model)]
    if name in paths:
        section, _, rest = name.partition(".")
        return f"; write it without the dot, as {section}: {{{rest}: ...}}"
    if difflib.get_close_matches(name, siblings):
        return _nearest(name, siblings)
    elsewhere = [p for p in paths if p.rpartition(".")[2] == name]
    if elsewhere:
        return f"; did you mean {elsewhere[0]} (a key of the section {elsewhere[0].split('.')[0]})?"
    leaves = {path.rpartition(".")[2]: path for path in reversed(paths)}
    if near := difflib.get_close_matches(name, leaves, n=1, cutoff=0.8):
        return f"; did you mean {leaves[near[0]]}?"
    return f"; known here: {', '.join(siblings)}"


def _nearest(name: object, choices: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(name), choices, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(choices)}"


def _place_at(loc: Sequence[str | int], model: type[BaseModel]) -> Place:
    """Follows an error's location through models, lists and mappings."""
    place = Place(model)
    for part in loc:
        origin, args = get_origin(place.kind), get_args(place.kind)
        if _is_model(place.kind) and part in place.kind.model_fields:
            place = place_of(place.kind.model_fields[part])
        elif origin is list:
            place = _unwrap(args[0])
        elif origin is dict:
            # pydantic names a bad key twice: as a part of its own, then as "[key]".
            place = _unwrap(args[0] if loc[-1] == "[key]" else args[1])
    return place


def _unwrap(annotation: Any) -> Place:
    """Takes `Annotated` and `| None` off a type."""
    bounds: tuple[Any, ...] = ()
    nullable = False
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *extra = get_args(annotation)
            bounds += tuple(extra)
        elif origin in (Union, types.UnionType):
            nullable = True
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return Place(annotation, bounds, nullable)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
