"""From a sheet of type to the photograph of an old leaf: ink, paper, dirt, a camera.

The order is that of the world: type inks the paper unevenly, the leaf is bound (curl, gutter), the
other side shows through, paper tones and spots, the camera blurs. All chance comes from one seed.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont
from sheet import Letters, Sheet
from type_metrics import FONT_FILES, Style, find_font
from typesetting import PAGE_HEIGHT, PAGE_WIDTH

Plane = npt.NDArray[np.float32]

SCALE = 2
"""Pixels of the ink layer to a pixel of the page."""

SIZE = (PAGE_WIDTH, PAGE_HEIGHT)
INK_SIZE = (PAGE_WIDTH * SCALE, PAGE_HEIGHT * SCALE)

PAPER = (238.0, 226.0, 199.0)
INK = (22.0, 16.0, 10.0)


@cache
def _font(face: str, style: Style, pixels: int) -> ImageFont.FreeTypeFont:
    # Basic layout: the result must not depend on whether libraqm is there.
    return ImageFont.truetype(
        find_font(FONT_FILES[face][style]), pixels, layout_engine=ImageFont.Layout.BASIC
    )


def press(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Ink on a sheet, white on black, at SCALE; words stand a little off their lines."""
    ink = Image.new("L", INK_SIZE, 0)
    draw = ImageDraw.Draw(ink)
    for word in sheet.words:
        jitter = float(rng.normal(0, 0.45))
        darkness = int(255 - abs(rng.normal(0, 18)))
        for letters in word:
            _draw_letters(draw, sheet.face, letters, jitter, darkness)
    for stroke in sheet.strokes:
        points = [(x * SCALE, y * SCALE) for x, y in stroke.points]
        if len(points) > 2:
            draw.polygon(points, fill=245)
        else:
            draw.line(points, fill=240, width=round(stroke.width * SCALE))
    return ink


def _draw_letters(
    draw: ImageDraw.ImageDraw, face: str, letters: Letters, jitter: float, darkness: int
) -> None:
    font = _font(face, letters.style, round(letters.size * SCALE))
    for x, letter in zip(letters.places, letters.text, strict=True):
        at = (x * SCALE, letters.baseline * SCALE + jitter)
        draw.text(at, letter, fill=darkness, font=font, anchor="ls")


def photograph(
    ink: Image.Image, other_side: Image.Image, recto: bool, rng: np.random.Generator
) -> Image.Image:
    """The leaf as a camera sees it; `recto`: the gutter is at its left."""
    angle = float(np.clip(rng.normal(0, 0.45), -1, 1))
    printed = _curl(_spread(ink, rng), recto).rotate(angle, Image.Resampling.BICUBIC, fillcolor=0)
    front = np.asarray(printed, np.float32) / 255
    through = _show_through(other_side, rng)
    light = _paper(recto, rng)
    light *= (1 - 0.075 * through * (1 - front)) * (1 - 0.83 * front)
    _speckle(light, rng)
    return _tint(light, rng).filter(ImageFilter.GaussianBlur(0.45))


def _noise(rng: np.random.Generator, size: tuple[int, int], cell: int) -> Plane:
    """Clouds of about `cell` pixels, mean 0, deviation about 1."""
    width, height = size
    shape = (max(2, height // cell + 2), max(2, width // cell + 2))
    grid = rng.normal(0, 1, shape).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC), np.float32)


