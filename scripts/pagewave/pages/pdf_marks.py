"""What PDFium does not tell of a PDF file and its bytes do: masks that are finer than the images
they belong to, and pages whose unit is larger than a point.
"""

from __future__ import annotations

import mmap
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

_MASK = re.compile(rb"Mask\s+(\d+)\s+\d+\s+R")
_SIZE = re.compile(rb"/(Width|Height)\s+(\d+)")
_UNIT = re.compile(rb"/UserUnit\s+(\d*\.?\d+)")
_PORTFOLIO = re.compile(rb"/Collection\s*(<<|\d+\s+\d+\s+R)")
_NUMBER = re.compile(rb"(\d+)\s+\d+\s+$")
LONGEST_DICTIONARY = 4096
"""Bytes of an image's dictionary, which stands between `obj` and `stream`."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Marks:
    """`masks`: the largest mask, in pixels, of images of a size. `unit`: points in a page's unit,
    the largest of its pages (ISO 32000-1, table 30). `is_portfolio`: it is a wrapping for files
    (12.3.5)."""

    masks: dict[Size, Size] = field(default_factory=dict)
    unit: float = 1.0
    is_portfolio: bool = False


def marks(path: Path) -> Marks:
    """What the bytes of a PDF tell; nothing where they are encrypted or make no sense."""
    status = path.stat()
    return _marks(path, status.st_ctime_ns, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=8)
def _marks(path: Path, *_state: int) -> Marks:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        units, is_portfolio = [1.0], False
        for text in _texts(data):
            found = [_UNIT.match(text, at) for at in _places(text, b"/UserUnit")]
            units += [float(unit[1]) for unit in found if unit]
            is_portfolio |= any(_PORTFOLIO.match(text, at) for at in _places(text, b"/Collection"))
        return Marks(_masks(data), max(units), is_portfolio)


def _texts(data: mmap.mmap) -> Iterator[bytes | mmap.mmap]:
    yield data
    yield from _packed(data)


def _places(data: bytes | mmap.mmap, word: bytes) -> Iterator[int]:
    """Where a word stands: many times as quick in large files as a regular expression."""
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)


def _masks(data: mmap.mmap) -> dict[Size, Size]:
    found: dict[Size, Size] = {}
    matches = [match for at in _places(data, b"Mask ") if (match := _MASK.match(data, at))]
    # Of an object that was written anew the last one counts.
    objects = {
        number[1]: at
        for at in (_places(data, b"obj") if matches else ())
        if (number := _NUMBER.search(data[max(0, at - 24) : at]))
    }
    for match in matches:
        image = _size(data, match.start())
        mask = _size(data, objects[match[1]] + 3) if match[1] in objects else None
        if image and mask and mask > found.get(image, (0, 0)):
            found[image] = mask
    return found


def _size(data: mmap.mmap, at: int) -> Size | None:
    """Width and height in the dictionary around a place."""
    start = data.rfind(b"obj", max(0, at - LONGEST_DICTIONARY), at)
    end = data.find(b"stream", at, at + LONGEST_DICTIONARY)
    if start < 0 or end < 0:
        return None
    sides = {name: int(value) for name, value in _SIZE.findall(data[start:end])}
    return (sides[b"Width"], sides[b"Height"]) if len(sides) == 2 else None


def _packed(data: mmap.mmap) -> Iterator[bytes]:
    """The objects that the file holds compressed, which images never are."""
    for place in _places(data, b"/ObjStm"):
        at = data.find(b"stream", place, place + LONGEST_DICTIONARY)
        if at >= 0:
            start = at + len(b"stream") + (2 if data[at + 6 : at + 8] == b"\r\n" else 1)
            end = data.find(b"endstream", start)
            try:
                yield zlib.decompressobj().decompress(data[start:end])
            except zlib.error:
                continue
