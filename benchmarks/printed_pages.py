"""Pages drawn anew from a seed, with the box of each word: what `words.py` measures on.

Styles that the sample lacks, clean as a good scan of a good print, or degraded: faint and blotted
ink, the other side shining through, stains, more askew, harder JPEG.
"""

import io
import math
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from helpers.drawn_pages import FACES, FONTS, WORDS

_NAME_LIST = """
Abbott Adams Allen Andrews Atwood Bacon Baldwin Barnes Bartlett Bennett Bishop Blake Bradford Brewer
Brooks Burnham Chandler Chapin Clark Colton Crosby Curtis Cushing Dana Dwight Eaton Eliot Emerson
Everett Fairbanks Field Fisher Fletcher Foster Gardner Gilman Goodrich Greene Hale Hall Harding
Hastings Hitchcock Holmes Howe Hubbard Jewett Kimball Kingsley Lathrop Lincoln Lyman Marsh Mather
Merriam Mitchell Morse Norton Olmsted Packard Parker Peabody Perkins Phelps Pierce Porter Prescott
Putnam Quincy Robinson Sawyer Shattuck Silliman Sparks Stoddard Storrs Thatcher Thayer Ticknor Upham
Walker Warren Wayland Webster Wheeler Whitney Willard Winslow Woodbridge Worcester
"""
NAMES = _NAME_LIST.split()
STYLES = ("prose", "columns", "small", "oblong", "index", "catalog", "long s", "title")
POINTS = 72


class Boxed(NamedTuple):
    """A printed word and the box of its ink: left, top, right, bottom in pixels."""

    text: str
    box: tuple[int, int, int, int]


@dataclass
class Printed:
    """A page: its JPEG, and its words by printed line in reading order."""

    style: str
    jpeg: bytes
    lines: list[list[Boxed]]


