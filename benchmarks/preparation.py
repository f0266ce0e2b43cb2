"""What it costs to make pages' images, beside another version of pagewave.

Makes scans of three pages of the sample in each kind, lets both versions make their images in turn
(each in a process of its own, the other one first every second time) and prints for each kind the
median CPU time a page in ms, the megapixels of what is made, and the least, median and largest
ratio of the pairs (this version to the other).

    git worktree add --detach /tmp/before 7878d19
    python benchmarks/preparation.py /tmp/before              7 pairs of all kinds
    python benchmarks/preparation.py /tmp/before 15 g4 jp2    15 pairs of kinds named so
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
SAMPLE_DPI = 200
INCHES = {"jpeg": (300, 400, 600), "grey": (300, 600), "g4": (300, 400, 600)}
"""Pixels an inch of the PDF files that are made; a page of the sample is 5.5 inches wide."""
PAGES = 3
TIMES = 3
"""How often a process makes the images of a scan."""

MAKE = """
import io, json, resource, sys
from pathlib import Path
import pypdfium2
from PIL import Image
from pagewave.config.data import Images
from pagewave.pages import scan_files
from pagewave.pages.prepare import make_image

def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

options, found = Images(), {}
for name in sys.argv[2:]:
    scan = Path(name)
    make_image(scan, 1, options)  # what is loaded once
    began, pages = cpu(), 0
    for _ in range(int(sys.argv[1])):
        for number in range(1, len(scan_files.leaves(scan, options.pdf_dpi)) + 1):
            made = make_image(scan, number, options)
            pages += 1
    seconds = (cpu() - began) / pages
    with Image.open(io.BytesIO(made)) as image:
        found[name] = (seconds, image.width * image.height)
print(json.dumps(found))
"""


def make(folder: Path) -> None:
    """One scan of each kind."""
    sheets = []
    for path in sorted((ROOT / "resources/sample/images").rglob("*.jpg"))[:PAGES]:
        with Image.open(path) as image:
            sheets.append(image.convert("RGB"))
    for kind, resolutions in INCHES.items():
        for dpi in resolutions:
            first, *others = [at(sheet, dpi, kind) for sheet in sheets]
            pdf = folder / f"{kind}-{dpi}.pdf"
            quality = {} if kind == "g4" else {"quality": 90}
            first.save(pdf, save_all=True, append_images=others, resolution=dpi, **quality)
            if kind == "g4":
                options = {"compression": "group4", "dpi": (dpi, dpi)}
                first.save(pdf.with_suffix(".tif"), save_all=True, append_images=others, **options)
    options = {"irreversible": True, "quality_mode": "rates", "quality_layers": [12]}
    at(sheets[0], 300, "jpeg").save(folder / "rgb-300.jp2", **options)
    at(sheets[0], 300, "grey").save(folder / "grey-300.jp2", **options)


def at(sheet: Image.Image, dpi: int, kind: str) -> Image.Image:
    """A page with so many pixels an inch; of G4 one bit a pixel."""
    size = (sheet.width * dpi // SAMPLE_DPI, sheet.height * dpi // SAMPLE_DPI)
    large = sheet.resize(size, Image.Resampling.LANCZOS)
    if kind == "jpeg":
        return large
    grey = large.convert("L")
    return grey if kind == "grey" else grey.point([0] * 140 + [255] * 116).convert("1", dither=0)


def measure(tree: Path, scans: list[Path]) -> dict[str, tuple[float, int]]:
    """CPU seconds a page, and pixels of an image, by scan."""
    command = [sys.executable, "-c", MAKE, str(TIMES), *map(str, scans)]
    environment = os.environ | {"PYTHONPATH": str(tree / "scripts")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return {name: tuple(figures) for name, figures in json.loads(done.stdout).items()}


def table(before: Path, pairs: int, scans: list[Path]) -> Iterator[str]:
    """A line for each scan."""
    trees = (before, ROOT)
    rounds = []
    for number in range(pairs):
        order = trees if number % 2 else trees[::-1]
        rounds.append({tree: measure(tree, scans) for tree in order})
    yield "scan              before             now  ratio of pairs (least, median, largest)"
    for scan in scans:
        name = str(scan)
        told = []
        for tree in trees:
            seconds = statistics.median(each[tree][name][0] for each in rounds)
            pixels = rounds[0][tree][name][1] / 1e6
            told.append(f"{1000 * seconds:5.0f} ms {pixels:4.1f} MP")
        ratios = sorted(each[ROOT][name][0] / each[before][name][0] for each in rounds)
        figures = " ".join(f"{ratio:.2f}" for ratio in _least_median_largest(ratios))
        yield f"{scan.name:13} {told[0]} {told[1]}  {figures}"


def _least_median_largest(values: list[float]) -> tuple[float, float, float]:
    return values[0], statistics.median(values), values[-1]


def main() -> None:
    """Make scans, measure both versions, print the table."""
    before, *others = sys.argv[1:]
    pairs = int(others.pop(0)) if others and others[0].isdigit() else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        scans = [
            scan
            for scan in sorted(folder.iterdir())
            if not others or any(word in scan.name for word in others)
        ]
        for line in table(Path(before), pairs, scans):
            print(line, flush=True)


if __name__ == "__main__":
    main()
