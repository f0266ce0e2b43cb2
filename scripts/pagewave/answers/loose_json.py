"""JSON as services and models write it: in either spelling, with counts as text, or amid prose."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

Json = dict[str, Any]

FENCE = re.compile(r"```[\w-]*[ \t]*\r?\n(.*?)```", re.DOTALL)


def load_object(text: str) -> Json:
    """A JSON object. Raises ValueError, also for what the parser itself cannot take."""
    try:
        value = json.loads(text, strict=False)  # a raw newline in a string is clear enough
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"it is a {type(value).__name__}, not an object")
    return value


def object_in(text: str) -> Json:
    """The JSON object in a text: bare, in a code fence, or from the first { to the last }.

    Raises:
        ValueError: there is none; says what is wrong with the bare text.
    """
    fence = FENCE.search(text)
    attempts = [text, fence[1] if fence else "", text[text.find("{") : text.rfind("}") + 1]]
    problems = []
    for attempt in attempts:
        try:
            return load_object(attempt)
        except ValueError as error:
            problems.append(error)
    raise problems[0]


def decode(line: bytes) -> str:
    """A line's text. Raises ValueError when it is not UTF-8."""
    return line.decode("utf-8-sig")


def get(values: Mapping[str, Any], name: str) -> Any:
    """A field by its camel-case name, in camel or snake case; None when it is missing."""
    return values[name] if name in values else values.get(_snake(name))


def as_object(value: object) -> Json:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def count(values: Mapping[str, Any], name: str) -> int:
    """A count; proto3 JSON leaves out zeros and may write a number as text."""
    try:
        return max(0, int(get(values, name) or 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def storable(text: str) -> str:
    """A text that is valid Unicode: a lone surrogate, which JSON can spell, is written out."""
    return text.encode("utf-8", "backslashreplace").decode()


@cache
def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", name)
