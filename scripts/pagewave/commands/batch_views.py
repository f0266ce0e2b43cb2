"""Batches: what is at the service and what it costs, cancelled, reconciled."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.gemini.client import RemoteBatch
from pagewave.gemini.session import Session
from pagewave.ledger import Batch, Ledger, Record
from pagewave.pages import image_files
from pagewave.prompts.costs import USUAL_SHARE_OF_PRINT, estimate, likely_answer_tokens, usd
from pagewave.waves.other_key import settle_keys
from pagewave.waves.submit import settle_intents
from pagewave.wording import moment


@dataclass(frozen=True)
class BatchView:
    """A batch as it is shown.

    `usd` is what it cost, or for one that is open (`estimated`) what it will cost about; None where
    the model has no price. `state` is the service's word, as last seen or as of now.
    """

    name: str | None
    display_name: str
    engine: str
    model: str
    run: str
    lane: int
    wave: int
    status: str
    state: str | None
    records: int
    usd: float | None
    estimated: bool
    sent_at: str | None
    age_seconds: float
    error: str | None


@dataclass(frozen=True)
class Orphan:
    """A batch at the service that bears our prefix and is not in the ledger."""

    name: str
    display_name: str
    model: str
    state: str
    created_at: str | None


@dataclass(frozen=True)
class Settled:
    """What became of a batch that a run was about to create."""

    display_name: str
    name: str | None
    status: str
    error: str | None


def open_views(ledger: Ledger, settings: Settings) -> list[BatchView]:
    """Batches that were intended or sent and are not collected yet, of any engine, oldest first."""
    return [_view(ledger, settings, batch) for batch in _batches(ledger) if batch.is_open]


def all_views(ledger: Ledger, settings: Settings, limit: int | None = None) -> list[BatchView]:
    """All batches that ever were, or the newest `limit`, oldest first."""
    batches = _batches(ledger)
    chosen = batches[-limit:] if limit else batches
    return [_view(ledger, settings, batch) for batch in chosen]


def _batches(ledger: Ledger) -> list[Batch]:
    """Single calls are none: there is nothing of them at the service."""
    return [batch for batch in ledger.batches.all() if not batch.is_call]


def total_usd(prices: Iterable[float | None]) -> float | None:
    """The sum of prices; None as soon as one is not known."""
    total = 0.0
    for price in prices:
        if price is None:
            return None
        total += price
    return total


def expected_usd(ledger: Ledger, settings: Settings, batch: Batch) -> float | None:
    """About what an open batch will cost: as was expected when it was sent."""
    if batch.engine != "gemini":
        return 0.0
    template = ledger.files.template(batch.prompt_sha256)
    return total_usd(
        _expected_usd(settings, batch.model, record, len(template or ""))
        for record in ledger.batches.records(batch.id)
    )


def _expected_usd(
    settings: Settings, model: str, record: Record, template_chars: int
) -> float | None:
    if record.expected_usd is not None:
        return record.expected_usd
    # Sent before estimates were kept, or by a run whose ledger was lost.
    try:
        width, height = image_files.dimensions(Path(record.image))
    except DataError:
        width = height = 0  # gone since: counted as a small one
    characters = template_chars + len(record.previous_context or "")
    answer = settings.pricing.output_tokens_per_page or likely_answer_tokens(USUAL_SHARE_OF_PRINT)
    guess = estimate(characters, width, height, answer, model)
    return usd(settings.pricing, model, guess.input_tokens, guess.output_tokens)


def live_states(
    session: Session, views: Sequence[BatchView]
) -> tuple[dict[str, str], list[Orphan]]:
    """The state of batches as of now by display name, and batches that the ledger doesn't know.

    A batch that the service does not know any more is LOST; one that it does not list, though its
    creation was begun, is NOT LISTED (yet).
    """
    ours = [batch for batch in session.client.list_batches() if _is_ours(session.settings, batch)]
    listed = {batch.display_name: batch for batch in reversed(ours)}  # the earliest of twins
    states = {}
    for view in views:
        remote = listed.get(view.display_name)
        if remote is None and view.name:
            remote = session.client.get(view.name)  # a list may be cut short: only a look can tell
        if remote:
            states[view.display_name] = remote.state
        elif view.name:
            states[view.display_name] = "LOST"
        elif view.status == "creating":
            states[view.display_name] = "NOT LISTED"
    known = {batch.display_name for batch in session.ledger.batches.all()}
    orphans = [
        Orphan(b.name, b.display_name, b.model, b.state, moment(b.created_at))
        for b in ours
        if b.display_name not in known
    ]
    return states, orphans


def cancel(session: Session, name: str) -> list[tuple[str, str]]:
    """Cancel a batch by its name or display name, or `all` open ones; returns names and states.

    A batch may end as SUCCEEDED all the same, with what was read by then.

    Raises:
        DataError: there is no such batch, or it is not at the service (yet).
    """
    batches = [batch for batch in session.ledger.batches.open(session.engine) if batch.name]
    if name == "all":
        names = [batch.name for batch in batches if batch.name]
    else:
        names = [b.name for b in batches if b.name and name in (b.name, b.display_name)]
        names = names or [b.name for b in _orphans_called(session, name)]
        if not names:
            raise DataError(
                f"There is no open batch {name!r}. Open are: "
                f"{', '.join(b.name for b in batches if b.name) or 'none'}. One whose creation was "
                "begun and not confirmed is settled by --reconcile first."
            )
    ended = []
    for remote_name in names:
        session.client.cancel(remote_name)
        remote = session.client.get(remote_name)
        ended.append((remote_name, remote.state if remote else "LOST"))
    return ended


def reconcile(session: Session) -> list[Settled]:
    """Settle the batches of unknown fate now, as the next run would when it begins."""
    unsettled = [
        b.id for b in session.ledger.batches.open(session.engine) if b.status != "submitted"
    ]
    settle_keys(session)
    settle_intents(session)
    settled = [session.ledger.batches.get(batch_id) for batch_id in unsettled]
    return [Settled(b.display_name, b.name, b.status, b.error) for b in settled]


def _view(ledger: Ledger, settings: Settings, batch: Batch) -> BatchView:
    price = (
        expected_usd(ledger, settings, batch)
        if batch.is_open
        else ledger.answers.totals(batch.id)["usd"]
    )
    return BatchView(
        name=batch.name,
        display_name=batch.display_name,
        engine=batch.engine,
        model=batch.model,
        run=batch.run_id,
        lane=batch.lane,
        wave=batch.wave,
        status=batch.status,
        state=batch.state,
        records=len(ledger.batches.records(batch.id)),
        usd=price,
        estimated=batch.is_open,
        sent_at=moment(batch.submitted_at),
        age_seconds=round(time.time() - (batch.submitted_at or batch.intent_at), 1),
        error=batch.error,
    )


def _is_ours(settings: Settings, remote: RemoteBatch) -> bool:
    return remote.display_name.startswith(f"{settings.batch.display_name_prefix}-")


def _orphans_called(session: Session, name: str) -> list[RemoteBatch]:
    """Batches of ours that the ledger doesn't know, by name or display name."""
    return [
        remote
        for remote in session.client.list_batches()
        if _is_ours(session.settings, remote)
        and not remote.ended
        and name in (remote.name, remote.display_name)
    ]
