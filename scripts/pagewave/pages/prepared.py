"""Which pages need an image made of their scan, and where it is once it is made.

A scan that can be sent as it is (JPEG, PNG or WebP in which every reader sees the same, upright,
small enough, no option against it) is used in place. For all others `prepare` makes an image; the
manifest of their book says which scan each was made from, and how.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pagewave.command_line import snakemake
from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.pages import image_files, scan_files
from pagewave.pages.dataset import Page
from pagewave.pages.image_files import ImageFacts, is_too_large, too_large
from pagewave.pages.ink import share_of_print
from pagewave.pages.look import CUT, Doubt, Glance, coarse, doubts_of, glance, look_at, torn
from pagewave.pages.scan_files import Leaf
from pagewave.pages.scan_names import HOW_TO_NAME

MANIFEST = "prepared.json"


class PreparedImage(BaseModel):
    """An image and what it was made from. Hashes are SHA-256 (hex), sizes in bytes and pixels."""

    model_config = ConfigDict(frozen=True)

    image: str
    """Name of the file, beside the manifest."""
    sha256: str
    width: int
    height: int
    size_bytes: int
    scan: str
    leaf: int
    scan_sha256: str
    scan_size_bytes: int
    scan_modified_ns: int
    options: dict[str, Any]
    recipe: int = 0
    """As its `Leaf` said."""
    doubts: list[Doubt] = []
    """What was seen in it."""


class BrokenScan(BaseModel):
    """A page of which no image could be made, and of what; see `PreparedImage`."""

    model_config = ConfigDict(frozen=True)

    reason: str
    scan: str
    leaf: int
    scan_size_bytes: int
    scan_modified_ns: int
    options: dict[str, Any]


class Manifest(BaseModel):
    """What was prepared of a book: images by the stems of its pages, and those that are broken."""

    pages: dict[str, PreparedImage]
    broken: dict[str, BrokenScan] = {}


class PreparedImages:
    """The images of all pages, as configured; asks the file system and nothing else.

    Headers are looked at once a process (those that can't be read, again in a run), manifests
    again when they were written anew.

    `scans_may_change`: set once a run has begun. Then the images that were made for it are sent
    whatever happens to their scans meanwhile; the next run notices.
    """

    scans_may_change = False

    def __init__(self, settings: Settings) -> None:
        self.options = settings.images
        self._options = settings.images.model_dump()
        self._folder = settings.paths.prepared_dir
        self._leaves: dict[Path, list[Leaf] | str] = {}
        self._sound: dict[Page, Leaf] = {}
        self._manifests: dict[str, tuple[int, Manifest]] = {}
        self._glances: dict[Path, tuple[tuple[int, int], Glance | None]] = {}

    def header(self, page: Page) -> Leaf:
        """What the header of a page's scan says.

        Raises:
            DataError: the scan, or this page of it, can't be read; names both.
        """
        if (sound := self._sound.get(page)) is not None:
            return sound
        known = self._leaves.get(page.scan)
        if known is None and page.remote and page.is_awaited:
            # Until it is there an image is to be made of it: that waits for it.
            return Leaf(*page.remote.size)
        # A scan that was gone, as a share may be for a moment, is looked for again by its wave.
        if known is None or (isinstance(known, str) and self.scans_may_change):
            try:
                self._leaves[page.scan] = scan_files.leaves(page.scan, self.options.pdf_dpi)
            except DataError as error:
                self._leaves[page.scan] = str(error)
        found = self._leaves[page.scan]
        if isinstance(found, str):
            raise DataError(found)
        if not page.leaf and len(found) != 1:
            raise DataError(
                f"{page.scan}: holds {len(found)} pages, and is named like page {page.number} "
                f"alone. {HOW_TO_NAME}"
            )
        if page.leaf > len(found):
            raise DataError(f"{page.scan}: has no page {page.leaf}, only {len(found)}")
        leaf = found[max(page.leaf, 1) - 1]
        problem = leaf.problem or (too_large() if is_too_large(*self._scaled(leaf)) else "")
        if problem:
            raise DataError(f"{page.scan}{_page_of(page)}: {problem}")
        self._sound[page] = leaf
        return leaf

    def find_broken(self, pages: Iterable[Page]) -> list[str]:
        """A line for each scan, or page of one, that can't be read; in the order given."""
        broken: dict[str, None] = {}
        for page in pages:
            try:
                self.header(page)
            except DataError as error:
                broken[str(error)] = None
        return list(broken)

    def needs_image(self, page: Page) -> bool:
        """Must an image be made of the page's scan before it can be sent?

        Raises:
            DataError: the scan can't be read.
        """
        leaf, options = self.header(page), self.options
        return (
            not leaf.sendable
            or page.leaf > 0
            or options.deskew
            or (options.grey and not leaf.grey)
            or max(leaf.width, leaf.height) > (options.longest_side or float("inf"))
        )

    def pixel_size(self, page: Page) -> tuple[int, int]:
        """Width and height in pixels of what is sent (before it is turned a little upright)."""
        return self._scaled(self.header(page))

    def manifest_file(self, book_id: str) -> Path:
        """The manifest of a book's prepared images; they lie in the same folder."""
        return self._folder / book_id / MANIFEST

    def is_ready(self, page: Page) -> bool:
        """Is there an image to send: the scan itself, or what was made of it as it is now?"""
        return not self.needs_image(page) or self._current(page) is not None

    def record(self, page: Page) -> PreparedImage | None:
        """The image that was made of a page's scan; None where the scan itself is sent.

        Raises:
            DataError: none was made yet, or the scan was changed since.
        """
        if not self.needs_image(page):
            return None
        if made := self._current(page):
            return made
        if reason := self.why_broken(page):
            raise DataError(reason)
        manifest = self.manifest_file(page.book_id)
        raise DataError(
            f"{page.scan}{_page_of(page)}: no image was made of it, or it was changed since. "
            f"To make it: {snakemake('-f', str(manifest))}"
        )

    def made_before(self, page: Page) -> PreparedImage | None:
        """The image that the manifest has for a page, of whatever scan and however it was made."""
        return self._manifest(page.book_id).pages.get(page.stem)

    def why_broken(self, page: Page) -> str | None:
        """Why no image could be made of a page's scan as it is now; None where that was not so."""
        found = self._manifest(page.book_id).broken.get(page.stem)
        if found is None or found.options != self._options:
            return None
        if (found.scan, found.leaf) != (str(page.scan), page.leaf):
            return None
        is_same = self.scans_may_change or _is_unchanged(page.scan, found)
        return found.reason if is_same else None

    def path(self, page: Page) -> Path:
        """The image to send.

        Raises:
            DataError: it is not made yet, or the scan was changed since.
        """
        made = self.record(page)
        return self.manifest_file(page.book_id).with_name(made.image) if made else page.scan

    def inspect(self, page: Page) -> tuple[Path, ImageFacts]:
        """The image to send, and what is to be known of it.

        Raises:
            DataError: it is not there, or not what was made.
        """
        path, made = self.path(page), self.record(page)
        facts = image_files.inspect(path)
        if made and facts.sha256 != made.sha256:
            raise DataError(
                f"{path}: is not what was made of {page.scan}{_page_of(page)}; delete it, then run "
                "the same command again"
            )
        return path, facts

    def doubts(self, page: Page) -> list[Doubt]:
        """Why what is sent of a page may not be readable, as far as headers tell; raises as
        `header` does."""
        leaf = self.header(page)
        width, height = self._scaled(leaf)
        too_coarse = coarse(leaf.dpi, max(width, height) / max(leaf.width, leaf.height, 1))
        return [*leaf.doubts, *([too_coarse] if too_coarse else [])]

    def doubts_of(self, page: Page, image: Path) -> list[Doubt]:
        """The same from a look at its image, which was made or is the scan; raises DataError when
        it can't be decoded."""
        leaf = self.header(page)
        if image == page.scan and (seen := self._glance(image)) and seen.is_sound:
            return []
        found = doubts_of(look_at(image), self.bytes_of(page), leaf.width * leaf.height)
        return found + self.doubts_of_scan(page, found)

    def doubts_of_scan(self, page: Page, known: Iterable[Doubt]) -> list[Doubt]:
        """What the data of a page's scan add to the doubts about its image; raises as `header`."""
        if any(doubt.what == CUT for doubt in (*self.header(page).doubts, *known)):
            return []
        return [doubt] if (doubt := torn(page.scan)) else []

    def share_of_print(self, image: Path) -> float:
        """About the share of an image's area that lines of print take up, from 0 to 1.

        Raises:
            DataError: the image can't be read.
        """
        seen = self._glance(image)
        return seen.share_of_print if seen else share_of_print(image)

    def is_inked(self, image: Path) -> bool:
        """Is it certain that there is ink on an image, from what was seen of it before? It is not
        where nothing was, and then `share_of_ink` is what tells."""
        known = self._glances.get(image)
        if known is None or known[1] is None or not known[1].is_inked:
            return False
        try:
            return known[0] == _as_it_is(image)
        except OSError:
            return False

    def _glance(self, image: Path) -> Glance | None:
        """A glance at an image file, once a process as long as it stays what it is."""
        try:
            as_it_is = _as_it_is(image)
        except OSError:
            return glance(image)  # which says why it can't be read
        known = self._glances.get(image)
        if known is None or known[0] != as_it_is:
            known = self._glances[image] = (as_it_is, glance(image))
        return known[1]

    def bytes_of(self, page: Page) -> float:
        """A page's share of its scan's bytes; raises as `header` does."""
        self.header(page)
        return page.scan.stat().st_size / max(1, len(self._leaves[page.scan]))

    def _scaled(self, leaf: Leaf) -> tuple[int, int]:
        longest = max(leaf.width, leaf.height, 1)
        share = min(1.0, (self.options.longest_side or longest) / longest)
        return max(1, round(leaf.width * share)), max(1, round(leaf.height * share))

    def _current(self, page: Page) -> PreparedImage | None:
        """What was made of a page's scan as it is now, as configured now."""
        made = self._manifest(page.book_id).pages.get(page.stem)
        if made is None or made.options != self._options:
            return None
        if (made.scan, made.leaf) != (str(page.scan), page.leaf):
            return None
        if made.recipe != self.header(page).recipe:
            return None
        if not self.manifest_file(page.book_id).with_name(made.image).exists():
            return None
        return made if self.scans_may_change or _is_unchanged(page.scan, made) else None

    def _manifest(self, book_id: str) -> Manifest:
        path = self.manifest_file(book_id)
        try:
            written = path.stat().st_mtime_ns
            if book_id not in self._manifests or self._manifests[book_id][0] != written:
                content = Manifest.model_validate_json(path.read_bytes())
                self._manifests[book_id] = (written, content)
            return self._manifests[book_id][1]
        except (OSError, ValidationError):
            return Manifest(pages={})  # it is made again


def _is_unchanged(scan: Path, made: PreparedImage | BrokenScan) -> bool:
    try:
        status = scan.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (made.scan_size_bytes, made.scan_modified_ns)


def _as_it_is(image: Path) -> tuple[int, int]:
    """Bytes of a file and when it was changed; raises OSError."""
    status = image.stat()
    return status.st_size, status.st_mtime_ns


def _page_of(page: Page) -> str:
    return f", page {page.leaf}" if page.leaf else ""
