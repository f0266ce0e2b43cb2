"""What makes a form: the file of its class, and what of this room it imports, however far.

A hash of it tells whether files would be made otherwise now. Other rooms are not looked at: page
files, trees and schema, which decide about content, are noted by themselves.
"""

import ast
import hashlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pagewave.exports.exporter import Exporter

_ROOM = "pagewave.exports"
_FOLDER = Path(__file__).parent


def program_of(exporter: Exporter) -> str:
    """A hash of the bytes of all these files; a form of a user's own is one of them."""
    hashed = hashlib.sha256()
    for content in map(Path.read_bytes, files_of(Path(inspect.getfile(type(exporter))))):
        hashed.update(hashlib.sha256(content).digest())
    return hashed.hexdigest()


def files_of(form: Path) -> list[Path]:
    """The file of a form, and those of this room that it needs, in an order that is always so."""
    found, left = set[Path](), [form]
    while left:
        if (file := left.pop()) not in found:
            found.add(file)
            left += _imported(file)
    return [form, *sorted(found - {form})]


@cache
def _imported(file: Path) -> tuple[Path, ...]:
    """Modules of this room that a file imports, wherever in it."""
    return tuple(path for name in _names(file.read_bytes()) for path in _paths(name))


def _names(source: bytes) -> Iterator[str]:
    """Full names of what is imported; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _paths(name: str) -> Iterator[Path]:
    """The file of a module of this room; none of another, or of what is no module."""
    if name.startswith(f"{_ROOM}."):
        path = _FOLDER.joinpath(*name.removeprefix(f"{_ROOM}.").split("."))
        yield from (
            file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()
        )
