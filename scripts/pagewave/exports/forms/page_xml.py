"""PAGE-XML of 2019-07-15 for Transkribus, eScriptorium, OCR-D: a zip a book, an XML file a page.

https://github.com/PRImA-Research-Lab/PAGE-XML. `conf` is the share of such words that are right.
A word without a place of its own has the room between its neighbours, as every word must have one,
and `custom="place {guessed:true;}"`.
"""

from xml.etree import ElementTree as ET

from pagewave.exports.forms.page_files import PageFiles
from pagewave.exports.placed import PlacedBlock, PlacedLine, PlacedPage
from pagewave.words.tree import Box

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
KINDS = (
    *("paragraph", "heading", "caption", "header", "footer", "page-number", "drop-capital"),
    *("credit", "floating", "signature-mark", "catch-word", "marginalia", "footnote"),
    *("footnote-continued", "endnote", "TOC-entry", "list-label", "other"),
)
"""What a text region may be (TextTypeSimpleType)."""
UNKNOWN = "1970-01-01T00:00:00Z"
"""When nobody knows; the format wants a time, and that of writing would make each file another."""


class PageXml(PageFiles):
    """`{state}/{school}/{year}.zip`."""

    name = "page_xml"

    def content(self, page: PlacedPage) -> bytes:
        """The file of a page that has words."""
        return page_xml_of(page)


def page_xml_of(page: PlacedPage) -> bytes:
    """The file of one page that has words."""
    tree = page.tree
    assert tree is not None  # of such pages alone
    root = ET.Element("PcGts", {"xmlns": NAMESPACE, "pcGtsId": f"page-{page.page.number}"})
    _describe(root, page)
    about = {
        "imageFilename": page.scan.scan.name,
        "imageWidth": str(tree.width),
        "imageHeight": str(tree.height),
        "conf": f"{1 - tree.doubt:.4f}",
    }
    made = ET.SubElement(root, "Page", about)
    if page.blocks:
        order = ET.SubElement(ET.SubElement(made, "ReadingOrder"), "OrderedGroup", {"id": "order"})
        for number in range(len(page.blocks)):
            place = {"index": str(number), "regionRef": f"block{number + 1}"}
            ET.SubElement(order, "RegionRefIndexed", place)
    for number, block in enumerate(page.blocks, 1):
        _region(made, block, str(number))
    ET.indent(root, " ")
    content: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content + b"\n"


def _describe(root: ET.Element, page: PlacedPage) -> None:
    steps = [step for _, step in page.steps()]
    times = [step["when"] for step in steps if "when" in step]
    about = ET.SubElement(root, "Metadata")
    ET.SubElement(about, "Creator").text = "pagewave"
    ET.SubElement(about, "Created").text = min(times, default=UNKNOWN)
    ET.SubElement(about, "LastChange").text = max(times, default=UNKNOWN)
    ET.SubElement(about, "Comments").text = "; ".join(f"{s['what']}: {s['who']}" for s in steps)


def _region(page: ET.Element, block: PlacedBlock, name: str) -> None:
    about = {"id": f"block{name}"}
    if block.kind in KINDS:
        about["type"] = block.kind
    elif block.kind:
        about["custom"] = f"structure {{type:{block.kind};}}"
    made = ET.SubElement(page, "TextRegion", about)
    _coords(made, block.box)
    for number, line in enumerate(block.lines, 1):
        _line(made, line, f"{name}_{number}")
    _text(made, "\n".join(line.text for line in block.lines))


def _line(region: ET.Element, line: PlacedLine, name: str) -> None:
    made = ET.SubElement(region, "TextLine", {"id": f"line{name}"})
    _coords(made, line.box)
    for number, word in enumerate(line.words, 1):
        about = {} if word.is_known else {"custom": "place {guessed:true;}"}
        placed = ET.SubElement(made, "Word", {"id": f"word{name}_{number}", **about})
        _coords(placed, word.box)
        _text(placed, word.text, f"{1 - word.doubt:.4f}")
    _text(made, line.text)


def _text(parent: ET.Element, text: str, share: str | None = None) -> None:
    about = {"conf": share} if share else {}
    ET.SubElement(ET.SubElement(parent, "TextEquiv", about), "Unicode").text = text


def _coords(parent: ET.Element, box: Box) -> None:
    # Points are pixels, so that the last ones are inside of the page.
    right, bottom = box.right - 1, box.bottom - 1
    corners = ((box.left, box.top), (right, box.top), (right, bottom), (box.left, bottom))
    ET.SubElement(parent, "Coords", {"points": " ".join(f"{x},{y}" for x, y in corners)})
