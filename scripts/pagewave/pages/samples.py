"""TIFF pictures of other samples than 8 bits side by side: finer greys, signed ones, fractions,
planes one after another, transparency. All become 8 bits on white, as every reader sees them.

Pillow undoes the compression, and nothing else: it is given the bytes as if they were a grey
picture. So what its own table of kinds lacks, or has wrong, is right here in every compression.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from pagewave.pages import tiff
from pagewave.pages.tiff import Frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

USED_BITS = (8, 10, 12, 14, 16, 24, 32, 64)
"""Depths at which scanners measure. A file of 16 bits whose values end at 4,095 holds 12."""

NEARLY_BLACK = 64
"""What is lighter nowhere may be of fewer bits than its file could hold."""

FEWEST_LEVELS = NEARLY_BLACK
"""Fractions above one that end below this are no integers of a scanner."""

ROWS_AT_ONCE = 256
"""What takes several times the memory of the samples is done with so many rows at a time."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4}
PREMULTIPLIED, ALPHA = 1, 2
UNSIGNED, SIGNED, FRACTION = 1, 2, 3
PLAIN_BYTES = (1, 5, 8, 32773, 32946, 34925, 50000)
"""Compressions that keep bytes as they are, whatever they mean."""


def top_of(highest: int, bits: int) -> int:
    """The value that is white, of samples of so many bits of which this is the highest."""
    return int(2 ** min(bits, next(used for used in USED_BITS if highest < 2**used)) - 1)


def is_nearly_black(image: Image.Image) -> bool:
    """Is it so dark everywhere that its samples may have fewer bits than was thought?"""
    lightest = image.convert("L").getextrema()[1]
    return isinstance(lightest, int) and lightest < NEARLY_BLACK


def can_take_apart(frame: Frame) -> bool:
    """Is it a picture that `picture` can make?"""
    bits, colours = frame.bits, _COLOURS.get(frame.value(tiff.PHOTOMETRIC, 1), 99)
    format_ = frame.value(tiff.FORMAT, UNSIGNED)
    return (
        frame.value(tiff.COMPRESSION, 1) in PLAIN_BYTES
        and len(bits) >= colours
        and len(set(bits)) == 1
        and (bits[0] in (16, 32, 64) if format_ == FRACTION else bits[0] <= 32 or bits[0] == 64)
        and format_ in (UNSIGNED, SIGNED, FRACTION, 4)
        and len(set(frame.values(tiff.FORMAT))) <= 1
    )


def picture(frame: Frame, samples: NDArray[Any]) -> Image.Image:
    """A picture of 8 bits, grey or RGB, from its samples (height, width and samples a pixel)."""
    import numpy as np

    photometric = frame.value(tiff.PHOTOMETRIC, 1)
    colours = _COLOURS[photometric]
    if photometric == PALETTE:
        return _from_palette(frame, samples[..., 0])
    kinds = frame.values(tiff.EXTRA)
    kind = kinds[0] if kinds and samples.shape[2] > colours else 0
    range_ = _range(frame, samples[..., :colours])
    opaque_range = _range(frame, samples[..., colours:]) if kind else range_
    eight = np.empty((*samples.shape[:2], colours), np.uint8)
    for first in range(0, len(samples), ROWS_AT_ONCE):
        some = samples[first : first + ROWS_AT_ONCE]
        light = _shares(some[..., :colours], range_)
        if photometric in (WHITE_IS_ZERO, CMYK):
            light = 1 - light
        if kind == ALPHA:
            light = 1 - (1 - light) * _shares(some[..., colours : colours + 1], opaque_range)
        elif kind == PREMULTIPLIED and photometric not in (WHITE_IS_ZERO, CMYK):
            light = light + 1 - _shares(some[..., colours : colours + 1], opaque_range)
        eight[first : first + len(some)] = np.rint(np.clip(light, 0, 1) * 255)
    if photometric == CMYK:
        ink = (255 - eight).tobytes()
        return Image.frombytes("CMYK", eight.shape[1::-1], ink).convert("RGB")
    return Image.fromarray(eight[..., 0] if colours == 1 else eight)


