"""What would be sent for each scan of a folder, beside what other decoders see there.

Prints for each page its size in pixels, pixels an inch where known, median grey, share of ink, and
how it compares with mupdf, poppler, libtiff's tools and OpenJPEG (Debian: mupdf-tools,
poppler-utils, libtiff-tools, libopenjp2-tools; `.ci/install`): `same` where one of them sees the
same (mean within 2 grey levels, correlation 0.99), `same, scaled` where only its tones are
stretched, as of 12 bits in 16 (or others, as each makes of CMYK), `refused` with the words that a
person gets, `alone` where none of them knows the kind, and DIFFERS. Ends with a count of each, and
with code 1 where one differs.

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

import numpy as np
from PIL import Image

from pagewave.config.data import Images
from pagewave.errors import DataError
from pagewave.pages import scan_files, tiff
from pagewave.pages.look import look
from pagewave.pages.scan_names import IMAGE_SUFFIXES

MEAN, CORRELATION = 2.0, 0.99
NOTHING = 2.0
"""Standard deviation of greys of a picture in which there is nothing to be seen."""
FEW_LEVELS = 0.95
"""The least correlation with a picture that is nearly black."""
SIDE, PDF_SIDE = 600, 250
"""Pixels of the longer side of what is compared: decoders round differently at edges, and place
letters by fractions of a pixel."""
PAGES = 3
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


def make(folder: Path) -> None:
    """The files with which tests/pages/test_odd_scans.py compares what was scanned."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from helpers.odd_scans import every_tiff, other_files, other_tiffs

    folder.mkdir(parents=True, exist_ok=True)
    for files in (every_tiff, other_tiffs, other_files):
        for _ in files(folder):
            pass


def compare(path: Path) -> Iterator[tuple[str, str]]:
    """A verdict and a line for each page of a scan."""
    options = Images()
    try:
        leaves = scan_files.leaves(path, options.pdf_dpi)
    except DataError as error:
        yield "refused", f"refused: {error}"
        return
    for number, leaf in enumerate(leaves[:PAGES], start=1):
        try:
            if leaf.problem:
                raise DataError(leaf.problem)
            ours = scan_files.load(path, number, options.pdf_dpi, options.longest_side)
        except DataError as error:
            yield "refused", f"page {number} refused: {error}"
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


def judge(path: Path, number: int, ours: Image.Image) -> tuple[str, str]:
    """How our picture of a page compares with others', the nearest first."""
    side = PDF_SIDE if scan_files.is_pdf(path) else SIDE
    mine = small(ours, ours.size, side)
    found = []
    for name, theirs in others(path, number, ours.size):
        other = small(theirs, ours.size, side)
        if mine.std() < 1 and other.std() < 1:
            correlation = 1.0
        else:
            correlation = float(np.corrcoef(mine.ravel(), other.ravel())[0, 1])
        mean = float(mine.mean() - other.mean())
        if abs(mean) <= MEAN and correlation >= CORRELATION:
            return "same", f" as {name}"
        if other.std() < NOTHING <= mine.std():
            continue  # 8 bits in 16 are black to it
        stretched = mean > 0 or (mine.min() < 128 <= other.min())
        if stretched and correlation >= (CORRELATION if other.max() > 64 else FEW_LEVELS):
            return "same, scaled", f" as {name}, by {mean:+.0f} levels"
        found.append(f"{name} {mean:+.1f} levels, correlation {correlation:.3f}")
    if not found:
        return "alone", ""
    return "DIFFERS", ": " + "; ".join(found)


def small(
    image: Image.Image, size: tuple[int, int], side: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Greys of a picture, scaled as ours to this longer side."""
    share = min(1.0, side / max(size))
    target = (max(1, round(size[0] * share)), max(1, round(size[1] * share)))
    return np.asarray(image.convert("L").resize(target, Image.Resampling.BOX), np.float64)


def others(path: Path, number: int, size: tuple[int, int]) -> Iterator[tuple[str, Image.Image]]:
    """What other programs see in a page, by their names; those that can't read it are left out."""
    with path.open("rb") as file:
        start = file.read(1024)
        frame = tiff.pages(file)[number - 1] if tiff.is_tiff(file) else None  # type: ignore[arg-type]
    if frame and not knows_kind(frame):
        return
    width, height = map(str, size)
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        drawn = [
            "mutool",
            "draw",
            "-q",
            "-c",
            "gray",
            "-o",
            f"{out}/m.pgm",
            "-w",
            width,
            "-h",
            height,
        ]
        commands = {"mupdf": ([*drawn, "-f", str(path), str(number)], out / "m.pgm")}
        if b"%PDF-" in start:
            sides = ["-scale-to-x", width, "-scale-to-y", height]
            pages = ["-f", str(number), "-l", str(number), "-singlefile"]
            poppler = ["pdftoppm", "-gray", *pages, *sides, str(path), f"{out}/p"]
            commands["poppler"] = (poppler, out / "p.pgm")
        elif frame and number == 1:
            commands["libtiff"] = (["tiff2rgba", str(path), f"{out}/t.tif"], out / "t.tif")
        elif path.suffix.lower() in (".jp2", ".j2k"):
            opj = ["opj_decompress", "-i", str(path), "-o", f"{out}/o.png"]
            commands["OpenJPEG"] = (opj, out / "o.png")
        for program, (command, made) in commands.items():
            try:
                subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
                with Image.open(made) as image:
                    yield program, on_white(image)
            except (OSError, subprocess.TimeoutExpired):
                continue


def knows_kind(frame: tiff.Frame) -> bool:
    """Do the others see such a TIFF picture as its tags say? They take signed samples and fractions
    for unsigned ones, leave pages lying, and each make something else of white as zero, or of few
    bits, with transparency."""
    photometric, bits = frame.value(tiff.PHOTOMETRIC, 1), frame.bits
    if frame.values(tiff.EXTRA) and (
        photometric == 0 or bits[0] not in (8, 16) or bits == (16, 16)
    ):
        return False
    if frame.value(tiff.PREDICTOR, 1) != 1 and bits[0] == 16:  # mupdf undoes it wrongly
        return False
    return set(frame.values(tiff.FORMAT)) <= {1, 4} and frame.orientation < 5


def on_white(image: Image.Image) -> Image.Image:
    """A picture without transparency, of 8 bits."""
    if image.mode == "I;16":
        return image.convert("F").point(lambda value: value / 257).convert("L")
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


if __name__ == "__main__":
    sys.exit(main())
