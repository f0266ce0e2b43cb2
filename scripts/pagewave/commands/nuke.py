"""Start anew with an empty ledger; the old one stays beside it under a dated name."""

from pathlib import Path

from pagewave.commands.batch_views import BatchView, open_views, total_usd
from pagewave.config.settings import Settings
from pagewave.ledger import Ledger
from pagewave.ledger.soundness import backup_name
from pagewave.wording import count, dollars

SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a ledger."""


def contents(path: Path) -> dict[str, int | float | None]:
    """What a ledger holds: numbers of rows, and USD spent (None: some prices are unknown)."""
    ledger = Ledger.peek(path)
    ledger.check()
    held = ledger.history.contents()
    ledger.close()
    return held


def in_flight(path: Path, settings: Settings) -> list[BatchView]:
    """The batches that a ledger would forget while they are at the service."""
    ledger = Ledger.peek(path)
    views = open_views(ledger, settings)
    ledger.close()
    return views


def cost_of(views: list[BatchView]) -> str:
    """What batches in flight cost, in words."""
    return (
        f"{len(views)} {'batch is' if len(views) == 1 else 'batches are'} in flight with "
        f"{count(sum(view.records for view in views), 'record')}, about "
        f"{dollars(total_usd(view.usd for view in views))} USD"
    )


def move_away(path: Path, *, recreate_tables: bool) -> Path:
    """As `empty`, for a ledger that can't be read: its files are renamed as they are.

    Without `recreate_tables` the next run makes a new one.
    """
    backup = backup_name(path)
    path.rename(backup)
    for suffix in SIDE_FILES:
        side = Path(f"{path}{suffix}")
        if side.exists():
            side.rename(f"{backup}{suffix}")
    if recreate_tables:
        Ledger.open(path).close()
    return backup
