"""Pages drawn from a seed, with the words on them: layouts, sheets and sizes that the sample lacks.

Each style is set in inches and points and drawn for any resolution, then aged: toned paper, uneven
ink, a little skew, noise, blur, JPEG. The words are made up of a list; only the look matters. Needs
the fonts that the sample was made with.
"""

import io
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from re import findall

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = Path("/usr/share/fonts")
FACES = {
    "oldstandard": ("OldStandard-Regular.ttf", "OldStandard-Italic.ttf", "OldStandard-Bold.ttf"),
    "didot": ("GFSDidot.otf", "GFSDidotItalic.otf", "GFSDidotBold.otf"),
    "baskervald": (
        "BaskervaldADFStd.otf",
        "BaskervaldADFStd-Italic.otf",
        "BaskervaldADFStd-Heavy.otf",
    ),
}
ROMAN, ITALIC, BOLD = range(3)
POINTS = 72
"""Points to an inch."""

_WORD_LIST = """
again all among and angels another answer are autumn away beautiful before behold beneath bird
blessed blossom breath bright brother brought calling carried children church clear clouds come
country courage crown dawn dear deep distant door dream earth echo evening every fair faith
falling father fields flag flowers followed forest forever forgotten freedom friend from garden
gather gentle gladly glory golden grace great green happy harvest hear heart heaven her hills
hither home honor hope hour illicit in initial into is islands joy kindly king labor land laughing
leaves light liberty lilies little lonely long love maiden many meadow melody memory merry
midnight mighty mill minimum morning mother mountain music never night noble ocean of old onward
our over people pilgrim plain pleasant praise promise quiet rain rejoice rest ringing river robin
rolling roses sailor school season shadow shall shepherd shining shore silent silver singing
sister sky sleep smiling snow soldier song sorrow spring stars stream strong summer sun sweet
tender thanks the their them there thousand through thy to together touch tree true trumpet truth
under union valley vision voice wander watch water weary welcome when where whisper wild wind
winter with wonder woodland world years yonder young
"""
WORDS = _WORD_LIST.split()
"""Words of songs; hardly one that a course is called by."""


@dataclass(frozen=True)
class DrawnPage:
    """A page's image as a JPEG file, and the words on it in the order in which they were set."""

    style: str
    dpi: int
    jpeg: bytes
    words: list[str]

    def found(self, text: str) -> int:
        """How many of the page's words a reading has, wherever."""
        return sum((Counter(self.words) & Counter(tokens(text))).values())


def tokens(text: str) -> list[str]:
    """What is counted as words: letters and digits in a row, small."""
    return findall(r"[^\W_]+", text.casefold().replace("\u2019", "").replace("'", ""))


def has_fonts() -> bool:
    """Whether the fonts are installed."""
    return all(_files(face) for face in FACES)


def draw(style: str, seed: int, dpi: int) -> DrawnPage:
    """A page of one of the STYLES."""
    rng = np.random.default_rng([seed, *style.encode()])
    width, height, set_page = STYLES[style]
    sheet = _Sheet(width, height, dpi, rng)
    set_page(sheet)
    return DrawnPage(style, dpi, _aged(sheet.image, dpi, rng), tokens(" ".join(sheet.said)))


