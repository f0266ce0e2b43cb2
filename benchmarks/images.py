"""What it costs the head to send images inside of a batch's requests, and by themselves.

Reads the same made-up pages (echo server, batches of one second) both ways in pairs, which of them
first alternating, and prints for each pair the CPU time of the head a page and its ratio (inside to
uploaded); at the end the least and the median ratio. With --memory: the head's peak memory for
one wave of 40 pages whose requests have 20, 100 and 300 MB.

    python benchmarks/images.py              5 pairs of 300 pages with images of 360 kB
    python benchmarks/images.py 1000 3       3 pairs of 1000 pages
    python benchmarks/images.py --memory
"""

import contextlib
import os
import statistics
import sys
import tempfile
from pathlib import Path

import yaml
from overhead import make_data_set, snakemake

from pagewave.embedded.process import TOKEN_VARIABLE, EmbeddedServer
from pagewave.gemini.connect import ADDRESS_VARIABLE

IMAGE_BYTES = 360_000
WAYS = ("uploaded", "inline")
PAGES_OF_ONE_WAVE = 40
REQUEST_MEGABYTES = (20, 100, 300)
LONGEST_COMMENT = 65_533


def enlarge(folder: Path, size: int) -> None:
    """Let every image have about so many bytes, and as many pixels as before: by comments."""
    for path in (folder / "images").rglob("*.jpg"):
        image = path.read_bytes()
        with path.open("wb") as file:
            file.write(image[:2])
            for left in range(size - len(image), 0, -LONGEST_COMMENT):
                length = min(left, LONGEST_COMMENT)
                file.write(b"\xff\xfe" + (length + 2).to_bytes(2, "big") + os.urandom(length))
            file.write(image[2:])


def read(folder: Path, way: str) -> tuple[float, int]:
    """Read the data set there; returns CPU seconds and peak memory in MB of the head."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    state = f"state-{way}"
    config["files"] = {"images": way}
    config["paths"] |= {"state_dir": state, "output_dir": f"pages-{way}", "books_dir": f"b-{way}"}
    (folder / f"{way}.yaml").write_text(yaml.safe_dump(config))
    server = EmbeddedServer(folder / f"server-{way}", ["--reader", "echo", "--batch-seconds", "1"])
    os.environ |= {ADDRESS_VARIABLE: server.base_url, TOKEN_VARIABLE: server.token}
    with contextlib.closing(server):
        _, cpu, memory = snakemake(folder, "Snakefile", "--configfile", f"{way}.yaml")
    return cpu, memory


def compare(pages: int, pairs: int) -> None:
    """Print the pairs."""
    ratios = []
    for number in range(pairs):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_data_set(folder, pages)
            enlarge(folder, IMAGE_BYTES)
            ways = WAYS if number % 2 else WAYS[::-1]
            cpu = {way: 1000 * read(folder, way)[0] / pages for way in ways}
        ratios.append(cpu["inline"] / cpu["uploaded"])
        print(
            f"{pages} pages: {cpu['uploaded']:.1f} ms CPU a page uploaded, {cpu['inline']:.1f} ms "
            f"inside (ratio {ratios[-1]:.3f})",
            flush=True,
        )
    print(
        f"ratio of {pairs} pairs: least {min(ratios):.3f}, median {statistics.median(ratios):.3f}"
    )


def measure_memory() -> None:
    """Print the peak memory for requests of different sizes, and with images beside them."""
    for megabytes in REQUEST_MEGABYTES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_data_set(folder, PAGES_OF_ONE_WAVE, pages_a_book=1)
            enlarge(folder, megabytes * 750_000 // PAGES_OF_ONE_WAVE)
            memory = {way: read(folder, way)[1] for way in WAYS}
        print(
            f"requests of {megabytes} MB: peak memory of the head {memory['inline']} MB with their "
            f"images inside, {memory['uploaded']} MB with the same images uploaded",
            flush=True,
        )


def main() -> None:
    """Measure what the command line asks for."""
    if sys.argv[1:] == ["--memory"]:
        measure_memory()
    else:
        compare(*[*map(int, sys.argv[1:]), *(300, 5)[len(sys.argv) - 1 :]])


if __name__ == "__main__":
    main()
