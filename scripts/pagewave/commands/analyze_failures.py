"""Look at the failures in the ledger: how many, of which kinds, where, and what was said.

Only looks: safe at any time, also while a run is going on. Failures that were cleared are shown
too, since they happened."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pagewave.command_line import snakemake
from pagewave.commands.command import (
    add_ledger_option,
    add_page_option,
    command_parser,
    find_place,
    positive,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.commands.failures import (
    ERROR_TYPE,
    Group,
    Summary,
    export_csv,
    group,
    history,
    summarize,
)
from pagewave.commands.folders import typed_path
from pagewave.commands.selection import add_selection, known_level, refuse_unknown, selection_of
from pagewave.console import printable, printer, table
from pagewave.ledger import Ledger, StepCost
from pagewave.wording import command_to_clear, count, dollars

EXAMPLES = """examples:
  %(prog)s                                    how many, of which kinds, dead letters
  %(prog)s --by-school --states Ohio
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3'
  %(prog)s --export-csv failures.csv"""

SHOWN = 20
"""Rows of a table, unless --limit says otherwise; JSON and CSV have all."""
SHOWN_CHARACTERS = 2000
"""Of what a model wrote; JSON and CSV have all of it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and print what it asks for; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _analyze(options))


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(__doc__, EXAMPLES)
    parser.add_argument(
        "--summary", action="store_true", help="totals, kinds and dead letters (the default)"
    )
    for words in ("error type", "state", "school"):
        name = f"--by-{words.replace(' ', '-')}"
        parser.add_argument(name, action="store_true", help=f"failures by {words}")
    what = "failures by the folders of a level, such as box (paths.levels); may be repeated"
    parser.add_argument("--by-level", action="append", default=[], metavar="LEVEL", help=what)
    add_page_option(parser, "--record-key", help="all that is known of one page's")
    parser.add_argument(
        "--export-csv", type=typed_path, metavar="FILE", help="write them to a file"
    )
    add_selection(parser)
    parser.add_argument(
        "--limit",
        type=positive,
        metavar="N",
        help=f"most rows of a list, or the newest failures (tables: {SHOWN}; else all)",
    )
    add_ledger_option(parser)
    return parser


def _analyze(options: argparse.Namespace) -> int:
    place = find_place(options)
    ledger = Ledger.peek(require_ledger(place.ledger))
    levels, limits, limit = place.settings.paths.tree, place.settings.execution, options.limit
    selection = selection_of(options, levels)
    refuse_unknown(selection, ledger, place.settings.paths)
    chosen = [ERROR_TYPE] if options.by_error_type else []
    chosen += [
        known_level(level, levels, f"--by-{level}")
        for level in ("state", "school")
        if getattr(options, f"by_{level}")
    ]
    chosen += [known_level(level, levels, "--by-level") for level in options.by_level]
    report: dict[str, Any] = {}
    if options.summary or not (chosen or options.page or options.export_csv):
        report["summary"] = summarize(ledger, limits, selection)
        report["steps"] = ledger.spending.by_step()
    for by in chosen:
        report[f"by_{by}"] = group(ledger, limits, selection, by)
    if options.page:
        failures = history(ledger, options.page)
        report["failures"] = failures[-limit:] if limit else failures
    if options.export_csv:
        written = export_csv(ledger, selection, options.export_csv, limit)
        report["export"] = {"file": str(options.export_csv), "failures": written}
    if options.json:
        print_json(_as_json(report, limit))
    else:
        _print(report, limit)
    return 0


def _as_json(report: dict[str, Any], limit: int | None) -> dict[str, Any]:
    made = dict(report)
    for name, section in report.items():
        if isinstance(section, Summary):
            made[name] = asdict(section)
            made[name]["dead_letters"] = made[name]["dead_letters"][:limit]
        elif name == "steps":
            made[name] = [step._asdict() for step in section]
        elif name.startswith("by_"):
            made[name] = [asdict(row) for row in section[:limit]]
    return made


