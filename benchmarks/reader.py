"""How many words the embedded reader finds, and how many Tesseract does as it is.

Draws pages of every style (tests/helpers/drawn_pages.py) at several resolutions, each from a seed
of its own and more or less worn, reads them both ways, and prints a table by style. CER counts the
order of words too, so that pages in columns have more of it. Ends with 1 where ours finds more
than 1 % fewer words of a style, or loses 5 % (or 3 words) of any page, or takes something for a
course. Needs the sample's fonts.

    python benchmarks/reader.py                         12 styles at 150, 200, 300, 400 and 600 dpi
    python benchmarks/reader.py --seeds 3 --dpi 150     three pages a style, of other seeds
    python benchmarks/reader.py --style poem
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

from helpers.beside_tesseract import SHARE_OF_STYLE, Beside, readers  # noqa: E402
from helpers.drawn_pages import STYLES, draw  # noqa: E402

RESOLUTIONS = [150, 200, 300, 400, 600]


def line(name: str, found: list[Beside]) -> str:
    """A row of the table, over some pages."""
    words = sum(len(one.page.words) for one in found)
    ours, plain = sum(one.ours for one in found), sum(one.plain for one in found)
    ours_wrong = sum(one.our_errors for one in found) / len(found)
    plain_wrong = sum(one.plain_errors for one in found) / len(found)
    return (
        f"| {name} | {len(found)} | {words} | {ours / words:.1%} | {plain / words:.1%} "
        f"| {ours_wrong:.1%} | {plain_wrong:.1%} | {sum(len(one.courses) for one in found)} |"
    )


def compare(styles: list[str], resolutions: list[int], seeds: int) -> int:
    """Print the table; returns the exit code."""
    read = readers()
    everything: list[Beside] = []
    bad: list[str] = []
    print("| style | pages | words | found | by Tesseract alone | CER | Tesseract's | courses |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for style in styles:
        found = [
            read(draw(style, 100 * dpi + seed, dpi))
            for dpi in resolutions
            for seed in range(1, seeds + 1)
        ]
        print(line(style, found), flush=True)
        words = sum(len(one.page.words) for one in found)
        if sum(one.ours - one.plain for one in found) < -SHARE_OF_STYLE * words:
            bad.append(style)
        for one in found:
            if one.is_lost or one.courses:
                told = f"{one.ours} words found, {one.plain} by Tesseract alone, of "
                told += f"{len(one.page.words)}; courses: {', '.join(one.courses) or 'none'}"
                bad.append(f"{style} at {one.page.dpi} dpi: {told}")
        everything += found
    print(line("all", everything))
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", action="append", choices=STYLES, help="only this one")
    parser.add_argument("--dpi", action="append", type=int, help="only this resolution")
    parser.add_argument("--seeds", type=int, default=1, help="pages of each style and resolution")
    given = parser.parse_args()
    sys.exit(compare(given.style or list(STYLES), given.dpi or RESOLUTIONS, given.seeds))
