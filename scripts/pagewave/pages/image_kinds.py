"""Kinds of image files: which every reader shows alike, which are decoded otherwise than Pillow
does, and what is said of those that can't be read.
"""

from __future__ import annotations

import re
import struct
from typing import IO

from PIL import Image, UnidentifiedImageError

from pagewave.pages import png, tiff
from pagewave.pages.tiff import Frame

RECIPE = 1
"""How pictures are made of scans of the kinds that went wrong before, or might have. It is part of
the name of what is made; other kinds are made as ever (0)."""

FORM_RECIPE = 2
"""The same, of PDF files with fields of forms: these are drawn, too."""

_FRAME_MARKERS = {0xC0: "baseline", 0xC1: "baseline", 0xC2: "progressive"}
"""Start of frame of JPEG files that all readers know (ITU-T T.81, table B.1)."""
_SCAN = re.compile(rb"\xff\xda")
"""Start of scan; of all ways to look for it the quickest, in all bytes of each scan."""
_NO_FRAME = {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}

_USUAL = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, *tiff.WHOLE_IMAGES})
"""Of TIFF: a page that can't be decoded is broken. With any other it may be the decoder's fault."""

_SHOWN = {(1,), (2,), (4,), (8,)}
"""Bits of greys and of colours of a palette that Pillow shows as they are."""

