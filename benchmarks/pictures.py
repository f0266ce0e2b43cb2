"""What would be sent for each scan of a folder, beside what other decoders see there.

Prints for each page its size in pixels, pixels an inch where known, median grey, share of ink, and
how it compares with GraphicsMagick, libtiff's tools, mupdf, poppler and OpenJPEG (Debian:
graphicsmagick, libtiff-tools, mupdf-tools, poppler-utils, libopenjp2-tools; `.ci/install`), which
are asked one after another until one sees the same:

- `same`: one of them sees the same (mean within 2 grey levels, correlation 0.99);
- `same, scaled`: where only its tones are stretched, as of 12 bits in 16;
- `as made`: they see it otherwise, and each other: what the file was made of decides;
- `alone`: none of them knows the kind; of made files it is as they were made;
- `refused`: with the words that a person gets, and who makes a picture of it all the same, as they
  do of broken files too;
- DIFFERS, also where a made file is not what it was made of.

Each row names the decoders that see something else. Ends with a count of each verdict, and with
code 1 where one differs.

    python benchmarks/pictures.py FOLDER             every scan below it, 3 pages of each
    python benchmarks/pictures.py --make FOLDER      first fill it with the odd scans of the tests
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from pagewave.config.data import Images
from pagewave.errors import DataError
from pagewave.pages import samples, scan_files, tiff
from pagewave.pages.look import look
from pagewave.pages.scan_names import IMAGE_SUFFIXES
from pagewave.pages.seen import turned_upright

MEAN, CORRELATION = 2.0, 0.99
NOTHING = 2.0
"""Standard deviation of greys of a picture in which there is nothing to be seen."""
FEW_LEVELS = 0.95
"""The least correlation with a picture that is nearly black."""
WHITE = 250
SIDE, PDF_SIDE = 600, 250
"""Pixels of the longer side of what is compared: decoders round differently at edges, and place
letters by fractions of a pixel."""
PAGES = 3
TRUTH = ".made.pgm"
"""Behind a file's name: what it was made of."""
SECONDS = 60


def main() -> int:
    """Compare all scans of a folder; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--make", action="store_true", help="fill the folder with odd scans first")
    options = parser.parse_args()
    if options.make:
        make(options.folder)
    counts: Counter[str] = Counter()
    for path in sorted(options.folder.rglob("*")):
        if path.suffix.lower() not in {*IMAGE_SUFFIXES, ".gif", ".bmp"}:
            continue
        for line in compare(path):
            verdict, told = line
            counts[verdict] += 1
            print(f"{path.relative_to(options.folder)}: {told}", flush=True)
    print(", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())))
    return 1 if counts["DIFFERS"] else 0


Greys = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def make(folder: Path) -> None:
    """The files with which tests/pages/test_odd_scans.py compares what was scanned, and beside
    each what it was made of."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from helpers.odd_scans import every_tiff, other_files, other_tiffs

    folder.mkdir(parents=True, exist_ok=True)
    for files in (every_tiff, other_tiffs, other_files):
        for path, truth in files(folder):
            write_truth(path, truth)


def write_truth(path: Path, truth: Greys) -> None:
    """Keep beside a file what it was made of: levels of grey or RGB, height and width first."""
    image = Image.fromarray(np.rint(truth).astype(np.uint8))
    image.convert("L").save(_truth_file(path), "PPM")


def _truth_file(path: Path) -> Path:
    return path.with_name(path.name + TRUTH)


def compare(path: Path) -> Iterator[tuple[str, str]]:
    """A verdict and a line for each page of a scan."""
    options = Images()
    try:
        leaves = scan_files.leaves(path, options.pdf_dpi)
    except DataError as error:
        yield "refused", f"refused: {error}{_but_read(path, 1)}"
        return
    for number, leaf in enumerate(leaves[:PAGES], start=1):
        try:
            if leaf.problem:
                raise DataError(leaf.problem)
            ours = scan_files.load(path, number, options.pdf_dpi, options.longest_side)
        except DataError as error:
            yield "refused", f"page {number} refused: {error}{_but_read(path, number)}"
            continue
        ours.thumbnail((options.longest_side or 3072,) * 2, Image.Resampling.LANCZOS)
        seen = look(ours.copy())
        dpi = f"{leaf.dpi * ours.height / max(leaf.height, 1):.0f} dpi" if leaf.dpi else "dpi ?"
        verdict, difference = judge(path, number, ours)
        yield (
            verdict,
            f"page {number}: {ours.width} x {ours.height}, {dpi}, median {seen.median}, "
            f"ink {seen.ink:.3f}: {verdict}{difference}",
        )


