"""How wide the letters are, from a committed table: setting type needs no font files.

`python type_metrics.py` measures the fonts again and writes the table anew (see README.md).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Literal

Style = Literal["roman", "italic", "bold"]

TABLE = Path(__file__).with_name("type_metrics.json")

FONT_FILES: dict[str, dict[Style, str]] = {
    "oldstandard": {
        "roman": "OldStandard-Regular.ttf",
        "italic": "OldStandard-Italic.ttf",
        "bold": "OldStandard-Bold.ttf",
    },
    "didot": {
        "roman": "GFSDidot.otf",
        "italic": "GFSDidotItalic.otf",
        "bold": "GFSDidotBold.otf",
    },
    "baskervald": {
        "roman": "BaskervaldADFStd.otf",
        "italic": "BaskervaldADFStd-Italic.otf",
        "bold": "BaskervaldADFStd-Heavy.otf",
    },
}

CHARACTERS = "".join(map(chr, range(33, 127))) + "Ææ\u2014\u2013"

_PIXELS_PER_EM = 2000


@cache
def _table() -> dict[str, dict[str, dict[str, float]]]:
    table: dict[str, dict[str, dict[str, float]]] = json.loads(TABLE.read_text("utf-8"))
    return table


def advance(face: str, style: Style, character: str) -> float:
    """The width of a letter with its side bearings, in ems."""
    return _table()[face][style][character]


def find_font(name: str, folder: Path = Path("/usr/share/fonts")) -> Path:
    """A font file anywhere below `folder`. Raises FileNotFoundError with what to install."""
    found = sorted(folder.rglob(name))
    if not found:
        raise FileNotFoundError(
            f"font {name} is not below {folder}: "
            "apt-get install fonts-oldstandard fonts-gfs-didot fonts-adf-baskervald"
        )
    return found[0]


def measure() -> dict[str, dict[str, dict[str, float]]]:
    """Advance widths of all faces and styles from the font files, in ems."""
    from PIL import ImageFont  # only maintainers measure: Pillow is not needed otherwise

    def widths(name: str) -> dict[str, float]:
        font = ImageFont.truetype(
            find_font(name), _PIXELS_PER_EM, layout_engine=ImageFont.Layout.BASIC
        )
        return {c: round(font.getlength(c) / _PIXELS_PER_EM, 4) for c in CHARACTERS}

    return {
        face: {style: widths(name) for style, name in files.items()}
        for face, files in FONT_FILES.items()
    }


if __name__ == "__main__":
    TABLE.write_text(json.dumps(measure(), ensure_ascii=False, indent=None) + "\n", "utf-8")
