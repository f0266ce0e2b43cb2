"""Keeps keys and image data out of what is logged, wherever they turn up in it."""

import re
from collections.abc import Mapping
from typing import Any

from pagewave.redaction import HIDDEN, hide_keys

_KEYS = re.compile(
    r"AIza[\w-]{35}"  # Google
    r"|\bsk-[\w-]{20,}"  # Braintrust and others
    r"|(?<=[?&]key=)[^&\s\"'\\]+"
    r"|(?<=[Bb]earer )[\w.~+/=-]{16,}"
)
"""Keys that this process was never told of, such as an earlier one in an old error."""
_SIGNS_OF_KEYS = ("AIza", "sk-", "key=", "earer ")
"""One of these is part of whatever `_KEYS` finds, and they are found much faster."""
_LEAST_DATA = 400
_BASE64 = re.compile(rf"[\w+/-]{{{_LEAST_DATA},}}={{0,2}}", re.ASCII)
_LETTERS_OF_BASE64 = 30
"""Data uses most of the 64; what a model repeats over and over, or rules of a form, but a few."""


def cleaned(value: Any) -> Any:
    """A value (JSON, or anything) without keys and binary data, as plain JSON."""
    if isinstance(value, str):
        return _cleaned_text(value)
    if isinstance(value, Mapping):
        return {cleaned(name): cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    if value is None or isinstance(value, int | float):
        return value
    size = f" of {len(value)} bytes" if isinstance(value, bytes) else ""
    return f"[{type(value).__name__}{size}]"


def _cleaned_text(text: str) -> str:
    text = hide_keys(text)
    if any(sign in text for sign in _SIGNS_OF_KEYS):
        text = _KEYS.sub(HIDDEN, text)
    if len(text) >= _LEAST_DATA and max(map(len, text.split()), default=0) >= _LEAST_DATA:
        text = _BASE64.sub(_without_data, text)
    return text


def _without_data(found: re.Match[str]) -> str:
    if len(set(found[0])) < _LETTERS_OF_BASE64:
        return found[0]
    return f"[{len(found[0])} characters of data]"