def _enlarged_noise(rng: np.random.Generator, cell: int) -> Plane:
    clouds = Image.fromarray(_noise(rng, (PAGE_WIDTH // 2, PAGE_HEIGHT // 2), cell))
    return np.asarray(clouds.resize(INK_SIZE, Image.Resampling.BICUBIC), np.float32)


def _spread(ink: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Ink gain, by a threshold that wanders over the page, and uneven inking."""
    soft = np.asarray(ink.filter(ImageFilter.GaussianBlur(SCALE * 0.42)), np.float32) / 255
    level = 0.36 + 0.05 * _enlarged_noise(rng, 60)
    level += 0.04 * rng.normal(0, 1, soft.shape).astype(np.float32)
    inked = np.clip((soft - level) * 4.2 + 0.5, 0, 1)
    inked *= np.clip(0.88 + 0.07 * _enlarged_noise(rng, 24), 0.5, 1)
    layer = Image.fromarray((inked * 255).astype(np.uint8))
    return layer.resize(SIZE, Image.Resampling.BOX)


def _curl(ink: Image.Image, recto: bool, depth: float = 7.0, strips: int = 22) -> Image.Image:
    """Lines that bend towards the gutter, by at most `depth` pixels."""

    def shift(x: int) -> float:
        share = x / PAGE_WIDTH if recto else 1 - x / PAGE_WIDTH
        return depth * math.exp(-share * 5.0)

    mesh = []
    for strip in range(strips):
        left, right = strip * PAGE_WIDTH // strips, (strip + 1) * PAGE_WIDTH // strips
        corners = (
            *(left, shift(left), left, PAGE_HEIGHT + shift(left)),
            *(right, PAGE_HEIGHT + shift(right), right, shift(right)),
        )
        mesh.append(((left, 0, right, PAGE_HEIGHT), corners))
    return ink.transform(ink.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def _show_through(other_side: Image.Image, rng: np.random.Generator) -> Plane:
    """The mirrored, blurred print of the leaf's other side."""
    ghost = other_side.resize(SIZE, Image.Resampling.BOX)
    ghost = ghost.transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(ImageFilter.GaussianBlur(2.2))
    ghost = ghost.rotate(float(rng.normal(0, 0.5)), Image.Resampling.BILINEAR, fillcolor=0)
    ghost = ImageChops.offset(ghost, int(rng.integers(-14, 14)), int(rng.integers(-12, 12)))
    return np.asarray(ghost, np.float32) / np.float32(255)


def _paper(recto: bool, rng: np.random.Generator) -> Plane:
    """The light that the paper throws back: fibre, toned edges, the gutter's shadow, foxing."""
    y, x = np.mgrid[0:PAGE_HEIGHT, 0:PAGE_WIDTH].astype(np.float32)
    paper: Plane = np.ones((PAGE_HEIGHT, PAGE_WIDTH), np.float32)
    for strength, cell in ((0.012, 240), (0.008, 60), (0.006, 9)):
        paper += strength * _noise(rng, SIZE, cell)
    paper += 0.006 * rng.normal(0, 1, paper.shape).astype(np.float32)
    paper -= 0.10 * np.exp(-np.minimum(x, PAGE_WIDTH - x) / PAGE_WIDTH * 26)
    paper -= 0.07 * np.exp(-np.minimum(y, PAGE_HEIGHT - y) / PAGE_HEIGHT * 30)
    paper -= 0.22 * np.exp(-(x if recto else PAGE_WIDTH - x) / PAGE_WIDTH * 24)
    for _ in range(int(rng.poisson(9))):
        _fox(paper, rng)
    return paper


def _fox(paper: Plane, rng: np.random.Generator) -> None:
    """One brown spot."""
    cx, cy = rng.uniform(0, PAGE_WIDTH), rng.uniform(0, PAGE_HEIGHT)
    radius, depth = rng.uniform(3, 16), rng.uniform(0.03, 0.10)
    rows = slice(int(max(0, cy - 3 * radius)), int(min(PAGE_HEIGHT, cy + 3 * radius)))
    columns = slice(int(max(0, cx - 3 * radius)), int(min(PAGE_WIDTH, cx + 3 * radius)))
    y, x = np.ogrid[rows, columns]
    paper[rows, columns] -= depth * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * radius**2))


def _speckle(light: Plane, rng: np.random.Generator) -> None:
    """Specks of dirt of one or two pixels."""
    count = int(rng.poisson(110))
    xs, ys = rng.integers(0, PAGE_WIDTH - 2, count), rng.integers(0, PAGE_HEIGHT - 2, count)
    for x, y in zip(xs, ys, strict=True):
        height, width = (int(n) for n in rng.integers(1, 3, 2))
        light[y : y + height, x : x + width] *= rng.uniform(0.45, 0.8)


def _tint(light: Plane, rng: np.random.Generator) -> Image.Image:
    """Light to color: paper that grows browner as it darkens, ink that is not quite black."""
    tint = np.array(PAPER) + rng.normal(0, 5) * np.array([1, 1, 1.2]) + rng.normal(0, 1.2, 3)
    value = np.clip(light, 0, 1.06)[..., None]
    color = tint * np.power(value, np.array([0.96, 1.0, 1.08]))
    color += (1 - value) * np.array(INK)
    return Image.fromarray(np.clip(color, 0, 255).astype(np.uint8))
