"""The pages of the data set, as they were when they were last looked for."""

import threading
import time
from pathlib import Path

from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.pages.dataset import Dataset, Page, scan
from pagewave.pages.image_files import ImageFacts
from pagewave.pages.prepared import PreparedImages

SCAN_AGAIN_SECONDS = 10.0
"""A page that is not in the data set may be new: so old must be what we know of it."""


class KnownPages:
    """Pages and their images, by key: no name of a file is ever taken from outside.

    Safe for threads.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._dataset = Dataset(())
        self._scanned_at: float | None = None
        self._scanned_for: object = None
        self._problem: str | None = None

    def dataset(self, occasion: object) -> tuple[Dataset, str | None]:
        """What is to be read, and what is wrong with it; looked for anew on each new occasion.

        Where something is wrong it is what was known before.
        """
        with self._lock:
            if self._scanned_at is None or occasion != self._scanned_for:
                self._scanned_for = occasion
                self._scan()
            return self._dataset, self._problem

    def image(self, key: str) -> tuple[Path, ImageFacts]:
        """The image that is sent for a page.

        Raises:
            DataError: there is no such page, or no image of it.
        """
        with self._lock:
            page = self._find(key)
        # Made anew each time: it remembers headers, and scans may change while we watch.
        return PreparedImages(self._settings).inspect(page)

    def _find(self, key: str) -> Page:
        try:
            return self._dataset.page(key)
        except DataError:
            at = self._scanned_at
            if at is not None and time.monotonic() - at < SCAN_AGAIN_SECONDS:
                raise
        self._scan()
        return self._dataset.page(key)

    def _scan(self) -> None:
        self._scanned_at = time.monotonic()
        try:
            self._dataset, self._problem = scan(self._settings), None
        except DataError as error:
            self._problem = str(error)
