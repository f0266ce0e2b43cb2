"""What a person looks at to judge: one HTML file with a picture of each line that was drawn."""

import base64
import io
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, ImageDraw

from pagewave.atomic import write_atomically
from pagewave.errors import DataError
from pagewave.pages import scan_files
from pagewave.pages.dataset import Dataset
from pagewave.words.audit.sample import Drawn, Sample
from pagewave.words.tree import Box

LONGEST_SIDE = 1400
"""Pixels of a picture: of a whole page, small print can still be read."""
LINES_AROUND = 2.0
"""How much is shown above and below a line, in its own heights: there may be lines left out."""
QUALITY = 60


class Shown(NamedTuple):
    """A unit on the sheet; `behind`: the line that was read next. Courses have no place to look
    for."""

    name: str
    text: str
    picture: str
    problem: str
    has_place: bool
    behind: str = ""


class Sheet:
    """Makes the sheet of a working directory's samples."""

    def __init__(self, dataset: Dataset, pdf_dpi: int) -> None:
        self._dataset = dataset
        self._pdf_dpi = pdf_dpi
        # The lines of a page stand apart in a sample, but some pages come twice in a row.
        self._image = lru_cache(maxsize=2)(self._loaded)

    def write(
        self,
        path: Path,
        lines: Sample,
        courses: Sample | None,
        files: tuple[Path, Path],
    ) -> None:
        """Write it, whole or not at all.

        Args:
            files: where answers go, of lines and of courses.
        """
        environment = Environment(
            loader=PackageLoader("pagewave.words.audit", ""),
            autoescape=True,
            undefined=StrictUndefined,
        )
        text = environment.get_template("sheet.html.jinja").render(
            lines=map(self._shown, lines.drawn),
            courses=[*map(self._shown, courses.drawn)] if courses else [],
            with_courses=courses is not None,
            answers=files[0],
            course_answers=files[1],
        )
        write_atomically(path, text + "\n")

    def _shown(self, unit: Drawn) -> Shown:
        picture, problem = "", ""
        try:
            picture = "data:image/webp;base64," + base64.b64encode(self.picture(unit)).decode()
        except DataError as error:
            problem = str(error)
        return Shown(unit.name, unit.text, picture, problem, has_place(unit), unit.behind)

    def picture(self, unit: Drawn) -> bytes:
        """The scan around a line in a frame, or the whole of its page, as WebP.

        Raises:
            DataError: the scan can't be shown.
        """
        try:
            image = self._image(unit.page)
            box = unit.box and unit.scan and _scaled(unit.box, unit.scan, image.size)
            return _webp(_cut(image, box) if box else image)
        except (DataError, OSError) as error:
            raise DataError(f"Its scan can't be shown: {error}") from error

    def _loaded(self, key: str) -> Image.Image:
        page = self._dataset.page(key)
        return scan_files.load(page.scan, max(page.leaf, 1), self._pdf_dpi, None).convert("RGB")


def has_place(unit: Drawn) -> bool:
    """Is it known where on its page a line stands? Courses have none to look for."""
    return unit.box is not None or unit.scan is None


def _scaled(box: Box, size: tuple[int, int], now: tuple[int, int]) -> Box:
    across, down = now[0] / size[0], now[1] / size[1]
    return Box(
        round(box.left * across),
        round(box.top * down),
        round(box.right * across),
        round(box.bottom * down),
    )


def _cut(image: Image.Image, box: Box) -> Image.Image:
    """The whole width of the page around a line, which stands in a frame."""
    around = round(LINES_AROUND * (box.bottom - box.top))
    top, bottom = max(0, box.top - around), min(image.height, box.bottom + around)
    cut = image.crop((0, top, image.width, max(bottom, top + 1)))
    frame = (box.left - 4, box.top - top - 3, box.right + 4, box.bottom - top + 3)
    ImageDraw.Draw(cut).rectangle(frame, outline=(200, 30, 30), width=2)
    return cut


def _webp(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    data = io.BytesIO()
    small.convert("L" if small.mode == "L" else "RGB").save(data, "WEBP", quality=QUALITY)
    return data.getvalue()
