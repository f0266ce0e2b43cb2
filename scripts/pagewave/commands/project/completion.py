"""Print what makes your shell complete commands and options when Tab is pressed.

Put it where the shell looks for it, once; it knows the commands of the version that printed it."""

import argparse
import importlib
from collections.abc import Sequence

import shtab
from snakemake.cli import get_argument_parser

from pagewave.command_names import COMMANDS
from pagewave.commands.command import parser_of, plain_parser, run_command
from pagewave.commands.folders import typed_path

SHELLS = ("bash", "zsh", "fish")
EXAMPLES = """examples:
  mkdir -p ~/.local/share/bash-completion/completions ~/.zfunc ~/.config/fish/completions
  %(prog)s bash > ~/.local/share/bash-completion/completions/pagewave
  %(prog)s zsh > ~/.zfunc/_pagewave          (with ~/.zfunc in fpath, before compinit)
  %(prog)s fish > ~/.config/fish/completions/pagewave.fish"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, print; returns the exit code."""
    parser = plain_parser(__doc__, EXAMPLES)
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    options = parser.parse_args(arguments)
    return run_command(lambda: _print(options.shell))


def _print(shell: str) -> int:
    print(shtab.complete(whole_parser(), shell))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """All commands as one parser, each with the options that it has."""
    whole = argparse.ArgumentParser(prog="pagewave", add_help=False)
    commands = whole.add_subparsers(metavar="COMMAND")
    groups: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    for name, module in COMMANDS.items():
        parser = parser_of(importlib.import_module(f"pagewave.commands.{module}").main)
        above, _, last = name.rpartition(" ")
        if above and above not in groups:
            group = commands.add_parser(above, help=f"{above}: which?", add_help=False)
            groups[above] = group.add_subparsers(metavar="COMMAND")
        for action in parser._actions:
            if action.type is typed_path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        parents = [parser, get_argument_parser()] if name == "run" else [parser]
        told = (parser.description or "").splitlines()[0]
        (groups[above] if above else commands).add_parser(
            last,
            help=told.replace("%", "%%"),
            parents=parents,
            add_help=False,
            conflict_handler="resolve",
        )
    return whole