@dataclass
class _Sheet:
    width: float
    height: float
    dpi: int
    rng: np.random.Generator
    lines: list[list[Boxed]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.image = Image.new("L", (self.px(self.width), self.px(self.height)), 255)
        self.pen = ImageDraw.Draw(self.image)
        self.face = list(FACES)[int(self.rng.integers(len(FACES)))]
        self.has_long_s = False

    def px(self, inches: float) -> int:
        return round(inches * self.dpi)

    def font(self, points: float, bold: bool = False) -> ImageFont.FreeTypeFont:
        return _font(self.face, 2 if bold else 0, max(4, round(points * self.dpi / POINTS)))

    def extent(self, text: str, points: float, bold: bool = False) -> float:
        return self.font(points, bold).getlength(text) / self.dpi

    def word(self) -> str:
        """A word, a name or a number, as texts of schools have them."""
        chance = self.rng.random()
        if chance < 0.08:
            return str(self.rng.choice(NAMES))
        if chance < 0.11:
            return str(
                int(self.rng.choice([self.rng.integers(2, 400), self.rng.integers(1790, 1890)]))
            )
        word = str(self.rng.choice(WORDS))
        return word.capitalize() if chance > 0.97 else word

    def put(self, at: list[tuple[float, str]], y: float, points: float, bold: bool = False) -> None:
        """Print words, each from its x on, with their baseline at y: a line."""
        font, line = self.font(points, bold), []
        for x, text in at:
            shown = _with_long_s(text) if self.has_long_s else text
            place = (self.px(x), self.px(y))
            self.pen.text(place, shown, fill=0, font=font, anchor="ls")
            left, top, right, bottom = font.getbbox(shown, anchor="ls")
            box = (place[0] + left, place[1] + top, place[0] + right, place[1] + bottom)
            line.append(Boxed(shown, tuple(map(round, box))))
        self.lines.append(line)

    def spaced(self, text: str, y: float, points: float, gap: float) -> None:
        """Print a line in the middle, with so much between its letters, as a share of its size."""
        font, gap, line = self.font(points), gap * points / POINTS, []
        space = self.extent(" ", points) + 3 * gap
        extents = [sum(self.extent(x, points) + gap for x in w) - gap for w in text.split()]
        x = (self.width - sum(extents) - space * (len(extents) - 1)) / 2
        for word in text.split():
            boxes = []
            for letter in word:
                place = (self.px(x), self.px(y))
                self.pen.text(place, letter, fill=0, font=font, anchor="ls")
                left, top, right, bottom = font.getbbox(letter, anchor="ls")
                boxes.append((place[0] + left, place[1] + top, place[0] + right, place[1] + bottom))
                x += self.extent(letter, points) + gap
            lefts, tops, rights, bottoms = zip(*boxes, strict=True)
            box = (min(lefts), min(tops), max(rights), max(bottoms))
            line.append(Boxed(word, tuple(map(round, box))))
            x += space - gap
        self.lines.append(line)

    def centred(self, text: str, y: float, points: float, bold: bool = False) -> None:
        self._set(text.split(), (self.width - self.extent(text, points, bold)) / 2, y, points, bold)

    def _set(
        self, words: list[str], x: float, y: float, points: float, bold: bool = False
    ) -> float:
        space, at = self.extent(" ", points, bold), []
        for word in words:
            at.append((x, word))
            x += self.extent(word, points, bold) + space
        self.put(at, y, points, bold)
        return x

    def paragraph(self, x: float, y: float, width: float, points: float, bottom: float) -> float:
        """A justified paragraph, long words parted at the ends of lines; the next baseline."""
        lead, row, indent = points / POINTS * 1.25, [], 0.18
        space = self.extent(" ", points) * 0.8
        for number in range(count := int(self.rng.integers(35, 90))):
            word = self.word() + ("." if number == count - 1 else "," if number % 9 == 8 else "")
            free = width - indent - sum(self.extent(w, points) + space for w in row)
            if self.extent(word, points) > free:
                rest = ""
                cut = len(word) // 2
                if (
                    len(word) > 7
                    and word.isalpha()
                    and self.extent(f"{word[:cut]}-", points) < free
                ):
                    row.append(f"{word[:cut]}-")
                    rest = word[cut:]
                self._justified(row, x + indent, y, width - indent, points)
                row, indent, y = [rest or word], 0.0, y + lead
                if y > bottom:
                    return y
                continue
            row.append(word)
        self._set(row, x + indent, y, points)
        return y + lead

    def _justified(self, row: list[str], x: float, y: float, width: float, points: float) -> None:
        free = width - sum(self.extent(word, points) for word in row)
        at = []
        for word in row:
            at.append((x, word))
            x += self.extent(word, points) + free / max(1, len(row) - 1)
        self.put(at, y, points)


@cache
def _font(face: str, style: int, size: int) -> ImageFont.FreeTypeFont:
    file = next(Path(FONTS).rglob(FACES[face][style]))
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)


def _with_long_s(word: str) -> str:
    """As it was set: at the end of a word the s is round."""
    return word[:-1].replace("s", "\u017f") + word[-1:]


def draw(
    style: str, seed: int, *, degraded: bool = False, head: str = "", number: int = 1
) -> Printed:
    """A page of one of the STYLES, with a running head if its book has one."""
    rng = np.random.default_rng([seed, degraded, *style.encode()])
    width, height = (7.6, 5.2) if style == "oblong" else (5.5, 8.6)
    sheet = _Sheet(width, height, int(rng.choice([200, 250, 300])), rng)
    if style == "long s":
        sheet.face, sheet.has_long_s = "oldstandard", True
    if head and style != "title":
        sheet.centred(head, 0.6, 9)
        sheet.lines[-1:] = [[*sheet.lines[-1]]]
        sheet.put([(width - 0.9, str(number))], 0.6, 9)
    _SETTERS[style](sheet)
    image, boxes = _turned(sheet, degraded, rng)
    lines = iter(boxes)
    placed = [[Boxed(word.text, next(lines)) for word in line] for line in sheet.lines]
    return Printed(style, _aged(image, sheet.dpi, rng, degraded), placed)


def _prose(sheet: _Sheet, points: float = 10.5) -> None:
    y, bottom = 1.0, sheet.height - 0.6
    if sheet.rng.random() < 0.5:
        sheet.centred(" ".join(sheet.word().upper() for _ in range(3)) + ".", y, points * 1.3)
        y += 0.35
    while y < bottom:
        y = sheet.paragraph(0.65, y, sheet.width - 1.3, points, bottom)


def _columns(sheet: _Sheet) -> None:
    column = (sheet.width - 1.4) / 2
    for x in (0.55, 0.85 + column):
        y, bottom = 1.0, sheet.height - 0.6
        while y < bottom:
            y = sheet.paragraph(x, y, column, 8.5, bottom)


