"""A new ledger, though the service has batches of these very pages: the old one was lost.

Batches do not say what they hold, and others may use the same key and prefix. But while a batch
needs our images they lie at the service under their hashes, or in requests whose name has some of
these.
"""

import contextlib

from pagewave.errors import DataError, LedgerError
from pagewave.gemini.remote import MARK_DIGITS
from pagewave.gemini.session import Session
from pagewave.pages.image_files import content
from pagewave.prompts.request import recipe_in
from pagewave.wording import few

SHOWN_NAMES = 3


def refuse_lost(session: Session, rebuild: str) -> None:
    """Make sure that a ledger in which nothing was read forgets no batch in flight.

    What a comparison of prompts or a trial left in it tells nothing of the pages.

    Args:
        rebuild: the command that rebuilds a ledger.

    Raises:
        LedgerError: the service has batches of ours.
        ServiceError: the service is not there, or refuses.
    """
    if session.engine != "gemini" or session.ledger.batches.is_any_of_workflow():
        return
    known = {batch.display_name for batch in session.ledger.batches.all()}
    prefix = f"{session.settings.batch.display_name_prefix}-"
    since = session.ledger.identity.forgets_before()
    going = [
        batch
        for batch in session.client.list_batches()
        if batch.display_name.startswith(prefix)
        and recipe_in(batch.display_name)
        and batch.display_name not in known
        and not batch.ended
        and batch.created_at >= since
    ]
    if going and _has_our_images(session):
        names = few([batch.name for batch in going], SHOWN_NAMES)
        raise LedgerError(
            f"{session.settings.paths.ledger} knows of no page read, but the service has batches "
            f"in flight ({names}) and images of these pages: a ledger was lost, and what it sent "
            f"would be paid for again. Nothing was sent. Run first: {rebuild}"
        )


def _has_our_images(session: Session) -> bool:
    """Does the service have an image of these pages? Only those of the same size are hashed."""
    there = session.client.images()
    sizes = set(there.values())
    for page in session.dataset.pages:
        with contextlib.suppress(DataError, OSError):  # none was made of its scan, or it is gone
            image = session.images.path(page)
            if image.stat().st_size in sizes and content(image).sha256[:MARK_DIGITS] in there:
                return True
    return False