def _but_read(path: Path, number: int) -> str:
    """Which other decoders make a picture of what was refused."""
    try:
        frame = _frame(path, number)
    except (ValueError, IndexError):
        frame = None
    names = [name for name, _ in others(path, number, (SIDE, SIDE), frame)]
    return f"; read by {', '.join(names)}" if names else ""


class Seen(NamedTuple):
    """How our picture compares with another's: grey levels that it is lighter, correlation, levels
    by which a point differs at most."""

    mean: float
    correlation: float
    most: float

    def __str__(self) -> str:
        return f"{self.mean:+.1f} levels, correlation {self.correlation:.3f}"

    @property
    def is_same(self) -> bool:
        """Is it the same picture?"""
        return abs(self.mean) <= MEAN and (self.correlation >= CORRELATION or self.most <= MEAN)


def judge(path: Path, number: int, ours: Image.Image) -> tuple[str, str]:
    """A verdict on our picture of a page, and what is to be said with it."""
    side = PDF_SIDE if scan_files.is_pdf(path) else SIDE
    mine = small(ours, ours.size, side)
    truth, is_made = None, _truth_file(path).exists() and number == 1
    if is_made:
        with Image.open(_truth_file(path)) as image:
            truth = small(image, ours.size, side)
        if not (seen := beside(mine, truth)).is_same:
            return "DIFFERS", f" from what was made: {seen}"
    frame = _frame(path, number)
    scaled, otherwise, counted = "", {}, False
    theirs: list[Greys] = []
    for name, picture in others(path, number, ours.size, frame):
        other = small(picture, ours.size, side)
        seen = beside(mine, other)
        if seen.is_same:
            return "same", f" as {name}{_but(otherwise)}"
        if is_stretched(mine, other):
            scaled = scaled or f" as {name}, by {seen.mean:+.0f} levels"
            continue
        if other.std() < NOTHING <= mine.std():
            continue  # 8 bits in 16 are black to it
        otherwise[name] = seen
        theirs.append(other)
        counted = counted or knows_kind(name, frame)
    if scaled:
        return "same, scaled", f"{scaled}{_but(otherwise)}"
    disagree = any(not beside(theirs[0], other).is_same for other in theirs[1:])
    if is_made and disagree:
        return "as made", _but(otherwise)
    if counted:
        return "DIFFERS", _but(otherwise)
    return "alone", f"{', as it was made' if is_made else ''}{_but(otherwise)}"


def _but(otherwise: dict[str, Seen]) -> str:
    """Who sees something else."""
    return "".join(f"; {name} otherwise ({seen})" for name, seen in otherwise.items())


def beside(mine: Greys, other: Greys) -> Seen:
    """How two pictures of one size compare."""
    if mine.std() < 1 and other.std() < 1:
        correlation = 1.0
    elif min(mine.std(), other.std()) == 0:
        correlation = 0.0
    else:
        correlation = float(np.corrcoef(mine.ravel(), other.ravel())[0, 1])
    most = float(np.abs(mine - other).max())
    return Seen(float(mine.mean() - other.mean()), correlation, most)


def is_stretched(mine: Greys, other: Greys) -> bool:
    """Is ours the other picture with its tones stretched, but for what is white in both?"""
    white = other > WHITE
    if white.any() and not white.all() and mine[white].mean() > WHITE and other[~white].max() < 64:
        mine, other = mine[~white], other[~white]
    seen = beside(mine, other)
    is_lighter = seen.mean > 0 or (mine.min() < 128 <= other.min())
    return is_lighter and seen.correlation >= (CORRELATION if other.max() > 64 else FEW_LEVELS)


def small(image: Image.Image, size: tuple[int, int], side: int) -> Greys:
    """Greys of a picture, scaled as ours to this longer side; fractions of levels are kept."""
    share = min(1.0, side / max(size))
    target = (max(1, round(size[0] * share)), max(1, round(size[1] * share)))
    grey = image if image.mode == "F" else image.convert("L").convert("F")
    return np.asarray(grey.resize(target, Image.Resampling.BOX), np.float64)


