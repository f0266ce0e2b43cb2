#!/usr/bin/env python3
"""Writes docs/commands.md: what `pagewave COMMAND --help` says of each command.

    PYTHONPATH=scripts python tools/command_docs.py > docs/commands.md

A test holds the page against the commands.
"""

import argparse
import importlib
import re
from collections.abc import Iterator

from pagewave.command_names import COMMANDS, GROUPS, OF_SCRIPTS
from pagewave.commands.command import parser_of

HEAD = """\
# The commands
What each says itself (`pagewave COMMAND --help`); this page is made by `tools/command_docs.py`.

All work in the folder of a project and in each folder below it; files that are typed start where
you are, targets of `run` at the project. A page is `--page KEY` everywhere, its key
`state:school:year:page`. `--json` is for machines. Each file in `scripts/` is the command that
names it, with the same options, and old names of options go on working."""

EVERYWHERE = ("--help", "--configfile", "--config", "--section", "--json")
"""Options that nearly all have: told once."""


def page() -> str:
    """The page, as Markdown."""
    parsers = {
        name: parser_of(importlib.import_module(f"pagewave.commands.{module}").main)
        for name, module in COMMANDS.items()
    }
    common = [a for a in parsers["plan"]._actions if a.option_strings[-1] in EVERYWHERE]
    lines = [HEAD, "", *_table(common), ""]
    for group, commands in GROUPS.items():
        lines += [f"## {group[0].upper()}{group[1:]}", ""]
        for name in commands:
            lines += [*_command(name, parsers[name]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    script = {command: script for script, command in OF_SCRIPTS.items()}[name]
    yield f"### pagewave {name}"
    yield (parser.description or "").strip()
    if COMMANDS[name].partition(".")[0] != "project":
        yield f"\n(`scripts/{script}.py`)"
    own = [action for action in parser._actions if not _is_told_once(action)]
    if shown := [action for action in own if action.help != argparse.SUPPRESS]:
        yield from ("", *_table(shown))
    examples = (parser.epilog or "").partition("\n")[2]
    if examples:
        yield ""
        yield from (_example(line, name) for line in examples.splitlines())


def _example(line: str, name: str) -> str:
    """An example of `--help`, to be pasted: what explains it is a comment for the shell."""
    commented = re.sub(r"(?<=\S)(\s{2,})(?=\S)", r"\1# ", line, count=1)
    return f"  {commented}".replace("%(prog)s", f"pagewave {name}")


def _is_told_once(action: argparse.Action) -> bool:
    return any(option in EVERYWHERE for option in action.option_strings)


def _table(actions: list[argparse.Action]) -> Iterator[str]:
    yield "| option | |"
    yield "|---|---|"
    for action in actions:
        told = (action.help or "") % {"default": action.default, "prog": "pagewave"}
        yield f"| {_option(action)} | {told.replace('|', chr(92) + '|')} |"


def _option(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if action.choices is not None and not action.metavar:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return f"`{value}`"
    if action.nargs == 0:
        return ", ".join(f"`{option}`" for option in action.option_strings)
    value = {"+": f"{value} …", "?": f"[{value}]"}.get(str(action.nargs), str(value))
    return ", ".join(f"`{option} {value}`" for option in action.option_strings)


if __name__ == "__main__":
    print(page(), end="")
