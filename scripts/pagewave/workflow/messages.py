"""What a run says: before it starts what it reads again and leaves alone, at its end what it
brought and cost, what is left, and the command to go on with.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pagewave.command_line import option, script, snakemake
from pagewave.config.models import is_other_model
from pagewave.config.other_model import what_then
from pagewave.ledger import Ledger, RunOutcome
from pagewave.pages.left_out import not_read
from pagewave.plan.budget import spent_usd
from pagewave.plan.forecast import Forecast
from pagewave.plan.in_flight import asked_otherwise
from pagewave.plan.outdated import command_to_read_again, edited_prompts, is_outdated, pages_on_file
from pagewave.plan.schedule import Schedule
from pagewave.plan.targets import Command, Wanted
from pagewave.waves.status import Watch
from pagewave.waves.waiting import waiting_lines
from pagewave.wording import command_to_clear, count, few, moment
from pagewave.workspace import IS_DEAD, Workspace

LISTED_KEYS = 5
LISTING = "--outdated"
"""How `pagewave pages` is told to list what was read with another prompt or model."""


def notices(workspace: Workspace, wanted: Wanted, *, with_not_read: bool) -> list[str]:
    """A line for each reason to read again, for stray files, for dead letters, for old prompts.

    Args:
        with_not_read: tell of stray files; a dry run's table does that.
    """
    lines = [
        f"{count(number, 'page')} read again: {reason}."
        for reason, number in Counter(wanted.reasons.values()).items()
    ]
    if with_not_read:
        tree, dataset = workspace.settings.paths.label_source_dir, workspace.dataset
        left = not_read(dataset.ignored, tree, dataset.levels)
        lines += [f"not read: {line}" for line in left]
    if wanted.blocked:
        lines.append(_dead_letters(workspace, wanted))
    lines += edited_prompts(workspace.ledger, workspace.settings)
    lines += _answered_by_another(workspace)
    lines += _in_flight_with_other_settings(workspace, wanted)
    asked_for = set(wanted.keys)
    settled = {page.key: page for page in workspace.dataset.pages if page.key not in asked_for}
    outdated = [
        origin
        for origin in pages_on_file(workspace.ledger)
        if origin.key in settled and is_outdated(workspace, origin)
    ]
    if outdated:  # the files of corrected pages would stay the same
        corrected = {page.key for page in workspace.corrections.corrected([*settled.values()])}
        outdated = [origin for origin in outdated if origin.key not in corrected]
    if outdated:
        counts = Counter(origin.made_with for origin in outdated)
        made_with = ", ".join(f"{name}: {number}" for name, number in sorted(counts.items()))
        pages = [settled[origin.key] for origin in outdated]
        again = command_to_read_again(workspace, pages, [LISTING])
        lines.append(
            f"{count(len(pages), 'page')} read before with another prompt or model ({made_with}), "
            f"and left as they are. What reading them again costs: {script('pages', LISTING)}. "
            f"To do it: {again}"
        )
    return lines


def _answered_by_another(workspace: Workspace) -> list[str]:
    """A line where another model answered than was asked for, the last time."""
    asked = workspace.settings.model.name
    newest = workspace.ledger.served.newest(workspace.engine, asked)
    if newest is None:
        return []
    then = what_then(workspace.settings, asked, newest[0], time.time())
    if then is None:
        return []
    what = {
        "accept": "its answers are taken",
        "flag": "its answers are taken and flagged",
        "stop": "nothing is sent",
    }[then]
    return [
        f"{asked} was answered by {newest[0]} the last time ({moment(newest[1])}), at its own "
        f"price: {what} (model.on_other_model)."
    ]


def _in_flight_with_other_settings(workspace: Workspace, wanted: Wanted) -> list[str]:
    """What was sent before the settings changed, its price, and what becomes of it."""
    lines = []
    for found in asked_otherwise(workspace, set(wanted.keys) - wanted.forced):
        price = "price unknown" if found.usd is None else f"about {found.usd:.4f} USD"
        price = f"free here, {price} at Gemini" if workspace.engine == "embedded" else price
        are = "page is" if found.pages == 1 else "pages are"
        what_then = (
            "The answers are taken (execution.in_flight: collect). To ask anew instead, which is "
            "paid as well: --config 'execution={in_flight: replace}'."
            if found.is_taken
            else "Sent again as configured now, which is paid as well."
        )
        lines.append(
            f"{found.pages} {are} in flight, asked with other settings ({found.made_with}; "
            f"{price}). {what_then}"
        )
    return lines


def _dead_letters(workspace: Workspace, wanted: Wanted) -> str:
    """The dead letters that a command wants, and what waits for them."""
    dead = sorted(workspace.dead_letters() & set(wanted.blocked))
    waiting = len(wanted.blocked) - len(dead)
    return (
        f"{count(len(dead), 'page')} not sent again, dead letters: {few(dead, LISTED_KEYS)}."
        + (
            f" {count(waiting, 'page')} behind them wait{'s' if waiting == 1 else ''}."
            if waiting
            else ""
        )
        + f" To try them again: {command_to_clear()}"
    )


SHOWN_DEAD_LETTERS = 10
LOST_KEYS = 50


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
    details += [
        f"ANOTHER MODEL ANSWERED: {each.served}, asked was {each.asked}: "
        f"{count(each.attempts, 'attempt')}. {script('pages', '--served', each.served)} lists "
        "its pages."
        for each in ledger.served.in_run(run_id)
        if is_other_model(each.asked, each.served)
    ]
    if flagged := ledger.answers.flagged_in_run(run_id):
        guards = ", ".join(f"{what}: {number}" for what, number in flagged.items())
        details.append(f"Flagged pages ({guards}): {script('flags')} lists them.")
    details += [f"Dead letter: {dead_letter(workspace, key)}" for key in dead[:SHOWN_DEAD_LETTERS]]
    if len(dead) > SHOWN_DEAD_LETTERS:
        details.append(f"{count(len(dead) - SHOWN_DEAD_LETTERS, 'more dead letter')}.")
    if in_flight:
        details.append(
            f"{in_flight} batches are still at the service; the same command collects them."
        )
    details += more
    details += _waiting(workspace)
    details.append(f"Next: {_next_command(totals, command)}")
    return Ending(headline, details, totals)


def _waiting(workspace: Workspace) -> list[str]:
    """What of the newest run waits for what; nothing where all is read."""
    execution = workspace.settings.execution
    goes_on = workspace.continues_past_dead_letters
    slots = execution.max_concurrent_batches
    status = Watch(workspace.ledger, slots, goes_on, workspace.settings).look()
    return waiting_lines(status) if status else []


def dead_letter(workspace: Workspace, key: str) -> str:
    """Why a page is a dead letter, and how to try it again."""
    clear = command_to_clear(option("--page", key))
    return (
        f"{key} {IS_DEAD} {workspace.why_dead(key)}. To try it again: {clear}, then the same "
        "command."
    )


def _next_command(totals: Totals, command: Command) -> str:
    """What to type next: collect what is left, see why pages failed, or look at the results."""
    if totals.outcome == RunOutcome.STOPPED or totals.open_batches:
        return command.typed or "the same command"
    if totals.dead_letters:
        return script("analyze_failures")
    if totals.outcome == RunOutcome.OK:
        return snakemake("--report", "report.html", profile=False)
    return command.typed or "the same command"


WHEN_OVER_BUDGET = (
    "To go on, raise the limit in the configuration and run the same command; what was read is "
    "free then. execution.max_cost_usd is the budget of one run: the next run has it anew."
)


def lost_answers(ledger: Ledger, run_id: str) -> list[str]:
    """A line that names the pages whose answers got lost, in this run or one that broke off."""
    if not (lost := ledger.history.unanswered(run_id)):
        return []
    return [
        f"{count(len(lost), 'answer')} of single calls got lost, and may be paid for: "
        f"{few(sorted(set(lost)), LOST_KEYS)}. Each counts as dear as it can be, and its page was "
        "asked anew."
    ]


def spending_lines(workspace: Workspace, run_id: str, schedule: Schedule) -> list[str]:
    """A line for what a run cost beside its estimate, and for what it left for want of money."""
    lines = []
    both = workspace.ledger.spending.estimate_and_actual(run_id)
    paid = workspace.ledger.spending.of_run(run_id)
    if both.records:
        price = spent_usd(workspace.ledger, workspace.settings, run_id)
        at_gemini = "unknown" if price is None else f"{price:.4f}"
        spent = (
            f"nothing; at Gemini's prices {at_gemini}"
            if workspace.engine == "embedded"
            else f"{at_gemini if paid is None else f'{paid:.4f}'}"
        )
        expected = "" if price is None else f", expected {both.expected_usd:.4f}"
        off = "" if not both.expected_usd or price is None else _off(price, both.expected_usd)
        lines.append(
            f"Spent (USD): {spent}{expected}{off}. Tokens: {both.input_tokens:,} in (expected "
            f"{both.expected_input_tokens:,}), {both.output_tokens:,} out (expected "
            f"{both.expected_output_tokens:,})."
        )
    if workspace.ledger.spending.over_budget(run_id):
        left = Forecast(workspace, schedule).whole()
        price = left.best.usd
        about = "" if price is None else f", about {price:.4f} USD"
        lines.append(f"Not sent for want of budget: {count(left.pages, 'page')}{about}.")
    return lines


def _off(actual: float, expected: float) -> str:
    return f" ({actual / expected - 1:+.0%})"