def _frame(path: Path, number: int) -> tiff.Frame | None:
    """What a TIFF file says of a page; None for other files."""
    with path.open("rb") as file:
        return tiff.pages(file)[number - 1] if tiff.is_tiff(file) else None


def others(
    path: Path, number: int, size: tuple[int, int], frame: tiff.Frame | None
) -> Iterator[tuple[str, Image.Image]]:
    """What other programs see in a page, by their names; those that can't read it are left out."""
    width, height = map(str, size)
    pdf, suffix = scan_files.is_pdf(path), path.suffix.lower()
    orientation = tagged_orientation(path)
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        commands: dict[str, tuple[list[str], Path]] = {}
        if not pdf and suffix not in (".jp2", ".j2k"):
            scan = f"{path}[{frame.number if frame else 0}]"
            turn = ["-auto-orient"] if orientation == 1 else []
            white = [*turn, "-background", "white", scan, "-flatten"]
            grey = ["-colorspace", "gray", "-depth", "16", f"{out}/g.pgm"]
            commands["GraphicsMagick"] = (["gm", "convert", *white, *grey], out / "g.pgm")
        if frame and number == 1:
            commands["libtiff"] = (["tiff2rgba", str(path), f"{out}/t.tif"], out / "t.tif")
        if suffix in (".jp2", ".j2k"):
            opj = ["opj_decompress", "-i", str(path), "-o", f"{out}/o.png"]
            commands["OpenJPEG"] = (opj, out / "o.png")
        options = ["-q", "-c", "gray", "-w", width, "-h", height, "-f", "-o", f"{out}/m.pgm"]
        drawn = ["mutool", "draw", *options, str(path), str(number)]
        if orientation == 1:
            commands["mupdf"] = (drawn, out / "m.pgm")
        if pdf:
            sides = ["-scale-to-x", width, "-scale-to-y", height]
            pages = ["-f", str(number), "-l", str(number), "-singlefile"]
            poppler = ["pdftoppm", "-gray", *pages, *sides, str(path), f"{out}/p"]
            commands["poppler"] = (poppler, out / "p.pgm")
        for program, (command, made) in commands.items():
            try:
                subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
                with Image.open(made) as image:
                    yield program, turned_upright(on_white(image), orientation)
            except (OSError, subprocess.TimeoutExpired):
                continue


def tagged_orientation(path: Path) -> int:
    """How a PNG or WebP file is to be turned, which no other decoder does; 1 for other files."""
    try:
        with Image.open(path, formats=["PNG", "WEBP"]) as image:
            image.load()
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (OSError, ValueError, SyntaxError):
        return 1


def knows_kind(program: str, frame: tiff.Frame | None) -> bool:
    """Does another program see such a TIFF picture as its tags say, so that it counts where it sees
    something else?

    All take signed samples for unsigned ones, as white is zero of fractions; GraphicsMagick and
    mupdf grey that is multiplied with its transparency for grey that is not.
    """
    if frame is None:
        return True
    photometric, bits = frame.value(tiff.PHOTOMETRIC, 1), frame.bits
    formats, extra = set(frame.values(tiff.FORMAT)), frame.values(tiff.EXTRA)
    if samples.SIGNED in formats or (samples.FRACTION in formats and photometric == 0):
        return False
    if samples.PREMULTIPLIED in extra and photometric == 0:
        return False
    if program == "GraphicsMagick":
        return not (samples.PREMULTIPLIED in extra and photometric == 1)
    if program == "libtiff":  # leaves pages lying
        return frame.orientation < 5
    if extra and (photometric == 0 or bits[0] not in (8, 16) or bits == (16, 16)):
        return False
    if photometric in (0, 1) and samples.PREMULTIPLIED in extra:
        return False
    if photometric == 0 and frame.values(tiff.TILES):
        return False
    if frame.value(tiff.PREDICTOR, 1) != 1 and bits[0] == 16:  # mupdf undoes it wrongly
        return False
    return formats <= {1, 4} and frame.orientation == 1


def on_white(image: Image.Image) -> Image.Image:
    """A picture without transparency: of 8 bits, or fractions of their levels."""
    if image.mode.startswith("I"):
        return image.convert("F").point(lambda value: value / 257)
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


if __name__ == "__main__":
    sys.exit(main())
