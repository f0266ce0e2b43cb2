"""The job that makes a book's images of its scans: upright, no larger than wanted, as JPEG.

First comes what a run asks about such jobs: what is broken, which books need one, of which scans.

The job needs the configuration, the scans and nothing else: no ledger, no key, no network. The
name of an image says what it was made from, and it appears whole or not at all: so what a killed
job made is found again, and what was made from another scan or with other options is not taken
for it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from pagewave.atomic import write_atomically
from pagewave.config.data import Images as Options
from pagewave.errors import DataError, PagewaveError
from pagewave.ledger import KnownImage
from pagewave.log import log
from pagewave.pages import image_files, scan_files
from pagewave.pages.dataset import Book, Dataset, Page
from pagewave.pages.deskew import skew, turn
from pagewave.pages.prepared import BrokenScan, Manifest, PreparedImage, PreparedImages
from pagewave.pages.remote_scans import read_record

_OURS = re.compile(r"\.?[0-9]+-[0-9a-f]{12}\.jpg(\.partial)?")
"""Names of images that were made here, whole or half written: no other file is ever deleted."""


def refuse_broken(prepared: PreparedImages, dataset: Dataset, wanted: Sequence[Page]) -> None:
    """Raise DataError with all broken scans of the pages that a run wants, before anything is made.

    A book is prepared whole: then a broken page of it stops also those that are wanted.
    """
    if not (broken := prepared.find_broken(wanted)):
        books = {page.book_id for page in wanted if not prepared.is_ready(page)}
        broken = prepared.find_broken(
            page for book_id in sorted(books) for page in dataset.book(book_id).pages
        )
    if broken:
        listed = "\n".join(f"  {reason}" for reason in broken)
        raise DataError(
            f"{len(broken)} images can't be read:\n{listed}\n"
            "Replace them, or remove their labels, then run the same command again."
        )


def manifests_to_make(prepared: PreparedImages, wanted: Iterable[Page]) -> set[str]:
    """Paths of the manifests of books whose images are not there, or not those of today's scans."""
    books = {page.book_id for page in wanted if not prepared.is_ready(page)}
    return {str(prepared.manifest_file(book_id)) for book_id in books}


def scans_to_prepare(prepared: PreparedImages, book: Book) -> list[str]:
    """Paths of a book's scans of which images are made; raises DataError for a broken one.

    Those that are still elsewhere are not among them.
    """
    here = (page for page in book.pages if not page.is_awaited)
    return sorted({str(page.scan) for page in here if prepared.needs_image(page)})


def prepare_book(prepared: PreparedImages, book: Book, stop: threading.Event) -> None:
    """Make the images of all pages that need one, then the book's manifest; raises as both do."""
    write_manifest(prepared, book, make_images(prepared, book, stop))


def make_images(prepared: PreparedImages, book: Book, stop: threading.Event) -> Manifest:
    """Make the images of all pages of a book that need one; its manifest is not written yet.

    A page that can't be decoded fails alone: the manifest says why, and its wave comes to know.

    Raises:
        DataError: a scan is not there any more.
        PagewaveError: the run was stopped; the next one goes on from here.
    """
    contents: dict[Path, KnownImage] = {}
    made: dict[str, PreparedImage] = {}
    broken: dict[str, BrokenScan] = {}
    for page in book.pages:
        if stop.is_set():
            raise PagewaveError(f"{book.id}: stopped. The same command goes on with its images.")
        if page.is_awaited:
            broken[page.stem] = _never_came(prepared, page)
            continue
        if not prepared.needs_image(page):
            continue
        if page.scan not in contents:
            contents[page.scan] = image_files.content(page.scan)
        try:
            made[page.stem] = _prepare(prepared, page, contents[page.scan])
        except DataError as error:
            broken[page.stem] = _broken(prepared, page, contents[page.scan], str(error))
    return Manifest(pages=made, broken=broken)


def write_manifest(prepared: PreparedImages, book: Book, manifest: Manifest) -> None:
    """From now on these images are the book's; others that were made for it are deleted."""
    path = prepared.manifest_file(book.id)
    write_atomically(path, manifest.model_dump_json(indent=1) + "\n")
    _remove_others(path.parent, {image.image for image in manifest.pages.values()})
    for broken in manifest.broken.values():
        if not broken.scan_size_bytes:
            continue  # it never came, as was said when it was to be fetched
        log.error("%s. The other pages of %s go on.", broken.reason.rstrip("."), book.id)


def make_image(scan: Path, number: int, options: Options) -> bytes:
    """The JPEG that is sent for a page of a scan.

    Args:
        number: of the page in the file, from 1.

    Raises:
        DataError: it can't be decoded.
    """
    side = options.longest_side
    image = scan_files.load(scan, number, options.pdf_dpi, side)
    if options.grey:
        image = image.convert("L")
    if options.deskew and (degrees := skew(image)):
        image = turn(image, degrees)
    if side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    try:
        image.save(data, "JPEG", quality=options.jpeg_quality)
    except (OSError, ValueError) as error:  # such as a side of more than 65,535 pixels
        raise DataError(f"{scan}, page {number}: can't be written as JPEG ({error})") from None
    return data.getvalue()


def _prepare(prepared: PreparedImages, page: Page, scan: KnownImage) -> PreparedImage:
    """The image of one page: made now, or found as an earlier job left it."""
    options, recipe = prepared.options, prepared.header(page).recipe
    made_how = [scan.sha256, page.leaf, options.model_dump(), *([recipe] if recipe else [])]
    name = hashlib.sha256(json.dumps(made_how, sort_keys=True).encode()).hexdigest()[:12]
    path = prepared.manifest_file(page.book_id).with_name(f"{page.stem}-{name}.jpg")  # as _OURS
    if not path.exists():
        write_atomically(path, make_image(page.scan, max(page.leaf, 1), options))
    facts = image_files.inspect(path)
    return PreparedImage(
        image=path.name,
        sha256=facts.sha256,
        width=facts.width,
        height=facts.height,
        size_bytes=facts.size_bytes,
        scan=str(page.scan),
        leaf=page.leaf,
        scan_sha256=scan.sha256,
        scan_size_bytes=scan.size_bytes,
        scan_modified_ns=scan.modified_ns,
        options=options.model_dump(),
        recipe=recipe,
        doubts=prepared.doubts_of(page, path),
    )


def _broken(prepared: PreparedImages, page: Page, scan: KnownImage, reason: str) -> BrokenScan:
    return BrokenScan(
        reason=reason,
        scan=str(page.scan),
        leaf=page.leaf,
        scan_size_bytes=scan.size_bytes,
        scan_modified_ns=scan.modified_ns,
        options=prepared.options.model_dump(),
    )


def _never_came(prepared: PreparedImages, page: Page) -> BrokenScan:
    why = read_record(page.scan.parent).failed.get(page.scan.name) or "it was not fetched"
    return BrokenScan(
        reason=f"{page.remote.url if page.remote else page.scan}: {why}",
        scan=str(page.scan),
        leaf=page.leaf,
        scan_size_bytes=0,
        scan_modified_ns=0,
        options=prepared.options.model_dump(),
    )


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Delete images that belong to no page any more, and what a killed job left half written."""
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in kept:
            path.unlink(missing_ok=True)
