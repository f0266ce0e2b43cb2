"""TIFF files of every kind that scanners and programs write, made bit by bit: any depth, polarity,
order of planes and bytes, tiles, transparency, compression.
"""

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from pagewave.pages import tiff

COMPRESSIONS = {"none": 1, "lzw": 5, "deflate": 8, "packbits": 32773}
UNSIGNED, SIGNED, FRACTION = 1, 2, 3


def write_tiff(
    path: Path,
    samples: "np.ndarray[Any, Any]",
    bits: int,
    *,
    photometric: int = 1,
    planar: bool = False,
    order: str = "<",
    compression: str = "none",
    predictor: int = 1,
    tile: int = 0,
    rows: int = 32,
    fill_order: int = 1,
    kind: int = UNSIGNED,
    extra: Sequence[int] = (),
    more: dict[int, Sequence[int]] | None = None,
) -> Path:
    """A TIFF file of one page.

    Args:
        samples: height, width and samples of a pixel, of the type that they are stored as.
        tile: length of a side of its tiles in pixels; 0: strips of so many `rows`.
        more: further tags of numbers.
    """
    height, width, count = samples.shape
    planes = np.split(samples, count, axis=2) if planar else [samples]
    size = (tile, tile) if tile else (rows, width)
    boxes = [
        _compressed(_packed(box, bits, order, predictor), compression, fill_order)
        for plane in planes
        for box in _boxes(plane, size, whole=bool(tile))
    ]
    places = list(np.cumsum([8, *map(len, boxes[:-1])]))
    tags: dict[int, Sequence[int]] = {
        tiff.WIDTH: [width],
        tiff.HEIGHT: [height],
        tiff.BITS: [bits] * count,
        tiff.COMPRESSION: [COMPRESSIONS[compression]],
        tiff.PHOTOMETRIC: [photometric],
        tiff.FILL_ORDER: [fill_order],
        tiff.SAMPLES: [count],
        tiff.PLANES: [2 if planar else 1],
        tiff.PREDICTOR: [predictor],
        tiff.FORMAT: [kind] * count,
        **({tiff.EXTRA: extra} if extra else {}),
        **({tiff.TILE_WIDTH: [tile], tiff.TILE_HEIGHT: [tile]} if tile else {tiff.ROWS: [rows]}),
        (tiff.TILES if tile else tiff.STRIPS): [int(place) for place in places],
        (tiff.TILE_BYTES if tile else tiff.STRIP_BYTES): [len(box) for box in boxes],
        **(more or {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiff.rewritten(order, tags, b"".join(boxes)).getvalue())
    return path


def _boxes(plane: Any, size: tuple[int, int], *, whole: bool) -> list[Any]:
    high, wide = size
    found = []
    for top in range(0, plane.shape[0], high):
        for left in range(0, plane.shape[1], wide):
            box = plane[top : top + high, left : left + wide]
            if whole:
                missing = (high - box.shape[0], wide - box.shape[1])
                box = np.pad(box, ((0, missing[0]), (0, missing[1]), (0, 0)))
            found.append(box)
    return found


def _packed(box: Any, bits: int, order: str, predictor: int) -> bytes:
    if predictor == 2:
        box = np.concatenate([box[:, :1], np.diff(box, axis=1)], axis=1)
    flat = box.reshape(len(box), -1)
    if predictor == 3:
        size, each = bits // 8, box.shape[2]
        planes = flat.astype(flat.dtype.newbyteorder(">")).view(np.uint8)
        planes = planes.reshape(len(box), -1, size).swapaxes(1, 2).reshape(len(box), -1, each)
        return bytes(np.concatenate([planes[:, :1], np.diff(planes, axis=1)], axis=1).tobytes())
    if bits in (8, 16, 32, 64):
        return bytes(flat.astype(flat.dtype.newbyteorder(order)).tobytes())
    places = np.arange(bits - 1, -1, -1, dtype=np.uint32)
    single = (flat[..., None].astype(np.uint32) >> places) & 1
    if bits == 24 and order == "<":
        single = single.reshape(*flat.shape, 3, 8)[..., ::-1, :]
    return bytes(np.packbits(single.reshape(len(box), -1).astype(np.uint8), axis=1).tobytes())


def _compressed(data: bytes, compression: str, fill_order: int) -> bytes:
    if compression == "deflate":
        data = zlib.compress(data)
    elif compression != "none":
        target, line = io.BytesIO(), Image.frombytes("L", (len(data), 1), data)
        line.save(target, "TIFF", compression=f"tiff_{compression}".replace("tiff_pack", "pack"))
        with Image.open(target) as image:
            assert isinstance(image, TiffImagePlugin.TiffImageFile)
            (start,), (length,) = image.tag_v2[273], image.tag_v2[279]
        data = target.getvalue()[start : start + length]
    if fill_order == 2:
        data = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    return data
