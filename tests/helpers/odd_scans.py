"""TIFF files of every kind that scanners and programs write, made bit by bit: any depth, polarity,
order of planes and bytes, tiles, transparency, compression.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from helpers.scan_files import page_of, save
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
    pack: Callable[[Any], bytes] | None = None,
) -> Path:
    """A TIFF file of one page.

    Args:
        samples: height, width and samples of a pixel, of the type that they are stored as.
        tile: length of a side of its tiles in pixels; 0: strips of so many `rows`.
        more: further tags of numbers.
        pack: makes the bytes of a strip or tile in place of `compression`.
    """
    height, width, count = samples.shape
    planes = np.split(samples, count, axis=2) if planar else [samples]
    size = (tile, tile) if tile else (rows, width)
    boxes = [
        pack(np.ascontiguousarray(box))
        if pack
        else _compressed(_packed(box, bits, order, predictor), compression, fill_order)
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


# All kinds, and what each file shows

SIZE = (61, 100)  # no whole number of bytes a line, of tiles or of strips
COLOURS = np.array(page_of("odd", SIZE))
GREY = np.array(page_of("odd", SIZE).convert("L"))
INK = 255 - GREY


def of_depth(eight: Any, bits: int) -> tuple[Any, Any]:
    """8-bit values as samples of so many bits, and as they look then."""
    most = 2**bits - 1
    type_ = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    values = np.rint(eight / 255 * most).astype(type_)
    return values, values / most * 255


def every_tiff(folder: Path) -> Iterator[tuple[Path, Any]]:
    """TIFF files and what each shows."""
    compressions = itertools.cycle(["none", "deflate", "lzw", "packbits"])
    tiles, orders = itertools.cycle([0, 0, 32]), itertools.cycle("<>>")
    depths, ways = (1, 2, 4, 8, 10, 12, 14, 16, 24, 32), ("", "unassociated", "premultiplied")
    product = itertools.product(depths, ways, ("grey", "white is zero", "rgb"), (False, True))
    for round_, (bits, alpha, colours, planar) in itertools.product(range(2), product):
        eight = COLOURS if colours == "rgb" else GREY[..., None]
        values, shown = of_depth(eight, bits)
        most = np.asarray(2**bits - 1).astype(values.dtype)
        opaque = np.full((*GREY.shape, 1), most, values.dtype)
        if alpha:
            opaque[: len(GREY) // 2] = most // 2 if bits > 1 else most
        share = opaque / most
        shown = shown * share + 255 * (1 - share)
        if colours == "white is zero":
            values = most - values
        if alpha == "premultiplied":
            values = np.rint(values * share).astype(values.dtype)
            light = 1 - values / most if colours == "white is zero" else values / most + 1 - share
            shown = np.clip(light, 0, 1) * 255
        samples = np.concatenate([values, opaque], axis=2) if alpha else values
        name = f"{round_} {bits} {alpha or 'opaque'} {colours} {'planar' if planar else 'contig'}"
        compression, tile, order = next(compressions), next(tiles), next(orders)
        path = write_tiff(
            folder / f"{name} {compression} {tile} {'II' if order == '<' else 'MM'}.tif",
            samples,
            bits,
            photometric={"grey": 1, "white is zero": 0, "rgb": 2}[colours],
            planar=planar and samples.shape[2] > 1,
            order=order,
            compression=compression,
            predictor=2 if bits in (8, 16, 32) and compression in ("lzw", "deflate") else 1,
            tile=tile,
            extra=[] if not alpha else [2 if alpha == "unassociated" else 1],
        )
        yield path, (shown if colours == "rgb" else shown[..., 0])


def other_tiffs(folder: Path) -> Iterator[tuple[Path, Any]]:
    """Greys that fill only some of their bits, signed ones, fractions, palettes, CMYK, bits turned
    round, and orientations."""
    grey = GREY[..., None]
    twelve = grey.astype(np.uint16) << 4
    shown = twelve[..., 0] / 4095 * 255
    yield write_tiff(folder / "12 in 16.tif", twelve, 16), shown
    yield write_tiff(folder / "12 in 16, white 0.tif", 4080 - twelve, 16, photometric=0), GREY
    yield write_tiff(folder / "10 in 16.tif", grey.astype(np.uint16) << 2, 16), GREY
    yield write_tiff(folder / "8 in 16.tif", grey.astype(np.uint16), 16), GREY
    yield write_tiff(folder / "8 in 32.tif", grey.astype(np.uint32), 32), GREY
    yield write_tiff(folder / "16 in 32.tif", grey.astype(np.uint32) * 257, 32), GREY
    most = {281: [4080]}
    yield write_tiff(folder / "12 as stated.tif", twelve, 16, more=most, order=">"), GREY
    colours = COLOURS.astype(np.uint16) << 4
    yield write_tiff(folder / "12 in 16 rgb.tif", colours, 16, photometric=2), COLOURS
    planar = {"photometric": 2, "planar": True, "compression": "lzw"}
    yield write_tiff(folder / "12 in 16 planar.tif", colours, 16, **planar), COLOURS
    for order, compression in itertools.product("<>", ("none", "deflate")):
        how: dict[str, Any] = {"order": order, "compression": compression}
        name = f"{order == '<'} {compression}.tif"
        signed = (grey.astype(np.int16) - 128).astype(np.int8).view(np.uint8)
        yield write_tiff(folder / f"signed 8 {name}", signed, 8, kind=SIGNED, **how), GREY
        signed = (grey.astype(np.int16) << 7).view(np.uint16)
        yield write_tiff(folder / f"signed 16 {name}", signed, 16, kind=SIGNED, **how), GREY
        for bits in (16, 32, 64):
            share = (grey / 255).astype(f"f{bits // 8}")
            file = folder / f"fraction {bits} {name}"
            three = 3 if compression == "deflate" else 1
            if bits == 16:  # bits as they lie, for the sake of the predictor's bytes
                share = share.view(np.uint16)
            yield write_tiff(file, share, bits, kind=FRACTION, predictor=three, **how), GREY
            share = (1 - grey / 255).astype(f"f{bits // 8}")
            file = folder / f"fraction white 0 {bits} {name}"
            yield write_tiff(file, share, bits, kind=FRACTION, photometric=0, **how), GREY
    for most, top in ((4.2, 0), (4.2, 4.2), (255, 0), (4095, 0), (65535, 0)):  # as fractions
        share = (grey / np.float32(235) * most).astype(np.float32)  # 235 is its paper
        file = write_tiff(folder / f"fraction to {most} of {top}.tif", share, 32, kind=FRACTION)
        yield file, GREY / 235 * 255
        if top:  # the file says it: numbers of the kind that its samples have
            file = folder / f"fraction of {top}, as stated.tif"
            numbers = struct.unpack("<2L", struct.pack("<2f", 0, top * 255 / 235))
            more = {340: [numbers[0]], 341: [numbers[1]]}
            data = write_tiff(file, share, 32, kind=FRACTION, more=more).read_bytes()
            for tag in more:
                whole, fraction = struct.pack("<HHL", tag, 4, 1), struct.pack("<HHL", tag, 11, 1)
                assert data.count(whole) == 1
                data = data.replace(whole, fraction)
            file.write_bytes(data)
            yield file, GREY
    ramp = np.arange(256)
    for factor in (1, 256, 257):  # as some programs write colours, as others do, as is right
        table = {320: [int(value) * factor for value in (*ramp, *ramp, *ramp)]}
        file = folder / f"palette {factor}.tif"
        yield write_tiff(file, grey, 8, photometric=3, more=table), GREY
    ink = np.concatenate([255 - COLOURS, np.zeros_like(grey)], axis=2)
    for planar_ in (False, True):
        file = folder / f"cmyk {planar_}.tif"
        yield write_tiff(file, ink, 8, photometric=5, planar=planar_), COLOURS
        file = folder / f"cmyk 16 {planar_}.tif"
        deep = ink.astype(np.uint16) * 257
        yield write_tiff(file, deep, 16, photometric=5, planar=planar_), COLOURS
    for bits in (1, 4, 12, 16):
        values, seen = of_depth(grey, bits)
        for photometric in (0, 1):
            some = 2**bits - 1 - values if photometric == 0 else values
            file = folder / f"fill order {bits} {photometric}.tif"
            yield write_tiff(file, some, bits, photometric=photometric, fill_order=2), seen[..., 0]
    for value in range(1, 9):
        turned = np.asarray(turned_back(Image.fromarray(GREY), value))[..., None]
        deep = turned.astype(np.uint16) << 4
        yield write_tiff(folder / f"turned {value}.tif", deep, 16, more={274: [value]}), GREY
    alpha = np.concatenate([np.zeros_like(COLOURS), INK[..., None]], axis=2)
    for kind in (1, 2):  # ink that is all in the transparency
        file = folder / f"ink in alpha {kind}.tif"
        yield write_tiff(file, alpha, 8, photometric=2, extra=[kind]), GREY
        file = folder / f"ink in alpha of grey {kind}.tif"
        yield write_tiff(file, alpha[..., 2:], 8, photometric=1, extra=[kind]), GREY


def turned_back(image: Image.Image, value: int) -> Image.Image:
    """An image as it is stored where this orientation makes it upright."""
    turns = Image.Transpose
    undo = (
        *(None, None, turns.FLIP_LEFT_RIGHT, turns.ROTATE_180, turns.FLIP_TOP_BOTTOM),
        *(turns.TRANSPOSE, turns.ROTATE_90, turns.TRANSVERSE, turns.ROTATE_270),
    )
    turn = undo[value]
    return image if turn is None else image.transpose(turn)


def png(samples: Any, bits: int, colour_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of samples (height, width, samples a pixel)."""
    height, width, _ = samples.shape
    typed = samples.astype(np.uint16 if bits == 16 else np.uint8)
    lines = [_packed(line[None], bits, ">", 1) for line in typed]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines))
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")):
        data += struct.pack(">I", len(content)) + name + content
        data += struct.pack(">I", zlib.crc32(name + content))
    return data


