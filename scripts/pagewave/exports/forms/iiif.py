"""IIIF Presentation 3 for viewers such as Mirador: a zip a book, unpacked where it is published.

https://iiif.io/api/presentation/3.0/. In it a manifest, the pictures of its canvases, of each page
its lines and its words as W3C annotations with their places, and ALTO, which viewers look for too.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pagewave.exports.citing.archive import Archive
from pagewave.exports.content import Book, Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.forms.alto import NAMESPACE as ALTO
from pagewave.exports.forms.alto import alto_of
from pagewave.exports.placed import PlacedPage, pages_of
from pagewave.exports.scan_pictures import Picture, ScanPictures
from pagewave.words.tree import Box

PRESENTATION = "http://iiif.io/api/presentation/3/context.json"
GRANULARITY = "http://iiif.io/api/extension/text-granularity/context.json"

Json = dict[str, Any]


class Iiif(Exporter):
    """`{state}/{school}/{year}.zip`."""

    name = "iiif"
    suffixes = (".zip",)
    per = "book"
    reads_words = True
    needs_address = True

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write one book: its manifest last, once all that it names is there."""
        [book] = books
        base = f"{books.citation.url}/iiif/{quote(book.id)}"
        pictures, canvases = ScanPictures(self.name), []
        with Archive(files[0]) as archive:
            for page in pages_of(books, book):
                if picture := pictures.of(page):
                    archive.add(f"images/{page.name}.jpg", picture.jpeg)
                    canvases.append(_canvas(base, page, picture))
                    _add_words(archive, base, page, canvases[-1]["id"])
            archive.add("manifest.json", _text(_manifest(base, book, canvases)))


def _manifest(base: str, book: Book, canvases: list[Json]) -> Json:
    told = [
        {"label": {"en": [level.capitalize()]}, "value": {"none": [str(value)]}}
        for level, value in book.place.items()
    ]
    return {
        "@context": PRESENTATION,
        "id": f"{base}/manifest.json",
        "type": "Manifest",
        "label": {"none": [", ".join(book.names)]},
        "metadata": told,
        "items": canvases,
    }


def _canvas(base: str, page: PlacedPage, picture: Picture) -> Json:
    """A page as large as its scan, in whose pixels words have their places."""
    name = quote(page.name)
    canvas = f"{base}/canvas/{name}"
    width, height = picture.scan.width, picture.scan.height
    if page.tree:
        width, height = page.tree.width, page.tree.height
    body = {
        "id": f"{base}/images/{name}.jpg",
        "type": "Image",
        "format": "image/jpeg",
        "width": picture.width,
        "height": picture.height,
    }
    painting = {
        "id": f"{canvas}/picture",
        "type": "Annotation",
        "motivation": "painting",
        "body": body,
        "target": canvas,
    }
    made: Json = {
        "id": canvas,
        "type": "Canvas",
        "label": {"none": [str(page.page.number)]},
        "width": width,
        "height": height,
        "items": [{"id": f"{canvas}/pictures", "type": "AnnotationPage", "items": [painting]}],
    }
    if page.tree:
        made["seeAlso"] = [
            {
                "id": f"{base}/alto/{name}.xml",
                "type": "Dataset",
                "label": {"en": ["ALTO"]},
                "format": "application/xml",
                "profile": ALTO,
            }
        ]
        made["annotations"] = [
            {"id": f"{base}/annotations/{name}.{what}.json", "type": "AnnotationPage"}
            for what in ("lines", "words")
        ]
    return made


def _add_words(archive: Archive, base: str, page: PlacedPage, canvas: str) -> None:
    if page.tree is None:
        return
    archive.add(f"alto/{page.name}.xml", alto_of(page))
    for what, texts in (("lines", _lines(page)), ("words", _words(page))):
        name = f"{base}/annotations/{quote(page.name)}.{what}.json"
        items = [
            {
                "id": f"{name}#{number}",
                "type": "Annotation",
                "motivation": "supplementing",
                "textGranularity": what.removesuffix("s"),
                "body": {"type": "TextualBody", "value": text, "format": "text/plain"},
                "target": f"{canvas}#xywh={_xywh(box)}",
            }
            for number, (text, box) in enumerate(texts, 1)
        ]
        content = {"@context": [GRANULARITY, PRESENTATION], "id": name, "type": "AnnotationPage"}
        archive.add(f"annotations/{page.name}.{what}.json", _text({**content, "items": items}))


def _lines(page: PlacedPage) -> Iterator[tuple[str, Box]]:
    for line in page.lines:
        yield line.text, line.box


def _words(page: PlacedPage) -> Iterator[tuple[str, Box]]:
    """Those whose place is known."""
    for line in page.lines:
        for word in line.words:
            if word.is_known:
                yield word.text, word.box


def _xywh(box: Box) -> str:
    return f"{box.left},{box.top},{box.right - box.left},{box.bottom - box.top}"


def _text(content: Json) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
