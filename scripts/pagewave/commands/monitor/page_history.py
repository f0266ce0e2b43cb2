"""All that happened to one page: what was asked, what came back, what became of it; its image."""

import json
import threading
import time
from pathlib import Path
from typing import Any

from pagewave.answers.result_line import text_of
from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.ledger import Ledger, LogRow
from pagewave.pages.dataset import Dataset, scan
from pagewave.pages.image_files import ImageFacts
from pagewave.pages.prepared import PreparedImages
from pagewave.prompts.registry import render_again

SCAN_AGAIN_SECONDS = 10.0
"""A page that is not in the data set may be new: so old must be what we know of it."""


class PageImages:
    """The images of the data set's pages, by key: no name of a file is ever taken from outside."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._dataset: Dataset | None = None
        self._scanned_at = 0.0

    def find(self, key: str) -> tuple[Path, ImageFacts]:
        """The image that is sent for a page.

        Raises:
            DataError: there is no such page, or no image of it.
        """
        with self._lock:
            page = self._look(key)
        # Made anew each time: it remembers headers, and scans may change while we watch.
        return PreparedImages(self._settings).inspect(page)

    def _look(self, key: str) -> Any:
        try:
            if self._dataset:
                return self._dataset.page(key)
        except DataError:
            if time.monotonic() - self._scanned_at < SCAN_AGAIN_SECONDS:
                raise
        self._dataset = scan(self._settings)
        self._scanned_at = time.monotonic()
        return self._dataset.page(key)


def page_history(ledger: Ledger, images: PageImages, key: str) -> dict[str, Any]:
    """Every attempt at a page, oldest first, as JSON values; times are Unix seconds.

    `other_failures` are those of no attempt: the page was not even sent.
    """
    with ledger.snapshot():
        rows = ledger.outbox.attempts_of(key)
        failures = ledger.failures.of_page(key)
        written = ledger.files.provenance(key)
        batches = {row.batch_id: ledger.batches.get(row.batch_id) for row in rows}
    on_file = written[0]["batch"] if written else None
    return {
        "key": key,
        "image": _image(images, key),
        "attempts": [
            _attempt(row)
            | {
                "batch": row.batch_name or row.display_name,
                "batch_status": batches[row.batch_id].status,
                "batch_state": batches[row.batch_id].state,
                "on_file": row.page is not None and row.batch_name == on_file,
                "failures": [dict(f) for f in failures if f["batch_id"] == row.batch_id],
            }
            for row in rows
        ],
        "other_failures": [dict(f) for f in failures if f["batch_id"] not in batches],
    }


def _image(images: PageImages, key: str) -> dict[str, Any]:
    try:
        _, facts = images.find(key)
    except DataError as error:
        return {"problem": str(error)}
    return {"sha256": facts.sha256, "width": facts.width, "height": facts.height}


def _attempt(row: LogRow) -> dict[str, Any]:
    texts = [text for text in map(text_of, row.lines) if text]
    names = (
        *("run_id", "lane", "wave", "engine", "model", "sent_at", "answered_at", "attempt_number"),
        *("fingerprint", "previous_context", "image", "image_sha256", "finish_reason", "usd"),
        *("prompt_tokens", "output_tokens", "thoughts_tokens", "cached_tokens"),
    )
    return {name: getattr(row, name) for name in names} | {
        "good": row.page is not None,
        "prompt_version": f"{row.prompt_name}/{row.template_file}",
        "prompt": render_again(row.template, row.previous_context),
        "generation_config": json.loads(row.generation_config),
        "flags": json.loads(row.flags),
        "text": "\n".join(texts) or None,
        "lines": [line.decode("utf-8", "backslashreplace") for line in row.lines],
    }