@dataclass
class _Sheet:
    """White paper with black print; lengths in inches, type in points."""

    width: float
    height: float
    dpi: int
    rng: np.random.Generator
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = (round(self.width * self.dpi), round(self.height * self.dpi))
        self.image = Image.new("L", size, 255)
        self.pen = ImageDraw.Draw(self.image)
        self.face = list(FACES)[int(self.rng.integers(len(FACES)))]

    def px(self, inches: float) -> int:
        return round(inches * self.dpi)

    def word(self) -> str:
        return str(self.rng.choice(WORDS))

    def line_of_words(self, count: int) -> str:
        return " ".join(self.word() for _ in range(count)).capitalize()

    def number(self, most: int = 300) -> str:
        return str(int(self.rng.integers(1, most)))

    def extent(self, text: str, points: float, style: int = ROMAN) -> float:
        """How wide a text is, in inches."""
        return _font(self.face, style, self.dpi, points).getlength(text) / self.dpi

    def put(
        self, x: float, y: float, text: str, points: float, style: int = ROMAN, anchor: str = "ls"
    ) -> None:
        """Print a text with its baseline at y, and note its words."""
        font = _font(self.face, style, self.dpi, points)
        self.pen.text((self.px(x), self.px(y)), text, fill=0, font=font, anchor=anchor)
        self.said.append(text)

    def spaced(self, y: float, text: str, points: float, gap: float) -> None:
        """A title in the middle whose letters stand apart, by a share of their size."""
        font = _font(self.face, BOLD, self.dpi, points)
        step = points / POINTS * gap
        total = sum(font.getlength(letter) / self.dpi + step for letter in text) - step
        x = (self.width - total) / 2
        for letter in text:
            self.pen.text((self.px(x), self.px(y)), letter, fill=0, font=font, anchor="ls")
            x += font.getlength(letter) / self.dpi + step
        self.said.append(text)

    def paragraph(self, x: float, y: float, width: float, points: float, bottom: float) -> float:
        """A justified paragraph of about ninety words; returns the next baseline."""
        lead, at = points / POINTS * 1.25, x + 0.18
        row: list[str] = []
        count = int(self.rng.integers(60, 110))
        for index in range(count):
            word = self.word() + ("." if index == count - 1 else "," if index % 9 == 8 else "")
            if at + self.extent(" ".join([*row, word]), points) > x + width:
                self._justified(at, y, x + width, row, points)
                row, at, y = [], x, y + lead
                if y > bottom:
                    return y
            row.append(word)
        self.put(at, y, " ".join(row), points)
        return y + lead

    def _justified(self, x: float, y: float, right: float, row: list[str], points: float) -> None:
        free = right - x - sum(self.extent(word, points) for word in row)
        for word in row:
            self.put(x, y, word, points)
            x += self.extent(word, points) + free / max(1, len(row) - 1)

    def leader(
        self, x: float, y: float, width: float, left: str, right: str, points: float, step: float
    ) -> None:
        """`left . . . . . right`, with a dot every `step` ems."""
        self.put(x, y, left, points)
        self.put(x + width, y, right, points, anchor="rs")
        font = _font(self.face, ROMAN, self.dpi, points)
        em = points / POINTS
        at = x + width - self.extent(right, points) - em
        while at > x + self.extent(left, points) + 0.4 * em:
            self.pen.text((self.px(at), self.px(y)), ".", fill=0, font=font, anchor="ls")
            at -= step * em

    def staff(self, x: float, y: float, width: float, space: float) -> None:
        """Five lines, the topmost at y, with notes on them."""
        for row in range(5):
            at = self.px(y + row * space)
            self.pen.line((self.px(x), at, self.px(x + width), at), 0, max(1, self.px(0.006)))
        stem, head = max(1, self.px(0.008)), 0.55 * space
        for place in np.arange(x + 0.5, x + width - 0.2, 0.34):
            step = int(self.rng.integers(0, 9))
            cx, cy = float(place), y + step * space / 2
            box = (cx - head * 1.2, cy - head * 0.9, cx + head * 1.2, cy + head * 0.9)
            filled = self.rng.random() < 0.7
            self.pen.ellipse([self.px(v) for v in box], 0 if filled else 255, 0, stem)
            up = step >= 4
            end = cy - 3 * space if up else cy + 3 * space
            side = cx + head if up else cx - head
            self.pen.line([self.px(v) for v in (side, cy, side, end)], 0, stem)
            if self.rng.random() < 0.25:  # a dotted note, or a staccato
                dot = (cx + 2.2 * head, cy - head / 3, cx + 2.9 * head, cy + head / 3)
                self.pen.ellipse([self.px(v) for v in dot], 0)
        for bar in np.linspace(x, x + width, 5):
            self.pen.line([self.px(v) for v in (bar, y, bar, y + 4 * space)], 0, stem)


