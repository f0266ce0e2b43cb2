"""Operators' commands called within the test: a process of their own costs seconds for imports."""

import contextlib
import importlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.library import Library
from pagewave.command_names import COMMANDS, OF_SCRIPTS


def main_of(script: str) -> Callable[[list[str]], int]:
    """The `main` of the command that a file in scripts/ stands for, or of one by its own name."""
    stem = script.removesuffix(".py")
    name = COMMANDS[OF_SCRIPTS.get(stem, stem)]
    module = importlib.import_module(f"pagewave.commands.{name}")
    main: Callable[[list[str]], int] = module.main
    return main


def said(library: Library, script: str, *arguments: str, code: int = 0) -> Any:
    """What a command prints with `--json`, over a library's configuration."""
    given = ["--configfile", "config.yaml", "--json", *arguments]
    with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()) as printed:
        returned = main_of(script)(given)
    assert returned == code, printed.getvalue()
    return json.loads(printed.getvalue())


def printed(library: Library, script: str, *arguments: str, code: int = 0) -> str:
    """What a command prints, errors too, over a library's configuration."""
    given = [*arguments, "--configfile", "config.yaml"]
    with (
        contextlib.chdir(library.root),
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.redirect_stderr(output),
    ):
        returned = main_of(script)(given)
    assert returned == code, output.getvalue()
    return output.getvalue()


class Operator:
    """Calls commands over one ledger and returns what they print."""

    def __init__(self, ledger: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.ledger = ledger
        self._capture = capture

    def run(self, script: str, *arguments: str, code: int = 0) -> str:
        """What a command prints; with an exit code other than 0, its message as well."""
        self._capture.readouterr()
        returned = main_of(script)([*arguments, "--ledger", str(self.ledger)])
        printed = self._capture.readouterr()
        assert returned == code, printed
        return printed.out + (printed.err if code else "")

    def json(self, script: str, *arguments: str) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self.run(script, *arguments, "--json"))
