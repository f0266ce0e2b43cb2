"""METS 1.12 for archives and presentation systems: a zip a book, `mets.xml` and ALTO of its pages.

https://www.loc.gov/standards/mets/. Scans are named as `images/…`, with hashes, and are not in it:
they are put there as they were delivered, since places in ALTO are their pixels.
"""

import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pagewave
from pagewave.exports.citing.archive import Archive
from pagewave.exports.content import Book, Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.forms.alto import alto_of
from pagewave.exports.placed import PlacedPage, pages_of

SPACES = {
    "xmlns": "http://www.loc.gov/METS/",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
}


class Mets(Exporter):
    """`{state}/{school}/{year}.zip`."""

    name = "mets"
    suffixes = (".zip",)
    per = "book"
    reads_words = True

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write one book."""
        [book] = books
        pages = list(pages_of(books, book))
        with Archive(files[0]) as archive:
            for page in pages:
                if page.tree:
                    archive.add(_alto(page), alto_of(page))
            archive.add("mets.xml", _mets(book, pages, archive.files))


def _mets(book: Book, pages: Sequence[PlacedPage], files: Mapping[str, tuple[str, int]]) -> bytes:
    title = ", ".join(book.names)
    root = ET.Element("mets", {**SPACES, "OBJID": book.id, "LABEL": title})
    header = ET.SubElement(root, "metsHdr")
    agent = {"ROLE": "CREATOR", "TYPE": "OTHER", "OTHERTYPE": "SOFTWARE"}
    name = ET.SubElement(ET.SubElement(header, "agent", agent), "name")
    name.text = f"pagewave {pagewave.__version__}"
    _describe(root, book, title)
    _name_files(root, pages, files)
    logical = ET.SubElement(root, "structMap", {"TYPE": "LOGICAL"})
    about = {"ID": "book", "TYPE": "monograph", "DMDID": "about", "LABEL": title}
    ET.SubElement(logical, "div", about)
    physical = ET.SubElement(root, "structMap", {"TYPE": "PHYSICAL"})
    sequence = ET.SubElement(physical, "div", {"ID": "pages", "TYPE": "physSequence"})
    scans = _scans(pages)
    for order, page in enumerate(pages, 1):
        number = str(page.page.number)
        about = {"TYPE": "page", "ORDER": str(order), "ORDERLABEL": number}
        if page.scan.leaf:
            about["LABEL"] = f"page {page.scan.leaf} of {page.scan.scan.name}"
        made = ET.SubElement(sequence, "div", {"ID": f"page{order}", **about})
        ET.SubElement(made, "fptr", {"FILEID": scans[page.scan.scan]})
        if page.tree:
            ET.SubElement(made, "fptr", {"FILEID": f"alto{order}"})
    link = {"xlink:from": "book", "xlink:to": "pages"}
    ET.SubElement(ET.SubElement(root, "structLink"), "smLink", link)
    ET.indent(root, " ")
    content: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content + b"\n"


def _describe(root: ET.Element, book: Book, title: str) -> None:
    section = ET.SubElement(root, "dmdSec", {"ID": "about"})
    wrapped = ET.SubElement(section, "mdWrap", {"MDTYPE": "DC"})
    about = ET.SubElement(wrapped, "xmlData")
    ET.SubElement(about, "dc:title").text = title
    ET.SubElement(about, "dc:identifier").text = book.id
    if year := book.place.get("year"):
        ET.SubElement(about, "dc:date").text = str(year)


def _name_files(
    root: ET.Element, pages: Sequence[PlacedPage], files: Mapping[str, tuple[str, int]]
) -> None:
    """Scans, each file once, and ALTO; with their hashes where they are known."""
    section = ET.SubElement(root, "fileSec")
    group = ET.SubElement(section, "fileGrp", {"USE": "DEFAULT"})
    hashes = {page.scan.scan: page.tree.scan_sha256 for page in pages if page.tree}
    for scan, name in _scans(pages).items():
        about = {"ID": name, "MIMETYPE": mimetypes.guess_type(scan.name)[0] or ""}
        if scan in hashes:
            about |= {"CHECKSUM": hashes[scan], "CHECKSUMTYPE": "SHA-256"}
        _add_file(
            group, {key: value for key, value in about.items() if value}, f"images/{scan.name}"
        )
    if not files:
        return
    group = ET.SubElement(section, "fileGrp", {"USE": "FULLTEXT"})
    for order, page in enumerate(pages, 1):
        if page.tree:
            sha256, size = files[_alto(page)]
            about = {"ID": f"alto{order}", "MIMETYPE": "application/xml", "SIZE": str(size)}
            _add_file(group, {**about, "CHECKSUM": sha256, "CHECKSUMTYPE": "SHA-256"}, _alto(page))


def _add_file(group: ET.Element, about: dict[str, str], place: str) -> None:
    file = ET.SubElement(group, "file", about)
    ET.SubElement(file, "FLocat", {"LOCTYPE": "URL", "xlink:href": quote(place)})


def _scans(pages: Sequence[PlacedPage]) -> dict[Path, str]:
    """The ids of scan files, of which some hold many pages."""
    files = dict.fromkeys(page.scan.scan for page in pages)
    return {file: f"scan{number}" for number, file in enumerate(files, 1)}


def _alto(page: PlacedPage) -> str:
    return f"alto/{page.name}.xml"