@cache
def _files(face: str) -> list[Path]:
    files = [next(FONTS.rglob(name), None) for name in FACES[face]]
    return [file for file in files if file] if all(files) else []


@cache
def _font(face: str, style: int, dpi: int, points: float) -> ImageFont.FreeTypeFont:
    size = max(4, round(points * dpi / POINTS))
    return ImageFont.truetype(_files(face)[style], size, layout_engine=ImageFont.Layout.BASIC)


# -- styles --------------------------------------------------------------------------------------


def _leaf(sheet: _Sheet, left: float, width: float, points: float, number: int) -> None:
    """Prose under a running head, from `left` on."""
    margin = 0.65
    x, right = left + margin, left + width - margin
    sheet.put(x, 0.7, str(number), points)
    sheet.put(left + width / 2, 0.7, "THE GOLDEN HARVEST.", points * 0.85, anchor="ms")
    sheet.put(
        left + width / 2, 1.15, sheet.line_of_words(3).upper() + ".", points * 1.3, anchor="ms"
    )
    y, bottom = 1.5, sheet.height - 0.7
    while y < bottom:
        y = sheet.paragraph(x, y, right - x, points, bottom)


def _portrait(sheet: _Sheet) -> None:
    _leaf(sheet, 0, sheet.width, 10.5, 14)


def _small(sheet: _Sheet) -> None:
    _leaf(sheet, 0, sheet.width, 6.5, 114)


def _spread(sheet: _Sheet) -> None:
    half = sheet.width / 2
    _leaf(sheet, 0, half, 10, 36)
    _leaf(sheet, half, half, 10, 37)
    shadow = Image.new("L", sheet.image.size, 255)
    middle = sheet.px(half)
    ImageDraw.Draw(shadow).rectangle((middle - sheet.px(0.05), 0, middle, sheet.image.height), 70)
    shadow = shadow.filter(ImageFilter.GaussianBlur(sheet.px(0.07)))
    sheet.image.paste(Image.fromarray(np.minimum(np.asarray(sheet.image), np.asarray(shadow))))


def _oblong(sheet: _Sheet) -> None:
    """A cover or a title of an oblong song book: large letters far apart, then a preface."""
    middle = sheet.width / 2
    sheet.put(middle, 0.8, "THE", 14, anchor="ms")
    sheet.spaced(1.35, "GOLDEN HARVEST", 30, 0.35)
    sheet.put(middle, 1.8, sheet.line_of_words(9), 13, ITALIC, "ms")
    sheet.spaced(2.2, "FOR SCHOOLS AND HOMES", 12, 0.5)
    y, bottom = 2.7, sheet.height - 0.6
    while y < bottom:
        y = sheet.paragraph(0.8, y, sheet.width - 1.6, 9.5, bottom)


def _index(sheet: _Sheet) -> None:
    """Two columns of titles, dots and numbers; an entry without dots here and there."""
    sheet.put(sheet.width / 2, 0.8, "INDEX.", 15, BOLD, "ms")
    points, step = 8.5, float(sheet.rng.choice([0.45, 0.62, 1.0]))
    column = (sheet.width - 1.5) / 2
    for x in (0.6, 0.9 + column):
        y = 1.2
        while y < sheet.height - 0.6:
            left = sheet.line_of_words(int(sheet.rng.integers(1, 5)))
            right = sheet.number()
            if sheet.rng.random() < 0.12:
                right = f"{right}, {sheet.number()}, {sheet.number()}"
                left = sheet.line_of_words(2)
            sheet.leader(x, y, column, left, right, points, step)
            y += points / POINTS * 1.35


