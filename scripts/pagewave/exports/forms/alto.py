"""ALTO 4 for library systems: a zip a book, in it an XML file a page.

https://www.loc.gov/standards/alto/. Pixels of the scan; WC is the share of such words that are
right; a word divided at a line's end is told whole (SUBS_CONTENT), so that it is found.
"""

from xml.etree import ElementTree as ET

from pagewave.exports.forms.page_files import PageFiles
from pagewave.exports.placed import PlacedBlock, PlacedLine, PlacedPage, PlacedWord
from pagewave.words.tree import Box

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
VERSION = "4.4"


class Alto(PageFiles):
    """`{state}/{school}/{year}.zip`."""

    name = "alto"

    def content(self, page: PlacedPage) -> bytes:
        """The file of a page that has words."""
        return alto_of(page)


def alto_of(page: PlacedPage) -> bytes:
    """The file of one page that has words."""
    tree = page.tree
    assert tree is not None  # of such pages alone
    root = ET.Element("alto", {"xmlns": NAMESPACE, "SCHEMAVERSION": VERSION})
    _describe(root, page)
    kinds = list(dict.fromkeys(block.kind for block in page.blocks if block.kind))
    if kinds:
        tags = ET.SubElement(root, "Tags")
        for number, kind in enumerate(kinds, 1):
            ET.SubElement(tags, "LayoutTag", {"ID": f"kind{number}", "LABEL": kind})
    about = {
        "ID": "page",
        "PHYSICAL_IMG_NR": str(page.page.number),
        "WIDTH": str(tree.width),
        "HEIGHT": str(tree.height),
        "PC": f"{1 - tree.doubt:.4f}",
    }
    if page.language:
        about["LANG"] = page.language
    layout = ET.SubElement(ET.SubElement(root, "Layout"), "Page", about)
    space = ET.SubElement(layout, "PrintSpace", _place(Box(0, 0, tree.width, tree.height)))
    for number, block in enumerate(page.blocks, 1):
        tagged = {"TAGREFS": f"kind{kinds.index(block.kind) + 1}"} if block.kind else {}
        _block(space, block, str(number), tagged)
    ET.indent(root, " ")
    content: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content + b"\n"


def _describe(root: ET.Element, page: PlacedPage) -> None:
    """Units, the scan, and who read and placed the words."""
    about = ET.SubElement(root, "Description")
    ET.SubElement(about, "MeasurementUnit").text = "pixel"
    source = ET.SubElement(about, "sourceImageInformation")
    ET.SubElement(source, "fileName").text = page.scan.scan.name
    assert page.tree is not None
    ET.SubElement(source, "fileIdentifier").text = f"sha256:{page.tree.scan_sha256}"
    ET.SubElement(source, "documentIdentifier").text = page.page.key
    for name, step in page.steps():
        processing = ET.SubElement(about, "Processing", {"ID": name})
        if moment := step.get("when"):
            ET.SubElement(processing, "processingDateTime").text = moment
        ET.SubElement(processing, "processingStepDescription").text = step["what"]
        software = ET.SubElement(processing, "processingSoftware")
        ET.SubElement(software, "softwareName").text = step["who"]
        if version := step.get("version"):
            ET.SubElement(software, "softwareVersion").text = version


def _block(space: ET.Element, block: PlacedBlock, name: str, about: dict[str, str]) -> None:
    made = ET.SubElement(space, "TextBlock", {"ID": f"block{name}", **about, **_place(block.box)})
    for number, line in enumerate(block.lines, 1):
        _line(made, line, f"{name}_{number}")


def _line(block: ET.Element, line: PlacedLine, name: str) -> None:
    made = ET.SubElement(block, "TextLine", {"ID": f"line{name}", **_place(line.box)})
    for number, word in enumerate(line.words, 1):
        if number > 1:
            ET.SubElement(made, "SP")
        is_divided = word.is_first and len(word.text) > 1
        about = {"ID": f"word{name}_{number}"}
        # A place that is only what neighbours leave is nobody's to rely on.
        about |= _place(word.box) if word.is_known else {}
        about |= {"CONTENT": word.text[:-1] if is_divided else word.text, **_parts(word)}
        ET.SubElement(made, "String", about | {"WC": f"{1 - word.doubt:.4f}"})
        if is_divided:
            ET.SubElement(made, "HYP", {"CONTENT": word.text[-1]})


def _parts(word: PlacedWord) -> dict[str, str]:
    if word.whole is None:
        return {}
    return {
        "SUBS_TYPE": "HypPart1" if word.is_first else "HypPart2",
        "SUBS_CONTENT": word.whole,
    }


def _place(box: Box) -> dict[str, str]:
    return {
        "HPOS": str(box.left),
        "VPOS": str(box.top),
        "WIDTH": str(box.right - box.left),
        "HEIGHT": str(box.bottom - box.top),
    }
