"""A PDF of scans with their words behind them, unseen, to be found and copied; by PDFium.

Each character that occurs is a code of the one font, whose table says which character that is: so
the long s, ligatures and any script stay what they are, which fonts with letters of their own do
not give. The font has no shapes, as nothing of it is seen.
"""

import ctypes
import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

from pagewave.errors import PagewaveError
from pagewave.pages.pdf import ONE_AT_A_TIME

FONT = "assets/glyphless.ttf"
ADVANCE = 0.5
"""How wide each character of the font is, of its size."""
_CREATED = re.compile(rb"(?<=/CreationDate\(D:)\d{14}")
_NAMES = re.compile(rb"(?<=/ID\[<)[0-9A-F]{32}><[0-9A-F]{32}")
"""What the file is called by programs, at its end."""
_END = 4096
"""Bytes at the beginning and at the end in which these are."""


@dataclass(frozen=True, slots=True)
class HiddenWord:
    """A word; lengths in points from the page's lower left corner, `size` its height.

    `goes_on`: is there another one in its line?
    """

    text: str
    left: float
    bottom: float
    width: float
    size: float
    goes_on: bool


@dataclass(frozen=True, slots=True)
class PdfPage:
    """A page, its size in points; `image` is its scan as a JPEG, None for a white page."""

    width: float
    height: float
    image: bytes | None
    words: tuple[HiddenWord, ...]


class SearchablePdf:
    """Writes one PDF.

    Args:
        characters: all that occur in its words, the space among them.
    """

    def __init__(self, characters: Iterable[str]) -> None:
        import pypdfium2
        from pypdfium2 import raw

        self._raw = raw
        self._codes = {each: number for number, each in enumerate(sorted({*characters, " "}), 1)}
        with ONE_AT_A_TIME:
            self._document = pypdfium2.PdfDocument.new()
            self._font = self._load_font()

    def add(self, page: PdfPage) -> None:
        """Add a page behind the others."""
        with ONE_AT_A_TIME:
            made = self._document.new_page(page.width, page.height)
            if page.image:
                self._put_image(made, page)
            for word in page.words:
                self._put_word(made, word)
            made.gen_content()
            made.close()

    def save(self, file: Path, created: str) -> None:
        """Write the file.

        Args:
            created: when it is said to have been made, as `20260304050607`, in UTC. PDFium itself
                says now, and gives it a name by chance, which would make each file another one.
        """
        with ONE_AT_A_TIME:
            self._document.save(file)
            self._document.close()
        with file.open("r+b") as written:
            _put(written, 0, _CREATED, created.encode())
            end = max(0, file.stat().st_size - _END)
            _put(written, end, _NAMES, b"0" * 32 + b"><" + b"0" * 32)
            written.seek(0)
            name = hashlib.file_digest(written, "md5").hexdigest().upper().encode()
            _put(written, end, _NAMES, name + b"><" + name)

    def _load_font(self) -> Any:
        font = files(__package__).joinpath(FONT).read_bytes()
        # Every code is shown by glyph 1, the one without a shape.
        glyphs = b"\0\1" * (len(self._codes) + 1)
        loaded = self._raw.FPDFText_LoadCidType2Font(
            self._document.raw, _array(font), len(font), self._table(), _array(glyphs), len(glyphs)
        )
        if not loaded:
            raise PagewaveError("exports: pdf: PDFium can't load the font of hidden words.")
        return loaded

    def _table(self) -> bytes:
        """Which character each code is, as PDF has it (ISO 32000-1, 9.10.3)."""
        codes = [
            f"<{code:04X}> <{each.encode('utf-16-be').hex().upper()}>"
            for each, code in self._codes.items()
        ]
        lines = [
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
            "1 begincodespacerange <0000> <FFFF> endcodespacerange",
        ]
        for start in range(0, len(codes), 100):  # the most that one list may have
            part = codes[start : start + 100]
            lines += [f"{len(part)} beginbfchar", *part, "endbfchar"]
        lines.append("endcmap CMapName currentdict /CMap defineresource pop end end")
        return "\n".join(lines).encode()

    def _put_image(self, made: Any, page: PdfPage) -> None:
        from pypdfium2 import PdfImage, PdfMatrix

        assert page.image is not None
        image = PdfImage.new(self._document)
        image.load_jpeg(io.BytesIO(page.image), inline=True)
        image.set_matrix(PdfMatrix().scale(page.width, page.height))
        made.insert_obj(image)

    def _put_word(self, made: Any, word: HiddenWord) -> None:
        raw = self._raw
        text = raw.FPDFPageObj_CreateTextObj(self._document.raw, self._font, word.size)
        # With the space behind it, words stay apart for all who search and copy.
        codes = [self._codes[each] for each in word.text + " " * word.goes_on]
        raw.FPDFText_SetCharcodes(text, (ctypes.c_uint32 * len(codes))(*codes), len(codes))
        raw.FPDFTextObj_SetTextRenderMode(text, raw.FPDF_TEXTRENDERMODE_INVISIBLE)
        wide = word.width / (len(word.text) * ADVANCE * word.size)
        raw.FPDFPageObj_Transform(text, wide, 0, 0, 1, word.left, word.bottom)
        raw.FPDFPage_InsertObject(made.raw, text)


def _put(file: BinaryIO, start: int, what: re.Pattern[bytes], instead: bytes) -> None:
    """Write over what is found near `start`; as long as it was, so that all offsets stay right."""
    file.seek(start)
    if found := what.search(file.read(_END)):
        file.seek(start + found.start())
        file.write(instead)


def _array(content: bytes) -> Any:
    return (ctypes.c_uint8 * len(content)).from_buffer_copy(content)