def _contents(sheet: _Sheet) -> None:
    """A wide sheet of titles, dots far apart, authors and numbers."""
    sheet.put(sheet.width / 2, 0.8, "CONTENTS.", 16, BOLD, "ms")
    y = 1.3
    while y < sheet.height - 0.6:
        left, right = sheet.line_of_words(4), f"{sheet.line_of_words(1)} {sheet.number()}"
        sheet.leader(0.8, y, sheet.width - 1.6, left, right, 10, 1.3)
        y += 10 / POINTS * 1.4


def _columns(sheet: _Sheet) -> None:
    sheet.put(sheet.width / 2, 0.7, "THE GOLDEN HARVEST.", 10, anchor="ms")
    column = (sheet.width - 1.5) / 2
    for x in (0.6, 0.9 + column):
        y, bottom = 1.1, sheet.height - 0.6
        while y < bottom:
            y = sheet.paragraph(x, y, column, 8.5, bottom)
    middle = sheet.px(sheet.width / 2)
    sheet.pen.line((middle, sheet.px(1), middle, sheet.px(sheet.height - 0.6)), 0, 1)


def _music(sheet: _Sheet) -> None:
    """A song: its title, who wrote it, two staves a system with two lines of words between them."""
    middle, space = sheet.width / 2, 0.065
    sheet.put(middle, 0.75, f"{sheet.number(99)}. {sheet.line_of_words(3)}.", 15, BOLD, "ms")
    sheet.put(0.6, 1.0, sheet.line_of_words(2), 8, ITALIC)
    sheet.put(sheet.width - 0.6, 1.0, "Dr. " + sheet.line_of_words(1), 8, anchor="rs")
    y, width = 1.25, sheet.width - 1.2
    while y + 1.6 < sheet.height:
        sheet.staff(0.6, y, width, space)
        for verse in (1, 2):
            at, base = 0.75, y + 4 * space + 0.2 + 0.15 * verse
            sheet.put(at, base, f"{verse}.", 8.5)
            at += 0.2
            while at < sheet.width - 1.2:
                word = sheet.word()
                sheet.put(at, base, word, 8.5)
                at += max(sheet.extent(word, 8.5) + 0.09, 0.34 * math.ceil(len(word) / 4))
        sheet.staff(0.6, y + 4 * space + 0.65, width, space)
        y += 8 * space + 1.15


def _poem(sheet: _Sheet) -> None:
    sheet.put(sheet.width / 2, 0.9, sheet.line_of_words(3).upper() + ".", 13, anchor="ms")
    y, verse = 1.4, 1
    while y + 0.9 < sheet.height - 0.5:
        sheet.put(1.0, y, f"{verse}.", 10)
        for row in range(4):
            end = ",;,."[row]
            sheet.put(1.25 + 0.2 * (row % 2), y, sheet.line_of_words(6) + end, 10)
            y += 10 / POINTS * 1.3
        if verse % 2 == 0:
            sheet.put(1.45, y, "CHORUS.\u2014" + sheet.line_of_words(5) + ".", 9)
            y += 0.2
        y, verse = y + 0.15, verse + 1


def _prose(sheet: _Sheet) -> None:
    """Dense prose with a large first letter and notes in small type below."""
    sheet.put(sheet.width / 2, 0.7, "PREFACE.", 13, BOLD, "ms")
    y, bottom = 1.1, sheet.height - 1.6
    while y < bottom:
        y = sheet.paragraph(0.6, y, sheet.width - 1.2, 11, bottom)
    y += 0.1
    sheet.pen.line([sheet.px(v) for v in (0.6, y - 0.14, 2.0, y - 0.14)], 0, 1)
    while y < sheet.height - 0.5:
        y = sheet.paragraph(0.6, y, sheet.width - 1.2, 7.5, sheet.height - 0.5)


