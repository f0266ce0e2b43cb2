"""Which pages' images are not those that were read any more.

Names and dates prove nothing (a scan may be put back with its old date), and hashing ten thousand
images at every start takes minutes. So the ledger remembers each image's hash with its size and
time of change; only what differs in one of these is hashed again.
"""

from collections.abc import Iterable

from . import images
from .dataset import Page
from .errors import DataError
from .images import ImageFacts
from .ledger import KnownImage, Ledger


def known_image(facts: ImageFacts) -> KnownImage:
    """What the ledger keeps of an image."""
    return KnownImage(facts.size_bytes, facts.modified_ns, facts.sha256)


def changed_images(ledger: Ledger, pages: Iterable[Page]) -> set[str]:
    """Keys of the pages whose answer on file was read from another image than is there now."""
    origins, known = ledger.origins_of_pages(), ledger.known_images()
    return {
        page.key
        for page in pages
        if page.key in origins
        and _sha256(page, known.get(str(page.image))) not in (origins[page.key].image_sha256, None)
    }


def _sha256(page: Page, known: KnownImage | None) -> str | None:
    """The image's hash now; None where it can't be read, which is for others to complain about."""
    try:
        status = page.image.stat()
        if known and (status.st_size, status.st_mtime_ns) == known[:2]:
            return known.sha256
        return images.inspect(page.image).sha256
    except (OSError, DataError):
        return None
