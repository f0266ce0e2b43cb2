"""A ledger that knows how long calls and batches take, so that a run chooses its roads by that."""

import uuid
from contextlib import closing
from pathlib import Path

from pagewave.ledger import BY_BATCH, Ledger
from pagewave.plan.pace import RECENT_CALLS


def know_pace(
    path: Path,
    *,
    batch: float,
    flex: float,
    standard: float = 0.01,
    engine: str = "embedded",
    model: str = "gemini-2.5-flash",
) -> None:
    """Lets an earlier run have met so many seconds a step, long ago; makes the file if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(Ledger.open(path)) as ledger, ledger.transaction() as db:
        ledger.files.add_prompt("earlier", "earlier", "v1.jinja", "text")
        ledger.runs.start("earlier", engine, model, [], [])
        db.execute("UPDATE run SET started_at = 1 WHERE id = 'earlier'")
        for transport, seconds in ((BY_BATCH, batch), ("flex", flex), ("standard", standard)):
            # So many that what the test itself takes, on a busy machine, changes little.
            for _ in range(RECENT_CALLS):
                row = ledger.batches.add_intent(
                    *(uuid.uuid4().hex, engine, model, "earlier", "earlier", 1, 1, []),
                    transport=transport,
                )
                begin, end = (
                    ("submitted", "collected")
                    if transport == BY_BATCH
                    else (
                        "creating",
                        "submitted",
                    )
                )
                db.execute(
                    f"UPDATE batch SET status = 'collected', {begin}_at = 100, {end}_at = 100 + ?,"
                    " intent_at = 100 WHERE id = ?",
                    (seconds, row.id),
                )
        ledger.runs.end("earlier", "ok")
