"""From a batch's lines to attempts and failures: joined by key, judged, priced. Nothing is sent.

Every record of the batch comes out as an attempt, a failure or both. What a single line says is for
`answers/` to tell.
"""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pagewave.answers.guards import Evidence, PageRead, judge
from pagewave.answers.halves import joined
from pagewave.answers.result_line import (
    Answer,
    Failure,
    finish_reason_of,
    is_paid_before,
    key_of,
    parse_line,
    says_more,
)
from pagewave.answers.served import UNKNOWN
from pagewave.answers.service_errors import error_type_of_batch
from pagewave.answers.usage import Usage, together, unknown
from pagewave.config.other_model import paid_as, price_name
from pagewave.config.pricing import Pricing
from pagewave.config.settings import Settings
from pagewave.errors import BATCH_ERROR_TYPES, DataError
from pagewave.gemini.client import SUCCESSFUL_STATES
from pagewave.halves import HALVES, line_key, split_line_key
from pagewave.ledger import NO_RESULTS, Attempt, Batch, FailureRow, Record, Served
from pagewave.log import log
from pagewave.pages.dataset import Page
from pagewave.plan.budget import MOST_INPUT_TOKENS
from pagewave.prompts.costs import MOST_OUTPUT_TOKENS, usd
from pagewave.prompts.halved import is_halved
from pagewave.prompts.numbered import is_numbered
from pagewave.waves.other_model import doubt_of
from pagewave.workspace import Workspace

NEIGHBOURS = 8
"""Pages on either side of one that may be blank, to whose images its own is compared."""
CUT_SHORT = ("BatchExpired", "BatchCancelled")
NO_USAGE = unknown("there is no answer")
Result = Answer | Failure


@dataclass(frozen=True, slots=True)
class Ended:
    """How a batch ended, as far as the service tells; LOST, STUCK and NO_RESULTS are our words.

    `was_cancelled`: by us, beyond its deadline. `at`: when, in Unix seconds; None: just now.
    """

    state: str
    error: str | None
    lines: Sequence[bytes] = ()
    was_cancelled: bool = False
    at: float | None = None


def line_keys(record: Record) -> list[str]:
    """The keys of the lines that a record's answer has: one, or one for each half."""
    halves = HALVES if is_halved(record.generation_config) else (None,)
    return [line_key(record.key, half) for half in halves]


def parse_results(
    workspace: Workspace,
    batch: Batch,
    ended: Ended,
    records: Sequence[Record],
) -> tuple[list[Attempt], list[FailureRow]]:
    """What a batch brought, its lines joined to its records by key.

    Of several lines for one key the first of those that say most counts (`says_more`). An attempt
    is what the model ran for: an error line is a failure without one.
    """
    results, halves = _understood(workspace, batch, ended, records)
    attempts, failures = [], []
    is_progress = _is_progress(ended, results.values())
    at = time.time() if ended.at is None else ended.at
    for record in records:
        result = results.get(record.key)
        parts = halves.get(record.key, ())
        if result and result.usage and result.usage.problem:
            _tell_of_counts(workspace, record, result.usage)
        for part in parts or ([result] if result else []):
            if batch.is_call:
                _tell_of_tier(workspace, batch, record, part.served.tier)
        if result is None:
            failure = _unanswered(record, ended, is_alone=len(records) == 1)
            failure = replace(failure, is_nobodys=is_progress)
            failures.append(failure)
            # Where the batch succeeded the record was read in all likelihood, and is paid for.
            if failure.counted or ended.state == NO_RESULTS:
                attempts.append(_attempt(workspace.settings, batch, record, at))
        elif isinstance(result, Answer):
            attempt = _attempt(workspace.settings, batch, record, at, result, parts)
            attempts.append(
                replace(attempt, page=result.page_json, finish_reason=result.finish_reason)
            )
        else:
            if result.inferred:
                attempt = _attempt(workspace.settings, batch, record, at, result, parts)
                reason = finish_reason_of((result.raw_json or "").encode())
                attempts.append(replace(attempt, finish_reason=reason))
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
                    traceback=result.traceback or None,
                    raw_text=result.raw_text,
                    raw_json=result.raw_json,
                    is_nobodys=is_progress and error_type in CUT_SHORT,
                )
            )
    return attempts, failures


