"""Try a prompt on a page now: show what is asked, ask the model at once, show what it answers.

At the interactive price, twice that of a batch. Pages that the workflow has read stay as they are:
the answer is not kept, its cost is: in the ledger, where the limits of the workflow count it
(execution.max_cost_usd for one command, max_cost_usd_total). Braintrust logs the call where its
keys are set."""

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from pagewave.answers.result_line import Answer
from pagewave.commands.command import (
    add_page_option,
    command_parser,
    find_place,
    print_json,
    run_command,
)
from pagewave.commands.folders import typed_path
from pagewave.commands.trials.asking import Question, Reply, ask, question, session_apart
from pagewave.commands.trials.recorded import trial_run
from pagewave.config.keys import load_secrets
from pagewave.config.settings import Settings
from pagewave.console import printable, printer, table
from pagewave.gemini.connect import serving
from pagewave.log import log_to_terminal
from pagewave.prompts.registry import CONTEXT_BEGIN, CONTEXT_END, TEMPLATE_SUFFIX
from pagewave.wording import dollars
from pagewave.workspace import Workspace

EXAMPLES = """examples:
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3'
  %(prog)s --page KEY OTHERKEY --template v1.jinja"""

NO_ANSWER = 1
"""The exit code when the model's answer to a page can't be used."""
PANEL_WIDTH = 106
"""Columns: templates have lines of about 100."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, ask, print; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "pages, each state:school:year:page"
    add_page_option(parser, nargs="+", required=True, help=what)
    what = "version of the configured prompt, such as v1.jinja (default: the configured one)"
    parser.add_argument("--template", metavar="FILE", help=what)
    truth = Path("resources/sample/truth")
    what = f"what the pages really say ({truth}); pages without a truth file are not scored"
    parser.add_argument("--truth", type=typed_path, metavar="DIR", default=truth, help=what)
    options = parser.parse_args(arguments)
    return run_command(lambda: _try(options))


def _try(options: argparse.Namespace) -> int:
    settings = _with_template(find_place(options).settings, options.template)
    log_to_terminal()
    console = printer()
    reports = []
    good = True
    with session_apart(settings) as session:
        questions = [question(session, key) for key in options.page]
        secrets = load_secrets(Path.cwd())
        with serving(session), trial_run(session, settings, secrets) as trial:
            for asked in questions:
                if not options.json:
                    _show_question(console, session, asked)
                reply = ask(session, trial, asked, options.truth)
                good = good and isinstance(reply.result, Answer)
                if options.json:
                    reports.append(_report(session, asked, reply))
                else:
                    _show_reply(console, session, reply)
    if options.json:
        print_json(reports)
    return 0 if good else NO_ANSWER


def _with_template(settings: Settings, template: str | None) -> Settings:
    """The settings with another version of the prompt; `v1` is `v1.jinja`."""
    if template is None:
        return settings
    file = template.removesuffix(TEMPLATE_SUFFIX) + TEMPLATE_SUFFIX
    return settings.model_copy(
        update={"prompt": settings.prompt.model_copy(update={"template_file": file})}
    )


# For people


def _show_question(console: Console, workspace: Workspace, asked: Question) -> None:
    prompt = Text(printable(asked.request.prompt))
    prompt.highlight_regex(
        rf"(?ms)^{re.escape(CONTEXT_BEGIN)}\n.*?\n{re.escape(CONTEXT_END)}$", "cyan"
    )
    console.print(
        Panel(
            prompt,
            title=f"{workspace.prompt.name}/{workspace.prompt.template_file}",
            subtitle=f"for {asked.page.key}",
            width=PANEL_WIDTH,
        )
    )
    console.print(f"Told of the page before: {asked.context.told}.\n")


def _show_reply(console: Console, workspace: Workspace, reply: Reply) -> None:
    result = reply.result
    if isinstance(result, Answer):
        console.print(Panel(Text(printable(result.page.text())), title="text", width=PANEL_WIDTH))
        _show_page(console, result.page.model_dump(mode="json"))
        for flag in result.flags:
            console.print(f"In doubt, {flag.what}: {printable(flag.message)}", style="yellow")
    else:
        console.print(f"No page: {result.error_type}. {printable(result.message)}", style="red")
        if result.raw_text:
            console.print(Panel(Text(printable(result.raw_text)), title="what the model wrote"))
    usage = result.usage
    if usage and not usage.is_known:
        console.print(f"The service did not count the tokens: {printable(str(usage.problem))}.")
    elif usage:
        thoughts = f" and {usage.thoughts_tokens:,} of thought" if usage.thoughts_tokens else ""
        console.print(
            f"{usage.prompt_tokens:,} tokens in, {usage.output_tokens:,} out{thoughts}, "
            f"{_price(workspace, reply)}, {reply.seconds:.1f} s."
        )
    if reply.score:
        found = reply.score
        console.print(
            f"Against the truth: character error rate {found.error_rate:.2%}; courses precision "
            f"{found.course_precision:.2f}, recall {found.course_recall:.2f} "
            f"({found.courses_matched} of {found.courses_true} found, "
            f"{found.courses_read - found.courses_matched} wrong)."
        )
    console.print()


def _show_page(console: Console, page: dict[str, Any]) -> None:
    """A page's facts line by line, its lists (such as courses) as tables; the text is above."""
    for name, value in page.items():
        facts = value if isinstance(value, dict) else {name: value}
        for fact, found in facts.items():
            if not isinstance(found, dict | list):
                console.print(f"{fact}: {'-' if found is None else printable(str(found))}")
    for name, value in page.items():
        rows = value if isinstance(value, list) else []
        columns = [c for c in (rows[0] if rows else []) if any(row.get(c) for row in rows)]
        if rows:
            cells = [[_cell(row.get(column)) for column in columns] for row in rows]
            console.print(table(columns, cells, title=name))


def _cell(value: Any) -> str:
    """A value in a table: lists with semicolons, what is null left out."""
    if isinstance(value, dict):
        return ", ".join(filter(None, map(_cell, value.values())))
    if isinstance(value, list):
        return "; ".join(map(_cell, value))
    return "" if value is None else str(value)


def _price(workspace: Workspace, reply: Reply) -> str:
    if workspace.engine == "embedded":
        return f"free here ({dollars(reply.usd)} USD at Gemini's interactive price)"
    return f"{dollars(reply.usd)} USD"


# For machines


def _report(workspace: Workspace, asked: Question, reply: Reply) -> dict[str, Any]:
    result = reply.result
    return {
        "key": asked.page.key,
        "prompt": f"{workspace.prompt.name}/{workspace.prompt.template_file}",
        "prompt_sha256": workspace.prompt.sha256,
        "rendered_prompt": asked.request.prompt,
        "previous_context": asked.context.text,
        "previous_page_unread": asked.context.unread.key if asked.context.unread else None,
        "engine": workspace.engine,
        "model": workspace.settings.model.name,
        "flags": [f._asdict() for f in result.flags] if isinstance(result, Answer) else [],
        "page": json.loads(result.page_json) if isinstance(result, Answer) else None,
        "error": None if isinstance(result, Answer) else asdict(result),
        "usage": asdict(result.usage) if result.usage else None,
        "usd": reply.usd if workspace.engine == "gemini" else 0.0,
        "usd_at_gemini": reply.usd,
        "seconds": reply.seconds,
        "score": reply.score.as_dict() if reply.score else None,
    }