_PHOTOMETRIC = {
    **{0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab"},
    **{9: "Lab", 10: "Lab", 32803: "raw camera", 32844: "LogL", 32845: "LogLuv"},
}

_STARTS = {
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"AT&TFORM": "DjVu",
    b"8BPS": "Photoshop",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"\x97JB2": "JBIG2",
    b"v/1\x01": "OpenEXR",
    b"P4": "PBM",
    b"P5": "PGM",
    b"P6": "PPM",
    b"SIMPLE": "FITS",
    b"II\xbc\x01": "JPEG XR",
    b"II\x55\0": "Panasonic raw",
    b"PK\x03\x04": "zip",
}
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC"}


def looks_the_same(file: IO[bytes], image: Image.Image) -> bool:
    """Does every reader see the same picture in the file, on white? Told from its header."""
    if image.has_transparency_data:
        return False
    if getattr(image, "is_animated", False) and image.format != "MPO":
        return False
    if image.format in ("JPEG", "MPO"):
        process, bits = jpeg_frame(file)
        return process in _FRAME_MARKERS and bits == 8 and image.mode in ("L", "RGB")
    if image.format == "PNG":
        return png.bits_of(file) <= 8
    if image.format == "JPEG2000":
        return image.mode in ("L", "RGB") and min(jpeg2000_bits(file), default=8) >= 8
    return image.mode in ("1", "L", "P", "RGB")


def jpeg_frame(file: IO[bytes]) -> tuple[int, int]:
    """The start-of-frame marker of a JPEG file and its bits a sample; zeros where none is found."""
    file.seek(2)
    while start := file.read(1):
        if start != b"\xff":
            continue
        while (marker := file.read(1)) == b"\xff":
            pass
        if not marker or marker[0] in _WITHOUT_LENGTH or marker == b"\0":
            continue
        length = int.from_bytes(file.read(2), "big")
        if marker[0] in range(0xC0, 0xD0) and marker[0] not in _NO_FRAME:
            return marker[0], (file.read(1) or b"\0")[0]
        if marker[0] == 0xDA:  # its picture begins
            break
        file.seek(max(0, length - 2), 1)
    return 0, 0


def is_part_of_jpeg(file: IO[bytes], image: Image.Image) -> bool:
    """Does a progressive JPEG lack scans, so that it shows less than was there?

    Each coefficient of each component comes to its last bit in one of them (T.81, G.1.1).
    """
    if image.format != "JPEG" or not image.info.get("progressive"):
        return False
    data = _peek(file, 0, -1)
    done: dict[int, set[int]] = {}
    for at in (mark.start() for mark in _SCAN.finditer(data)):
        if len(data) <= at + 5 or len(data) <= at + 8 + 2 * (count := data[at + 4]):
            break
        first, last, bits = data[at + 5 + 2 * count : at + 8 + 2 * count]
        for index in range(count):
            if not bits & 15:
                done.setdefault(data[at + 5 + 2 * index], set()).update(range(first, last + 1))
    needed = len(image.getbands())
    return len(done) < needed or any(len(found) < 64 for found in done.values())


def jpeg2000_bits(file: IO[bytes]) -> list[int]:
    """Bits a sample of each component of a JPEG 2000 file; nothing where it isn't found."""
    start = _peek(file, 0, 1 << 20)
    at = start.find(b"\xff\x4f\xff\x51")  # start of codestream, and the marker SIZ
    try:
        (components,) = struct.unpack_from(">H", start, at + 40)
        return [(start[at + 42 + 3 * index] & 0x7F) + 1 for index in range(components)]
    except (struct.error, IndexError):
        return []


def _peek(file: IO[bytes], start: int, length: int) -> bytes:
    """Bytes of a file that Pillow may be reading: it finds it where it left it."""
    place = file.tell()
    file.seek(start)
    found = file.read(length)
    file.seek(place)
    return found


def is_ordinary(frame: Frame) -> bool:
    """Is it a TIFF picture of a kind that Pillow always had right?"""
    bits, photometric = frame.bits, frame.value(tiff.PHOTOMETRIC, 1)
    if frame.value(tiff.COMPRESSION, 1) not in (1, 5, 8, 32773, 32946, 34925, 50000):
        return max(bits) <= 8 and photometric in (0, 1, 2, 3, 5, 6)
    if frame.value(tiff.FORMAT, 1) not in (1, 4) or set(bits) - {1, 2, 4, 8}:
        return False
    planar, extra = frame.value(tiff.PLANES, 1) == 2, frame.values(tiff.EXTRA)
    if len(bits) == 1:
        colours = frame.values(tiff.COLOURS)
        return bits in _SHOWN and (photometric in (0, 1) or max(colours, default=0) > 255)
    if planar:
        return photometric == 2 and bits == (8, 8, 8)
    if photometric in (0, 1):
        return photometric == 1 and bits == (8, 8) and extra in ((), (0,), (2,))
    return set(bits) == {8} and photometric in (2, 5, 6)


def is_shown_by_pillow(frame: Frame) -> bool:
    """Is it one of those, or of 16 bits a sample that Pillow has right where all are used?"""
    if is_ordinary(frame):
        return True
    bits, photometric = frame.bits, frame.value(tiff.PHOTOMETRIC, 1)
    return (
        set(bits) == {16}
        and frame.value(tiff.FORMAT, 1) in (1, 4)
        and frame.value(tiff.PLANES, 1) != 2
        and (photometric, len(bits)) in ((1, 1), (2, 3), (2, 4), (5, 4))
        and not frame.values(tiff.MOST)
    )


def may_be_a_kind(frame: Frame, error: Exception) -> bool:
    """Could a TIFF picture not be decoded because of its kind, and not because it is broken?"""
    is_unknown = isinstance(error, UnidentifiedImageError)
    return is_unknown or frame.value(tiff.COMPRESSION, 1) not in _USUAL


def unreadable(frame: Frame) -> str:
    """What is said of a TIFF picture of a kind that can't be decoded here."""
    colours = _PHOTOMETRIC.get(frame.value(tiff.PHOTOMETRIC, 1), "unknown colours")
    bits = "/".join(map(str, dict.fromkeys(frame.bits)))
    return (
        f"is TIFF of a kind that can't be read here ({colours}, {bits} bits, compression "
        f"{frame.compression}); {_INSTEAD}"
    )


_INSTEAD = "save it as PNG, or as TIFF of 8 bits with LZW compression, in its place"


def what_it_is(file: IO[bytes]) -> str:
    """What is said of a file that is no image that can be read; empty where nothing is known."""
    file.seek(0)
    start = file.read(32)
    if start[:3] == b"\xff\xd8\xff":
        _, bits = jpeg_frame(file)
        if bits not in (0, 8):
            return f"is JPEG of {bits} bits, which can't be read here; {_INSTEAD}"
        return ""
    if start[4:8] == b"ftyp":
        found = _BRANDS.get(start[8:12], "a video or an image of an unknown kind")
        return f"is {found}, which can't be read here; {_INSTEAD}"
    for mark, name in _STARTS.items():
        if start.startswith(mark):
            return f"is {name}, which can't be read here; {_INSTEAD}"
    return ""
