"""Keys are never shown: what comes from a service or is shown to a person passes through here."""

import json
import traceback
from urllib.parse import quote

HIDDEN = "[key hidden]"
SHORTEST_KEY = 8  # characters; hiding a shorter one would garble ordinary words

_spellings: set[str] = set()


def remember_key(key: str) -> None:
    """From now on this key is hidden, as it is and as JSON or an address would spell it."""
    if len(key) >= SHORTEST_KEY:
        _spellings.update((key, json.dumps(key)[1:-1], quote(key, safe="")))


def hide_keys(text: str) -> str:
    """The text without the keys that are known."""
    for key in _spellings:
        text = text.replace(key, HIDDEN)
    return text


def hide_keys_in_bytes(data: bytes) -> bytes:
    """The same for bytes that hold text in ASCII or UTF-8."""
    for key in _spellings:
        data = data.replace(key.encode(), HIDDEN.encode())
    return data


def traceback_without_keys() -> str | None:
    """The traceback of the error being handled, if it shows a key; None where it shows none."""
    text = traceback.format_exc()
    hidden = hide_keys(text)
    return None if hidden == text else hidden
