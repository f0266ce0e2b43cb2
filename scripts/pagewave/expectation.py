"""What a page is expected to use: by rule of thumb, and as measured once pages were read.

Measured are tokens a page by model and prompt version, failed attempts included, as they are paid
for too. The rule of thumb counts prompt and image as documented, and guesses the length of answers
from how much is printed on the pages. What was measured is corrected by that as well: a run's first
wave reads title pages, which say little of those behind them.
"""

import math
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from .errors import DataError
from .ink import share_of_print
from .ledger import Measured
from .requests import USUAL_SHARE_OF_PRINT, Estimate, estimate, likely_answer_tokens
from .workbench import Workbench

FEWEST_PAGES = 10
"""Fewer pages say less than the rule of thumb."""
IMAGES_LOOKED_AT = 100
"""Of the pages to be read, and of those that were: three seconds' work."""
RULE_OF_THUMB_ERROR = 0.3
"""Share by which its price may be off: twice what tests hold it to. What a model thinks before it
answers is not in it, and can be more than the answer itself."""
LEAST_ERROR = 0.03


@dataclass(frozen=True)
class Expectation:
    """What pages read with the bench's model and prompt will use; `measured` is what others did."""

    bench: Workbench
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
        return estimate(prompt_chars, width, height, self._likely_tokens)

    def error(self, pages: int) -> float:
        """Share by which the price of so many pages may be off, at 95 % where it is measured."""
        if not self.is_measured:
            return RULE_OF_THUMB_ERROR
        spread = self.measured.output_spread / max(1.0, self.measured.output_tokens)
        by_chance = 2 * spread * math.sqrt(1 / self.measured.pages + 1 / max(1, pages))
        return max(LEAST_ERROR, by_chance)

    @cached_property
    def _likely_tokens(self) -> int:
        settings = self.bench.settings
        likely = settings.pricing.output_tokens_per_page or round(
            _likely(self.bench, self._images_to_read)
        )
        return min(likely, settings.model.generation_config.max_output_tokens or likely)

    @cached_property
    def _more_print(self) -> float:
        """How much longer answers will be than those that were measured, by the print."""
        were = _likely(self.bench, [Path(image) for image in self._images_read.values()])
        return _likely(self.bench, self._images_to_read) / were

    @cached_property
    def _images_read(self) -> dict[str, str]:
        bench = self.bench
        return bench.ledger.measured_images(
            bench.engine, bench.settings.model.name, bench.prompt.sha256
        )

    @cached_property
    def _images_to_read(self) -> list[Path]:
        """Of the pages that were not measured; of all where they all were, to be read again."""
        pages = list(self.bench.dataset.pages)
        new = [page for page in pages if page.key not in self._images_read] or pages
        images = []
        for page in new:
            with suppress(DataError):  # none was made of its scan yet
                images.append(self.bench.images.file(page))
        return images


def expectation(bench: Workbench) -> Expectation:
    """What the ledger and the data set tell today."""
    model, prompt = bench.settings.model.name, bench.prompt.sha256
    return Expectation(bench, bench.ledger.measured(bench.engine, model, prompt))


def _likely(bench: Workbench, images: Sequence[Path]) -> float:
    """Tokens of a likely answer, averaged over some of the images."""
    # By chance, but the same each time: every second image would be every left-hand page.
    chosen = random.Random(0).sample(images, min(len(images), IMAGES_LOOKED_AT))
    known = bench.shares_of_print
    tokens = []
    for image in chosen:
        with suppress(DataError):  # it is gone, or broken
            if image not in known:
                known[image] = share_of_print(image)
            tokens.append(likely_answer_tokens(known[image]))
    return fmean(tokens) if tokens else likely_answer_tokens(USUAL_SHARE_OF_PRINT)
