"""Scans of every depth, polarity, order of planes, compression, container and transparency: the
picture that is sent is the one that was scanned, or it is refused in words.
"""

import io
import itertools
import shutil
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import pictures
from helpers.odd_scans import (
    COLOURS,
    GREY,
    every_tiff,
    of_depth,
    other_files,
    other_tiffs,
    png,
    write_tiff,
)
from helpers.scan_files import page_of, save
from pagewave.errors import DataError
from pagewave.pages import scan_files as scans
from pagewave.pages.ink import share_of_ink

DPI = 300

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


def test_tiff_of_every_depth_polarity_order_and_compression(tmp_path: Path) -> None:
    files = list(every_tiff(tmp_path))
    assert len(files) >= 300
    wrong = [words for path, truth in files if (words := differs(path, truth))]
    assert wrong == []


def test_tiff_of_other_scales_signs_palettes_and_turns(tmp_path: Path) -> None:
    files = list(other_tiffs(tmp_path))
    assert len(files) > 60
    wrong = [words for path, truth in files if (words := differs(path, truth))]
    assert wrong == []


@pytest.mark.slow
def test_other_decoders_see_the_same(tmp_path: Path) -> None:
    """A sample of what `benchmarks/pictures.py` compares in minutes."""
    for program in ("gm", "mutool", "tiff2rgba", "opj_decompress"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing: .ci/install")
    files = [*itertools.islice(every_tiff(tmp_path), 0, None, 13)]
    files += [*itertools.islice(other_tiffs(tmp_path), 0, None, 9), *other_files(tmp_path)]
    for path, truth in files:
        pictures.write_truth(path, truth)
    told = [line for path, _ in files for line in pictures.compare(path)]
    verdicts = Counter(verdict for verdict, _ in told)
    assert [line for verdict, line in told if verdict in ("DIFFERS", "refused")] == []
    assert verdicts["same"] >= len(files) / 2
    assert verdicts["alone"] <= len(files) / 6


def test_what_differs_from_what_a_file_was_made_of_is_told(tmp_path: Path) -> None:
    path = save(tmp_path / "1.png", [Image.fromarray(COLOURS)])
    pictures.write_truth(path, 255 - COLOURS)
    ((verdict, line),) = pictures.compare(path)
    assert verdict == "DIFFERS" and "from what was made: " in line


@pytest.mark.parametrize(
    ("number", "format_", "options"),
    [
        (50001, "WEBP", {"lossless": True}),
        (34712, "JPEG2000", {"no_jp2": True}),
        (34933, "PNG", {}),
    ],
)
@pytest.mark.parametrize("tile", [0, 32])
def test_tiff_of_strips_or_tiles_that_are_images_themselves(
    tmp_path: Path, number: int, format_: str, options: dict[str, Any], tile: int
) -> None:
    def compressed(box: Any) -> bytes:
        target = io.BytesIO()
        Image.fromarray(box).save(target, format_, **options)
        return target.getvalue()

    path = write_tiff(
        tmp_path / "1.tif",
        COLOURS,
        8,
        photometric=2,
        tile=tile,
        pack=compressed,
        more={259: [number]},
    )
    assert differs(path, COLOURS) == ""


# Other containers


def test_other_formats_are_shown_as_they_are_on_white(tmp_path: Path) -> None:
    files = list(other_files(tmp_path))
    assert len(files) > 18
    wrong = [words for path, truth in files if (words := differs(path, truth))]
    wrong += [path.name for path, _ in files if scans.leaves(path, DPI)[0].sendable]
    assert wrong == []


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_png_of_which_all_is_transparent_is_white(tmp_path: Path, bits: int) -> None:
    for kind, count in ((0, 1), (2, 3)):
        if kind == 0 or bits >= 8:
            black = np.zeros((9, 9, count), np.uint8)
            chunk = (b"tRNS", bytes(2 * count))
            (tmp_path / "1.png").write_bytes(png(black, bits, kind, chunk))
            assert load(tmp_path / "1.png").convert("L").getextrema() == (255, 255)


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


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></x:xmpmeta>'
)


