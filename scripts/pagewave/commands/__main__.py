"""`pagewave NAME …`: finds the project and the command, and hands over; alone, lists all of them.

A command is imported only when it is called: some take a second to load.
"""

import ast
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import pagewave
from pagewave import command_line
from pagewave.command_names import COMMANDS, GROUPS, command_of
from pagewave.commands import folders

UNKNOWN = 2
"""Exit code for a name that is no command, as argparse has it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Call the command that the first argument names; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["help"]:
        given = [*given[1:], "--help"]
    if given[:1] in ([], ["-h"], ["--help"]):
        print(overview())
        return 0
    if given[0] in ("--version", "-V"):
        print(f"pagewave {pagewave.__version__}")
        return 0
    found = command_of(given)
    if found is None:
        print(f"pagewave: {_unknown(given)}", file=sys.stderr)
        return UNKNOWN
    name, words = found
    command_line.called_by_name()
    if name not in folders.ANYWHERE:
        folders.go_to_project(given)
    sys.argv = [f"pagewave {name}", *given[words:]]  # argparse shows the first one as its name
    module = importlib.import_module(f"{__package__}.{COMMANDS[name]}")
    code: int = module.main()
    return code


def overview() -> str:
    """All commands, each with the first line of its module's docstring."""
    width = max(map(len, COMMANDS))
    lines = []
    for group, commands in GROUPS.items():
        lines.append(f"\n{group}:")
        lines += [f"  {name:{width}}  {first_line(module)}" for name, module in commands.items()]
    return "\n".join(
        [
            "usage: pagewave COMMAND [OPTION …]",
            *lines,
            "\npagewave COMMAND --help says what each can do. All work below a project too.",
        ]
    )


def first_line(module: str) -> str:
    """The first line of a command's docstring; the module is not imported."""
    spec = importlib.util.find_spec(f"{__package__}.{module}")
    assert spec and spec.origin
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    return (text or "").splitlines()[0]


def _unknown(given: Sequence[str]) -> str:
    name = given[0]
    below = [command for command in COMMANDS if command.startswith(f"{name} ")]
    if below:
        return f"say which: {' or '.join(f'pagewave {command}' for command in below)}"
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"Did you mean {near[0]}?" if near else "`pagewave` without any lists all."
    return f"there is no command {name}. {hint}"


if __name__ == "__main__":
    raise SystemExit(main())
