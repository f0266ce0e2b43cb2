"""Which pictures may not be readable as they are sent, told before anything is.

Headers are looked at of all pages, pixels of a sample: the rest is looked at before it is sent.
"""

import io
import time
from collections.abc import Sequence

from PIL import Image

from pagewave.command_line import script
from pagewave.errors import DataError
from pagewave.pages.dataset import Page
from pagewave.pages.look import Doubt, doubts_of, look
from pagewave.pages.prepare import make_image
from pagewave.plan.estimates import sample as sample_of
from pagewave.wording import count
from pagewave.workspace import Workspace

SAMPLE_SECONDS = 5.0
"""No more are begun after that: a dry run is asked for often."""
LISTED = 5


def doubtful_pictures(workspace: Workspace, pages: Sequence[Page], *, sample: bool) -> list[str]:
    """Lines for the person at the terminal; none where nothing is found.

    Args:
        pages: those to be read, none of whose scans is broken.
        sample: look at pixels too, of a sample of those that were not looked at yet.
    """
    found: dict[str, list[Doubt]] = {}
    looked, wanted = 0, {page.key for page in pages}
    noted = workspace.ledger.pictures.keys()
    unknown = {page.key: page for page in pages if page.key not in noted}
    for page in pages:
        doubts = workspace.images.doubts(page)
        if doubts:
            found[page.key] = doubts
    for flag in workspace.ledger.pictures.doubted():
        doubt = Doubt(flag.what, flag.message)
        if flag.key in wanted and doubt not in found.get(flag.key, []):
            found.setdefault(flag.key, []).append(doubt)
    if sample and unknown:
        until = time.monotonic() + SAMPLE_SECONDS
        for key in sample_of(unknown):
            if time.monotonic() > until:
                break
            looked += 1
            if doubts := _look(workspace, unknown[key]):
                found.setdefault(key, []).extend(doubts)
    if not found:
        return []
    seen = f"; looked at {looked:,} of {count(len(unknown), 'picture')}" if looked else ""
    lines = [f"{count(len(found), 'page')} may not be readable as sent{seen}:"]
    for key in sorted(found)[:LISTED]:
        lines += [f"  {key}: {doubt.what}: {doubt.message}" for doubt in found[key]]
    if len(found) > LISTED:
        lines.append(f"  and {len(found) - LISTED} more.")
    lines.append(f"What is sent all the same is flagged: {script('flags')}")
    return ["\n".join(lines)]


def _look(workspace: Workspace, page: Page) -> list[Doubt]:
    """Doubts about a page's picture, which is made in memory where it isn't there yet."""
    images = workspace.images
    try:
        if images.is_ready(page):
            made = images.record(page)
            return list(made.doubts) if made else images.doubts_of(page, page.scan)
        data = make_image(page.scan, max(page.leaf, 1), images.options)
        with Image.open(io.BytesIO(data)) as image:
            found = doubts_of(look(image), images.bytes_of(page), image.width * image.height)
        return found + images.doubts_of_scan(page, found)
    except (DataError, OSError):  # the job that makes it will say so
        return []