@pytest.mark.parametrize("is_behind", [False, True])
@pytest.mark.parametrize("kind", ["exif", "xmp", "small xmp", "text", "small text"])
def test_a_png_is_turned_by_its_tags_wherever_they_are(
    tmp_path: Path, kind: str, is_behind: bool
) -> None:
    """Some programs write them behind the pixels; 16 bits are turned as well as 8."""
    exif = Image.Exif()
    exif[274] = 6
    hexed = exif.tobytes().hex()
    text = f"\nexif\n{len(hexed) // 2:8}\n{hexed}\n".encode()
    chunk = {
        "exif": (b"eXIf", exif.tobytes()[6:]),
        "xmp": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        "small xmp": (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
        "text": (b"tEXt", b"Raw profile type exif\0" + text),
        "small text": (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)),
    }[kind]
    lying = np.ascontiguousarray(np.rot90(COLOURS))
    for bits, samples in ((8, lying), (16, lying.astype(np.uint16) << 4)):
        data = png(samples, bits, 2, chunk)
        if is_behind:
            size = 12 + len(chunk[1])
            data = data[:33] + data[33 + size : -12] + data[33 : 33 + size] + data[-12:]
        path = tmp_path / f"{bits}.png"
        path.write_bytes(data)
        (leaf,) = scans.leaves(path, DPI)
        assert not leaf.sendable
        assert leaf.recipe == (1 if is_behind or bits == 16 else 0)  # others were right before
        assert differs(path, COLOURS) == ""


@pytest.mark.parametrize(
    ("chunk", "is_turned"),
    [
        ((b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 21))), False),
        ((b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP + b" " * (1 << 21))), True),
        ((b"iCCP", b"profile\0\1" + zlib.compress(b"packed otherwise")), False),
        ((b"acTL", struct.pack(">II", 2, 0)), False),  # and no frame follows
    ],
)
def test_a_png_is_read_though_what_stands_beside_its_pixels_is_odd(
    tmp_path: Path, chunk: tuple[bytes, bytes], is_turned: bool
) -> None:
    truth = np.rot90(COLOURS, -1) if is_turned else COLOURS
    path = tmp_path / "1.png"
    path.write_bytes(png(COLOURS, 8, 2, chunk))
    (leaf,) = scans.leaves(path, DPI)
    assert not leaf.sendable
    assert differs(path, truth) == ""


def test_a_png_that_is_torn_behind_its_pixels_is_read(tmp_path: Path) -> None:
    whole, path = png(COLOURS, 8, 2), tmp_path / "1.png"
    path.write_bytes(whole[:-12] + struct.pack(">I", 300) + b"IDAT")
    (leaf,) = scans.leaves(path, DPI)
    assert not leaf.sendable
    assert differs(path, COLOURS) == ""
    path.write_bytes(whole[:-300])
    with pytest.raises(DataError, match="put the scan there again"):
        scans.leaves(path, DPI)


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


@pytest.mark.parametrize("tag", [256, 257, 258, 277, 278, 322, 323, 273, 279])
def test_a_tiff_that_says_absurd_things_is_refused_at_once(tmp_path: Path, tag: int) -> None:
    for number in (0, 2**31, 2**32 - 1):
        for tile in (0, 32):
            samples = GREY[..., None].astype(np.uint32)
            count = 4 if tag in (273, 279) else 1
            path = write_tiff(
                tmp_path / "1.tif", samples, 32, tile=tile, more={tag: [number] * count}
            )
            try:
                leaves = scans.leaves(path, DPI)
                assert len(leaves) == 1
                scans.load(path, 1, DPI, None)
            except DataError as error:
                assert str(path) in str(error)


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
        (8, 259, 34887, "grey, 8 bits, compression LERC"),
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
