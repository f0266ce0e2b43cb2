"""Keeps keys and image data out of what is logged, wherever they turn up in it."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..keys import Secrets

SECRET = "[secret]"

_KEYS = re.compile(
    r"AIza[\w-]{35}"  # Google
    r"|\bsk-[\w-]{20,}"  # Braintrust and others
    r"|(?<=[?&]key=)[^&\s\"'\\]+"
    r"|(?<=[Bb]earer )[\w.~+/=-]{16,}"
)
_SIGNS_OF_KEYS = ("AIza", "sk-", "key=", "earer ")
"""One of these is part of whatever `_KEYS` finds, and they are found much faster."""
_LEAST_DATA = 400
_BASE64 = re.compile(rf"[\w+/-]{{{_LEAST_DATA},}}={{0,2}}", re.ASCII)
_LETTERS_OF_BASE64 = 30
"""Data uses most of the 64; what a model repeats over and over, or rules of a form, but a few."""


def redaction(secrets: Secrets) -> Callable[[Any], Any]:
    """A function that returns a value (JSON, or anything) without secrets and binary data."""
    keys = (secrets.gemini_api_key, secrets.braintrust_api_key)
    known = [key.get_secret_value() for key in keys if key]
    return lambda value: _redacted(value, known)


def _redacted(value: Any, known: Iterable[str]) -> Any:
    if isinstance(value, str):
        return _redacted_text(value, known)
    if isinstance(value, Mapping):
        return {_redacted(k, known): _redacted(v, known) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item, known) for item in value]
    if value is None or isinstance(value, int | float):
        return value
    size = f" of {len(value)} bytes" if isinstance(value, bytes) else ""
    return f"[{type(value).__name__}{size}]"


def _redacted_text(text: str, known: Iterable[str]) -> str:
    for secret in known:
        text = text.replace(secret, SECRET)
    if any(sign in text for sign in _SIGNS_OF_KEYS):
        text = _KEYS.sub(SECRET, text)
    if len(text) >= _LEAST_DATA and max(map(len, text.split()), default=0) >= _LEAST_DATA:
        text = _BASE64.sub(_without_data, text)
    return text


def _without_data(found: re.Match[str]) -> str:
    if len(set(found[0])) < _LETTERS_OF_BASE64:
        return found[0]
    return f"[{len(found[0])} characters of data]"
