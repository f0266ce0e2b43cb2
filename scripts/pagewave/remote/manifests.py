"""Books from IIIF: which manifests there are, where each goes in the trees, and its list."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from pagewave.errors import DataError
from pagewave.levels import DEFAULT, Levels
from pagewave.pages.remote_scans import WEB, RemoteBook, RemoteScan, is_in_bucket
from pagewave.pages.scan_names import IMAGE_SUFFIXES, split_name
from pagewave.remote.presentation import Canvas, Collection, Manifest, read, years_in
from pagewave.remote.web import FetchError, Web

SUFFIX_OF = {
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/tiff": ".tif",
    "image/jp2": ".jp2",
}
DEEPEST = 8
"""Collections in collections that are followed."""


@dataclass(frozen=True)
class Found:
    """A book that can be listed, or `why_not`; `notes`: what of it can't be used, in words."""

    source: str
    label: str
    book_id: str = ""
    book: RemoteBook | None = None
    notes: tuple[str, ...] = ()
    why_not: str = ""


class Library:
    """Manifests at addresses or in files, asked for politely and each once."""

    def __init__(self, web: Web, longest_side: int | None, levels: Levels = DEFAULT) -> None:
        self._levels = levels
        self._web = web
        self._longest_side = longest_side

    def open(self, source: str) -> Manifest | Collection:
        """The manifest or collection at an address or in a file.

        Raises:
            DataError: it is not to be had, or none; names the source.
        """
        try:
            document: Any = json.loads(self._content(source))
            return read(document, self._longest_side)
        except FetchError as error:
            raise DataError(f"{source}: {error}") from None
        except (ValueError, RecursionError) as error:
            said = "a web page?" if not isinstance(error, RecursionError) else "too deep"
            raise DataError(
                f"{source}: it is no JSON ({said}). Is it the manifest's address?"
            ) from (None)
        except DataError as error:
            raise DataError(f"{source}: {error}.") from None

    def _content(self, source: str) -> bytes:
        if urlsplit(source).scheme not in WEB:
            try:
                return Path(source).read_bytes()
            except OSError as error:
                raise DataError(f"can't be read ({error.strerror})") from None
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "document.json"
            self._web.fetch(source, file)
            return file.read_bytes()

    def books(self, source: str, place: str) -> Iterator[Found]:
        """The books of a manifest or a collection, one after another.

        Args:
            place: the book's folders for one manifest; without a year at the end it is derived.

        Raises:
            DataError: the source itself can't be used.
        """
        opened = self.open(source)
        if isinstance(opened, Manifest):
            yield self._book(source, opened, place)
            return
        if not self._lacks_year(place):
            hint = "Name each with its own --book."
            if self._lacks_year(place.rpartition("/")[0]):
                hint = f"Name --book {place.rpartition('/')[0]} to have their years derived."
            raise DataError(
                f"{source}: it is a collection of {len(opened.manifests)} manifests, and a book is "
                f"one of them. {hint}"
            )
        taken: dict[str, str] = {}
        for address, label in self._manifests(source, opened, 0, {source}):
            try:
                manifest = self.open(address)
                if isinstance(manifest, Collection):
                    raise DataError(f"{address}: it is a collection.")
                found = self._book(address, manifest, place)
            except DataError as error:
                found = Found(address, label, why_not=str(error))
            if found.book and (other := taken.get(found.book_id)):
                why_not = f"{found.book_id} is another manifest's already: {other}"
                found = Found(address, found.label, why_not=why_not)
            elif found.book:
                taken[found.book_id] = address
            yield found

    def _manifests(
        self, source: str, collection: Collection, depth: int, seen: set[str]
    ) -> Iterator[tuple[str, str]]:
        for address, label in collection.manifests:
            there = urljoin(source, address)
            if there not in seen:
                seen.add(there)
                yield there, label
        for address, _ in collection.collections:
            there = urljoin(source, address)
            if there in seen or depth >= DEEPEST:
                continue
            seen.add(there)
            inner = self.open(there)
            if isinstance(inner, Collection):
                yield from self._manifests(there, inner, depth + 1, seen)

    def _lacks_year(self, place: str) -> bool:
        return self._levels.lacks_year(place.count("/") + 1)

    def _book(self, source: str, manifest: Manifest, place: str) -> Found:
        if self._lacks_year(place):
            years = years_in(manifest.date) or years_in(manifest.label)
            if len(years) != 1:
                said = f"names the years {', '.join(map(str, years))}" if years else "names no year"
                return Found(
                    source, manifest.label, why_not=f"which year it is isn't clear: it {said}"
                )
            place = f"{place}/{years[0]}"
        book, notes = book_of(source, manifest)
        if not book.pages:
            first = notes[0] if notes else "it has none"
            why = f"none of its {len(manifest.canvases)} canvases can be used ({first})"
            return Found(source, manifest.label, place, why_not=why)
        return Found(source, manifest.label, place, book, (*manifest.notes, *notes))


def book_of(source: str, manifest: Manifest) -> tuple[RemoteBook, list[str]]:
    """The list of a manifest's scans, and what of it can't be used, in words.

    Canvases are numbered from 1 in their order; one without an image is a gap in them.
    """
    pages, notes = {}, []
    for number, canvas in enumerate(manifest.canvases, start=1):
        named = f"page {number}" + (f" ({canvas.label})" if canvas.label else "")
        if canvas.url:
            try:
                scan = _scan(number, canvas, source)
                if is_in_bucket(scan.url):  # somebody else's manifest, and your keys
                    notes.append(f"{named} is left out: {scan.url}: it is in a bucket")
                    continue
                pages[str(number)] = scan
            except ValidationError as error:
                said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
                notes.append(f"{named} is left out: {canvas.url}: {said}")
                continue
        if canvas.trouble:
            notes.append(f"{named}{'' if canvas.url else ' is left out'}: {canvas.trouble}")
    rights = manifest.rights
    return RemoteBook(source=source, title=manifest.label, rights=rights, pages=pages), notes


def _scan(number: int, canvas: Canvas, source: str) -> RemoteScan:
    url = urljoin(source, canvas.url) if urlsplit(source).scheme in WEB else canvas.url
    ending = split_name(urlsplit(url).path.rpartition("/")[2])[1]
    suffix = SUFFIX_OF.get(canvas.media_type.lower())
    suffix = suffix or (ending if ending in IMAGE_SUFFIXES else ".jpg")
    return RemoteScan(
        file=f"{number}{suffix}",
        url=url,
        width=canvas.width,
        height=canvas.height,
        label=canvas.label,
        canvas=canvas.id,
    )
