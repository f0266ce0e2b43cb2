"""JSON as the service writes it: in either spelling, with odd numbers, in whatever Unicode."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

Json = dict[str, Any]

LONGEST_NUMBER = 400
"""Digits; Python refuses to read more than 4,300, and no float has more than 309."""


def load_object(text: str) -> Json:
    """A JSON object. Raises ValueError, also for what the parser itself cannot take."""
    try:
        # A raw newline in a string is clear enough, an absurd number no reason to lose a line.
        value = json.loads(text, strict=False, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"it is a {type(value).__name__}, not an object")
    return value


def decode(line: bytes) -> str:
    """A line's text. Raises ValueError when it is not UTF-8."""
    return line.decode("utf-8-sig")


def get(values: Mapping[str, Any], name: str) -> Any:
    """A field by its camel-case name, in camel or snake case; None when it is missing."""
    return values[name] if name in values else values.get(_snake(name))


def as_object(value: object) -> Json:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def storable(text: str) -> str:
    """A text that is valid Unicode: a lone surrogate, which JSON can spell, is written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else float(digits)


@cache
def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", name)
