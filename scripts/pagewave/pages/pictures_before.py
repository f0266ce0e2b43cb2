"""Was a page read from another picture than would be sent of the same scan today?

Some kinds of scans were sent wrongly by earlier versions. What was read from such a picture is
listed, and not read again by itself.
"""

import hashlib
from collections.abc import Container

from PIL import Image, ImageChops, ImageStat

from pagewave.errors import DataError
from pagewave.pages import image_files, scan_files
from pagewave.pages.dataset import Page
from pagewave.pages.image_files import FORMATS, opened
from pagewave.pages.image_kinds import RECIPE
from pagewave.pages.prepare import make_image
from pagewave.pages.prepared import PreparedImages
from pagewave.pages.seen import seen

SAME_LEVELS = 2.0
"""Grey levels by which two pictures that show the same may differ on average."""


def was_another_picture(
    images: PreparedImages, page: Page, image_sha256: str, made_of: Container[tuple[str, str, int]]
) -> bool:
    """Would something else be sent of a page than the image that it was read from?

    Where nothing else tells, the picture is made: 0.1 to 0.3 s a page. Scans that were changed
    since are none of it (`changed`).

    Args:
        made_of: hashes of images and of the scans that they were made of, and the leaf.
    """
    try:
        leaf = images.header(page)
        if not leaf.recipe:
            return False
        scan_sha256 = image_files.content(page.scan).sha256
        if scan_sha256 == image_sha256:
            return images.needs_image(page) and _differs_on_white(page)
        if (image_sha256, scan_sha256, page.leaf) not in made_of:
            return False
        if images.is_ready(page) and (made := images.record(page)):
            return made.sha256 != image_sha256
        before = images.made_before(page)
        if before and before.sha256 == image_sha256:
            if (before.width, before.height) != images.pixel_size(page):
                return True
            if leaf.recipe == RECIPE and scan_files.is_pdf(page.scan):
                return False
        made_now = make_image(page.scan, max(page.leaf, 1), images.options)
        return hashlib.sha256(made_now).hexdigest() != image_sha256
    except (DataError, OSError):  # others tell of it
        return False


def _differs_on_white(page: Page) -> bool:
    """Is the scan's picture on white another one than without regard to its transparency?"""
    with opened(page.scan) as file, Image.open(file, formats=FORMATS) as image:
        shown = seen(image).convert("L")
        file.seek(0)
        with Image.open(file, formats=FORMATS) as again:
            bare = again.convert("RGB").convert("L")
        if bare.size != shown.size:
            return True
        return ImageStat.Stat(ImageChops.difference(shown, bare)).mean[0] > SAME_LEVELS
