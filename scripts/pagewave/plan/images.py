"""How the images of waves to come will be sent, and how many bytes that is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pagewave.errors import DataError
from pagewave.pages.dataset import Page
from pagewave.prompts.inline_images import base64_bytes, fit_inside
from pagewave.wording import count
from pagewave.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ImagesForecast:
    """Images inside of requests, and as files of their own; `bytes` are those of the known ones as
    they are sent. Of the rest nothing is known before they are made."""

    inside: int
    uploaded: int
    not_made: int
    bytes: int

    def __str__(self) -> str:
        parts = [f"{self.inside:,} inside of the requests"] if self.inside else []
        parts += [f"{self.uploaded:,} uploaded"] if self.uploaded else []
        size = f"{self.bytes / 1e6:,.1f} MB" if self.bytes < 1e8 else f"{self.bytes / 1e6:,.0f} MB"
        if parts:
            parts[-1] += f" ({size} in all)"
        parts += [f"{count(self.not_made, 'image')} to be made first"] if self.not_made else []
        return ", ".join(parts)


def images_forecast(workspace: Workspace, waves: Iterable[Sequence[Page]]) -> ImagesForecast:
    """What sending these pages takes, if each wave is one batch and no image was sent before."""
    inside = uploaded = not_made = sent_bytes = 0
    road = workspace.settings.files.images
    for pages in waves:
        sizes = [size for page in pages if (size := _size(workspace, page)) is not None]
        not_made += len(pages) - len(sizes)
        if fit_inside(road, sizes):
            inside += len(sizes)
            sent_bytes += sum(map(base64_bytes, sizes))
        else:
            uploaded += len(sizes)
            sent_bytes += sum(sizes)
    return ImagesForecast(inside, uploaded, not_made, sent_bytes)


def _size(workspace: Workspace, page: Page) -> int | None:
    """Bytes of a page's image; None while it is not made yet."""
    try:
        return workspace.images.path(page).stat().st_size
    except (DataError, OSError):
        return None
