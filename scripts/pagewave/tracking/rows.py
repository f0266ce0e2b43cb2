"""What Braintrust is told of an attempt: one span, complete in one record.

Its three ids follow from the batch's display name and the record's key alone. So a row that is sent
again, after a crash or an answer that got lost, replaces itself.
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from pagewave.answers.result_line import finish_reason_of, text_of
from pagewave.ledger import LogRow
from pagewave.levels import DEFAULT, Levels
from pagewave.prompts.numbered import sent_prompt
from pagewave.prompts.registry import TEMPLATE_SUFFIX, render_again

Row = dict[str, Any]
"""Arguments of Braintrust's `Logger.start_span`."""

IDS = uuid.UUID("0d4f1c3a-6f0b-5d0e-9a57-6b1f7f3f2f10")
"""The namespace of all ids; never to be changed."""

NOWHERE = {"caller_filename": "pagewave", "caller_functionname": "deliver", "caller_lineno": 0}
"""In place of the path of our code on this machine, which the client would add."""


def row_id(display_name: str, key: str) -> uuid.UUID:
    """The id of a record's row: of the same batch and key it is always the same."""
    return uuid.uuid5(IDS, f"{display_name}\n{key}")


def braintrust_row(row: LogRow, levels: Levels = DEFAULT) -> Row:
    """The span of an attempt, with times of its batch; plain JSON values only.

    Args:
        levels: of which keys are made.

    Raises:
        Exception: what the ledger holds of it can't be understood.
    """
    its_id = row_id(row.display_name, row.key)
    failed = row.page is None
    answered_at = row.answered_at or row.sent_at
    config = json.loads(row.generation_config)
    return {
        "id": str(its_id),
        "span_id": its_id.hex[:16],
        "root_span_id": uuid.uuid5(IDS, its_id.hex).hex,
        "name": row.prompt_name,
        "type": "llm",
        "created": datetime.fromtimestamp(answered_at, UTC).isoformat(),
        "input": {
            "page_id": row.key,
            "prompt": sent_prompt(render_again(row.template, row.previous_context), config),
            "previous_context": row.previous_context,
            "generation_config": config,
        },
        "output": None if row.page is None else json.loads(row.page),
        "expected": None if row.corrected is None else json.loads(row.corrected),
        "error": f"{row.error_type}: {row.error_message}" if failed else None,
        "metadata": _metadata(row, failed, levels),
        "metrics": _metrics(row, answered_at, failed),
        "context": NOWHERE,
    }


def _metadata(row: LogRow, failed: bool, levels: Levels) -> Row:
    texts = [text for text in map(text_of, row.lines) if text]
    lines = [line.decode("utf-8", "backslashreplace") for line in row.lines]
    raw_text = row.raw_text if failed else None
    raw_json = row.raw_json if failed else None
    return {
        **levels.parts(row.key),
        "batch_id": row.batch_name or row.display_name,
        "batch_display_name": row.display_name,
        "run": row.run_id,
        "lane": row.lane,
        "wave": row.wave,
        "engine": row.engine,
        "model": row.model,
        "model_served": row.model_served,
        "model_stage": row.model_stage,
        "service_tier": row.service_tier,
        "prompt_name": row.prompt_name,
        "prompt_template": row.template_file,
        "prompt_version": row.template_file.removesuffix(TEMPLATE_SUFFIX),
        "prompt_sha256": row.prompt_sha256,
        "image": row.image,
        "image_sha256": row.image_sha256,
        "fingerprint": row.fingerprint,
        "finish_reason": _finish_reason(row),
        "flags": json.loads(row.flags),
        "error": row.error_message if failed else None,
        "error_type": row.error_type if failed else None,
        "error_traceback": row.traceback if failed else None,
        "raw_response_text": raw_text or "\n".join(texts) or None,
        "raw_response_json": raw_json or "\n".join(lines) or None,
    }


def _finish_reason(row: LogRow) -> str | None:
    """The service's own word; an older ledger has our error type in its place."""
    if row.finish_reason and row.finish_reason != row.error_type:
        return row.finish_reason
    return next(filter(None, map(finish_reason_of, row.lines)), None)


def _metrics(row: LogRow, answered_at: float, failed: bool) -> dict[str, float]:
    """Numbers, under Braintrust's own names where it has one; times in Unix seconds."""
    metrics: dict[str, float | None] = {
        "start": row.sent_at,
        "end": answered_at,
        "latency": answered_at - row.sent_at,
        "success": int(not failed),
        "attempt": row.attempt_number,
        "usd": row.usd,
    }
    if row.prompt_tokens:  # else the service counted none, and `usd` is what they may have cost
        output = (row.output_tokens or 0) + (row.thoughts_tokens or 0)
        metrics |= {
            "prompt_tokens": row.prompt_tokens,
            "prompt_cached_tokens": row.cached_tokens,
            "completion_tokens": output,
            "completion_reasoning_tokens": row.thoughts_tokens,
            "tokens": row.prompt_tokens + output,
        }
    return {name: value for name, value in metrics.items() if value is not None}