def _grades(sheet: _Sheet) -> None:
    """Songs by grades and terms, whose headings are those of catalogs, and dotted prices."""
    sheet.put(sheet.width / 2, 0.8, "SONGS FOR THE FIRST YEAR.", 13, BOLD, "ms")
    y = 1.2
    for heading in ("FIRST GRADE.", "SECOND GRADE.", "FALL TERM.", "THIRD YEAR."):
        sheet.put(sheet.width / 2, y, heading, 10, anchor="ms")
        y += 0.25
        for _ in range(3):
            sheet.put(0.9, y, sheet.line_of_words(6) + ",", 10)
            sheet.put(1.1, y + 0.18, sheet.line_of_words(5) + ".", 10)
            y += 0.38
    for _ in range(4):
        sheet.leader(0.9, y, sheet.width - 1.8, sheet.line_of_words(3), "$1.25", 10, 0.7)
        y += 0.2


STYLES: dict[str, tuple[float, float, Callable[[_Sheet], None]]] = {
    "portrait": (5.5, 8.6, _portrait),
    "oblong": (10.0, 6.6, _oblong),
    "spread": (11.0, 8.2, _spread),
    "index": (6.5, 9.2, _index),
    "contents": (10.0, 6.6, _contents),
    "columns": (6.5, 9.2, _columns),
    "small": (4.6, 7.0, _small),
    "music": (6.5, 9.5, _music),
    "oblong music": (10.0, 6.8, _music),
    "poem": (5.0, 7.6, _poem),
    "prose": (5.5, 8.6, _prose),
    "grades": (5.5, 7.8, _grades),
}
"""Width and height in inches, and what sets the page."""


# -- age -----------------------------------------------------------------------------------------


def _aged(print_: Image.Image, dpi: int, rng: np.random.Generator) -> bytes:
    """The sheet as an old one that was scanned, as a JPEG file; some are far more worn."""
    scale, worn = dpi / 200, float(rng.random())
    angle = float(np.clip(rng.normal(0, 0.3), -0.6, 0.6))
    turned = print_.rotate(angle, Image.Resampling.BICUBIC, fillcolor=255)
    soft = turned.filter(ImageFilter.GaussianBlur((0.6 + 0.4 * worn) * scale))
    ink = 1 - np.asarray(soft, np.float32) / 255
    ink *= np.clip(0.88 - 0.2 * worn + 0.1 * _clouds(rng, turned.size, 60 * scale), 0.4, 1)
    other_side = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    through = (
        1 - np.asarray(other_side.filter(ImageFilter.GaussianBlur(2 * scale)), np.float32) / 255
    )
    y, x = np.mgrid[0 : turned.height, 0 : turned.width].astype(np.float32)
    edge = np.minimum(np.minimum(x, turned.width - x), np.minimum(y, turned.height - y)) / dpi
    paper = 0.9 + 0.02 * _clouds(rng, turned.size, 200 * scale) - 0.16 * np.exp(-edge / 0.25)
    paper -= (0.05 + 0.3 * worn) * rng.random() * x / turned.width
    paper *= 1 - 0.12 * worn * through
    grain = rng.normal(0, 0.01 + 0.02 * worn, ink.shape).astype(np.float32)
    light = paper * (1 - 0.86 * ink) + grain
    tint = np.array([244, 232, 206], np.float32)
    color = np.clip(light[..., None] * tint, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(color).save(file, "JPEG", quality=70, dpi=(dpi, dpi))
    return file.getvalue()


def _clouds(rng: np.random.Generator, size: tuple[int, int], cell: float) -> np.ndarray:
    """Soft noise of about `cell` pixels, mean 0, deviation about 1."""
    shape = (max(2, round(size[1] / cell) + 2), max(2, round(size[0] / cell) + 2))
    grid = Image.fromarray(rng.normal(0, 1, shape).astype(np.float32))
    return np.asarray(grid.resize(size, Image.Resampling.BICUBIC), np.float32)
