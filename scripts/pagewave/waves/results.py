"""From a batch's lines to attempts and failures: joined by key, judged, priced. Nothing is sent.

Every record of the batch comes out as an attempt, a failure or both. What a single line says is for
`answers/` to tell.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pagewave.answers.guards import Evidence, judge
from pagewave.answers.result_line import (
    BATCH_ERROR_TYPES,
    Answer,
    Failure,
    finish_reason_of,
    key_of,
    parse_line,
    tier_of,
)
from pagewave.answers.service_errors import error_type_of_batch
from pagewave.answers.usage import Usage, unknown
from pagewave.config.models import Pricing
from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.gemini.client import SUCCESSFUL_STATES
from pagewave.ledger import NO_RESULTS, Attempt, Batch, FailureRow, Record
from pagewave.log import log
from pagewave.plan.budget import MOST_INPUT_TOKENS
from pagewave.prompts.costs import MOST_OUTPUT_TOKENS, tier_usd
from pagewave.workspace import Workspace

NEIGHBOURS = 8
"""Pages on either side of one that may be blank, to whose images its own is compared."""
NO_USAGE = unknown("there is no answer")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a batch ended, as far as the service tells; LOST, STUCK and NO_RESULTS are our words.

    `was_cancelled`: by us, beyond its deadline.
    """

    state: str
    error: str | None
    lines: Sequence[bytes] = ()
    was_cancelled: bool = False


def parse_results(
    workspace: Workspace,
    batch: Batch,
    ended: Ended,
    records: Sequence[Record],
) -> tuple[list[Attempt], list[FailureRow]]:
    """What a batch brought, its lines joined to its records by key.

    Of several answers for one key the first valid one counts. An attempt is what the model ran for:
    an error line is a failure without one.
    """
    results: dict[str, Answer | Failure] = {}
    by_key = {record.key: record for record in records}
    for line in ended.lines:
        key = key_of(line)
        if key not in by_key:
            log.warning("%s: a line for %r, which was not asked for", batch.name, key)
        elif not isinstance(results.get(key), Answer):
            parsed = parse_line(line, workspace.prompt.page_model)
            if isinstance(parsed, Answer):
                record = by_key[key]
                parsed = guarded(
                    workspace, parsed, record.previous_context, Path(record.image), line
                )
            if key not in results or isinstance(parsed, Answer):
                results[key] = parsed
    tiers = served_tiers(workspace, batch, ended.lines)
    attempts, failures = [], []
    for record in records:
        result = results.get(record.key)
        if result and result.usage and result.usage.problem:
            _tell_of_counts(workspace, record, result.usage)
        if result is None:
            failure = _unanswered(record, ended, is_alone=len(records) == 1)
            failures.append(failure)
            # Where the batch succeeded the record was read in all likelihood, and is paid for.
            if failure.counted or ended.state == NO_RESULTS:
                attempts.append(_attempt(workspace.settings, batch, record, None, NO_USAGE, None))
        elif isinstance(result, Answer):
            attempt = _attempt(
                workspace.settings,
                batch,
                record,
                result.page_json,
                result.usage,
                result.finish_reason,
                tiers.get(record.key),
            )
            attempts.append(replace(attempt, flags=result.flags))
        else:
            if result.inferred:
                usage = result.usage or NO_USAGE
                reason = finish_reason_of((result.raw_json or "").encode())
                attempts.append(
                    _attempt(
                        workspace.settings,
                        batch,
                        record,
                        None,
                        usage,
                        reason,
                        tiers.get(record.key),
                    )
                )
            error_type = result.error_type
            # The service cancels lines under load too, of batches that nobody cancelled.
            if error_type == "BatchCancelled" and not _is_cancelled(ended):
                error_type = "ServiceTrouble"
            failures.append(
                FailureRow(
                    key=record.key,
                    attempt_number=record.attempt_number,
                    counted=error_type not in BATCH_ERROR_TYPES,
                    error_type=error_type,
                    message=result.message,
                    traceback=result.traceback,
                    raw_text=result.raw_text,
                    raw_json=result.raw_json,
                )
            )
    return attempts, failures


def served_tiers(workspace: Workspace, batch: Batch, lines: Sequence[bytes]) -> dict[str, str]:
    """By which tier calls were served, by key; said once a run where it is not the one asked for.

    A batch is served as a batch, whatever its lines say.
    """
    if not batch.is_call:
        return {}
    tiers = {key: tier for line in lines if (key := key_of(line)) and (tier := tier_of(line))}
    for key, tier in tiers.items():
        if tier != batch.transport and f"tier {tier}" not in workspace.told:
            workspace.told.add(f"tier {tier}")
            log.warning(
                "%s: asked for by tier %s, and served by %s: that tier's price counts. Further "
                "pages like it are not told.",
                key,
                batch.transport,
                tier,
            )
    return tiers


