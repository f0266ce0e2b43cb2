"""What a run says when it is over: what it brought, what is left, and the command to go on with."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pagewave.ledger import RunOutcome
from pagewave.plan.targets import Command
from pagewave.wording import command_to_clear, count
from pagewave.workspace import IS_DEAD, Workspace

SHOWN_DEAD_LETTERS = 10


@dataclass(frozen=True, slots=True)
class Totals:
    """A run in numbers; `usd` is None where a price is not known, batches are those in flight."""

    outcome: RunOutcome
    read: int
    free: int
    pages_done: int
    pages: int
    dead_letters: int
    open_batches: int
    usd: float | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: a line, the lines that follow it, and the same in numbers."""

    headline: str
    details: Sequence[str]
    totals: Totals

    @property
    def facts(self) -> dict[str, str | int | float | None]:
        """The numbers, for the run's log and a webhook."""
        return asdict(self.totals)


def ending(
    workspace: Workspace,
    run_id: str,
    outcome: RunOutcome,
    command: Command,
    more: Sequence[str] = (),
) -> Ending:
    """What there is to say of a run that ends as `ok`, `failed`, `stopped`, …

    Args:
        more: lines to say before the next command.
    """
    ledger, paths = workspace.ledger, workspace.settings.paths
    read, free = ledger.runs.totals(run_id)
    done, pages = ledger.runs.progress(run_id)
    dead = sorted(workspace.dead_letters() & {page.key for page in workspace.dataset.pages})
    in_flight = len(ledger.batches.open(workspace.engine))
    totals = Totals(
        outcome, read, free, done, pages, len(dead), in_flight, ledger.spending.of_run(run_id)
    )
    price = "price unknown" if totals.usd is None else f"{totals.usd:.4f} USD"
    headline = (
        f"run {run_id}: {outcome}. {read} pages read, {free} from stored answers; "
        f"{done} of {pages} pages done, {price}."
    )
    details = [
        f"Books: {paths.books_dir}  pages: {paths.output_dir}"
        f"  waves: {paths.logs_dir / 'waves' / run_id}",
    ]
    if flagged := ledger.answers.flagged_in_run(run_id):
        guards = ", ".join(f"{what}: {number}" for what, number in flagged.items())
        details.append(f"Flagged pages ({guards}): python scripts/flags.py lists them.")
    details += [
        f"Dead letter: {dead_letter(workspace, key, command)}" for key in dead[:SHOWN_DEAD_LETTERS]
    ]
    if len(dead) > SHOWN_DEAD_LETTERS:
        details.append(f"{count(len(dead) - SHOWN_DEAD_LETTERS, 'more dead letter')}.")
    if in_flight:
        details.append(
            f"{in_flight} batches are still at the service; the same command collects them."
        )
    details += more
    details.append(f"Next: {_next_command(totals, command)}")
    return Ending(headline, details, totals)


def dead_letter(workspace: Workspace, key: str, command: Command) -> str:
    """Why a page is a dead letter, and how to try it again."""
    clear = command_to_clear(["--key", key], command.config)
    return (
        f"{key} {IS_DEAD} {workspace.why_dead(key)}. To try it again: {clear}, then the same "
        "command."
    )


def _next_command(totals: Totals, command: Command) -> str:
    """What to type next: collect what is left, see why pages failed, or look at the results."""
    if totals.outcome == RunOutcome.STOPPED or totals.open_batches:
        return command.typed or "the same command"
    if totals.dead_letters:
        return shlex.join(["python", "scripts/analyze_failures.py", *command.config])
    if totals.outcome == RunOutcome.OK:
        return shlex.join(["snakemake", "--report", "report.html", *command.config])
    return command.typed or "the same command"
