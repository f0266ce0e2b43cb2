"""How the newest run stands: pages, lanes, batches at the service, money, time left; or any other.

Only looks: safe at any time, from another terminal while a run is going on, and after a crash."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pagewave.command_line import script
from pagewave.commands.command import (
    Place,
    add_ledger_option,
    command_parser,
    find_place,
    print_json,
    require_ledger,
    run_command,
    seconds,
)
from pagewave.commands.past_runs import show_batch, show_batches_of, show_page, show_runs
from pagewave.config.settings import Settings
from pagewave.console import printer, table
from pagewave.errors import UnknownName
from pagewave.ledger import Ledger
from pagewave.ledger.lock import holder
from pagewave.plan.budget import Budget
from pagewave.waves.status import LaneStatus, RunStatus, Watch
from pagewave.wording import age, dollars, moment

EXAMPLES = """examples:
  %(prog)s                 the newest run, once
  %(prog)s --watch         again every two seconds, until the run ends or Ctrl-C
  %(prog)s --watch 30
  %(prog)s --runs          all runs of the ledger: when, what, pages, USD, outcome
  %(prog)s --run 20261129T170027Z
  %(prog)s --batch NAME    its records: page, attempt, outcome, why
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3'
  %(prog)s --json"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and show the run; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    parser.add_argument(
        "--watch", nargs="?", type=seconds, const=2.0, metavar="SECONDS", help="look again (2)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--runs", action="store_true", help="list all runs, the newest first")
    what.add_argument("--run", metavar="ID", help="this run instead of the newest, and its batches")
    what.add_argument("--batch", metavar="NAME", help="a batch, by either of its names")
    what.add_argument("--page", metavar="KEY", help="all attempts at a page, in all runs")
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    if options.watch and (options.runs or options.run or options.batch or options.page):
        parser.error("--watch follows the newest run; leave it out")
    return run_command(lambda: _show(options))


def _show(options: argparse.Namespace) -> int:
    place = find_place(options)
    ledger = Ledger.peek(require_ledger(place.ledger))
    process = holder(place.state_dir)
    if options.runs:
        return show_runs(ledger, process, options.json)
    if options.batch:
        return show_batch(ledger, options.batch, options.json)
    if options.page:
        return show_page(ledger, options.page, options.json)
    watch = watch_of(ledger, place.settings, options.run)
    status = watch.look()
    if status is None and options.run:
        raise UnknownName(
            f"The ledger has no run {options.run}. {script('status', '--runs')} lists them."
        )
    if status is None:
        print_json(None) if options.json else print("No run yet.")
        return 0
    newest = ledger.runs.latest()
    if newest is None or newest.id != status.id:
        process = None  # it carries out another one
    if options.json:
        told = asdict(status) | {"estimate": status.estimate._asdict(), "process": process}
        if options.run:
            told |= {"all_batches": [asdict(batch) for batch in watch.batches()]}
        print_json(told)
    elif options.watch:
        _follow(watch, status, place, options.watch)
    else:
        is_newest = newest is not None and newest.id == status.id
        printer().print(view(status, process, is_newest))
        if options.run:
            show_batches_of(ledger, watch.batches(), status.id)
    return 0


def watch_of(ledger: Ledger, settings: Settings, run_id: str | None = None) -> Watch:
    """Looks at a run as the settings have it; None: at the newest."""
    execution = settings.execution
    goes_on = execution.on_dead_letter == "continue"
    return Watch(ledger, execution.max_concurrent_batches, goes_on, settings, run_id)


def _follow(watch: Watch, status: RunStatus, place: Place, seconds: float) -> None:
    process = holder(place.state_dir)
    with Live(view(status, process), console=printer(), auto_refresh=False) as live:
        while process and not status.ended_at:
            time.sleep(seconds)
            process = holder(place.state_dir)
            status = watch.look() or status
            live.update(view(status, process), refresh=True)


SHOWN_LANES = 15
"""Lanes in the table, those with the longest way to go first."""


def view(status: RunStatus, process: int | None, is_newest: bool = True) -> RenderableType:
    """The status of a run; `process` is the one that carries it out, None where none does."""
    headline = _headline(status, process, is_newest)
    parts: list[RenderableType] = [headline, _bar(status), _summary(status)]
    if status.batches:
        parts.append(_batches(status))
    busy = [lane for lane in status.lanes if lane.waves_left or lane.chains_blocked]
    if busy:
        parts.append(_lanes(busy))
    if status.dead_letters:
        parts.append(_dead_letters(status))
    return Group(*parts)


