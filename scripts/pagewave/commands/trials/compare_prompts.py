"""Read the same pages with two prompts, models or settings, and tell which is better.

A side is a version of the prompt (FILE), or key=value for what it is asked with, or both; what it
does not name is as configured. Keys: model, thinking_level, thinking_budget, media_resolution,
temperature, top_p, top_k, seed, max_output_tokens, transport (batch, flex, standard). What a model
refuses is told before anything is sent.

Each side goes by its transport (batches, as configured), at that price; what was asked before is
taken from the ledger, free. Where only the transport differs, what came by the other one is not
taken. Pages that the workflow has read stay as they are. Refuses while a run is going on."""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pagewave.answers.intervals import MIN_PAGES, SEED, Interval
from pagewave.answers.scores import FACTS
from pagewave.commands.command import (
    add_page_option,
    command_parser,
    find_place,
    positive,
    print_json,
    run_command,
)
from pagewave.commands.folders import typed_path
from pagewave.commands.selection import page_named
from pagewave.commands.trials.comparison import (
    Pair,
    Reading,
    forecast,
    make_pairs,
    make_sides,
    sample,
)
from pagewave.commands.trials.comparison_page import share, write_page
from pagewave.commands.trials.experiment import record
from pagewave.commands.trials.reading import new_run_id, read
from pagewave.commands.trials.sides import Side, choose, refuse_same
from pagewave.commands.trials.summary import Summary, summarize
from pagewave.config.keys import load_secrets
from pagewave.console import printable, printer, table
from pagewave.gemini.connect import serving
from pagewave.gemini.session import Session
from pagewave.ledger import Ledger, refuse_network
from pagewave.ledger.lock import take_lock
from pagewave.ledger.private import keep_private
from pagewave.log import log_to_terminal
from pagewave.pages.dataset import Page, scan
from pagewave.plan.forecast import WaveForecast
from pagewave.plan.outdated import edited_prompts
from pagewave.tracking.background import delivering, keeps_rows
from pagewave.wording import count
from pagewave.workspace import Workspace

EXAMPLES = """examples:
  %(prog)s --a v1.jinja --b v1.1.jinja --sample 20
  %(prog)s --a v1.jinja --b v1.1.jinja --page KEY OTHERKEY --yes
  %(prog)s --a v1.jinja --b model=gemini-3.8-flash,thinking_level=low --sample 20
  %(prog)s --a transport=batch --b transport=flex --sample 20"""

