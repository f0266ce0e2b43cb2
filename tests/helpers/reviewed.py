"""A book whose pages were read with known slips: scans drawn of the true words, page files with the
slips, and trees that know where each word stands.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from helpers.library import Library
from pagewave.words.tree import Block, Box, Finding, Line, PageTree, Source, Word

BOOK = "Ohio/Elm/1850"
FIRST, SECOND = "Ohio:Elm:1850:1", "Ohio:Elm:1850:2"
SIZE, TALL = (640, 900), 28
DOUBT = 0.01

Slips = Mapping[str, tuple[str, float]]
"""Words of the text that are wrong: what is printed there, and the doubt."""


def page_of(text: str, **fields: Any) -> dict[str, Any]:
    """A page file with this text."""
    block = {"block_id": 1, "position": "top", "text": text, "font_style": "regular"}
    info = {"page_number": None, "is_complete_page": True, "content_type": "courses"}
    page = {
        "raw_ocr": {"text_blocks": [block], "layout_description": ""},
        "page_info": info,
        **dict.fromkeys(("school_name", "catalog_year", "academic_year")),
        "courses": [],
    }
    return page | fields


def lay_out(
    library: Library,
    key: str,
    lines: Sequence[str],
    slips: Slips,
    *,
    unread: Sequence[str] = (),
    findings: Sequence[Finding] = (),
    **fields: Any,
) -> PageTree:
    """Make a page of the library: its scan, its page file and its tree.

    Args:
        lines: the text as it was read.
        slips: of its words, those that are wrong.
        unread: lines at the end that only the engine saw.
        fields: of the page file.
    """
    image = Image.new("RGB", SIZE, "#efe6d2")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(TALL - 8)
    made = []
    for row, text in enumerate([*lines, *unread]):
        x, words = 40, []
        for word in text.split():
            printed, doubt = slips.get(word, (word, DOUBT))
            y, wide = 60 + row * 2 * TALL, round(font.getlength(printed))
            draw.text((x, y), printed, "#332211", font)
            is_unread = row >= len(lines)
            words.append(
                Word(
                    text=word,
                    box=Box(x, y, x + wide, y + TALL),
                    source=Source.EYE if is_unread else Source.BOTH,
                    seen=printed,
                    confidence=0.9,
                    doubt=0.6 if is_unread else doubt,
                )
            )
            x += wide + 12
        made.append(Line(words=tuple(words)))
    library.image(key).parent.mkdir(parents=True, exist_ok=True)
    image.save(library.image(key), "JPEG", quality=90)
    file = library.page_file(key)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(page_of("\n".join(lines), **fields)) + "\n"
    file.write_text(content, encoding="utf-8")
    every = [word for line in made for word in line.words]
    tree = PageTree(
        key=key,
        width=SIZE[0],
        height=SIZE[1],
        language="eng",
        eye="a drawing",
        reading_sha256=hashlib.sha256(content.encode()).hexdigest(),
        scan_sha256=hashlib.sha256(library.image(key).read_bytes()).hexdigest(),
        blocks=(Block(lines=tuple(made)),),
        findings=tuple(findings),
        doubt=sum(word.doubt for word in every) / len(every),
    )
    place = tree_file(library, key)
    place.parent.mkdir(parents=True, exist_ok=True)
    tree.write(place)
    return tree


def tree_file(library: Library, key: str) -> Path:
    """Where a page's tree lies."""
    return (
        library.root
        / "results/words"
        / library.page_file(key).relative_to(library.root / "results/pages")
    )


LINES = ("THE CATALOGUE OF ELM", "Mathematcs and Livy, with", "Greek Grarnmar and Botany")
SLIPS = {"Mathematcs": ("Mathematics", 0.7), "Grarnmar": ("Grammar", 0.4)}


def elm(root: Path) -> Library:
    """Two pages: the second has the most doubtful word."""
    library = Library(root, {BOOK: 2})
    lay_out(library, FIRST, ("The Trustees of Elm", "met in Juue last"), {"Juue": ("June", 0.2)})
    lay_out(library, SECOND, LINES, SLIPS, courses=[course("Livy")])
    return library


def course(name: str) -> dict[str, Any]:
    """A course of a page file."""
    empty = ("department", "level", "term", "description", "topics", "instructors")
    return {"course_name": name, **dict.fromkeys(empty), "textbooks": []}
