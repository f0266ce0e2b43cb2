"""Batches that were sent with another key: the service shows them to that key's project alone.

What this key can't see is not lost. So before a run sends anything, it makes sure that it sees what
is in flight; if it does not, a person decides.
"""

from collections import defaultdict
from collections.abc import Sequence

from pagewave.errors import ServiceError
from pagewave.gemini.client import RemoteBatch
from pagewave.gemini.retries import Refused
from pagewave.gemini.session import Session
from pagewave.ledger import DOUBT_SECONDS, OTHER_KEY, Batch
from pagewave.log import log
from pagewave.wording import count, few

SHOWN_NAMES = 3


def settle_keys(session: Session) -> None:
    """Make sure that what is in flight is seen with the key of this session.

    A key of the same project sees it, and takes the other's place. Batches that this one does not
    see stop the run, or are left for the day when their key is back (`execution.other_key`).

    Raises:
        ServiceError: something in flight was sent with another key, and is not seen with this one.
    """
    own = session.key_hash
    ledger = session.ledger
    if own is None:
        return
    hashes = ledger.identity.key_hashes()
    by_key: dict[str | None, list[Batch]] = defaultdict(list)
    since = session.client.now() - DOUBT_SECONDS
    for batch in ledger.batches.open(session.engine):
        sent_with = hashes.get(batch.id)
        # Earlier versions did not note the key.
        is_ours = sent_with == own or (sent_with is None and batch.intent_at < since)
        if batch.status != "intent" and not is_ours:
            by_key[sent_with].append(batch)
    if not by_key:
        return
    listed = session.client.list_batches()
    unseen: list[Batch] = []
    for other, batches in by_key.items():
        if other is None and not any(batch.name for batch in batches):
            continue  # they may never have come to be, and are looked for as ever
        if not any(_is_seen(session, batch, listed) for batch in batches):
            unseen += batches
        elif other is None:
            for batch in batches:
                ledger.identity.note_key(batch.id, own)
        else:
            log.info("what was sent with another key is seen with this one: same project")
            ledger.identity.replace_hash(other, own)
    if not unseen:
        return
    if session.settings.execution.other_key == "stop":
        raise ServiceError(_refusal(session, unseen))
    for batch in unseen:
        log.warning("%s: left until the key is back that it was sent with", batch.display_name)
        ledger.batches.mark_abandoned(batch.id, "sent with another key", OTHER_KEY)


def _is_seen(session: Session, batch: Batch, listed: Sequence[RemoteBatch]) -> bool:
    if any(
        batch.name == found.name or batch.display_name == found.display_name for found in listed
    ):
        return True
    if batch.name is None:
        return False
    try:
        return session.client.get(batch.name) is not None  # a list may be cut short
    except Refused:
        return False


def _refusal(session: Session, unseen: Sequence[Batch]) -> str:
    records = [record for batch in unseen for record in session.ledger.batches.records(batch.id)]
    prices = [record.expected_usd for record in records if record.expected_usd is not None]
    price = f", about {sum(prices):.4f} USD" if prices else ""
    names = few([batch.name or batch.display_name for batch in unseen], SHOWN_NAMES)
    known = session.ledger.identity.key_hashes()
    were = "were" if all(batch.id in known for batch in unseen) else "may have been"
    return (
        f"{len(unseen)} of the batches in flight ({names}; {count(len(records), 'page')}"
        f"{price}) {were} sent with another key than this GEMINI_API_KEY, which does not show "
        "them. Nothing was sent. Put the key back that they were sent with, and the same command "
        "collects them. To go on with this key, which pays for their pages once more: --config "
        "'execution={other_key: go_on}'; they are collected when their key is back."
    )
