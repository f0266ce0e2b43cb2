"""What pagewave itself costs: time and memory of the head, apart from reading pages.

Reads made-up pages with the echo server (no OCR, batches of one second) and prints for each size
the wall and CPU time of the head a page, CPU time a wave, the dry run's time and the peak memory;
and how many times the CPU time of as many jobs that do nothing (bare.smk) that is.

    python benchmarks/overhead.py            1,000 and 10,000 pages
    python benchmarks/overhead.py 200        another size
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from PIL import Image

from pagewave.embedded.process import TOKEN_VARIABLE, EmbeddedServer
from pagewave.gemini.connect import ADDRESS_VARIABLE

ROOT = Path(__file__).parent.parent
PAGES_A_BOOK = 20


def make_data_set(folder: Path, pages: int, pages_a_book: int = PAGES_A_BOOK) -> None:
    """Labels and images, every image different, for books of 20 pages."""
    for number in range(pages):
        book = Path("Ohio") / f"School {number // pages_a_book:03}" / "1850"
        stem = str(number % pages_a_book + 1)
        for kind in ("labels", "images"):
            (folder / kind / book).mkdir(parents=True, exist_ok=True)
        (folder / "labels" / book / f"{stem}.json").write_text("{}")
        colour = (number % 256, number // 256 % 256, 128)
        Image.new("RGB", (64, 96), colour).save(
            folder / "images" / book / f"{stem}.jpg", comment=str(number)
        )
    config = {
        "engine": "embedded",
        "paths": {"label_source_dir": "labels", "image_source_dir": "images"},
        "prompt": {"registry_dir": str(ROOT / "prompts")},
        "embedded": {"reader": "echo"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def snakemake(folder: Path, snakefile: str, *arguments: str) -> tuple[float, float, int]:
    """Run it; returns wall seconds, CPU seconds and peak memory in MB of the head alone."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / snakefile)]
    command += ["--workflow-profile", str(ROOT / "profiles/default")]
    started = time.perf_counter()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit((folder / "output.txt").read_text()[-3000:])
    wall = time.perf_counter() - started
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def measure(pages: int) -> None:
    """Print the figures for one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data_set(folder, pages)
        ours = ("Snakefile", "--configfile", "config.yaml")
        dry_wall, _, _ = snakemake(folder, *ours, "-n")
        # A server of its own, so that its CPU time does not count as the head's.
        server = EmbeddedServer(folder / "server", ["--reader", "echo", "--batch-seconds", "1"])
        os.environ[ADDRESS_VARIABLE] = server.base_url
        os.environ[TOKEN_VARIABLE] = server.token
        wall, cpu, memory = snakemake(folder, *ours)
        server.close()
        del os.environ[ADDRESS_VARIABLE]
        shape = (f"books={pages // PAGES_A_BOOK}", f"pages={PAGES_A_BOOK}")
        _, bare_cpu, _ = snakemake(folder, "benchmarks/bare.smk", "--config", *shape)
        waves = len(list((folder / "logs" / "waves").rglob("*.json")))
        print(
            f"{pages:>6} pages, {waves} waves: {1000 * wall / pages:6.1f} ms wall a page, "
            f"{1000 * cpu / pages:6.1f} ms CPU a page ({cpu / bare_cpu:.2f} times "
            f"{1000 * bare_cpu / pages:.1f} ms of bare Snakemake), "
            f"{cpu / waves:6.3f} s CPU a wave, "
            f"dry run {dry_wall:.1f} s, peak memory {memory} MB",
            flush=True,
        )


def main() -> None:
    """Measure the sizes named on the command line."""
    for pages in [int(argument) for argument in sys.argv[1:]] or [1000, 10000]:
        measure(pages)


if __name__ == "__main__":
    main()
