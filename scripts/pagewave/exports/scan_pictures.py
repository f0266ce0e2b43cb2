"""Pictures of scans for forms that hold them: a JPEG each, as it is or made smaller."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pagewave.errors import DataError
from pagewave.exports.placed import PlacedPage
from pagewave.log import log
from pagewave.pages import scan_files

LONGEST_SIDE = 2400
"""Pixels of a picture; a JPEG that has no more is taken as it is."""
QUALITY = 70
DPI = 300
"""Pixels an inch of pages of PDF files, and where a scan doesn't say it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG file, its size in pixels, and what is known of its scan."""

    jpeg: bytes
    width: int
    height: int
    scan: scan_files.Leaf


class ScanPictures:
    """Looks into scans, into each file once; `form` is what warnings name."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._leaves: dict[Path, list[scan_files.Leaf]] = {}

    def of(self, page: PlacedPage) -> Picture | None:
        """A page's picture; None, and a warning, where its scan can't be shown."""
        try:
            return self._of(page.scan.scan, page.scan.leaf)
        except (DataError, OSError) as error:
            log.warning("exports: %s: no picture of %s: %s", self._form, page.page.key, error)
            return None

    def _of(self, file: Path, number: int) -> Picture:
        if file not in self._leaves:
            self._leaves[file] = scan_files.leaves(file, DPI)
        leaf = self._leaves[file][max(number, 1) - 1]
        is_whole = number == 0 and leaf.sendable and _is_jpeg(file)
        if is_whole and max(leaf.width, leaf.height) <= LONGEST_SIDE:
            return Picture(file.read_bytes(), leaf.width, leaf.height, leaf)
        image = scan_files.load_to_look_at(file, max(number, 1), DPI, LONGEST_SIDE)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        return Picture(_jpeg(image), *image.size, leaf)


def _is_jpeg(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(2) == b"\xff\xd8"


def _jpeg(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.convert("L" if image.mode in ("1", "L") else "RGB").save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
