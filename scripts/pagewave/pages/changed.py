"""Which pages' images are not those that were read any more.

Names and dates prove nothing (a scan may be put back with its old date), and hashing ten thousand
scans at every start takes minutes. So the ledger remembers each scan's hash with its size and time
of change; only what differs in one of these is hashed again.

What was read may have been made of the scan. The ledger remembers from which, so that other options
or a deleted image change nothing, and another scan always does.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pagewave.errors import DataError
from pagewave.ledger import KnownImage, Ledger, Origin
from pagewave.pages import image_files
from pagewave.pages.dataset import Page
from pagewave.pages.image_files import ImageFacts
from pagewave.pages.prepared import PreparedImages


def remember_images(
    ledger: Ledger, prepared: PreparedImages, seen: Iterable[tuple[Page, ImageFacts]]
) -> None:
    """Write down the scans of pages as they are now, and which images were made of them.

    Args:
        seen: pages with what is known of their images, as from `PreparedImages.inspect`.
    """
    scans: dict[str, KnownImage] = {}
    made_from: list[tuple[str, str, int]] = []
    for page, facts in seen:
        if made := prepared.record(page):
            scans[str(page.scan)] = KnownImage(
                made.scan_size_bytes, made.scan_modified_ns, made.scan_sha256
            )
            made_from.append((facts.sha256, made.scan_sha256, page.leaf))
        else:
            scans[str(page.scan)] = KnownImage(facts.size_bytes, facts.modified_ns, facts.sha256)
    with ledger.transaction():
        ledger.files.add_images(scans)
        ledger.files.add_prepared(made_from)


def changed_images(
    ledger: Ledger, pages: Iterable[Page], origins: Mapping[str, Origin]
) -> set[str]:
    """Keys of the pages whose answer on file was read from another scan than is there now.

    Args:
        origins: of all answers on file, as the ledger has them (`files.origins`).
    """
    made_from = ledger.files.prepared_from()
    hashes = _Hashes(ledger.files.known_images())
    changed = set()
    for page in pages:
        if (origin := origins.get(page.key)) is None:
            continue
        read, scan = origin.image_sha256, hashes.of(page.scan)
        if scan not in (read, None) and (read, scan, page.leaf) not in made_from:
            changed.add(page.key)
    return changed


class _Hashes:
    """SHA-256 of scan files as they are now, each looked at once."""

    def __init__(self, known: dict[str, KnownImage]) -> None:
        self._known = known
        self._found: dict[Path, str | None] = {}

    def of(self, scan: Path) -> str | None:
        """A file's hash; None where it can't be read, which is for others to complain about."""
        if scan not in self._found:
            self._found[scan] = self._look(scan)
        return self._found[scan]

    def _look(self, scan: Path) -> str | None:
        known = self._known.get(str(scan))
        try:
            status = scan.stat()
            if known and (status.st_size, status.st_mtime_ns) == known[:2]:
                return known.sha256
            return image_files.content(scan).sha256
        except (OSError, DataError):
            return None
