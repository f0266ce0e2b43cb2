#!/usr/bin/env python3
"""Make the sample: pages of invented course catalogs, and the truth about them.

    python make_pages.py                      write labels, images and truth of the sample anew
    python make_pages.py --truth-only --out D only labels and truth, which need no fonts

The files are {labels,images,truth}/{state}/{school}/{year}/{page}.{json,jpg}. See README.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from books import BOOKS
from printed import Catalog, PrintedPage
from sheet import Sheet
from typesetting import typeset

SAMPLE = Path(__file__).resolve().parent.parent

JPEG_QUALITY = 40
DOTS_PER_INCH = 200


def truth_of(catalog: Catalog, page: PrintedPage, sheet: Sheet) -> dict[str, Any]:
    """What a perfect reader says: only what this page prints, and the headings it runs on from."""
    title_page = page.number is None
    blocks = [{"kind": block.kind, "text": "\n".join(block.lines)} for block in sheet.blocks]
    return {
        "text": "\n".join(block["text"] for block in blocks),
        "blocks": blocks,
        "page_info": {
            "page_number": None if title_page else str(page.number),
            "is_complete_page": True,
            "content_type": page.content_type,
        },
        "school_name": catalog.school,
        "catalog_year": str(catalog.year) if title_page else None,
        "academic_year": page.academic_year,
        "courses": [asdict(course) for course in page.body.courses],
    }


def write_json(path: Path, value: object) -> None:
    """Write readable JSON, letters unescaped; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def write_truth(out: Path) -> None:
    """Write the label and the truth of every page."""
    for catalog in BOOKS:
        book = Path(catalog.state, catalog.school, str(catalog.year))
        for number, page in enumerate(catalog.pages, 1):
            name = f"{number}.json"
            curricular = bool(page.body.courses)
            write_json(out / "labels" / book / name, {"page": number, "curricular": curricular})
            truth = truth_of(catalog, page, typeset(catalog, page))
            write_json(out / "truth" / book / name, truth)


def write_images(out: Path) -> None:
    """Print and photograph every page. Needs the fonts."""
    import numpy as np  # with Pillow: only images need them
    from ageing import photograph, press

    for book_index, catalog in enumerate(BOOKS):
        folder = out / "images" / catalog.state / catalog.school / str(catalog.year)
        folder.mkdir(parents=True, exist_ok=True)
        inks = [
            press(typeset(catalog, page), np.random.default_rng([1850, book_index, index]))
            for index, page in enumerate(catalog.pages)
        ]
        for index, ink in enumerate(inks):
            recto = index % 2 == 0
            other_side = inks[index + 1 if recto and index + 1 < len(inks) else index - 1]
            rng = np.random.default_rng([1851, book_index, index])
            photograph(ink, other_side, recto, rng).save(
                folder / f"{index + 1}.jpg",
                quality=JPEG_QUALITY,
                optimize=True,
                progressive=True,
                subsampling=2,
                dpi=(DOTS_PER_INCH, DOTS_PER_INCH),
            )


def main() -> None:
    """Write the sample."""
    parser = argparse.ArgumentParser(description="Make the sample catalogs and their truth.")
    parser.add_argument("--out", type=Path, default=SAMPLE, help="folder (default: the sample)")
    parser.add_argument("--truth-only", action="store_true", help="no images: needs no fonts")
    arguments = parser.parse_args()
    write_truth(arguments.out)
    if not arguments.truth_only:
        write_images(arguments.out)


if __name__ == "__main__":
    main()