def other_files(folder: Path) -> Iterator[tuple[Path, Any]]:
    """PNG, WebP, GIF, JPEG and JPEG 2000 files that readers show differently, or Pillow wrongly."""

    def write(name: str, data: bytes) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    def saved(name: str, image: Image.Image, **options: Any) -> Path:
        return save(folder / name, [image], **options)

    grey = GREY[..., None]
    opaque = np.full_like(grey, 255)
    for top, name in ((257, "16"), (16, "12 in 16"), (4, "10 in 16"), (1, "8 in 16")):
        for samples, kind in ((grey, 0), (COLOURS, 2)):
            deep = samples.astype(np.uint16) * top
            yield write(f"{name} {kind}.png", png(deep, 16, kind)), samples.squeeze()
    deep = np.concatenate([COLOURS, opaque], axis=2).astype(np.uint16)
    yield write("alpha 16.png", png(deep * 257, 16, 6)), COLOURS
    yield write("alpha 12 in 16.png", png(deep << 4, 16, 6)), COLOURS
    deep = np.concatenate([grey, opaque], axis=2).astype(np.uint16) * 257
    yield write("grey alpha 16.png", png(deep, 16, 4)), GREY
    for used in (12, 10, 8):  # bits, of 16
        few = deep >> 8 << used - 8
        yield write(f"grey alpha {used} in 16.png", png(few, 16, 4)), GREY
    nothing = np.zeros_like(COLOURS)
    rgba = np.concatenate([nothing, INK[..., None]], axis=2)
    yield saved("alpha.png", Image.fromarray(rgba)), GREY
    yield saved("alpha.webp", Image.fromarray(rgba), lossless=True), GREY
    yield saved("alpha.jp2", Image.fromarray(rgba)), GREY
    la = np.concatenate([nothing[..., :1], INK[..., None]], axis=2)
    yield saved("grey alpha.png", Image.fromarray(la)), GREY
    # One grey, or colour, or place in a palette that is to be paper.
    two = np.where(GREY[..., None] < 128, 0, 90).astype(np.uint8)
    paper = np.where(GREY < 128, 0, 255)
    for bits, depth in ((2, 2), (4, 4), (8, 8), (8, 16), (12, 16), (16, 16)):
        light = 90 * 2**bits // 256
        some, name = two.astype(np.uint16) // 90 * light, f"paper {bits} in {depth}"
        chunk = (b"tRNS", struct.pack(">H", light))
        yield write(f"{name}.png", png(some, depth, 0, chunk)), paper
        if bits >= 8:
            chunk = (b"tRNS", struct.pack(">HHH", light, light, light))
            three = np.repeat(some, 3, axis=2)
            yield write(f"{name} rgb.png", png(three, depth, 2, chunk)), paper
    near = np.where(GREY[..., None] < 128, 0, 0x5A12).astype(np.uint16)
    near[: len(near) // 2][near[: len(near) // 2] > 0] = 0x5A34  # one of two that look the same
    shown = np.where(near == 0x5A34, 255, near / 257)[..., 0]
    chunk = (b"tRNS", struct.pack(">H", 0x5A34))
    yield write("paper among greys.png", png(near, 16, 0, chunk)), shown
    chunk = (b"tRNS", struct.pack(">HHH", 0x5A34, 0x5A34, 0x5A34))
    yield write("paper among colours.png", png(np.repeat(near, 3, axis=2), 16, 2, chunk)), shown
    alphas = [(b"PLTE", bytes(12)), (b"tRNS", bytes([255, 170, 85, 0]))]
    for bits in (2, 4, 8):
        file = write(f"papers of a palette {bits}.png", png(grey // 64, bits, 3, *alphas))
        yield file, np.array([0, 85, 170, 255])[GREY // 64]
    palette = [(b"PLTE", bytes(6)), (b"tRNS", b"\xff\0")]
    yield write("paper of a palette.png", png(two // 90, 8, 3, *palette)), paper
    gif = Image.fromarray((two[..., 0] // 90).astype(np.uint8), "P")
    gif.putpalette(bytes(6))
    yield saved("paper.gif", gif, transparency=1), paper
    ink = Image.fromarray(np.concatenate([255 - COLOURS, nothing[..., :1]], axis=2), "CMYK")
    yield saved("cmyk.jpg", ink, quality=95), COLOURS
