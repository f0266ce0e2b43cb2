"""All that happened to one page: what was asked, what came back, what became of it; its image."""

import json
from typing import Any

from pagewave.answers.result_line import text_of
from pagewave.commands.monitor.known_pages import KnownPages
from pagewave.commands.monitor.reading import Reading
from pagewave.errors import DataError
from pagewave.ledger import Ledger, LogRow
from pagewave.prompts.registry import render_again


def page_history(ledger: Ledger, pages: KnownPages, reading: Reading, key: str) -> dict[str, Any]:
    """What was read of a page, and every attempt at it, oldest first, as JSON values; times are
    Unix seconds.

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
        "image": _image(pages, key),
        "reading": reading.of(rows, on_file),
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


def _image(pages: KnownPages, key: str) -> dict[str, Any]:
    try:
        _, facts = pages.image(key)
    except DataError as error:
        return {"problem": str(error)}
    return {"sha256": facts.sha256, "width": facts.width, "height": facts.height}


def _attempt(row: LogRow) -> dict[str, Any]:
    texts = [text for text in map(text_of, row.lines) if text]
    names = (
        *("run_id", "lane", "wave", "engine", "sent_at", "answered_at", "attempt_number"),
        *("fingerprint", "previous_context", "image", "image_sha256", "finish_reason", "usd"),
        *("prompt_tokens", "output_tokens", "thoughts_tokens", "cached_tokens", "batch_id"),
    )
    return {name: getattr(row, name) for name in names} | {
        "model": row.model if row.engine == "gemini" else None,
        "good": row.page is not None,
        "prompt_version": f"{row.prompt_name}/{row.template_file}",
        "prompt": render_again(row.template, row.previous_context),
        "generation_config": json.loads(row.generation_config),
        "flags": json.loads(row.flags),
        "text": "\n".join(texts) or None,
        "lines": [line.decode("utf-8", "backslashreplace") for line in row.lines],
    }
