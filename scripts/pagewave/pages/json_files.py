"""Files that people write: noticed by their hash; JSON read with the place of each fault, and
compared by what it says.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pagewave.ledger import WrittenFile


def json_text(content: bytes) -> str:
    """The text of a JSON file, once it is sure that it is JSON; without a byte order mark.

    Raises:
        ValueError: it is no JSON; says where.
    """
    if not content.strip():
        raise ValueError("line 1, column 1: the file is empty")
    try:
        text = content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
        json.loads(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ValueError(f"line {line}, column {column}: this is no text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ValueError("line 1, column 1: it is nested too deeply") from None
    return text


def problem_of(error: Exception) -> str:
    """Why a JSON file is not what it must be, beginning with the place in it."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False)
    first = f"{'.'.join(map(str, found[0]['loc'])) or 'the whole'}: {found[0]['msg']}"
    return first + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def changed_fields(before: Any, after: Any, place: str = "") -> list[str]:
    """The places where two JSON values differ, such as `courses[0].level`."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return [
            changed
            for name in names
            for changed in changed_fields(
                before.get(name, ...), after.get(name, ...), f"{place}.{name}" if place else name
            )
        ]
    if isinstance(before, list) and isinstance(after, list):
        longest = range(max(len(before), len(after)))
        return [
            changed
            for n in longest
            for changed in changed_fields(_item(before, n), _item(after, n), f"{place}[{n}]")
        ]
    return [] if is_same(before, after) else [place or "the whole"]


def _item(values: list[Any], number: int) -> Any:
    return values[number] if number < len(values) else ...


def is_same(one: Any, other: Any) -> bool:
    """Do two JSON values say the same? (To Python, 1 and true do.)"""
    if ... in (one, other):
        return one is other
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def json_for_people(value: Any) -> str:
    """JSON for people; where a text can't be written as it is, with escapes."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(value, indent=1)
    return text


def written_file(path: Path, content: bytes) -> WrittenFile:
    """What is to be noted of a file that has just been read or written; raises OSError."""
    status = path.stat()
    return WrittenFile(hashlib.sha256(content).hexdigest(), status.st_size, status.st_mtime_ns)


def is_as_noted(path: Path, noted: WrittenFile) -> bool:
    """Does a file hold what it held when it was noted? Raises OSError."""
    status = path.stat()
    if (status.st_size, status.st_mtime_ns) == (noted.size_bytes, noted.modified_ns):
        return True
    return hashlib.sha256(path.read_bytes()).hexdigest() == noted.sha256
