"""Does the output folder belong to this ledger, and does the ledger know what was sent from here?

The folder of page files names its ledger in `.pagewave.json`. Two ledgers over one folder would
both pay for all of its pages; one that was lost, or put back from an older copy, would pay once
more for what is in flight. The requests of a batch are kept until it is collected: they tell.
"""

import json
from pathlib import Path
from typing import Any

from pagewave.atomic import write_atomically
from pagewave.command_line import script
from pagewave.errors import LedgerError
from pagewave.ledger import Ledger
from pagewave.levels import Levels

MARK = ".pagewave.json"
SHOWN = 3


def refuse_foreign(ledger: Ledger, output_dir: Path, requests_dir: Path, levels: Levels) -> None:
    """Make sure that this ledger is the folder's, and complete; only looks.

    Raises:
        LedgerError: the folder is another ledger's, the ledger lacks what was sent from here, or
            its pages lie in folders of other levels.
    """
    ledger.identity.refuse_others(levels)
    rebuild = command_to_rebuild()
    if unknown := _unknown_requests(ledger, requests_dir):
        named = ", ".join(unknown[:SHOWN]) + (" …" if len(unknown) > SHOWN else "")
        raise LedgerError(
            f"{requests_dir} holds requests of batches that the ledger does not know ({named}): it "
            "is new, or from an older copy. They may be in flight, and would be paid for again. "
            f"Nothing was sent. Run first: {rebuild}"
        )
    mark = _read(output_dir / MARK)
    if mark is None:
        return
    if mark["ledger"] != ledger.identity.known_id():
        raise LedgerError(
            f"The pages in {output_dir} belong to another ledger ({mark['path']}). With two of "
            "them, both would pay for all pages. Nothing was sent. Use that one (paths.state_dir), "
            "or another paths.output_dir. If it is lost, this one takes its place with: "
            f"{rebuild}"
        )
    if mark["run"] and not ledger.runs.exists(mark["run"]):
        raise LedgerError(
            f"The ledger is an older copy: it does not know run {mark['run']}, which wrote to "
            f"{output_dir}. What that one sent would be paid for again. Nothing was sent. Run "
            f"first: {rebuild}"
        )
    if (mark["answers"] or 0) > ledger.answers.newest():
        raise LedgerError(
            f"The ledger is an older copy: it lacks answers from which pages in {output_dir} were "
            f"written. Nothing was sent. Run first: {rebuild}"
        )


def mark_folder(ledger: Ledger, path: Path, output_dir: Path, run_id: str | None) -> None:
    """Write down that the folder is this ledger's, which run wrote there last, and how far the
    ledger was then."""
    mark = {
        "ledger": ledger.identity.id(),
        "path": str(path.absolute()),
        "run": run_id,
        "answers": ledger.answers.newest_good(),
    }
    write_atomically(output_dir / MARK, json.dumps(mark, indent=1) + "\n")


def pass_on(ledger: Ledger, path: Path, output_dir: Path) -> None:
    """The folder's mark, if there is one, names this ledger from now on."""
    if (output_dir / MARK).exists():
        mark_folder(ledger, path, output_dir, None)


def command_to_rebuild() -> str:
    """The command that takes in what a ledger lacks, quoted for a shell."""
    return script("rebuild_ledger")


def _unknown_requests(ledger: Ledger, requests_dir: Path) -> list[str]:
    """Batches whose requests are kept here and that the ledger does not know."""
    found = {file.stem: file for file in sorted(requests_dir.glob("*.jsonl"))}
    if not found:
        return []
    known = {batch.display_name for batch in ledger.batches.all()}
    since = ledger.identity.forgets_before()
    return [
        name for name, file in found.items() if name not in known and file.stat().st_mtime >= since
    ]


def _read(path: Path) -> dict[str, Any] | None:
    """What a mark says; None where there is none, or one that says nothing."""
    try:
        mark = json.loads(path.read_text(encoding="utf-8"))
        told: dict[str, Any] = {name: mark[name] for name in ("ledger", "path", "run")}
        return told | {"answers": mark.get("answers")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