def _print(report: dict[str, Any], limit: int | None) -> None:
    for name, section in report.items():
        if name == "summary":
            _print_summary(section, limit)
        elif name == "steps":
            _print_steps(section)
        elif name == "failures":
            _print_history(section)
        elif name == "export":
            print(f"{count(section['failures'], 'failure')} written to {section['file']}.")
        else:
            _print_groups(name.removeprefix("by_").replace("_", " "), section, limit)


def _print_steps(steps: Sequence[StepCost]) -> None:
    """What retries brought; first attempts beside them, where there were any retries."""
    if len({step.step for step in steps}) < 2:
        return
    columns = ["what was changed", "engine", "model", ">attempts", ">read", ">share", ">USD"]
    columns.append(">USD a page read")
    rows = [
        (
            *(s.step, s.engine, s.model if s.engine == "gemini" else None),
            *(s.attempts, s.read, f"{s.read / s.attempts:.0%}", dollars(s.usd)),
            dollars(s.usd / s.read if s.usd is not None and s.read else None),
        )
        for s in steps
    ]
    printer().print(table(columns, rows, title="Attempts by step of the retry ladder, all pages"))


def _print_groups(by: str, groups: Sequence[Group], limit: int | None) -> None:
    columns = (
        f"={by}",
        ">failures",
        ">uncleared",
        ">pages",
        ">dead letters",
        "last",
        "newest message",
    )
    rows = [
        (g.name, g.failures, g.uncleared, g.pages, g.dead_letters, g.last, _line(g.example))
        for g in groups[: limit or SHOWN]
    ]
    console = printer()
    console.print(table(columns, rows))
    if len(groups) > len(rows):
        console.print(f"{len(groups) - len(rows)} more; --limit shows more, --json all.")


def _print_summary(summary: Summary, limit: int | None) -> None:
    console = printer()
    console.print(
        f"{count(summary.failures, 'failure')} of {count(summary.pages, 'page')}, "
        f"{summary.uncleared} of them not cleared. Pages of these with a good answer by now: "
        f"{summary.pages_read_since}."
    )
    if not summary.failures:
        return
    _print_groups("error type", summary.by_error_type, limit)
    letters = summary.dead_letters
    rows = [
        (d.key, d.engine, d.failures, d.failures_of_batches, d.error_type, _line(d.message))
        for d in letters[: limit or SHOWN]
    ]
    if not rows:
        console.print("No dead letters.")
        return
    columns = ("key", "engine", ">failures", ">of batches", "last error", "message")
    console.print(table(columns, rows, title=f"Dead letters: {len(letters)}"))
    if len(letters) > len(rows):
        console.print(f"{len(letters) - len(rows)} more; --limit shows more, --json all.")
    # Not by the console, which would break a long line.
    print(f"To try them again: {command_to_clear(['--all'])} and then {snakemake()}")


def _print_history(failures: Sequence[dict[str, Any]]) -> None:
    console = printer()
    for f in failures:
        console.print(
            f"{f['record_key']}: attempt {f['attempt_number']}, {f['error_type']}, "
            f"{f['created_at']}" + (f", cleared {f['cleared_at']}" if f["cleared_at"] else ""),
            soft_wrap=True,  # a key is not broken
        )
        for name in (
            "batch_id",
            "model_name",
            "prompt_name",
            "prompt_template",
            "generation_config",
        ):
            console.print(f"  {name}: {f[name]}")
        for name in ("error_message", "error_traceback", "previous_context", "raw_response_text"):
            if f[name]:
                console.print(f"  {name}:\n{_indented(f[name])}")
        console.print()


def _indented(text: str) -> str:
    shown = printable(text[:SHOWN_CHARACTERS].strip())
    more = len(text) - SHOWN_CHARACTERS
    lines = [f"    {line}" for line in shown.splitlines()]
    return "\n".join(
        lines + ([f"    … {more} more characters; --json has all"] if more > 0 else [])
    )


def _line(text: str) -> str:
    """The beginning of a message, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
