"""What the next run would read and cost: pages, waves, time, tokens, USD, budget. Sends nothing.

The table that ends `snakemake -n`, without Snakemake's listing; with --page, what is sent for a
page. Only looks: safe at any time. But --probe asks for a few pages, to see how quick calls are."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pagewave.commands.command import (
    add_page_option,
    command_parser,
    find_place,
    positive,
    print_json,
    run_command,
)
from pagewave.commands.trials.asking import Question, question
from pagewave.commands.trials.probe import Probe, first_pages, probe
from pagewave.config.settings import Settings
from pagewave.console import printable, printer
from pagewave.ledger import Ledger
from pagewave.pages.dataset import scan
from pagewave.pages.prepare import refuse_broken
from pagewave.plan.boxes import pages_ahead
from pagewave.plan.forecast import Forecast
from pagewave.plan.pictures import doubtful_pictures
from pagewave.plan.schedule import Schedule, plan
from pagewave.plan.table import roads_view, view
from pagewave.plan.targets import Command, wanted_pages
from pagewave.plan.wave_rows import wave_rows, waves_view
from pagewave.prompts.request import generation_config, request_body
from pagewave.prompts.schema import response_schema
from pagewave.workspace import Workspace, open_workspace

EXAMPLES = """examples:
  %(prog)s                                                  what `snakemake` would read
  %(prog)s --waves                                          the same, wave by wave
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3'   what is sent for a page
  %(prog)s --probe 5                                        how quick calls are here"""

NOT_DONE = 1
"""The exit code when a probe was not made, or not answered."""
IMAGE = "the image: its bytes inside, or uploaded before (files.images)"
"""Stands in a request for the address that the image has at the service."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, look, print; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "show the waves to come as well, each with its price"
    parser.add_argument("--waves", action="store_true", help=what)
    what = "print the rendered prompt and the request of a page, state:school:year:page"
    add_page_option(parser, "--show", dest="show", help=what)
    what = "ask for N pages that are still to be read, by flex, and time the answers"
    parser.add_argument("--probe", type=positive, metavar="N", help=what)
    parser.add_argument("--yes", action="store_true", help="do not ask whether to go on")
    options = parser.parse_args(arguments)
    return run_command(lambda: _plan(options))


def _plan(options: argparse.Namespace) -> int:
    settings = find_place(options, needs_config=True).settings
    if options.probe:
        if (found := _probe(settings, options)) is None:
            return NOT_DONE
        if options.json:
            print_json(asdict(found) | {"usd": found.usd})
            return 0
    ledger = Ledger.peek(settings.paths.ledger)
    workspace = open_workspace(settings, scan(settings), ledger)
    if options.show:
        _show(workspace, question(workspace, options.show), options.json)
        return 0
    wanted = wanted_pages(workspace, Command(), workspace.dead_letters())
    refuse_broken(
        workspace.images,
        workspace.dataset,
        [workspace.dataset.page(key) for c in wanted.chains for key in c],
    )
    keys = [key for chain in wanted.chains for key in chain]
    for line in doubtful_pictures(
        workspace, [workspace.dataset.page(key) for key in keys], sample=True
    ):
        print(printable(line), file=sys.stderr)
    pages = plan(wanted.chains, settings.execution.batch_size_limit)
    schedule = Schedule(
        ledger,
        "next",
        pages,
        workspace.continues_past_dead_letters,
        pages_ahead(ledger, workspace.settings),
    )
    forecasts = Forecast(workspace, schedule)
    waves = wave_rows(workspace, schedule, forecasts) if options.waves else []
    forecast = forecasts.whole(wanted.blocked)
    if options.json:
        more = {"to_send": forecast.to_send, "seconds": forecast.seconds}
        print_json(
            asdict(forecast)
            | more
            | ({"each_wave": [*map(asdict, waves)]} if options.waves else {})
        )
    else:
        is_free = forecast.engine == "embedded"
        printer().print(waves_view(waves, is_free_here=is_free), view(forecast))
        printer().print(roads_view(forecast))
    return 0


def _probe(settings: Settings, options: argparse.Namespace) -> Probe | None:
    """Ask, and tell what came of it; None where nobody answered, or nothing was asked."""
    workspace = open_workspace(settings, scan(settings), Ledger.peek(settings.paths.ledger))
    chains = wanted_pages(workspace, Command(), workspace.dead_letters()).chains
    keys = first_pages(chains, options.probe)
    if not keys:
        print("All is read: there is no page to ask for.", file=sys.stderr)
        return None
    if (found := probe(settings, keys, options.yes)) is None:
        print("Nothing was sent.", file=sys.stderr)
        return None
    print(printable(str(found)), file=sys.stderr)
    return found if found.seconds else None


def _show(workspace: Workspace, asked: Question, as_json: bool) -> None:
    """The prompt and the request of a page's first or next attempt."""
    request = _request(workspace, asked)
    told = f"Told of the page before: {asked.context.told}."
    if as_json:
        print_json(
            {
                "key": asked.page.key,
                "image": str(asked.request.image),
                "fingerprint": asked.request.fingerprint,
                "context": asked.context.told,
                "prompt": asked.request.prompt,
                "request": request,
            }
        )
        return
    # Not by rich, which would break long lines.
    print(printable(asked.request.prompt))
    print(f"\n{told}\n\nThe request, where the prompt is the text above:\n")
    request["contents"][0]["parts"][0]["text"] = "…"
    print(printable(json.dumps(request, indent=1, ensure_ascii=False)))


def _request(workspace: Workspace, asked: Question) -> dict[str, Any]:
    key, ledger = asked.page.key, workspace.ledger
    attempt = 1 + ledger.failures.counts(workspace.engine)[key].counted
    config = generation_config(
        workspace.settings, attempt, ledger.failures.error_types(key, workspace.engine)
    )
    schema = response_schema(workspace.prompt.page_model)
    body = request_body(asked.request, IMAGE, config, schema)
    copy: dict[str, Any] = json.loads(json.dumps(body))  # the schema itself is not to be changed
    return copy