def _understood(
    workspace: Workspace, batch: Batch, ended: Ended, records: Sequence[Record]
) -> tuple[dict[str, Result], dict[str, Sequence[Result]]]:
    """What the line of each record is taken for; of a page in halves, also what each half's is."""
    by_key = {record.key: record for record in records}
    pages: dict[str, dict[str | None, Result]] = defaultdict(dict)
    lines: dict[str, list[bytes]] = defaultdict(list)
    model = workspace.prompt.page_model
    for line in ended.lines:
        key, half = split_line_key(key_of(line) or "")
        record = by_key.get(key)
        if record is None:
            log.warning("%s: a line for %r, which was not asked for", batch.name, key_of(line))
        elif not isinstance(pages[key].get(half), Answer):
            numbered = is_numbered(record.generation_config)
            parsed = replace(parse_line(line, model, numbered=numbered), key=key)
            if isinstance(parsed, Answer) and not half:
                parsed = _guarded(workspace, parsed, record, line)
            if says_more(parsed, pages[key].get(half)):
                pages[key][half] = parsed
                lines[key].append(line)
    results: dict[str, Result] = {}
    halves: dict[str, Sequence[Result]] = {}
    for key, found in pages.items():
        record = by_key[key]
        if None in found:
            results[key] = found[None]
            continue
        both = {half: found.get(half) or _missing_half(record, ended) for half in HALVES}
        result = joined(both, model)
        if isinstance(result, Answer):
            result = _guarded(workspace, result, record, b"\n".join(lines[key]))
        free = {
            split_line_key(key_of(line) or "")[1] for line in lines[key] if is_paid_before(line)
        }
        halves[key] = [part for half, part in both.items() if half not in free]
        usages = [part.usage for part in halves[key] if part.usage]
        results[key] = replace(result, usage=together(usages)) if usages else result
    return results, halves


def _guarded(workspace: Workspace, answer: Answer, record: Record, line: bytes) -> Result:
    return guarded(workspace, answer, record.previous_context, Path(record.image), line)


def _missing_half(record: Record, ended: Ended) -> Failure:
    """What a half without a line comes to, as `_unanswered` says of a page without any."""
    row = _unanswered(record, ended, is_alone=False)
    paid = row.counted or ended.state == NO_RESULTS
    return Failure(
        key=record.key,
        error_type=row.error_type,
        message=row.message,
        traceback="",
        raw_text=None,
        raw_json=None,
        usage=NO_USAGE if paid else None,
        inferred=paid,
    )


def half_answered(
    workspace: Workspace, batch: Batch, error_type: str, why: str
) -> tuple[Attempt, FailureRow]:
    """What a call comes to of which one half was answered, and the other never read: what the one
    cost, and a failure that does not count against the page."""
    record = workspace.ledger.batches.records(batch.id)[0]
    [line] = workspace.ledger.answers.lines(batch.id)
    half = parse_line(line, workspace.prompt.page_model)
    failure = FailureRow(
        key=record.key,
        attempt_number=record.attempt_number,
        counted=False,
        error_type=error_type,
        message=f"only its upper half was read: {why}",
    )
    attempt = _attempt(workspace.settings, batch, record, time.time(), half)
    return replace(attempt, flags=()), failure


def _tell_of_tier(workspace: Workspace, batch: Batch, record: Record, tier: str | None) -> None:
    """Say, once a run, that a call was served by another tier than it asked for."""
    if tier and tier != batch.transport and f"tier {tier}" not in workspace.told:
        workspace.told.add(f"tier {tier}")
        log.warning(
            "%s: asked for by tier %s, and served by %s: that tier's price counts. Further "
            "pages like it are not told.",
            record.key,
            batch.transport,
            tier,
        )


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
    return _attempt(workspace.settings, batch, record, time.time()), failure


