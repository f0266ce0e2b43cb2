"""A drawer of scans as people have them: 240 files of five kinds of names, and what is no scan."""

import random
from pathlib import Path

from PIL import Image

DRAWER = {"left out": 9, "pages": 245}
"""How many of its files are not read, and how many pages the others hold."""


def image(seed: str, size: int = 16) -> Image.Image:
    """Noise that no other seed has."""
    return Image.frombytes("RGB", (size, size), random.Random(seed).randbytes(3 * size * size))


def write(path: Path, pages: int = 1) -> None:
    """An image of so many pages, of the format that its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = [image(f"{path.name}{page}") for page in range(pages)]
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(path, **more)


def names() -> dict[str, int]:
    """The files that are scans of one page or more, and how many pages each holds."""
    found = {f"phone {part}/IMG_{n:04}.jpg": 1 for part in "abc" for n in range(12, 32)}
    found |= {
        f"catalog {year} p.{n}.jpg": 1 for year in (1859, 1860, 1863, 1864) for n in range(1, 21)
    }
    found |= {f"catalog 1859 p. {roman}.jpg": 1 for roman in ("i", "ii", "iii", "iv")}
    found |= {f"scan_{n:04}_{side}.tif": 1 for n in range(1, 12) for side in ("left", "right")}
    found |= {"catalog 1861.pdf": 12, "catalog 1862 pp. 5-8.pdf": 4}
    found |= {
        f"Ohio/Merrivale {span}/{n:03}.jpg": 1
        for span in ("1859-60", "1860-61", "1861-62")
        for n in range(1, 22)
    }
    return found


def fill(drawer: Path) -> list[str]:
    """Make the drawer; returns all its files' names."""
    for name, pages in names().items():
        write(drawer / name, pages)
    for name in ("cover.jpg", "catalog 1859 p.4 - Copy.jpg"):
        write(drawer / name)
    same = (drawer / "catalog 1859 p.3.jpg").read_bytes()
    others = {"catalog 1859 p.3 (1).jpg": same, "broken.jpg": b"", "notes.docx": b"PK"}
    others |= {"Thumbs.db": b"x", ".DS_Store": b"x", "IMG_0099.HEIC": b"x", "list.xlsx": b"PK"}
    for name, content in others.items():
        (drawer / name).write_bytes(content)
    return [str(path.relative_to(drawer)) for path in drawer.rglob("*") if path.is_file()]
