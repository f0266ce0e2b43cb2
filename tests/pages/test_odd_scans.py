"""Scans of every depth, polarity, order of planes, compression, container and transparency: the
picture that is sent is the one that was scanned, or it is refused in words.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.odd_scans import FRACTION, SIGNED, write_tiff
from helpers.scan_files import page_of, save
from pagewave.errors import DataError
from pagewave.pages import scan_files as scans
from pagewave.pages.ink import share_of_ink

DPI = 300
SIZE = (61, 100)  # no whole number of bytes a line, of tiles or of strips
COLOURS = np.array(page_of("odd", SIZE))
GREY = np.array(page_of("odd", SIZE).convert("L"))
INK = 255 - GREY

MEAN, CORRELATION = 2.0, 0.99
"""What two decoders of one file may differ by: grey levels, and the least correlation."""


def load(path: Path) -> Image.Image:
    (leaf,) = scans.leaves(path, DPI)
    assert not leaf.problem
    image = scans.load(path, 1, DPI, None)
    assert image.size == (leaf.width, leaf.height)
    return image


def differs(path: Path, truth: Any) -> str:
    """How a scan's picture differs from what was scanned, grey or RGB; empty where it doesn't."""
    try:
        image = load(path)
    except (DataError, AssertionError) as error:
        return f"{path.name}: {error}"
    found = np.asarray(image.convert("L" if truth.ndim == 2 else "RGB"), float)
    if found.shape != truth.shape:
        return f"{path.name}: {found.shape}"
    mean = abs(found.mean() - truth.mean())
    correlation = np.corrcoef(found.ravel(), truth.ravel())[0, 1]
    good = mean <= MEAN and correlation >= CORRELATION
    return "" if good else f"{path.name}: {mean:.1f} levels, correlation {correlation:.3f}"


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


def test_tiff_of_every_depth_polarity_order_and_compression(tmp_path: Path) -> None:
    files = list(every_tiff(tmp_path))
    assert len(files) >= 300
    wrong = [words for path, truth in files if (words := differs(path, truth))]
    assert wrong == []


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


def test_tiff_of_other_scales_signs_palettes_and_turns(tmp_path: Path) -> None:
    files = list(other_tiffs(tmp_path))
    assert len(files) > 60
    wrong = [words for path, truth in files if (words := differs(path, truth))]
    assert wrong == []


# Other containers


def png(samples: Any, bits: int, colour_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of samples (height, width, samples a pixel)."""
    height, width, _ = samples.shape
    lines = samples.astype(">u2" if bits == 16 else np.uint8).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
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
    yield write("paper.png", png(two, 8, 0, (b"tRNS", struct.pack(">H", 90)))), paper
    colour = (b"tRNS", struct.pack(">HHH", 90, 90, 90))
    yield write("paper rgb.png", png(np.repeat(two, 3, axis=2), 8, 2, colour)), paper
    palette = [(b"PLTE", bytes(6)), (b"tRNS", b"\xff\0")]
    yield write("paper of a palette.png", png(two // 90, 8, 3, *palette)), paper
    gif = Image.fromarray((two[..., 0] // 90).astype(np.uint8), "P")
    gif.putpalette(bytes(6))
    yield saved("paper.gif", gif, transparency=1), paper
    ink = Image.fromarray(np.concatenate([255 - COLOURS, nothing[..., :1]], axis=2), "CMYK")
    yield saved("cmyk.jpg", ink, quality=95), COLOURS


def test_other_formats_are_shown_as_they_are_on_white(tmp_path: Path) -> None:
    files = list(other_files(tmp_path))
    assert len(files) > 18
    wrong = [words for path, truth in files if (words := differs(path, truth))]
    wrong += [path.name for path, _ in files if scans.leaves(path, DPI)[0].sendable]
    assert wrong == []


@pytest.mark.parametrize("suffix", [".jp2", ".j2k"])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_jpeg_2000_of_few_bits_is_as_light_as_it_was(
    tmp_path: Path, bits: int, suffix: str
) -> None:
    """Pillow writes 8 bits, as distances from 128; in a file of few bits that is their middle."""
    values, shown = of_depth(GREY, bits)
    moved = values + np.uint8(128 - 2 ** (bits - 1))
    path = save(tmp_path / f"1{suffix}", [Image.fromarray(moved)], irreversible=False)
    data = path.read_bytes()
    start = data.index(b"\xff\x4f\xff\x51") + 42
    assert data[start] == 7
    data = data[:start] + bytes([bits - 1]) + data[start + 1 :]
    path.write_bytes(data)
    assert differs(path, shown) == ""


# Pixels that are not square


@pytest.mark.parametrize(
    ("density", "size"),
    [
        ((204, 98), (60, 208)),  # fax, standard
        ((204, 196), (60, 104)),
        ((204, 391), (115, 100)),
        ((100, 200), (120, 100)),
        ((300, 301), (60, 100)),  # rounded
        ((300, 3), (60, 100)),  # a slip
        ((0, 0), (60, 100)),
    ],
)
@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".png", ".bmp"])
def test_pixels_are_made_square_by_the_files_own_resolution(
    tmp_path: Path, suffix: str, density: tuple[int, int], size: tuple[int, int]
) -> None:
    if suffix in (".png", ".bmp") and 0 in density:
        return
    page = page_of(1, (60, 100)).convert("L")
    path = save(tmp_path / f"1{suffix}", [page], dpi=density)
    (leaf,) = scans.leaves(path, DPI)
    assert (leaf.width, leaf.height) == size
    assert leaf.sendable is (size == page.size and suffix in (".jpg", ".png"))
    assert differs(path, np.asarray(page.resize(size, Image.Resampling.LANCZOS))) == ""


def test_a_turned_fax_is_square_too(tmp_path: Path) -> None:
    page = page_of(1, (60, 100)).convert("1")
    lying = page.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6
    for suffix, options in ((".tif", {"compression": "group4"}), (".png", {}), (".webp", {})):
        exif[282], exif[283] = 98, 204
        path = save(tmp_path / f"1{suffix}", [lying], dpi=(98, 204), exif=exif, **options)
        (leaf,) = scans.leaves(path, DPI)
        assert (leaf.width, leaf.height, leaf.sendable) == (60, 208, False)
        assert load(path).size == (60, 208)


def test_pixels_in_no_unit_of_length_are_made_square_as_well(tmp_path: Path) -> None:
    """JFIF and PNG may say the ratio alone."""
    jpeg = save(tmp_path / "1.jpg", [page_of(1, (60, 100))], dpi=(1, 2))
    data = jpeg.read_bytes()
    at = data.index(b"JFIF\0") + 7
    assert data[at : at + 5] == b"\1\0\1\0\2"
    jpeg.write_bytes(data[:at] + b"\0" + data[at + 1 :])
    ratio = (b"pHYs", struct.pack(">IIB", 1, 2, 0))
    (tmp_path / "1.png").write_bytes(png(COLOURS, 8, 2, ratio))
    for path, size in ((jpeg, (120, 100)), (tmp_path / "1.png", (122, 100))):
        assert load(path).size == size


# What goes as it is


def test_what_every_reader_shows_alike_goes_as_it_is(tmp_path: Path) -> None:
    page = Image.fromarray(COLOURS)
    grey, few, two = page.convert("L"), page.quantize(16), page.convert("1")
    files = [
        save(tmp_path / "1.jpg", [page]),
        save(tmp_path / "2.jpg", [grey], progressive=True),
        *(save(tmp_path / f"{n}.png", [i]) for n, i in enumerate((page, grey, few, two))),
        save(tmp_path / "9.webp", [page]),
    ]
    assert [scans.leaves(path, DPI)[0].sendable for path in files] == [True] * len(files)
    assert [scans.leaves(path, DPI)[0].recipe for path in files] == [0] * len(files)


def jpeg_as(process: int, bits: int = 8) -> bytes:
    """A JPEG that says it was coded in another way."""
    target = io.BytesIO()
    Image.fromarray(COLOURS).save(target, "JPEG")
    data = target.getvalue()
    at = data.index(b"\xff\xc0")
    return (
        data[: at + 1] + bytes([process]) + data[at + 2 : at + 4] + bytes([bits]) + data[at + 5 :]
    )


@pytest.mark.parametrize(("process", "sendable"), [(0xC0, True), (0xC1, True), (0xC9, False)])
def test_jpeg_goes_as_it_is_only_where_all_readers_know_its_coding(
    tmp_path: Path, process: int, sendable: bool
) -> None:
    (tmp_path / "1.jpg").write_bytes(jpeg_as(process))
    assert scans.leaves(tmp_path / "1.jpg", DPI)[0].sendable is sendable


def test_pictures_that_move_do_not_go_as_they_are(tmp_path: Path) -> None:
    pages = [Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)]
    for suffix in (".png", ".webp"):
        path = save(tmp_path / f"1{suffix}", pages)
        assert not scans.leaves(path, DPI)[0].sendable
        assert differs(path, COLOURS) == ""


def test_ink_is_measured_as_it_is_seen(tmp_path: Path) -> None:
    page = Image.new("RGB", (600, 1000), (240, 235, 225))
    for top in range(100, 900, 12):
        page.paste((40, 40, 40), (60, top, 540, top + 3))
    black = Image.new("L", page.size)
    black.putalpha(Image.fromarray(255 - np.array(page.convert("L"))))
    seen, plain = save(tmp_path / "1.png", [black]), save(tmp_path / "2.png", [page])
    assert share_of_ink(seen) == pytest.approx(share_of_ink(plain), abs=0.005)
    assert share_of_ink(plain) > 0.05


# What can't be read


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("1.jpg", jpeg_as(0xC1, 12), "is JPEG of 12 bits"),
        ("1.png", b"\0\0\0\x18ftypheic" + bytes(40), "is HEIC"),
        ("1.jpg", b"\0\0\0\x18ftypavif" + bytes(40), "is AVIF"),
        ("1.tif", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "is JPEG XL"),
        ("1.jpg", b"AT&TFORM" + bytes(40), "is DjVu"),
        ("1.jpg", b"P6 1 1 255 abc", "is PPM"),
    ],
)
def test_other_formats_are_named_with_what_to_do(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        scans.leaves(path, DPI)
    assert words in str(caught.value)
    assert "save it as PNG, or as TIFF of 8 bits" in str(caught.value)


@pytest.mark.parametrize(
    ("bits", "tag", "number", "words"),
    [
        (8, 259, 50001, "grey, 8 bits, compression WebP"),
        (8, 259, 50002, "grey, 8 bits, compression JPEG XL"),
        (8, 259, 4242, "grey, 8 bits, compression number 4242"),
        (16, 259, 7, "grey, 16 bits, compression JPEG"),
        (16, 262, 32803, "raw camera, 16 bits, compression none"),
        (16, 262, 32845, "LogLuv, 16 bits, compression none"),
    ],
)
def test_tiff_of_a_kind_that_cannot_be_read_is_told_from_its_header(
    tmp_path: Path, bits: int, tag: int, number: int, words: str
) -> None:
    values = of_depth(GREY[..., None], bits)[0]
    path = write_tiff(tmp_path / "1.tif", values, bits, more={tag: [number]})
    (leaf,) = scans.leaves(path, DPI)
    assert words in leaf.problem and "save it as PNG" in leaf.problem
    with pytest.raises(DataError, match="save it as PNG"):
        scans.load(path, 1, DPI, None)