def state_in_words(status: RunStatus, process: int | None, is_newest: bool = True) -> str:
    """Is the run over, going on or broken off? `process` is the one that carries out the newest."""
    if status.ended_at:
        return f"ended {moment(status.ended_at)}: {status.outcome}"
    if not is_newest:
        return "broken off; a later run went on where it stood"
    if process is not None:
        return f"going on (process {process or 'unknown'})"
    return "broken off: run the same command again, and it goes on where it stood"


def _headline(status: RunStatus, process: int | None, is_newest: bool) -> Text:
    state = state_in_words(status, process, is_newest)
    return Text(f"run {status.id}, engine {status.engine}: {state}", style="bold")


def _bar(status: RunStatus) -> RenderableType:
    done = status.pages_read + status.pages_free
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        ProgressBar(total=max(1, status.pages), completed=done, width=40),
        Text(f"{done:,} of {status.pages:,} pages"),
    )
    return grid


def _summary(status: RunStatus) -> Table:
    records = status.records
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    rows = {
        "chains": f"{sum(lane.chains for lane in status.lanes):,} in {len(status.lanes):,} lanes, "
        f"{sum(lane.chains_blocked for lane in status.lanes):,} blocked; "
        f"{sum(lane.waves_ended for lane in status.lanes):,} waves ended, "
        f"{sum(lane.waves_left for lane in status.lanes):,} to come",
        "pages": f"{status.pages_read:,} read, {status.pages_free:,} from stored answers, "
        f"{status.pages_left:,} left, {status.pages_blocked:,} blocked, "
        f"{len(status.dead_letters):,} dead letters",
        "records": f"{records.sent:,} sent, {records.answered:,} answered, {records.valid:,} valid,"
        f" {records.failed:,} failed",
        "spent": f"{dollars(status.spent.usd)} USD in this run, "
        f"{dollars(status.spent_in_all.usd)} USD in all "
        f"({status.spent.input_tokens:,} tokens in, {status.spent.output_tokens:,} out)",
    }
    if status.calls:
        rows["calls"] = f"{status.calls:,} in flight"
    if status.estimate.records:
        rows["expected"] = _expected(status)
    rows |= {budget.key: _budget(budget) for budget in status.budgets}
    if status.over_budget:
        rows["over budget"] = status.over_budget
    if status.eta_seconds is not None or (status.seconds_a_wave is None and not status.ended_at):
        rows["time left"] = (
            "unknown until the first wave ended"
            if status.eta_seconds is None
            else f"about {age(status.eta_seconds)} (a wave takes {age(status.seconds_a_wave or 0)})"
        )
    for name, text in rows.items():
        grid.add_row(name, text)
    return grid


def _expected(status: RunStatus) -> str:
    """What was expected of the records that are metered by now."""
    both = status.estimate
    return (
        f"{dollars(both.expected_usd)} USD for what was read so far; tokens in "
        f"{_off(both.input_tokens, both.expected_input_tokens)}, out "
        f"{_off(both.output_tokens, both.expected_output_tokens)}"
    )


def _off(actual: int, expected: int) -> str:
    return f"{actual / max(1, expected) - 1:+.1%} against {expected:,}"


def _budget(budget: Budget) -> str:
    return (
        f"{budget.limit:.4f} USD: {budget.spent:.4f} spent, {budget.held:.4f} held for what is on "
        f"its way, {budget.left:.4f} left"
    )


def _batches(status: RunStatus) -> Table:
    return table(
        ["=batch", ">lane", ">wave", "=state", "=age", ">records", ">done"],
        [
            (
                batch.name or batch.display_name,
                batch.lane,
                batch.wave,
                batch.state or batch.status,
                age(batch.age_seconds),
                batch.records,
                batch.done,
            )
            for batch in status.batches
        ],
        title="Batches not collected yet",
    )


def _lanes(lanes: list[LaneStatus]) -> Table:
    longest = sorted(lanes, key=lambda lane: (-lane.waves_left, lane.lane))
    more = len(lanes) - SHOWN_LANES
    return table(
        [">lane", ">chains", ">blocked", ">waves ended", ">waves left", ">pages left"],
        [
            (
                lane.lane,
                lane.chains,
                lane.chains_blocked,
                lane.waves_ended,
                lane.waves_left,
                lane.pages_left,
            )
            for lane in longest[:SHOWN_LANES]
        ],
        title="Lanes" + (f" ({more} more are shorter)" if more > 0 else ""),
    )


def _dead_letters(status: RunStatus) -> Text:
    shown = "\n".join(f"  {key}" for key in status.dead_letters[:SHOWN_LANES])
    more = len(status.dead_letters) - SHOWN_LANES
    tail = f"\n  and {more} more" if more > 0 else ""
    return Text(f"Dead letters (pagewave failures says why):\n{shown}{tail}")
