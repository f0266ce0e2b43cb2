"""`pagewave NAME …`: finds the command and hands over; without a name, lists all of them.

A command is imported only when it is called: some take a second to load.
"""

import ast
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

COMMANDS = {
    module.rpartition(".")[2]: module
    for module in (
        *("status", "monitor", "plan", "analyze_failures", "flags", "clear_failure_counts"),
        *("batches", "nuke_database", "rebuild_ledger", "deliver_logs"),
        *("pages", "corrections", "trials.try_prompt", "trials.compare_prompts", "models"),
        *("score_pages", "verify", "iiif", "bucket"),
    )
}
"""Each command's name and its module in this folder, in the order of docs/operators.md."""

UNKNOWN = 2
"""Exit code for a name that is no command, as argparse has it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Call the command that the first argument names; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(overview())
        return 0
    name = given[0]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "`pagewave` without any lists all."
        print(f"pagewave: there is no command {name}. {hint}", file=sys.stderr)
        return UNKNOWN
    sys.argv = [f"pagewave {name}", *given[1:]]  # argparse shows the first one as its name
    code: int = importlib.import_module(f"{__package__}.{COMMANDS[name]}").main()
    return code


def overview() -> str:
    """All commands, each with the first line of its module's docstring."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {_first_line(module)}" for name, module in COMMANDS.items()]
    return "\n".join(
        [
            "usage: pagewave COMMAND [OPTION …]\n",
            *lines,
            "\npagewave COMMAND --help says what each can do. The reading itself: snakemake",
        ]
    )


def _first_line(module: str) -> str:
    spec = importlib.util.find_spec(f"{__package__}.{module}")
    assert spec and spec.origin
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    return (text or "").splitlines()[0]


if __name__ == "__main__":
    raise SystemExit(main())
