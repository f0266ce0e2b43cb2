"""What of a run waits for what, in three lines: for the service, for its turn, for a person."""

from pagewave.command_line import script
from pagewave.waves.status import RunStatus
from pagewave.wording import age, count


def waiting_lines(status: RunStatus) -> list[str]:
    """Three lines on the pages that are not done; none where all are, and nothing is open."""
    sent = sum(batch.records for batch in status.batches) + status.calls
    waiting = max(0, status.pages_left - sent)
    dead = len(status.dead_letters)
    if not (sent or status.pages_left or dead):
        return []
    return [
        f"wait for the service: {_at_service(status, sent)}",
        f"wait for their turn: {_in_line(waiting, status)}",
        f"wait for you: {_for_person(dead, status.pages_blocked)}",
    ]


def _at_service(status: RunStatus, pages: int) -> str:
    """What is in flight, and which of it the longest."""
    if not pages:
        return "nothing"
    parts = [count(pages, "page")]
    if status.calls:
        parts.append(f"{count(status.calls, 'call')} in flight")
    if status.batches:
        oldest = max(status.batches, key=lambda batch: batch.age_seconds)
        since = f"lane {oldest.lane} wave {oldest.wave} for {age(oldest.age_seconds)}"
        number = len(status.batches)
        parts.append(f"{number} batches, the oldest {since}" if number > 1 else since)
    return ", ".join(parts)


def _in_line(pages: int, status: RunStatus) -> str:
    """How many pages nobody has sent, and why."""
    if not pages:
        return "nothing"
    if status.over_budget:
        return f"{count(pages, 'page')}, for want of budget"
    return f"{count(pages, 'page')}, each for the page before it or a free batch"


def _for_person(dead: int, blocked: int) -> str:
    """What goes on only when somebody says so."""
    if not dead:
        return "nothing"
    behind = f" and {count(blocked, 'page')} behind" if blocked else ""
    return f"{count(dead, 'dead letter')}{behind}: {script('analyze_failures')}"