COMMAND = "pagewave prompts compare"
NOT_ALL = 1
"""Exit code when the question was not answered with yes, or a page could not be read."""
MOST_CHANGES = 20
"""Courses that change, on a terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, read, compare, print; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    for name in "ab":
        what = (
            f"side {name.upper()}: a version of the configured prompt, such as v1.jinja, and/or "
            "values such as model=gemini-3.8-flash, divided by commas or spaces"
        )
        parser.add_argument(f"--{name}", nargs="+", required=True, metavar="SIDE", help=what)
    which = parser.add_mutually_exclusive_group(required=True)
    what = "these pages, each state:school:year:page"
    add_page_option(which, "--pages", dest="pages", nargs="+", help=what)
    what = "so many pages, chosen at random"
    which.add_argument("--sample", type=positive, metavar="N", help=what)
    what = f"another one draws other pages, and other resamples for the intervals ({SEED})"
    parser.add_argument("--seed", type=int, default=SEED, help=what)
    truth = Path("resources/sample/truth")
    what = f"what the pages really say ({truth}); pages without a truth file are not scored"
    parser.add_argument("--truth", type=typed_path, metavar="DIR", default=truth, help=what)
    what = "where the HTML page goes (in the folder comparisons of paths.logs_dir)"
    parser.add_argument("--html", type=typed_path, metavar="FILE", help=what)
    parser.add_argument("--yes", action="store_true", help="do not ask before money is spent")
    options = parser.parse_args(arguments)
    return run_command(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> int:
    settings = find_place(options).settings
    secrets = load_secrets(Path.cwd())
    choices = (choose(settings, options.a), choose(settings, options.b))
    refuse_same([",".join(words) for words in (options.a, options.b)], *choices)
    for name, choice in zip("AB", choices, strict=True):
        for note in choice.notes:
            print(f"pagewave: {name}: {note}", file=sys.stderr)
    log_to_terminal()
    with take_lock(settings.paths.state_dir, COMMAND):
        if not settings.execution.allow_network_state:
            refuse_network(settings.paths.state_dir)
        ledger = Ledger.peek(settings.paths.ledger)
        ledger.check()  # what is paid follows from it
        session = Session(settings, scan(settings), ledger, choices[0].prompt)
        for line in edited_prompts(ledger, settings):
            print(f"pagewave: {line}", file=sys.stderr)
        sides = make_sides(session, choices, _pages(session, options))
        run_id = None
        forecasts = [forecast(session, side) for side in sides]
        if any(each.free < each.pages for each in forecasts):
            if not _agreed(sides, forecasts, options.yes):
                print("Nothing was sent.", file=sys.stderr)
                return NOT_ALL
            run_id = new_run_id()
            ledger.start_writing()
            paths = settings.paths
            keep_private(
                paths.state_dir, settings.execution.state_access, paths.is_state_dir_shared
            )
            ledger.answers.keeps_log_rows = keeps_rows(settings.tracking, secrets)
            with serving(session), delivering(settings.tracking, secrets, ledger, session.stop):
                read(session, sides, run_id)
        pairs = make_pairs(session, sides, run_id, options.truth)
        paid = ledger.spending.of_run(run_id) if run_id else 0.0
    summary = summarize(pairs, options.seed)
    now = datetime.fromtimestamp(time.time(), UTC)
    labels = "-".join(re.sub(r"[^\w.=-]+", "_", side.label)[:60] for side in sides)
    html = options.html or (
        settings.paths.logs_dir / "comparisons" / f"{labels}-{now:%Y%m%dT%H%M%SZ}.html"
    )
    models = " and ".join(dict.fromkeys(side.settings.model.name for side in sides))
    reader = "the embedded reader" if session.engine == "embedded" else models
    write_page(html, reader, sides, pairs, summary, f"{now:%Y-%m-%d %H:%M} UTC")
    if options.json:
        print_json(_report(sides, pairs, summary, paid, html))
    else:
        _print(printer(), sides, pairs, summary)
        spent = "price unknown" if paid is None else f"{paid:.4f} USD spent now"
        print(f"{spent}. Side by side, with the images: {html}")
    about = {"engine": session.engine, "html": html.name}
    if recorded := record(secrets, sides, pairs, about):
        print(recorded, file=sys.stderr)
    return 0 if all(pair.complete for pair in pairs) else NOT_ALL


def _pages(workspace: Workspace, options: argparse.Namespace) -> list[Page]:
    """The pages to compare, each once."""
    if options.pages:
        return [page_named(workspace.dataset, key) for key in dict.fromkeys(options.pages)]
    pages = sample(workspace, options.sample, options.seed)
    if len(pages) < options.sample:
        print(f"pagewave: the data set has only {len(pages)} pages.", file=sys.stderr)
    return pages


def _agreed(sides: Sequence[Side], forecasts: Sequence[WaveForecast], yes: bool) -> bool:
    """Say what it will cost, and ask where that is money; not on standard output, for --json."""
    for side, expected in zip(sides, forecasts, strict=True):
        print(f"{side.label}: {expected}", file=sys.stderr)
    costs = any(each.engine != "embedded" and each.usd != 0 for each in forecasts)
    if yes or not costs:
        return True
    print("Send it? Type yes: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"


# For people


def _print(
    console: Console, sides: tuple[Side, Side], pairs: Sequence[Pair], summary: Summary
) -> None:
    a, b = (side.label for side in sides)
    console.print(f"A is {a}, B is {b}. CER: character error rate; courses: precision / recall.")
    columns = ["page", ">CER A", ">CER B", ">courses A", ">courses B", ">texts differ"]
    console.print(table(columns, [_row(pair) for pair in pairs]))
    for pair in pairs:
        for label, reading in ((a, pair.a), (b, pair.b)):
            if reading.page is None:
                why = printable(str(reading.error))
                console.print(f"{pair.page.key} was not read with {label}. {why}")
    told_nothing = sum(pair.context.unread is not None for pair in pairs)
    if told_nothing:
        console.print(
            f"{count(told_nothing, 'page')} read without context: the page before is not read yet."
        )
    console.print(_totals(summary))
    if summary.taken:
        console.print(_taken(summary))
    _print_courses(console, pairs, summary)
    console.print(
        f"In brackets: 95 % intervals, by resampling pages (paired bootstrap), from {MIN_PAGES} "
        "pages on. +/-: pages on which B is better / worse. open: 0 lies in the interval of the "
        f"difference, or there is none. Course facts: {', '.join(FACTS)} of the courses found."
    )


def _row(pair: Pair) -> list[str]:
    scores = (pair.a.score, pair.b.score)
    rates = [share(score.error_rate if score else None) for score in scores]
    courses = [
        f"{score.course_precision:.0%} / {score.course_recall:.0%}" if score else "-"
        for score in scores
    ]
    difference = share(pair.difference if pair.complete else None)
    return [pair.page.key, *rates, *courses, difference]


def _totals(summary: Summary) -> Table:
    rows: list[list[object]] = [
        [
            result.measure,
            result.pages,
            result.a or "-",
            result.b or "-",
            result.difference or "-",
            f"{result.b_better} / {result.b_worse}",
            result.verdict,
        ]
        for result in summary.results
    ]
    pages = summary.compared
    rows.append(["texts differ", pages, "", "", summary.difference or "-", "", ""])
    rows.append(["courses in common", pages, "", "", summary.courses_in_common or "-", "", ""])
    head = ["in all", ">pages", ">A", ">B", ">B - A", ">B +/-", "difference"]
    return table(head, rows)


def _taken(summary: Summary) -> Table:
    rows = [
        [
            taken.figure,
            taken.pages,
            *(taken.written(each) for each in (taken.a, taken.b, taken.difference)),
            taken.verdict,
        ]
        for taken in summary.taken
    ]
    return table(["mean of the pages", ">pages", ">A", ">B", ">B - A", "difference"], rows)


def _print_courses(console: Console, pairs: Sequence[Pair], summary: Summary) -> None:
    """Which courses change, with or without a truth."""
    changes = [(pair.page.key, change) for pair in pairs for change in pair.course_changes]
    if not changes:
        console.print("No course changes from A to B.")
        return
    rows = [
        [key, printable(change.name), change.what, printable(change.details)]
        for key, change in changes[:MOST_CHANGES]
    ]
    console.print(table(["=courses that change", "course", "A to B", "what differs"], rows))
    if left := len(changes) - len(rows):
        console.print(f"And {count(left, 'more course')}: the HTML page and --json have all.")
    console.print(
        f"{count(len(changes), 'course')} of {count(summary.courses_changed, 'page')} change."
    )


# For machines


def _report(
    sides: tuple[Side, Side],
    pairs: Sequence[Pair],
    summary: Summary,
    paid: float | None,
    html: Path,
) -> dict[str, Any]:
    named = dict(zip("ab", sides, strict=True))
    return {
        "prompts": {
            name: {
                "name": side.prompt.name,
                "version": side.prompt.version,
                "sha256": side.prompt.sha256,
            }
            for name, side in named.items()
        },
        "sides": {
            name: {"label": side.label, **side.choice.values()} for name, side in named.items()
        },
        "spent_now_usd": paid,
        "html": str(html),
        "scored_pages": summary.scored,
        "compared_pages": summary.compared,
        "results": [
            asdict(result)
            | {name: _interval(getattr(result, name)) for name in ("a", "b", "difference")}
            for result in summary.results
        ],
        "taken": [
            {"figure": taken.figure, "pages": taken.pages, "verdict": taken.verdict}
            | {name: _interval(getattr(taken, name)) for name in ("a", "b", "difference")}
            for taken in summary.taken
        ],
        "pages_with_changed_courses": summary.courses_changed,
        "text_difference": _interval(summary.difference),
        "courses_in_common": _interval(summary.courses_in_common),
        "pages": [
            {
                "key": pair.page.key,
                "previous_page_unread": pair.context.unread.key if pair.context.unread else None,
                "text_difference": pair.difference if pair.complete else None,
                "courses_changed": [
                    {
                        "course": change.name,
                        "change": change.what,
                        "fields": {name: {"a": a, "b": b} for name, a, b in change.fields},
                    }
                    for change in pair.course_changes
                ],
                "a": _reading(pair.a),
                "b": _reading(pair.b),
            }
            for pair in pairs
        ],
    }


def _interval(found: Interval | None) -> dict[str, float | None] | None:
    return found._asdict() if found else None


def _reading(reading: Reading) -> dict[str, Any]:
    score = reading.score.as_dict() if reading.score else None
    return asdict(reading) | {"score": score}
