"""Draws the pictures of the reading room in docs/images, of the sample as it was read here.

    snakemake --profile profiles/local && python tools/pictures.py

It needs Chromium, as the tests of pages do.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = "Vermont/Linden Grove Academy/1866/index.html#page=3"
SIZE = (1600, 980)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--site", type=Path, default=Path("results/site"), help="the reading room")
    parser.add_argument("--to", type=Path, default=ROOT / "docs/images", help="a folder")
    given = parser.parse_args()
    sys.path.append(str(ROOT / "tests"))
    from helpers.browser import browser  # type: ignore[import-not-found]
    from helpers.embedded_process import wait_for  # type: ignore[import-not-found]

    name, _, place = PAGE.partition("#")
    with browser() as page:
        page.look(width=SIZE[0], height=SIZE[1])
        page.open(f"{(given.site / name).resolve().as_uri()}#{place}")
        wait_for(lambda: page.js("document.body?.dataset.shown"))
        images = "[...document.images].every(i => i.complete || i.loading === 'lazy')"
        wait_for(lambda: page.js(f"{images} && document.fonts.status === 'loaded'"))
        page.js("Promise.all([...document.images].slice(0, 9).map(i => i.decode()))")
        page.screenshot(given.to / "reading_room.png", whole=False)


if __name__ == "__main__":
    main()
