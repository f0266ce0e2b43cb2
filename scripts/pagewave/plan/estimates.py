"""What a page is expected to use: by rule of thumb, and as measured once pages were read.

Measured are tokens a page by model and prompt version, failed attempts included, as they are paid
for too. The rule of thumb counts prompt and image as documented, and guesses the length of answers
from how much is printed on the pages. What was measured is corrected by that as well: a run's first
wave reads title pages, which say little of those behind them.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import cast
from zlib import crc32

from pagewave.errors import DataError
from pagewave.ledger import KnownImage, Measured
from pagewave.prompts.costs import USUAL_SHARE_OF_PRINT, Estimate, estimate, likely_answer_tokens
from pagewave.workspace import Workspace

FEWEST_PAGES = 16
"""Fewer say less than the rule of thumb: the lengths of answers spread by 60 % of their mean, so
that of 16 is off by 15 % (standard error), what tests hold the rule to."""
IMAGES_LOOKED_AT = 200
"""Of the pages to be read, and of those that were: a second's work, once. Where one page in six
is blank, their average is off by 4 % (standard error)."""
GROWN = 0.25
"""Share by which what was read has to grow before it is measured anew: that looks at all of it."""
RULE_OF_THUMB_ERROR = 0.3
"""Share by which its price may be off: twice what tests hold it to. What a model thinks before it
answers is not in it, and can be more than the answer itself."""
LEAST_ERROR = 0.03


@dataclass(frozen=True)
class Estimator:
    """What pages will use with today's model and prompt; `measured` is what others did use."""

    workspace: Workspace
    measured: Measured

    @property
    def is_measured(self) -> bool:
        """Were enough pages read to go by?"""
        return self.measured.pages >= FEWEST_PAGES

    def of_page(self, prompt_chars: int, width: int, height: int) -> Estimate:
        """Tokens to expect for one page, as best known.

        Args:
            prompt_chars: length of the rendered prompt.
            width: of the image, px.
            height: of the image, px.
        """
        if self.is_measured:
            output_tokens = self.measured.output_tokens * self._more_print
            return Estimate(round(self.measured.input_tokens), round(output_tokens))
        return self.by_rule(prompt_chars, width, height)

    def by_rule(self, prompt_chars: int, width: int, height: int) -> Estimate:
        """The same by the rule of thumb alone."""
        model = self.workspace.settings.model
        resolution = model.generation_config.media_resolution
        likely = self._likely_tokens
        return estimate(prompt_chars, width, height, likely, model.name, resolution)

    def look(self) -> None:
        """Look at the images that tell how long answers will be, as far as that is still to be
        done: before a transaction in which others would wait for it."""
        _ = self._more_print if self.is_measured else self._likely_tokens

    @property
    def stands_for(self) -> float:
        """As many attempts more don't change it: of that many more pages nothing new is told."""
        if self.is_measured:
            return max(FEWEST_PAGES, GROWN * self.measured.pages)
        # Images that are still to be made may tell more.
        sees_all = len(self._sample) == len(self._sampled_keys)
        return FEWEST_PAGES - self.measured.pages if sees_all else 0

    def error(self, pages: int) -> float:
        """Share by which the price of so many pages may be off, at 95 % where it is measured."""
        if not self.is_measured:
            return RULE_OF_THUMB_ERROR
        spread = self.measured.output_spread / max(1.0, self.measured.output_tokens)
        by_chance = 2 * spread * math.sqrt(1 / self.measured.pages + 1 / max(1, pages))
        return max(LEAST_ERROR, by_chance)

    @cached_property
    def _likely_tokens(self) -> int:
        settings = self.workspace.settings
        likely = settings.pricing.output_tokens_per_page or round(
            _likely(self.workspace, self._sample)
        )
        return min(likely, settings.model.generation_config.max_output_tokens or likely)

    @cached_property
    def _sample(self) -> list[tuple[Path, None]]:
        return self._images(self._sampled_keys)

    @cached_property
    def _sampled_keys(self) -> list[str]:
        return sample(page.key for page in self.workspace.dataset.pages)

    @cached_property
    def _more_print(self) -> float:
        """How much longer answers will be than those that were measured, by the print."""
        read = self._images_read
        known = [read[key] for key in sample(read)]
        were = _likely(self.workspace, [(Path(image), share) for image, share in known])
        keys = [page.key for page in self.workspace.dataset.pages]
        if unread := [key for key in keys if key not in read]:
            return _likely(self.workspace, self._images(unread)) / were
        # Where all were read, they are read again: of most it is known what is on them.
        scans = self.workspace.ledger.files.known_images()
        again = [
            (image, read[key][1] if _is_as_noted(image, scans, read[key][0]) else None)
            for key, image in self._images_of(keys)
        ]
        return _likely(self.workspace, again) / were

    @cached_property
    def _images_read(self) -> dict[str, tuple[str, float | None]]:
        workspace = self.workspace
        return workspace.ledger.spending.measured_images(
            workspace.engine, workspace.settings.model.name, workspace.prompt.sha256
        )

    def _images(self, keys: Iterable[str]) -> list[tuple[Path, None]]:
        """Those of some of the pages."""
        return [(image, None) for _, image in self._images_of(keys)]

    def _images_of(self, keys: Iterable[str]) -> list[tuple[str, Path]]:
        """The same with the pages' keys."""
        images = []
        for key in sample(keys):
            with suppress(DataError):  # none was made of its scan yet
                images.append((key, self.workspace.images.path(self.workspace.dataset.page(key))))
        return images


def estimator(workspace: Workspace) -> Estimator:
    """What the ledger and the data set tell today, or told a moment ago: what was measured stands
    until a quarter more was (`GROWN`), the rule of thumb until enough was to go by."""
    attempts = workspace.ledger.answers.newest()
    kept, known = workspace.kept.get(__name__, (None, 0))
    # A copy of a workspace with other settings has another one's.
    is_ours = kept and kept.workspace is workspace
    if is_ours and attempts - known < kept.stands_for:
        return cast(Estimator, kept)
    model, prompt = workspace.settings.model.name, workspace.prompt.sha256
    measured = workspace.ledger.spending.measured(workspace.engine, model, prompt)
    found = Estimator(workspace, measured)
    workspace.kept[__name__] = found, attempts
    return found


def sample(keys: Iterable[str]) -> list[str]:
    """A sample of the pages, nearly the same one when a few pages are read: looking takes time, and
    whoever looks at some for another reason takes these."""
    # By their hash: every second page would be every left-hand page.
    return heapq.nsmallest(IMAGES_LOOKED_AT, keys, key=lambda key: crc32(key.encode()))


def _is_as_noted(image: Path, scans: Mapping[str, KnownImage], read: str) -> bool:
    """Is an image the file that was read, and that as it was when it was last looked at?"""
    noted = scans.get(str(image))
    if noted is None or str(image) != read:
        return False
    try:
        status = image.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == noted[:2]


def _likely(workspace: Workspace, images: Sequence[tuple[Path, float | None]]) -> float:
    """Tokens of a likely answer, averaged over the images, each with its share of print if that is
    known."""
    tokens = []
    for image, known in images:
        with suppress(DataError):  # it is gone, or broken
            share = workspace.images.share_of_print(image) if known is None else known
            tokens.append(likely_answer_tokens(share))
    return fmean(tokens) if tokens else likely_answer_tokens(USUAL_SHARE_OF_PRINT)
