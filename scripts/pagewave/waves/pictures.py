"""A look at each picture before it is paid for: what may not be readable is flagged and told."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from pagewave.errors import DataError
from pagewave.gemini.session import Session
from pagewave.log import log
from pagewave.pages.look import Doubt
from pagewave.prompts.request import Request
from pagewave.workspace import Workspace

Seen = tuple[Request, list[Doubt], float | None]
"""What is asked for a page, what may not be readable, and which share of the picture is print."""


def look_at_pictures(workspace: Workspace, requests: Sequence[Request]) -> None:
    """Note in the ledger what is seen of the pictures of these pages, each picture once."""
    seen = seen_of_pictures(workspace, requests)
    with workspace.ledger.transaction():
        note_pictures(workspace, seen)
    tell_doubts(seen)


def seen_of_pictures(workspace: Workspace, requests: Sequence[Request]) -> list[Seen]:
    """The look alone, at those that were not looked at yet: not for a transaction."""
    return [
        (request, _doubts(workspace, request), _share_of_print(workspace, request))
        for request in requests
        if workspace.ledger.pictures.looked_at(request.key) != request.facts.sha256
    ]


def note_pictures(workspace: Workspace, seen: Sequence[Seen]) -> None:
    """What was seen, in the caller's transaction."""
    for request, doubts, share in seen:
        workspace.ledger.pictures.note(request.key, request.facts.sha256, doubts, share)


def tell_doubts(seen: Sequence[Seen]) -> None:
    """What was noted, to whoever reads the log."""
    for request, doubts, _ in seen:
        for doubt in doubts:
            log.warning("%s: %s: %s", request.key, doubt.what, doubt.message)


def look_ahead(session: Session, keys: Iterable[str]) -> None:
    """Look at the pictures of the next wave while this one is at the service: in its turn that
    notes what was seen. What can't be read is for that wave to tell."""
    for key in keys:
        if session.stop.is_set():
            return
        with suppress(DataError):
            session.images.share_of_print(session.images.path(session.dataset.page(key)))


def _doubts(workspace: Workspace, request: Request) -> list[Doubt]:
    images, page = workspace.images, workspace.dataset.page(request.key)
    try:
        made = images.record(page)
        looked = made.doubts if made else images.doubts_of(page, request.image)
        return [*images.doubts(page), *looked]
    except (DataError, OSError):  # it is gone since: its wave finds out
        return []


def _share_of_print(workspace: Workspace, request: Request) -> float | None:
    try:
        return workspace.images.share_of_print(request.image)
    except DataError:
        return None