def unanswered(workspace: Workspace, batch: Batch, why: str) -> tuple[Attempt, FailureRow]:
    """What a call comes to whose answer was lost: an attempt as dear as it can be, and a failure
    that does not count against the page."""
    record = workspace.ledger.batches.records(batch.id)[0]
    failure = FailureRow(
        key=record.key,
        attempt_number=record.attempt_number,
        counted=False,
        error_type="AnswerLost",
        message=why,
    )
    return _attempt(workspace.settings, batch, record, None, NO_USAGE, None), failure


def guarded(
    workspace: Workspace, answer: Answer, context: str | None, image: Path, line: bytes
) -> Answer | Failure:
    """The answer, unless a guard refuses it; `context` is what was told of the page before."""
    evidence = Evidence(
        key=answer.key,
        context=context,
        image=image,
        page_before=lambda: _page_before(workspace, answer.key),
        neighbours=lambda: _neighbours(workspace, answer.key),
    )
    found = judge(answer, evidence, workspace.settings.quality)
    if isinstance(found, Failure):
        return replace(found, raw_json=line.decode("utf-8", "backslashreplace"))
    return found


def _page_before(workspace: Workspace, key: str) -> str:
    """The text of the page before; none where its file, or the page itself, is gone by now."""
    try:
        before = workspace.dataset.previous(workspace.dataset.page(key))
        return workspace.read_page(before).text() if before else ""
    except DataError:
        return ""


def _neighbours(workspace: Workspace, key: str) -> list[Path]:
    """Images of the pages around one, itself left out."""
    try:
        page = workspace.dataset.page(key)
    except DataError:
        return []
    near = range(page.number - NEIGHBOURS, page.number + NEIGHBOURS + 1)
    pages = workspace.dataset.book(page.book_id).pages
    images = []
    for other in pages:
        if other.number in near and other != page:
            with contextlib.suppress(DataError):  # none was made of its scan
                images.append(workspace.images.path(other))
    return images


def _is_cancelled(ended: Ended) -> bool:
    return ended.was_cancelled or ended.state == "CANCELLED"


def _unanswered(record: Record, ended: Ended, *, is_alone: bool) -> FailureRow:
    """Why a record has no line: only a batch that succeeded can be said to have tried it."""
    if ended.state in SUCCESSFUL_STATES:
        error_type, message = "MissingResponse", "the batch's results hold no line for this record"
    else:
        error_type = {"EXPIRED": "BatchExpired", "CANCELLED": "BatchCancelled"}.get(
            ended.state, "BatchFailed"
        )
        if ended.state == "FAILED":
            error_type = error_type_of_batch(ended.error, is_alone=is_alone)
        message = f"the batch ended as {ended.state}" + (f": {ended.error}" if ended.error else "")
    return FailureRow(
        key=record.key,
        attempt_number=record.attempt_number,
        counted=error_type == "MissingResponse",
        error_type=error_type,
        message=message,
    )


def _attempt(
    settings: Settings,
    batch: Batch,
    record: Record,
    page: str | None,
    usage: Usage,
    finish_reason: str | None,
    tier: str | None = None,
) -> Attempt:
    """`tier`: by which the service says that it was served, where it does."""
    cost = _price(settings.pricing, batch.model, tier or batch.transport, record, usage)
    return Attempt(
        key=record.key,
        number=record.attempt_number,
        fingerprint=record.fingerprint,
        page=page,
        finish_reason=finish_reason,
        prompt_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        thoughts_tokens=usage.thoughts_tokens,
        cached_tokens=usage.cached_tokens,
        usd=cost if settings.engine == "gemini" else 0.0,
    )


def _price(pricing: Pricing, model: str, tier: str, record: Record, usage: Usage) -> float | None:
    """USD by what the service counted; where it counted nothing, the most that it can be."""
    if usage.is_known:
        output = usage.output_tokens + usage.thoughts_tokens
        return tier_usd(pricing, model, tier, usage.prompt_tokens, output, usage.cached_tokens)
    if record.max_usd is not None:
        return record.max_usd
    return tier_usd(pricing, model, tier, MOST_INPUT_TOKENS, MOST_OUTPUT_TOKENS)


def _tell_of_counts(workspace: Workspace, record: Record, usage: Usage) -> None:
    """Say once a run that the service's counts are odd, and what they are taken for."""
    kind = "tokens that do not add up" if usage.is_known else "tokens that were not counted"
    if kind in workspace.told:
        return
    workspace.told.add(kind)
    taken = "the larger number counts" if usage.is_known else "it counts as dear as it can be"
    log.warning(
        "%s: the service's counts of tokens are odd (%s): %s. Further pages like it are not told.",
        record.key,
        usage.problem,
        taken,
    )