def _index(sheet: _Sheet) -> None:
    sheet.centred("INDEX.", 0.9, 14, True)
    points, column = 8.5, (sheet.width - 1.5) / 2
    for x in (0.6, 0.9 + column):
        y = 1.25
        while y < sheet.height - 0.6:
            words = [
                sheet.word().capitalize(),
                *(sheet.word() for _ in range(sheet.rng.integers(0, 3))),
            ]
            page = str(int(sheet.rng.integers(1, 400)))
            end = x + column - sheet.extent(page, points)
            at, place = [], x
            for word in words:
                at.append((place, word))
                place += sheet.extent(f"{word} ", points)
            sheet.put([*at, (end, page)], y, points)
            dot = end - 0.1
            while dot > place + 0.05:
                sheet.pen.text((sheet.px(dot), sheet.px(y)), ".", 0, sheet.font(points), "ls")
                dot -= 0.09
            y += points / POINTS * 1.35


def _catalog(sheet: _Sheet) -> None:
    """Names, towns and years under headings, and a paragraph below."""
    y = 1.0
    for _ in range(3):
        sheet.centred(f"{sheet.word().upper()} CLASS.", y, 11, True)
        y += 0.26
        for _ in range(int(sheet.rng.integers(5, 9))):
            name = f"{sheet.rng.choice(NAMES)}, {sheet.rng.choice(NAMES)}"
            place, year = (
                f"{sheet.word().capitalize()} {sheet.word().capitalize()}",
                sheet.rng.integers(1800, 1890),
            )
            at = []
            for start, text in ((0.7, name), (2.6, place), (4.4, str(year))):
                x = start
                for word in text.split():
                    at.append((x, word))
                    x += sheet.extent(f"{word} ", 10)
            sheet.put(at, y, 10)
            y += 0.19
        y += 0.12
    while y < sheet.height - 0.6:
        y = sheet.paragraph(0.65, y, sheet.width - 1.3, 10, sheet.height - 0.6)


def _title(sheet: _Sheet) -> None:
    """A title page: large and spaced capitals, small words between them, an ornament, an imprint
    in small type."""
    rng, y, widest = sheet.rng, 1.0, sheet.width - 1.0

    def words(count: int) -> str:
        return " ".join(str(rng.choice(WORDS)) for _ in range(count))

    def line(text: str, points: float, gap: float = 0.0) -> None:
        nonlocal y
        while sheet.extent(text, points) + gap * points / POINTS * (len(text) + 3) > widest:
            points *= 0.9
        y += points / POINTS
        if gap:
            sheet.spaced(text, y, points, gap)
        else:
            sheet.centred(text, y, points)
        y += 0.14 + 0.5 * points / POINTS

    line(words(1).upper(), float(rng.uniform(26, 40)))
    line("OF THE", 9)
    line(words(2).upper(), float(rng.uniform(16, 24)), float(rng.uniform(0.1, 0.3)))
    line("OF", 8)
    line(f"{words(1)} {rng.choice(['COLLEGE,', 'SEMINARY,', 'ACADEMY,'])}".upper(), 28)
    if rng.random() < 0.5:
        line(f"{words(2)}, {words(2)}.".title(), 11)
    line(f"FOR THE {words(2).upper()}", 11, float(rng.choice([0, 0.15])))
    line(f"{rng.integers(1800, 1890)}.", 16)
    _ornament(sheet, y + 0.35)
    y = sheet.height - 1.9
    line(f"By {rng.choice(NAMES)} {rng.choice(NAMES)}, and {rng.choice(NAMES)}.", 10)
    line(f"{words(1).upper()}:", 12, 0.1)
    line(f"PRINTED BY {words(2).upper()}, {rng.integers(2, 400)} {words(1).upper()} STREET.", 7.5)
    line(f"{rng.integers(1800, 1890)}.", 8)


