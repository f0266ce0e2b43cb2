"""Pages of a TIFF file: where each of them is, and each as a small file of its own.

The chain of pages is gone through once, however many there are. A page by itself is what Pillow
decodes, without looking for it among the others, or what `samples` takes apart.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

NO_PAGE = 1 | 4
"""Bits of a TIFF image's NewSubfileType: a small copy of another one, or a mask for it."""

# Tags (TIFF 6.0, section 8 and 15)
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, STRIPS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES, MOST = (
    266,
    273,
    274,
    277,
    278,
    279,
    281,
)
X_RESOLUTION, Y_RESOLUTION, PLANES, PREDICTOR, COLOURS = 282, 283, 284, 317, 320
UNIT = 296
LOWEST, HIGHEST = 340, 341  # of samples of any type
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, EXTRA, FORMAT = 322, 323, 324, 325, 338, 339
_ELSEWHERE = {330, 34665, 34853, 40965}
"""Tags that point to other places in the file, which no page needs to be seen."""
_NUMBERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 11: "f", 12: "d", 16: "Q", 17: "q"}
_BYTES = {2: 1, 5: 8, 7: 1, 10: 8, 13: 4, 18: 8} | {
    kind: struct.calcsize(f"={code}") for kind, code in _NUMBERS.items()
}
"""Bytes of one value of each type; what is of no type known here is passed over."""

MOST_SAMPLES = 64
"""Samples of a pixel that are believed."""

OLD_JPEG = 6
"""A compression whose tables lie anywhere in the file: such pages stay where they are."""

WHOLE_IMAGES = {33005: "JPEG2000", 34712: "JPEG2000", 34933: "PNG", 50001: "WEBP"}
"""Compressions of which each strip or tile is a whole image of a format that Pillow knows."""

