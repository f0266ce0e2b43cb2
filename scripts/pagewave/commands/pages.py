"""Which pages were read with what: by prompt version, model, who served, engine and age.

Also prints the command that reads those pages again, and what that costs. Only looks: safe at any
time. Pages without a file are not listed: the next run reads them anyway."""

import argparse
import contextlib
import csv
import re
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from pagewave.characters import harmless
from pagewave.commands.command import (
    add_page_option,
    command_parser,
    find_place,
    positive,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.commands.selection import (
    add_selection,
    as_typed,
    refuse_others,
    refuse_unknown,
    selection_of,
)
from pagewave.console import printer, table
from pagewave.ledger import Ledger
from pagewave.pages.dataset import Page, scan
from pagewave.plan.outdated import (
    PageOrigin,
    behind_corrections,
    command_to_read_again,
    edited_prompts,
    is_outdated,
    is_served_otherwise,
    of_other_pictures,
    pages_on_file,
    reading_again,
)
from pagewave.prompts.registry import TEMPLATE_SUFFIX, found_registry
from pagewave.wording import command_to_correct, count, dollars, moment
from pagewave.workspace import Workspace, open_workspace

EXAMPLES = """examples:
  %(prog)s                                          every page on file
  %(prog)s --outdated                               of another prompt or model than the config names
  %(prog)s --prompt-version v1 --older-than 30d --states Ohio
  %(prog)s --prompt-version v1 --print0 | xargs -0 snakemake --profile profiles/local --force"""

OTHER = "other"
"""Instead of a model's name: any that was not asked for."""
SHOWN = 40
"""Rows of the table, unless --limit says otherwise; JSON, CSV and --print0 have all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, look, print; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "read with a prompt or model that is not the configured one"
    parser.add_argument("--outdated", action="store_true", help=what)
    what = "read with what the page before said until it was corrected"
    parser.add_argument("--behind-corrections", action="store_true", help=what)
    what = "read from a picture that an earlier version made wrongly of its scan"
    parser.add_argument("--other-picture", action="store_true", help=what)
    what = "read with this version, such as v1 (of any prompt) or page_ocr/v1"
    parser.add_argument("--prompt-version", metavar="VERSION", help=what)
    parser.add_argument("--model", help="read by this model")
    what = "answered by this model, or by any `other` than was asked for"
    parser.add_argument("--served", metavar="MODEL", help=what)
    parser.add_argument("--engine", choices=("gemini", "embedded"), help="read by this engine")
    what = "read before: a span such as 12h or 30d, or a time such as 2026-10-07 (UTC)"
    parser.add_argument("--older-than", type=_before, metavar="TIME", help=what)
    what = "only this page; may be repeated"
    add_page_option(parser, dest="keys", action="append", default=[], help=what)
    add_selection(parser)
    parser.add_argument(
        "--limit", type=positive, default=SHOWN, metavar="N", help=f"rows of the table ({SHOWN})"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--csv", action="store_true", help="print CSV")
    what = "print the pages' files alone, each ended by a NUL, for xargs -0"
    how.add_argument("--print0", action="store_true", help=what)
    options = parser.parse_args(arguments)
    if options.json and (options.csv or options.print0):
        parser.error("choose one of --json, --csv and --print0")
    return run_command(lambda: _list(options))


def _before(text: str) -> float:
    """A moment in Unix seconds: so long ago, or as said."""
    with contextlib.suppress(ValueError, OverflowError):
        if span := re.fullmatch(r"(\d+)([hd])", text):
            size = timedelta(days=1) if span[2] == "d" else timedelta(hours=1)
            return time.time() - (int(span[1]) * size).total_seconds()
        said = datetime.fromisoformat(text)
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()
    raise argparse.ArgumentTypeError(
        f"{text} is neither a span such as 12h or 30d, nor a time such as 2026-10-07"
    )


def _list(options: argparse.Namespace) -> int:
    place = find_place(options)
    ledger = Ledger.peek(require_ledger(place.ledger))
    dataset = scan(place.settings)
    workspace = open_workspace(place.settings, dataset, ledger)
    pages = {page.key: page for page in dataset.pages}
    selection = selection_of(options, dataset.levels)
    refuse_unknown(selection, ledger, place.settings.paths)
    origins = pages_on_file(ledger)
    refuse_others("page", selection.keys, [origin.key for origin in origins])
    _refuse_unknown_origins(workspace, origins, options)
    corrected = workspace.corrections.corrected(list(dataset.pages))
    behind = None
    if options.behind_corrections:
        behind = {page.key for page in behind_corrections(workspace, corrected)}
    if options.other_picture:
        wanted = [origin for origin in origins if _is_wanted(workspace, origin, options)]
        others = of_other_pictures(workspace, wanted)
        origins = [origin for origin in origins if origin.key in others]
    found = [
        origin
        for origin in origins
        if _is_wanted(workspace, origin, options)
        and (behind is None or origin.key in behind)
        # A page without its file is read by the next run anyway.
        and (origin.key not in pages or workspace.page_file(pages[origin.key]).exists())
    ]
    on_file = {origin.key for origin in found}
    kept = {page.key for page in corrected if page.key in on_file}
    # The files of corrected pages would stay the same: they are not paid for again.
    known = [pages[key] for origin in found if (key := origin.key) in pages and key not in kept]
    if options.print0:
        for page in known:
            print(workspace.page_file(page), end="\0")
    elif options.csv:
        _print_csv(found, kept)
    elif options.json:
        print_json(_report(workspace, found, known, kept, options))
    else:
        _print(workspace, found, known, kept, options)
    return 0


def _refuse_unknown_origins(
    workspace: Workspace, origins: Sequence[PageOrigin], options: argparse.Namespace
) -> None:
    """Make sure that version and model exist, if any pages were read with them or not."""
    settings = workspace.settings
    if options.model:
        models = {origin.model for origin in origins if origin.model}
        priced = settings.pricing.models()
        refuse_others("model", [options.model], models | {settings.model.name} | priced)
    if options.served and options.served != OTHER:
        served = {origin.served_by for origin in origins if origin.served_by}
        refuse_others("served model", [options.served], served | settings.pricing.models())
    if options.prompt_version:
        registry = found_registry(settings.prompt.registry_dir, settings.prompt.name)
        files = registry.glob(f"*/*{TEMPLATE_SUFFIX}")
        prompts = {f"{file.parent.name}/{file.name}" for file in files}
        prompts |= {origin.prompt for origin in origins}
        names = {prompt.removesuffix(TEMPLATE_SUFFIX) for prompt in prompts}
        versions = names | {name.rpartition("/")[2] for name in names}
        refuse_others("prompt version", [_version(options)], versions)


def _version(options: argparse.Namespace) -> str:
    return (options.prompt_version or "").removesuffix(TEMPLATE_SUFFIX)


def _is_wanted(workspace: Workspace, origin: PageOrigin, options: argparse.Namespace) -> bool:
    version = _version(options)
    names = (origin.prompt_version, origin.prompt.removesuffix(".jinja"))
    return (
        origin.key in selection_of(options, workspace.dataset.levels)
        and (not options.outdated or is_outdated(workspace, origin))
        and (not version or version in names)
        and options.model in (None, origin.model)
        and (not options.served or _is_served_by(origin, options.served))
        and options.engine in (None, origin.engine)
        and (options.older_than is None or origin.read_at < options.older_than)
    )


def _is_served_by(origin: PageOrigin, wanted: str) -> bool:
    return is_served_otherwise(origin) if wanted == OTHER else origin.served_by == wanted


def _command(workspace: Workspace, known: Sequence[Page], options: argparse.Namespace) -> str:
    """The command that reads the listed pages again."""
    listing = ["--outdated"] if options.outdated else []
    listing += ["--behind-corrections"] if options.behind_corrections else []
    listing += ["--other-picture"] if options.other_picture else []
    if options.older_than is not None:
        listing += ["--older-than", str(moment(options.older_than))]
    for name in ("prompt_version", "model", "served", "engine"):
        if (value := getattr(options, name)) is not None:
            listing += [f"--{name.replace('_', '-')}", str(value)]
    listing += as_typed(options)
    return command_to_read_again(workspace, known, listing)


# For people


def _print(
    workspace: Workspace,
    found: Sequence[PageOrigin],
    known: Sequence[Page],
    corrected: Collection[str],
    options: argparse.Namespace,
) -> None:
    console = printer()
    columns = ["page", "read at", "engine", "model", "prompt", ">attempt"]
    columns += [">tokens in", ">tokens out", ">USD"] + (["corrected"] if corrected else [])
    rows = [_row(origin) for origin in found[: options.limit]]
    if options.served or any(map(is_served_otherwise, found)):
        columns.insert(columns.index("model") + 1, "served by")
        for row, origin in zip(rows, found, strict=False):
            row.insert(columns.index("served by"), origin.served_by)
    if corrected:
        marks = ["by hand" if o.key in corrected else "" for o in found]
        rows = [[*row, mark] for row, mark in zip(rows, marks, strict=False)]
    if rows:
        console.print(table(columns, rows))
    if len(found) > len(rows):
        console.print(f"… and {count(len(found) - len(rows), 'more page')} (--limit, --csv).")
    groups = Counter((o.engine, o.made_with) for o in found)
    for (engine, made_with), number in sorted(groups.items()):
        console.print(f"{count(number, 'page')} read by engine {engine} with {made_with}.")
    for line in edited_prompts(workspace.ledger, workspace.settings):
        console.print(f"Note: {line}")
    if corrected:
        console.print(
            f"{count(len(corrected), 'page')} of them corrected by hand, and not to be read again: "
            "their files would stay the same. What was corrected:"
        )
        print(f"\n    {command_to_correct()}\n")
    if not known:
        console.print("No page on file is like that." if not found else "")
        return
    gone = len(found) - len(known) - len(corrected)
    if gone:
        console.print(f"{count(gone, 'page')} of them not in the data set any more.")
    console.print(f"To read them again ({reading_again(workspace, known)}):\n")
    # Not by the console, which would break a long line.
    print(f"    {_command(workspace, known, options)}\n")
    console.print("The books they belong to are put together anew by the next plain run.")


def _row(origin: PageOrigin) -> list[object]:
    return [
        origin.key,
        moment(origin.read_at),
        origin.engine,
        origin.model,
        origin.prompt,
        origin.attempt,
        f"{origin.input_tokens:,}",
        f"{origin.output_tokens:,}",
        dollars(origin.usd),
    ]


# For machines


def _record(origin: PageOrigin, corrected: Collection[str]) -> dict[str, Any]:
    record = asdict(origin) | {"prompt_version": origin.prompt_version}
    record |= {"corrected": origin.key in corrected}
    return record | {"read_at": moment(origin.read_at)}


def _print_csv(found: Sequence[PageOrigin], corrected: Collection[str]) -> None:
    names = [field.name for field in fields(PageOrigin)] + ["prompt_version", "corrected"]
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    records = (_record(origin, corrected) for origin in found)
    writer.writerows({name: harmless(cell) for name, cell in row.items()} for row in records)


def _report(
    workspace: Workspace,
    found: Sequence[PageOrigin],
    known: Sequence[Page],
    corrected: Collection[str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    in_data_set = {page.key for page in known} | set(corrected)
    return {
        "pages": [_record(o, corrected) | {"in_data_set": o.key in in_data_set} for o in found],
        "edited_prompts": edited_prompts(workspace.ledger, workspace.settings),
        "read_again": {
            "command": _command(workspace, known, options),
            **asdict(reading_again(workspace, known)),
        }
        if known
        else None,
    }