def samples_of(data: io.BytesIO) -> NDArray[Any]:
    """All samples of a picture, height, width and samples a pixel.

    Args:
        data: the page as a file of its own, see `tiff.alone`.

    Raises:
        OSError, ValueError: it can't be decompressed, or there is too little of it.
    """
    import numpy as np

    (frame,) = tiff.frames(data)
    width, height = frame.stored_size
    tiled = bool(frame.values(tiff.TILES))
    planes = len(frame.bits) if frame.value(tiff.PLANES, 1) == 2 else 1
    each = len(frame.bits) // planes
    box_width = frame.value(tiff.TILE_WIDTH, width) if tiled else width
    rows = min(frame.value(tiff.TILE_HEIGHT if tiled else tiff.ROWS, height), 2**31)
    rows = rows if tiled else min(rows, height)
    if min(width, height, box_width, rows) < 1:
        raise ValueError("it has no pixels")
    across = -(-width // box_width)
    down = -(-height // rows)
    boxes = frame.boxes
    if len(boxes) < across * down * min(planes, _needed(frame)):
        raise ValueError("strips or tiles are missing")
    whole = []
    for plane in range(min(planes, _needed(frame))):
        mine = boxes[plane * across * down :][: across * down]
        high = down * rows * across if tiled else height
        part = _decompressed(frame, data, mine, (box_width, rows, high), each)
        if tiled:
            part = part.reshape(down, across, rows, box_width, each).swapaxes(1, 2)
            part = part.reshape(down * rows, across * box_width, each)[:height, :width]
        whole.append(part)
    return np.concatenate(whole, axis=2)


def _needed(frame: Frame) -> int:
    """How many planes are to be seen: those of the colours, and of transparency."""
    colours = _COLOURS.get(frame.value(tiff.PHOTOMETRIC, BLACK_IS_ZERO), len(frame.bits))
    extra = frame.values(tiff.EXTRA)
    return colours + (1 if extra and extra[0] in (ALPHA, PREMULTIPLIED) else 0)


def _decompressed(
    frame: Frame,
    data: io.BytesIO,
    boxes: list[tuple[int, int]],
    size: tuple[int, int, int],
    each: int,
) -> NDArray[Any]:
    """Strips below each other, or tiles: rows, width and samples a pixel.

    Args:
        size: width of a strip in pixels, rows of one, rows of all.
        each: samples that lie side by side.
    """
    import numpy as np

    width, rows, high = size
    wide = -(-width * each * frame.bits[0] // 8)
    tags = {
        tiff.WIDTH: [wide],
        tiff.HEIGHT: [high],
        tiff.BITS: [8],
        tiff.COMPRESSION: [frame.value(tiff.COMPRESSION, 1)],
        tiff.PHOTOMETRIC: [BLACK_IS_ZERO],
        tiff.FILL_ORDER: [frame.value(tiff.FILL_ORDER, 1)],
        tiff.STRIPS: [start for start, _ in boxes],
        tiff.SAMPLES: [1],
        tiff.ROWS: [rows],
        tiff.STRIP_BYTES: [length for _, length in boxes],
    }
    if frame.value(tiff.COMPRESSION, 1) == 1:  # Pillow's own decoder knows no strips without end
        tags[tiff.STRIP_BYTES] = [
            min(length, wide * min(rows, high - row * rows))
            for row, (_, length) in enumerate(boxes)
        ]
    content = data.getbuffer()[8:]
    with Image.open(tiff.rewritten("<", tags, bytes(content)), formats=["TIFF"]) as image:
        image.load()
        lines = np.frombuffer(image.tobytes(), np.uint8).reshape(high, wide)
    predictor = frame.value(tiff.PREDICTOR, 1)
    if predictor == 3:
        lines = _of_fractions(lines, frame.bits[0] // 8, each)
    values = _values(lines, frame, width * each, predictor)
    values = values.reshape(high, width, each)
    if predictor == 2:
        values = np.cumsum(values, axis=1, dtype=values.dtype)
    return _as_meant(values, frame)


def _values(lines: NDArray[np.uint8], frame: Frame, count: int, predictor: int) -> NDArray[Any]:
    """Unsigned numbers, so many a line, of lines of bytes."""
    import numpy as np

    bits = frame.bits[0]
    if bits in (8, 16, 32, 64):
        order = ">" if predictor == 3 else frame.order
        native = lines.view(f"{order}u{bits // 8}") if bits > 8 else lines
        return native.astype(f"u{bits // 8}")
    if bits == 24:
        thirds = lines.reshape(len(lines), count, 3).astype(np.uint32)
        weights = (1, 256, 65536) if frame.order == "<" else (65536, 256, 1)
        summed: NDArray[Any] = (thirds * np.array(weights, np.uint32)).sum(axis=2, dtype=np.uint32)
        return summed
    values = np.zeros((len(lines), count), np.uint32)
    for first in range(0, len(lines), ROWS_AT_ONCE):
        some = np.unpackbits(lines[first : first + ROWS_AT_ONCE], axis=1)[:, : count * bits]
        some = some.reshape(len(some), count, bits)
        for place in range(bits):
            values[first : first + len(some)] |= some[..., place].astype(np.uint32) << (
                bits - 1 - place
            )
    return values


def _of_fractions(lines: NDArray[np.uint8], size: int, each: int) -> NDArray[np.uint8]:
    """Lines without the predictor of floating-point numbers (TIFF Technical Note 3)."""
    import numpy as np

    flat = lines.reshape(len(lines), -1, each)
    summed = np.cumsum(flat, axis=1, dtype=np.uint8).reshape(len(lines), size, -1)
    return np.ascontiguousarray(summed.swapaxes(1, 2)).reshape(len(lines), -1)


def _as_meant(values: NDArray[Any], frame: Frame) -> NDArray[Any]:
    """Unsigned numbers as what they stand for: fractions, or numbers from 0 on."""
    import numpy as np

    bits, format_ = frame.bits[0], frame.value(tiff.FORMAT, UNSIGNED)
    if format_ == FRACTION:
        fractions: NDArray[Any] = values.view(f"f{bits // 8}").astype(f"f{max(4, bits // 8)}")
        return np.asarray(np.nan_to_num(fractions))
    half = 1 << (bits - 1)
    if format_ == SIGNED and bits > 1 and (values >= half).any():
        # Numbers below zero: the darkest one is black.
        moved: NDArray[Any] = (values + values.dtype.type(half)) & values.dtype.type(2 * half - 1)
        return moved
    return values


def _range(frame: Frame, values: NDArray[Any]) -> tuple[float, float]:
    """The samples that are black and white, by the bits that are really used."""
    highest = values.max()
    if frame.value(tiff.FORMAT, UNSIGNED) == FRACTION:
        return _range_of_fractions(frame, float(values.min()), float(highest))
    bits = frame.bits[0]
    stated = frame.value(tiff.MOST, 0)
    top = top_of(int(highest), bits) if bits > 8 else 2**bits - 1
    if frame.value(tiff.FORMAT, UNSIGNED) == SIGNED and highest < 1 << (bits - 1):
        top = min(top, 2 ** (bits - 1) - 1)
    if bits > 8 and highest <= stated < top and stated >= 255:
        top = stated
    return 0.0, float(top)


def _range_of_fractions(frame: Frame, lowest: float, highest: float) -> tuple[float, float]:
    """The same: up to one, a scanner's integers, as the file states, or what is there."""
    stated = frame.value(tiff.HIGHEST, 0.0)
    if not frame.values(tiff.EXTRA) and 0 < highest <= stated:
        return min(lowest, float(frame.value(tiff.LOWEST, 0.0))), float(stated)
    if highest <= 1:
        top = 1.0
    else:
        top = float(top_of(int(highest), 16)) if FEWEST_LEVELS <= highest <= 65535 else highest
    return min(lowest, 0.0), top


def _shares(values: NDArray[Any], range_: tuple[float, float]) -> NDArray[np.float32]:
    """Samples from 0 to 1."""
    import numpy as np

    base, top = range_
    return ((values - np.float32(base)) / np.float32((top - base) or 1)).astype(np.float32)


def _from_palette(frame: Frame, values: NDArray[Any]) -> Image.Image:
    """Numbers of colours as the colours: 16 bits each, or 8 as some programs write them."""
    import numpy as np

    table = np.array(frame.values(tiff.COLOURS), np.float32).reshape(3, -1)
    table = np.rint(table if table.max() <= 255 else table / 257).astype(np.uint8)
    return Image.fromarray(table.T[np.minimum(values, table.shape[1] - 1)])