def guarded(
    workspace: Workspace, answer: Answer, context: str | None, image: Path, line: bytes
) -> Answer | Failure:
    """The answer, unless a guard refuses it; `context` is what was told of the page before."""
    evidence = Evidence(
        key=answer.key,
        context=context,
        image=image,
        page_before=lambda: _page_before(workspace, answer.key),
        neighbours=lambda: [image for _, image in _neighbours(workspace, answer.key)],
        pages_read=lambda: _pages_read(workspace, answer.key),
        is_inked=lambda: workspace.images.is_inked(image),
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


def _neighbours(workspace: Workspace, key: str) -> list[tuple[Page, Path]]:
    """The pages around one and their images, itself left out."""
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
                images.append((other, workspace.images.path(other)))
    return images


def _pages_read(workspace: Workspace, key: str) -> list[PageRead]:
    """Those of the pages around one that have answers."""
    found = []
    for page, image in _neighbours(workspace, key):
        file = workspace.page_file(page)
        if file.is_file():
            found.append(PageRead(file, image, partial(_text, workspace, page)))
    return found


def _text(workspace: Workspace, page: Page) -> str:
    return workspace.read_page(page).text()


def _is_progress(ended: Ended, results: Iterable[Answer | Failure]) -> bool:
    """Did a batch that ended before its time bring anything?

    Then it was too large for the time that the service had: what is left goes on in a smaller one,
    and no page is given up for having been at its end again and again.
    """
    is_cut_short = ended.state in ("EXPIRED", "CANCELLED")
    return is_cut_short and any(isinstance(r, Answer) or r.inferred for r in results)


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
    at: float,
    result: Result | None = None,
    halves: Sequence[Result] = (),
) -> Attempt:
    """What the model ran for, at a time in Unix seconds; no result: it can't be told what it was.

    It costs what the model that served costs, then; each of the halves, where it was asked in two.
    """
    usage = (result and result.usage) or NO_USAGE
    served = result.served if result else UNKNOWN
    flags = result.flags if isinstance(result, Answer) else ()
    # Of two halves, the one that was answered by somebody else is what a person should know of.
    servers = [served, *(half.served for half in halves)]
    doubts = [(each, doubt_of(settings, batch.model, each, at)) for each in servers]
    of_attempt, doubt = next((found for found in doubts if found[1]), doubts[0])
    paid = [(usage, served)]
    if halves and usage.is_known:
        paid = [(half.usage, half.served) for half in halves if half.usage]
    prices = [_price(settings.pricing, batch, record, *each, at) for each in paid]
    known = [price for price in prices if price is not None]
    cost = sum(known) if len(known) == len(prices) else None
    return Attempt(
        key=record.key,
        number=record.attempt_number,
        fingerprint=record.fingerprint,
        page=None,
        finish_reason=None,
        prompt_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        thoughts_tokens=usage.thoughts_tokens,
        cached_tokens=usage.cached_tokens,
        usd=cost if settings.engine == "gemini" else 0.0,
        flags=(*flags, doubt) if doubt else flags,
        served=of_attempt,
    )


def _price(
    pricing: Pricing, batch: Batch, record: Record, usage: Usage, served: Served, at: float
) -> float | None:
    """USD by what the service counted; where it counted nothing, the most that it can be."""
    model = price_name(pricing, batch.model, served.model, at)
    tier = paid_as(batch.transport, served.tier)
    if usage.is_known:
        output = usage.output_tokens + usage.thoughts_tokens
        tokens = (usage.prompt_tokens, output, usage.cached_tokens)
        return usd(pricing, model, *tokens, at=at, tier=tier)
    if record.max_usd is not None and model == batch.model:
        return record.max_usd
    return usd(pricing, model, MOST_INPUT_TOKENS, MOST_OUTPUT_TOKENS, at=at, tier=tier)


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