COMPRESSIONS = {
    **{1: "none", 2: "CCITT RLE", 3: "CCITT group 3", 4: "CCITT group 4", 5: "LZW"},
    **{6: "old JPEG", 7: "JPEG", 8: "Deflate", 32773: "PackBits", 32946: "Deflate"},
    **{34661: "JBIG", 34712: "JPEG 2000", 33003: "JPEG 2000", 33005: "JPEG 2000"},
    **{34887: "LERC", 34892: "lossy JPEG", 34925: "LZMA", 34933: "PNG", 50000: "Zstandard"},
    **{50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL", 34676: "SGI LogLuv", 32771: "CCITT RLEW"},
    **{32809: "ThunderScan", 33007: "JPEG"},
}


@dataclass(frozen=True)
class Frame:
    """One picture of a TIFF file: its tags as they stand in it, byte order `<` or `>`.

    `offset`: bytes from the file's start to its directory. `number`: among all pictures, from 0.
    """

    number: int
    offset: int
    order: str
    raw: Mapping[int, tuple[int, int, bytes]] = field(repr=False)

    def values(self, tag: int) -> tuple[Any, ...]:
        """A tag's numbers; nothing where it is missing or holds none."""
        kind, count, data = self.raw.get(tag, (0, 0, b""))
        if kind in _NUMBERS:
            return struct.unpack(f"{self.order}{count}{_NUMBERS[kind]}", data)
        if kind in (5, 10):  # fractions
            parts = struct.unpack(f"{self.order}{2 * count}{'L' if kind == 5 else 'l'}", data)
            return tuple(
                above / below if below else 0.0
                for above, below in zip(parts[::2], parts[1::2], strict=True)
            )
        return ()

    def value(self, tag: int, default: float) -> Any:
        """The first of a tag's numbers."""
        return (self.values(tag) or (default,))[0]

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height in pixels as they lie in the file."""
        return int(self.value(WIDTH, 0)), int(self.value(HEIGHT, 0))

    @property
    def orientation(self) -> int:
        """How the picture is to be turned, as in Exif; 1 is upright."""
        found = self.value(ORIENTATION, 1)
        return found if found in range(1, 9) else 1

    @property
    def density(self) -> tuple[float, float]:
        """Pixels in a unit of length across and down; 0 where it isn't said."""
        return float(self.value(X_RESOLUTION, 0)), float(self.value(Y_RESOLUTION, 0))

    @property
    def bits(self) -> tuple[int, ...]:
        """Bits of each sample of a pixel."""
        samples = min(int(self.value(SAMPLES, 1)), MOST_SAMPLES)  # a broken file may say anything
        found = self.values(BITS) or (1,)
        return found if len(found) >= samples else found[:1] * samples

    @property
    def boxes(self) -> list[tuple[int, int]]:
        """Where strips, or tiles, lie: bytes from the file's start, and how many."""
        starts, lengths = self.values(TILES), self.values(TILE_BYTES)
        if not starts:
            starts, lengths = self.values(STRIPS), self.values(STRIP_BYTES)
        return list(zip(starts, lengths, strict=False))

    @property
    def places(self) -> Iterator[tuple[int, int]]:
        """Where the boxes lie in the picture: pixels from its left and its upper edge."""
        width, height = self.stored_size
        if self.values(TILES):
            wide, high = self.value(TILE_WIDTH, width), self.value(TILE_HEIGHT, height)
        else:
            wide, high = width, self.value(ROWS, height)
        wide, high = max(1, wide), max(1, min(high, height))
        return ((left, top) for top in range(0, height, high) for left in range(0, width, wide))

    @property
    def kind(self) -> tuple[object, ...]:
        """All that decides whether such a picture can be decoded, whatever it shows."""
        tags = (COMPRESSION, PHOTOMETRIC, FILL_ORDER, PLANES, PREDICTOR, EXTRA, FORMAT, 530)
        return (self.order, self.bits, bool(self.values(TILES)), *map(self.values, tags))

    @property
    def compression(self) -> str:
        """The compression's name."""
        number = self.value(COMPRESSION, 1)
        return COMPRESSIONS.get(number, f"number {number}")


def pages(file: BinaryIO) -> list[Frame]:
    """The pages of a TIFF file, in order; small copies and masks are none.

    Raises:
        ValueError: the file's first directory makes no sense, or is not there.
    """
    found = list(frames(file))
    if not found:
        raise ValueError("it holds no page")
    return [frame for frame in found if not frame.value(SUBFILE, 0) & NO_PAGE]


def is_tiff(file: BinaryIO) -> bool:
    """Does a file begin as TIFF files do, large ones (BigTIFF) too?"""
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    return start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def alone(file: BinaryIO, frame: Frame, strips: int | None = None) -> io.BytesIO:
    """A page as a TIFF file of its own.

    Args:
        strips: only so many of its strips, or one tile, from the top; None: all.
    """
    boxes, changed = frame.boxes, dict(frame.raw)
    tiled = bool(frame.values(TILES))
    _, height = frame.stored_size
    if strips is not None:
        if tiled:
            strips = 1
            _set(changed, frame.order, WIDTH, [frame.value(TILE_WIDTH, 1)])
            height = frame.value(TILE_HEIGHT, 1)
        else:
            height = min(height, strips * int(frame.value(ROWS, height)))
        _set(changed, frame.order, HEIGHT, [height])
        planes = len(frame.bits) if frame.value(PLANES, 1) == 2 else 1
        each = max(1, len(boxes) // planes)
        boxes = [box for start in range(0, len(boxes), each) for box in boxes[start:][:strips]]
    data = [_read(file, start, length) for start, length in boxes]
    places, at = [], 8
    for part in data:
        places.append(at)
        at += len(part)
    _set(changed, frame.order, TILES if tiled else STRIPS, places)
    _set(changed, frame.order, TILE_BYTES if tiled else STRIP_BYTES, [len(part) for part in data])
    return _written(frame.order, changed, b"".join(data))


def rewritten(order: str, tags: Mapping[int, Sequence[int]], data: bytes) -> io.BytesIO:
    """A TIFF file of one picture with these tags and these bytes, which begin at 8."""
    raw: dict[int, tuple[int, int, bytes]] = {}
    for tag, values in tags.items():
        _set(raw, order, tag, values)
    return _written(order, raw, data)


def _written(order: str, raw: Mapping[int, tuple[int, int, bytes]], data: bytes) -> io.BytesIO:
    data += bytes(len(data) % 2)
    entries = sorted((tag, *raw[tag]) for tag in raw if tag not in _ELSEWHERE)
    directory = struct.pack(f"{order}H", len(entries))
    behind, place = b"", 8 + len(data) + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        if kind in (16, 17, 18):  # of BigTIFF alone
            numbers = struct.unpack(f"{order}{count}Q", value)
            kind, value = 4, struct.pack(f"{order}{count}L", *numbers)
        directory += struct.pack(f"{order}HHL", tag, kind, count)
        if len(value) <= 4:
            directory += value.ljust(4, b"\0")
        else:
            directory += struct.pack(f"{order}L", place + len(behind))
            behind += value + bytes(len(value) % 2)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}L", 8 + len(data))
    return io.BytesIO(head + data + directory + bytes(4) + behind)


def _set(
    raw: dict[int, tuple[int, int, bytes]], order: str, tag: int, values: Sequence[int]
) -> None:
    raw[tag] = (4, len(values), struct.pack(f"{order}{len(values)}L", *values))


def frames(file: BinaryIO) -> Iterator[Frame]:
    """All pictures of the chain, and no more where it makes no sense any further."""
    file.seek(0)
    start = file.read(16)
    order = "<" if start[:2] == b"II" else ">"
    is_large = 43 in start[2:4]
    offset = struct.unpack_from(f"{order}{'Q' if is_large else 'L'}", start, 8 if is_large else 4)[
        0
    ]
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        try:
            raw, following = _directory(file, order, is_large, offset)
            _complete(raw, order, file.seek(0, io.SEEK_END))
        except (struct.error, OverflowError):
            if len(seen) == 1:
                raise ValueError("its first page is cut off") from None
            return
        yield Frame(len(seen) - 1, offset, order, raw)
        offset = following


def _directory(
    file: BinaryIO, order: str, is_large: bool, offset: int
) -> tuple[dict[int, tuple[int, int, bytes]], int]:
    """One directory: type, count and bytes of each tag; and where the next one is."""
    file.seek(offset)
    counts, entry, inline = ("Q", "HHQ", 8) if is_large else ("H", "HHL", 4)
    number = struct.unpack(f"{order}{counts}", file.read(8 if is_large else 2))[0]
    size = struct.calcsize(f"={entry}") + inline
    block = _read(file, file.tell(), number * size + inline)
    following = struct.unpack_from(f"{order}{'Q' if is_large else 'L'}", block, number * size)[0]
    raw = {}
    for index in range(number):
        tag, kind, count = struct.unpack_from(f"{order}{entry}", block, index * size)
        length = _BYTES.get(kind, 0) * count
        if not length:
            continue
        value = block[(index + 1) * size - inline :][:inline][:length]
        if length > inline:
            place = struct.unpack(f"{order}{'Q' if is_large else 'L'}", value)[0]
            value = _read(file, place, length)
        if len(value) == length:
            raw[tag] = (kind, count, value)
    return raw, int(following)


def _complete(raw: dict[int, tuple[int, int, bytes]], order: str, size: int) -> None:
    """Say how long strips are where the file doesn't: up to its end at most."""
    if STRIPS in raw and STRIP_BYTES not in raw:
        starts = Frame(0, 0, order, raw).values(STRIPS)
        _set(raw, order, STRIP_BYTES, [max(0, min(size - start, 2**32 - 1)) for start in starts])


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    # No more than there is: a file may claim more bytes than memory has.
    length = min(length, file.seek(0, io.SEEK_END) - start)
    file.seek(start)
    return file.read(max(0, length))
