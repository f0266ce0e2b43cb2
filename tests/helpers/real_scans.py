"""A PDF and a multi-page TIFF, read from end to end by the embedded reader and compared with truth.

The pages are those of the sample, over and over, each time a little darker: no two are the same,
and each is really read. Prints for both files how long it took and how well it was read.

    python tests/helpers/real_scans.py               a PDF of 40 pages, a TIFF of 10
    python tests/helpers/real_scans.py 4 2           other numbers of pages
"""

import shutil
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import yaml
from PIL import Image, ImageEnhance

from pagewave.answers.scores import PageScore, score_pages, totals

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "resources/sample"
PDF, TIFF = Path("Ohio/A PDF/1860"), Path("Ohio/A TIFF/1860")
DOTS_PER_INCH = 200  # of the sample's pages
DARKER = 0.01


def make_data_set(folder: Path, pdf_pages: int, tiff_pages: int) -> None:
    """Both files, the truth about their pages and a configuration, without any label."""
    _make_file(folder, PDF, "catalog.pdf", pdf_pages, {"quality": 90, "resolution": DOTS_PER_INCH})
    _make_file(folder, TIFF, "scans.tif", tiff_pages, {"compression": "tiff_lzw"})
    config = {
        "engine": "embedded",
        "paths": {"image_source_dir": "images"},
        "filters": {"labels": "all"},
        "prompt": {"registry_dir": str(ROOT / "prompts")},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def _make_file(folder: Path, book: Path, name: str, count: int, options: dict[str, object]) -> None:
    scans = sorted((SAMPLE / "images").rglob("*.jpg"))
    pages = []
    for number, scan in enumerate(islice(cycle(scans), count), start=1):
        with Image.open(scan) as image:
            darker = 1 - DARKER * ((number - 1) // len(scans))
            pages.append(ImageEnhance.Brightness(image).enhance(darker))
        truth = SAMPLE / "truth" / scan.relative_to(SAMPLE / "images").with_suffix(".json")
        target = folder / "truth" / book / f"{number}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(truth, target)
    path = folder / "images" / book / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)


def read(folder: Path) -> str:
    """Run the workflow over the data set; returns what it printed."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
    command += ["--workflow-profile", str(ROOT / "profiles/default"), "--configfile", "config.yaml"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    output = result.stdout + result.stderr
    if result.returncode:
        sys.exit(output[-3000:])
    return output


def scores(folder: Path, book: Path) -> list[PageScore]:
    """How well the pages of one of the two files were read."""
    found = score_pages(folder / "results/pages" / book, folder / "truth" / book)
    if found.unread:
        sys.exit(f"{book}: not read: {', '.join(found.unread)}")
    return found.pages


def main() -> None:
    """Make both files, read them, print the figures."""
    pdf_pages, tiff_pages = map(int, sys.argv[1:] or (40, 10))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data_set(folder, pdf_pages, tiff_pages)
        started = time.perf_counter()
        print(next(line for line in read(folder).splitlines() if "pagewave run" in line))
        print(f"{pdf_pages} + {tiff_pages} pages in {time.perf_counter() - started:.0f} s")
        for book, file in ((PDF, "catalog.pdf"), (TIFF, "scans.tif")):
            pages = scores(folder, book)
            figures = totals(pages)
            print(
                f"{file}: {len(pages)} pages, mean character error rate "
                f"{100 * figures['mean_cer']:.2f} %, courses precision "
                f"{figures['course_precision']:.2f}, recall {figures['course_recall']:.2f}"
            )


if __name__ == "__main__":
    main()
