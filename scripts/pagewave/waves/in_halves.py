"""The requests that are really sent: of a page that is asked in halves, two, each with its image.

The halves are cut when they are sent, into `state/halves/`, and are gone afterwards.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pagewave.atomic import write_atomically
from pagewave.errors import DataError, PagewaveError
from pagewave.gemini.request_files import ChangedMeanwhile
from pagewave.halves import FOLDER, HALVES, line_key
from pagewave.ledger import Record
from pagewave.pages.halves import cut
from pagewave.pages.image_files import inspect
from pagewave.prompts.halved import BEGINS_AT, ENDS_AT, INSTRUCTIONS, is_halved
from pagewave.prompts.request import Request
from pagewave.workspace import Workspace


@contextmanager
def in_halves(
    workspace: Workspace, asked: Sequence[tuple[Request, Record]]
) -> Iterator[tuple[list[Request], dict[str, PagewaveError]]]:
    """The requests as they go out, and the pages (by key) whose image can't be cut, and why.

    Within, the images of the halves are there.
    """
    requests: list[Request] = []
    problems: dict[str, PagewaveError] = {}
    made: list[Path] = []
    try:
        for request, record in asked:
            if not is_halved(record.generation_config):
                requests.append(request)
                continue
            try:
                halves = _halves(workspace, request)
            except PagewaveError as problem:
                problems[request.key] = problem
                continue
            made += [half.image for half in halves]
            requests += halves
        yield requests, problems
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def remove_halves(workspace: Workspace) -> None:
    """Remove what a crash left of them."""
    shutil.rmtree(workspace.settings.paths.state_dir / FOLDER, ignore_errors=True)


def _halves(workspace: Workspace, request: Request) -> list[Request]:
    if inspect(request.image).sha256 != request.facts.sha256:
        raise DataError(f"{request.image}: {ChangedMeanwhile()}")
    images, ending = cut(request.image, ENDS_AT, BEGINS_AT)
    folder = workspace.settings.paths.state_dir / FOLDER
    book_id = workspace.dataset.page(request.key).book_id
    halves = []
    for half, image in zip(HALVES, images, strict=True):
        # Where an image of the page itself would be, in that folder.
        path = folder / book_id / line_key(request.key, half).rpartition(":")[2]
        path = path.with_name(path.name + ending)
        write_atomically(path, image)
        halves.append(
            replace(
                request,
                prompt=request.prompt + INSTRUCTIONS[half],
                image=path,
                facts=inspect(path),
                half=half,
            )
        )
    return halves
