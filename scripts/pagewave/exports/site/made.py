"""The folder of the reading room: what all that write into it share.

A file that is named by another is written before that one, and removed after. A record, which is
written last of all, says of what a book or the shelf was made, and what the shelf says of it.
"""

import hashlib
import shutil
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from pydantic import BaseModel, ValidationError

from pagewave.atomic import write_atomically
from pagewave.exports import page_view
from pagewave.levels import Levels
from pagewave.pages.dataset import Book

ROOM = "reading-room"
"""The folder of the site that holds all that is of no book."""
RECORD = ".pagewave.json"
_ASSETS = "assets-"
SO_FAR = ".so-far.json"
"""The record of a book that is not finished."""


class Record(BaseModel):
    """Of what a book was made, and what the shelf says of it."""

    made_of: str
    shelf: dict[str, Any] = {}


def read_record(file: Path) -> Record | None:
    """What a record says; nothing where there is none, or it is of another version."""
    try:
        return Record.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def place(book: Book, levels: Levels) -> dict[str, Any]:
    """What a book is called: by its folders, by the one that tells most, and by the others."""
    name, beside = levels.heading(book.folders), levels.beside(book.folders)
    return {"folders": book.folders, "name": name, "beside": beside}


def put(file: Path, content: bytes) -> None:
    """Write a file, unless it holds just that."""
    try:
        if file.read_bytes() == content:
            return
    except OSError:
        pass
    write_atomically(file, content)


def short_hash(content: bytes) -> str:
    """What stands for a content in the address of its file."""
    return hashlib.sha256(content).hexdigest()[:8]


def remove_all_but(folder: Path, named: Collection[Path]) -> None:
    """Remove a folder's files that are not named any more, and what crashes left."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path not in named and path.is_file():
            path.unlink(missing_ok=True)


def html(template: str, to_top: str, title: str, **values: object) -> bytes:
    """A page; `to_top` leads from its folder to that of the reading room."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["quote"] = quote
    text = (files(__package__) / template).read_text(encoding="utf-8")
    room = f"{to_top}{ROOM}"
    page = environment.from_string(text).render(
        room=room, assets=f"{room}/{assets_folder()}", top=to_top, title=title, **values
    )
    return f"{page}\n".encode()


@cache
def assets() -> dict[str, bytes]:
    """The scripts, styles and fonts of all pages, by name."""
    folder = files(__package__) / "assets"
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return {**page_view.assets(), **{file.name: file.read_bytes() for file in found}}


@cache
def assets_folder() -> str:
    """The folder of the room that they are in: another one for others, so that pages which were
    made before, and are made anew one after another, keep theirs."""
    hashed = hashlib.sha256()
    for name, content in assets().items():
        hashed.update(name.encode() + content)
    return f"{_ASSETS}{hashed.hexdigest()[:8]}"


def remove_other_assets(room: Path) -> None:
    """Remove those of earlier versions, which no page loads any more."""
    for folder in room.glob(f"{_ASSETS}*"):
        if folder.name != assets_folder():
            shutil.rmtree(folder, ignore_errors=True)


@cache
def program() -> str:
    """A hash of all that makes the reading room, beside its data."""
    ours = [f for f in files(__package__).iterdir() if f.name.endswith((".py", ".jinja"))]
    hashed = hashlib.sha256()
    for file in sorted(ours, key=lambda file: file.name):
        hashed.update(file.read_bytes())
    for content in (page_view.markup(zoom=True).encode(), *assets().values()):
        hashed.update(content)
    return hashed.hexdigest()
