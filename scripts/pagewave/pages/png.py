"""PNG pictures that Pillow shows otherwise than they are: of 16 bits a sample, of which it takes
the higher byte, and with one transparent grey or colour, which it compares with other numbers.
And their tags where these stand behind the pixels, so that Pillow knows them too late.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from pagewave.pages.samples import is_nearly_black, top_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = slice(12, 29)
"""Where name and content of the first chunk are. (PNG specification, 11.2.2: its bits and kind of
colours are bytes 24 and 25 of the file.)"""
BITS, KIND = 24, 25
TAIL = 1 << 16
"""Bytes at a file's end in which tags are looked for; most are much shorter."""
GREY_AND_ALPHA, COLOURS_AND_ALPHA = 4, 6
SIGNATURE, END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
OF_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"pHYs", b"eXIf"})
"""Chunks that a page is seen by. (PNG specification, 11)"""
TEXTS = (b"iTXt", b"tEXt", b"zTXt")


def bits_of(file: IO[bytes]) -> int:
    """Bits a sample of a PNG file."""
    return _byte(file, BITS)


def _byte(file: IO[bytes], where: int) -> int:
    # Pillow may be reading: it finds the file where it left it.
    place = file.tell()
    file.seek(where)
    found = file.read(1)
    file.seek(place)
    return (found or b"\0")[0]


def pixels_alone(file: IO[bytes]) -> io.BytesIO | None:
    """A PNG file without what Pillow may stumble over and no page is seen by: long texts, profiles
    packed in odd ways, animations, a torn end; None where it has nothing of that."""
    file.seek(0)
    data = file.read()
    if not data.startswith(SIGNATURE):
        return None
    kept, at = [SIGNATURE], len(SIGNATURE)
    while at < len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if end <= len(data):
            if name in OF_PIXELS:
                kept.append(data[at:end])
            elif name in TEXTS:
                kept += (_text_chunk(*tag) for tag in _tag(name, data[at + 8 : end - 4]))
        at = end
    bare = b"".join(kept) + END
    return None if bare == data else io.BytesIO(bare)


def tags(image: Image.Image) -> Image.Exif:
    """The Exif tags of an opened image, for which no pixels are decoded, as Pillow does."""
    return Image.Image.getexif(image)


def note_tags_behind(image: ImageFile.ImageFile) -> bool:
    """Let an opened image know the tags that stand behind its pixels, if it is PNG; are there
    any?"""
    if image.format != "PNG" or (file := image.fp) is None:
        return False
    known = len(image.info)
    place = file.tell()
    file.seek(max(0, file.seek(0, io.SEEK_END) - TAIL))
    tail = file.read()
    file.seek(place)
    for name in (b"eXIf", *TEXTS):
        at = tail.find(name)
        while at >= 4:
            end = at + 4 + int.from_bytes(tail[at - 4 : at], "big")
            if zlib.crc32(tail[at:end]) == int.from_bytes(tail[end : end + 4], "big"):
                for key, value in _tag(name, tail[at + 4 : end]):
                    image.info.setdefault(key, value)
            at = tail.find(name, at + 4)
    return len(image.info) > known


def _tag(name: bytes, content: bytes) -> Iterator[tuple[str, bytes | str]]:
    """A chunk as Pillow keeps it; nothing of what holds no orientation."""
    if name == b"eXIf":
        yield "exif", b"Exif\0\0" + content
        return
    key, _, text = content.partition(b"\0")
    if key not in (b"XML:com.adobe.xmp", b"Raw profile type exif"):
        return
    is_small = name == b"zTXt" or (name == b"iTXt" and text[:1] == b"\1")
    if name == b"iTXt":  # flag, method, language, translated key
        text = b"".join(text[2:].split(b"\0", 2)[2:])
    elif name == b"zTXt":
        text = text[1:]
    try:
        text = zlib.decompressobj().decompress(text, 1 << 20) if is_small else text
    except zlib.error:
        return
    yield key.decode(), text.decode("utf-8", "replace")


def _text_chunk(key: str, text: bytes | str) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    chunk = b"iTXt" + key.encode() + bytes(5) + content  # not packed, in no language
    return struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))


def layers(image: ImageFile.ImageFile) -> Image.Image | None:
    """The picture in 8 bits, as it lies in the file; None where Pillow has it right.

    Raises as Pillow does where it can't be decoded.
    """
    if image.format != "PNG" or image.fp is None or not image.tile:
        return None
    bits = bits_of(image.fp)
    paper = image.info.get("transparency") if image.mode in ("1", "L", "I;16", "RGB") else None
    if paper is None and (bits <= 8 or image.mode == "I;16"):
        return None
    values = _values(image, bits, exact=paper is not None)
    if values is None:
        return None
    import numpy as np

    colours = 3 if values.shape[2] >= 3 else 1
    eight = _eight(values[..., :colours], bits)
    if paper is not None:
        most = 2**bits - 1
        wanted = np.array(paper) & most if image.mode != "1" else np.array(paper)
        if bits in (2, 4):  # Pillow makes 8 bits of the greys, and not of what is transparent
            wanted = wanted * 255 // most
        alpha = np.where((values == wanted).all(axis=2, keepdims=True), 0, 255).astype(np.uint8)
    elif values.shape[2] > colours:
        alpha = _eight(values[..., colours:], bits)
    else:
        return Image.fromarray(eight)
    return Image.fromarray(np.concatenate([eight, alpha], axis=2))


def _values(image: ImageFile.ImageFile, bits: int, *, exact: bool) -> NDArray[Any] | None:
    """All samples, height, width and samples a pixel; None where the higher bytes, which Pillow
    has, tell enough and nothing more `exact` is needed."""
    import numpy as np

    assert image.fp is not None
    file = image.fp
    image.load()
    if bits <= 8 or image.mode == "I;16":
        samples = np.asarray(image.convert("L") if image.mode == "1" else image)
        return samples.reshape(*samples.shape[:2], -1)
    if not exact and not is_nearly_black(image.convert("RGB")):
        return None
    if _byte(file, KIND) == GREY_AND_ALPHA:
        # A pixel has four bytes, as one of colours and transparency in 8 bits.
        with Image.open(_told_otherwise(file, 8, COLOURS_AND_ALPHA), formats=["PNG"]) as whole:
            pairs: NDArray[Any] = np.asarray(whole).view(">u2")
            return pairs.astype(np.uint16)
    file.seek(0)
    with Image.open(file, formats=["PNG"]) as lower:
        # The lower bytes are had by telling Pillow that they come first.
        lower.tile = [
            tile._replace(args=str(tile.args).removesuffix("B") + "L") for tile in lower.tile
        ]
        lower.load()
        return np.asarray(np.asarray(image).astype(np.uint16) << 8 | np.asarray(lower))


def _told_otherwise(file: IO[bytes], bits: int, kind: int) -> io.BytesIO:
    """A PNG file that says its pixels are of another kind, of as many bytes each."""
    file.seek(0)
    data = bytearray(file.read())
    data[BITS], data[KIND] = bits, kind
    data[HEADER.stop : HEADER.stop + 4] = struct.pack(">I", zlib.crc32(data[HEADER]))
    return io.BytesIO(data)


def _eight(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Samples in 8 bits, by the bits that are really used."""
    import numpy as np

    if bits <= 8:
        return values.astype(np.uint8)
    top = top_of(int(values.max()), 16)
    return np.rint(values * (255 / top)).astype(np.uint8)
