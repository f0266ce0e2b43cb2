"""hOCR 1.2 for OCRmyPDF and archive tools: an XHTML file a book, an `ocr_page` a page.

http://kba.github.io/hocr-spec/1.2/. `x_wconf`: the percentage of such words that are right.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pagewave
from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.placed import PlacedPage, pages_of
from pagewave.words.tree import Box

NAMESPACE = "http://www.w3.org/1999/xhtml"
_DOCTYPE = (
    b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
    b'"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
)


class Hocr(Exporter):
    """`{state}/{school}/{year}.hocr`."""

    name = "hocr"
    suffixes = (".hocr",)
    per = "book"
    reads_words = True

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write one book, of each page that has words an `ocr_page`."""
        [book] = books
        root = ET.Element("html", {"xmlns": NAMESPACE})
        head = ET.SubElement(root, "head")
        ET.SubElement(head, "title").text = ", ".join(book.names)
        used = {
            "ocr-system": f"pagewave {pagewave.__version__}",
            "ocr-capabilities": "ocr_page ocr_carea ocr_line ocrx_word ocrp_wconf",
            "ocr-number-of-pages": str(len(book.pages)),
        }
        for name, content in used.items():
            ET.SubElement(head, "meta", {"name": name, "content": content})
        body = ET.SubElement(root, "body")
        for page in pages_of(books, book):
            if page.tree:
                _add(body, page)
        ET.indent(root, " ")
        with files[0].open("wb") as file:
            file.write(b'<?xml version="1.0" encoding="UTF-8"?>\n' + _DOCTYPE)
            file.write(ET.tostring(root, encoding="UTF-8", xml_declaration=False) + b"\n")


def _add(body: ET.Element, page: PlacedPage) -> None:
    tree, number = page.tree, page.page.number
    assert tree is not None  # of such pages alone
    scan = page.scan.scan.name.replace('"', "'")
    whole = _bbox(Box(0, 0, tree.width, tree.height))
    title = f'image "{scan}"; {whole}; ppageno {number}'
    about = {"lang": page.language} if page.language else {}
    made = _element(body, "div", "ocr_page", f"page_{number}", title, about)
    for b, block in enumerate(page.blocks, 1):
        area = _element(made, "div", "ocr_carea", f"block_{number}_{b}", _bbox(block.box))
        for n, line in enumerate(block.lines, 1):
            name = f"line_{number}_{b}_{n}"
            printed = _element(area, "span", "ocr_line", name, _bbox(line.box))
            for w, word in enumerate(line.words, 1):
                title = f"{_bbox(word.box)}; x_wconf {round(100 * (1 - word.doubt))}"
                name = f"word_{number}_{b}_{n}_{w}"
                _element(printed, "span", "ocrx_word", name, title).text = word.text


def _element(
    parent: ET.Element,
    tag: str,
    kind: str,
    name: str,
    title: str,
    about: dict[str, str] | None = None,
) -> ET.Element:
    given = {"class": kind, "id": name, "title": title, **(about or {})}
    return ET.SubElement(parent, tag, given)


def _bbox(box: Box) -> str:
    return "bbox " + " ".join(map(str, box))