def _ornament(sheet: _Sheet, y: float) -> None:
    """A rule that swells, or a lozenge between two rules."""
    middle, half = sheet.width / 2, float(sheet.rng.uniform(0.4, 0.9))
    thick = float(sheet.rng.uniform(0.02, 0.08))
    if sheet.rng.random() < 0.5:
        corners = [(middle - half, y), (middle, y - thick), (middle + half, y), (middle, y + thick)]
    else:
        for start in (middle - half, middle + 0.15):
            edges = (start, y - 0.005, start + half - 0.15, y + 0.005)
            sheet.pen.rectangle(tuple(map(sheet.px, edges)), fill=0)
        corners = [(middle - 0.08, y), (middle, y - 0.1), (middle + 0.08, y), (middle, y + 0.1)]
    sheet.pen.polygon([(sheet.px(x), sheet.px(y)) for x, y in corners], fill=0)


_SETTERS = {
    "title": _title,
    "prose": _prose,
    "long s": _prose,
    "small": lambda sheet: _prose(sheet, 7.0),
    "oblong": lambda sheet: _prose(sheet, 9.5),
    "columns": _columns,
    "index": _index,
    "catalog": _catalog,
}


def _turned(
    sheet: _Sheet, degraded: bool, rng: np.random.Generator
) -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    """The sheet a little askew, and the boxes with it."""
    degrees = float(np.clip(rng.normal(0, 1.3 if degraded else 0.3), -3, 3))
    image = sheet.image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    across, down = image.width / 2, image.height / 2
    boxes = []
    for line in sheet.lines:
        for word in line:
            left, top, right, bottom = word.box
            corners = [(x - across, y - down) for x in (left, right) for y in (top, bottom)]
            xs = [cosine * x + sine * y + across for x, y in corners]
            ys = [cosine * y - sine * x + down for x, y in corners]
            boxes.append((round(min(xs)), round(min(ys)), round(max(xs)), round(max(ys))))
    return image, boxes


def _aged(image: Image.Image, dpi: int, rng: np.random.Generator, degraded: bool) -> bytes:
    """The sheet as an old one that was scanned, as a JPEG file."""
    scale, worn = dpi / 200, float(rng.uniform(0.5, 1)) if degraded else float(rng.uniform(0, 0.3))
    soft = image.filter(ImageFilter.GaussianBlur((0.5 + 0.45 * worn) * scale))
    ink = 1 - np.asarray(soft, np.float32) / 255
    ink *= np.clip(
        0.9 - 0.25 * worn + (0.06 + 0.08 * worn) * _clouds(rng, image.size, 60 * scale), 0.3, 1
    )
    y, x = np.mgrid[0 : image.height, 0 : image.width].astype(np.float32)
    edge = np.minimum(np.minimum(x, image.width - x), np.minimum(y, image.height - y)) / dpi
    paper = 0.92 + 0.02 * _clouds(rng, image.size, 200 * scale) - 0.16 * np.exp(-edge / 0.25)
    paper -= (0.03 + 0.25 * worn) * rng.random() * x / image.width
    if degraded:
        other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(
            ImageFilter.GaussianBlur(1.8 * scale)
        )
        paper *= 1 - 0.25 * worn * (1 - np.asarray(other, np.float32) / 255)
        for _ in range(int(rng.integers(1, 4))):
            at_x, at_y = rng.uniform(0, image.width), rng.uniform(0, image.height)
            wide, dark = rng.uniform(0.2, 0.9) * dpi, rng.uniform(0.15, 0.45)
            away = np.minimum(np.hypot(x - at_x, (y - at_y) * rng.uniform(0.7, 1.4)) / wide, 5)
            paper *= 1 - dark / (1 + np.exp((away - 1) * 14))
    grain = rng.normal(0, 0.01 + 0.025 * worn, ink.shape).astype(np.float32)
    light = paper * (1 - 0.88 * ink) + grain
    tint = np.array([244, 232, 206], np.float32)
    colour = np.clip(light[..., None] * tint, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(colour).save(file, "JPEG", quality=50 if degraded else 75, dpi=(dpi, dpi))
    return file.getvalue()


def _clouds(rng: np.random.Generator, size: tuple[int, int], cell: float) -> np.ndarray:
    """Soft noise of about `cell` pixels, mean 0, deviation about 1."""
    shape = (max(2, round(size[1] / cell) + 2), max(2, round(size[0] / cell) + 2))
    grid = Image.fromarray(rng.normal(0, 1, shape).astype(np.float32))
    return np.asarray(grid.resize(size, Image.Resampling.BICUBIC), np.float32)
