"""Small pictures of scans: one to read in, one for the shelf; each made once.

A picture is named by what it was made of. What a book's record says of scans that did not change
since saves looking into them.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydantic import BaseModel, RootModel, ValidationError

from pagewave.atomic import write_atomically
from pagewave.config.data import Site
from pagewave.errors import DataError
from pagewave.ledger import KnownImage
from pagewave.log import log
from pagewave.pages import image_files, scan_files
from pagewave.pages.dataset import Page

NOTED = ".pictures.json"
"""Says which pictures of a book there are, and of which scans."""
SMALL_SIDE = 360
SMALL_QUALITY = 55
_METHOD = 2
"""Of WebP's 0 to 6: above it files get a little smaller and take twice as long."""


class Picture(BaseModel):
    """The pictures of a page: `{name}.webp` of this size, `{name}-small.webp`, and their scan."""

    name: str
    width: int
    height: int
    recipe: str
    scan_size: int
    scan_modified_ns: int


class _Noted(RootModel[dict[str, Picture]]):
    pass


@dataclass(frozen=True)
class PictureMaker:
    """Makes the pictures of books as the configuration wants them."""

    options: Site
    pdf_dpi: int

    def make(self, pages: Iterable[Page], folder: Path) -> dict[str, Picture]:
        """The pictures of pages of one book, by page stem; made where they are not there.

        A scan that can't be shown leaves its page without one. Beside the pictures it is noted of
        which scans they are.

        Args:
            folder: that of the book in the reading room; pictures are in its folder `images`.

        Raises:
            PagewaveError: the disk is full.
        """
        known, found = _noted(folder / NOTED), dict[str, Picture]()
        scans: dict[Path, KnownImage] = {}
        for page in pages:
            try:
                picture = self._picture(page, folder / "images", known.get(page.stem), scans)
                found[page.stem] = picture
            except (DataError, OSError) as error:
                log.warning("reading room: no picture of %s: %s", page.key, error)
        if found != known:
            write_atomically(folder / NOTED, _Noted(found).model_dump_json())
        return found

    def _picture(
        self, page: Page, folder: Path, known: Picture | None, scans: dict[Path, KnownImage]
    ) -> Picture:
        status = page.scan.stat()
        options = (page.leaf, self.options.longest_side, self.options.quality, self.pdf_dpi)
        recipe = ":".join(map(str, options))
        if (
            known is not None
            and (known.recipe, known.scan_size, known.scan_modified_ns)
            == (recipe, status.st_size, status.st_mtime_ns)
            and all(file.exists() for file in files_of(folder, known))
        ):
            return known
        if page.scan not in scans:
            scans[page.scan] = image_files.content(page.scan)
        scan = scans[page.scan]
        name = hashlib.sha256(f"{scan.sha256}:{recipe}".encode()).hexdigest()[:16]
        width, height = self._sizes_of(folder / f"{name}.webp") or self._make(page, folder, name)
        return Picture(
            name=name,
            width=width,
            height=height,
            recipe=recipe,
            scan_size=scan.size_bytes,
            scan_modified_ns=scan.modified_ns,
        )

    def _sizes_of(self, file: Path) -> tuple[int, int] | None:
        """The size of a picture that an earlier job made; the small one was made before it."""
        try:
            with Image.open(file) as image:
                return image.size
        except OSError:
            return None

    def _make(self, page: Page, folder: Path, name: str) -> tuple[int, int]:
        side = self.options.longest_side
        image = scan_files.load_to_look_at(page.scan, max(page.leaf, 1), self.pdf_dpi, side)
        # Half the time of Lanczos, and print stays as sharp.
        image = _within(image, side, Image.Resampling.HAMMING)
        small = _within(image, SMALL_SIDE, Image.Resampling.LANCZOS)
        write_atomically(folder / f"{name}-small.webp", _webp(small, SMALL_QUALITY))
        write_atomically(folder / f"{name}.webp", _webp(image, self.options.quality))
        return image.size


def _noted(file: Path) -> Mapping[str, Picture]:
    try:
        return _Noted.model_validate_json(file.read_bytes()).root
    except (OSError, ValidationError):
        return {}


def files_of(folder: Path, picture: Picture) -> list[Path]:
    """Both files of a picture."""
    return [folder / f"{picture.name}-small.webp", folder / f"{picture.name}.webp"]


def _within(image: Image.Image, side: int, how: Image.Resampling) -> Image.Image:
    """An image with no side longer than this. (`thumbnail` needs a copy of the whole before it.)"""
    share = side / max(image.size)
    if share >= 1:
        return image
    width, height = (max(1, round(length * share)) for length in image.size)
    return image.resize((width, height), how, reducing_gap=2.0)


def _webp(image: Image.Image, quality: int) -> bytes:
    data = io.BytesIO()
    image.save(data, "WEBP", quality=quality, method=_METHOD)
    return data.getvalue()
