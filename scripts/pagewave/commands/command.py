"""What all commands share: how they find the ledger, what they print, and how they end."""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from pagewave.config.settings import Settings, load_settings
from pagewave.errors import ConfigError, LedgerError, PagewaveError
from pagewave.gemini.client import Stopped

DEFAULT_CONFIG = Path("config/config.yaml")
PIPE_WIDTH = 1000
"""Columns where no terminal limits them: a table takes what it needs, and no key is cut."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell gives it."""


@dataclass(frozen=True)
class Place:
    """Where a command works: the settings of a run here, and the ledger's file."""

    settings: Settings
    ledger: Path

    @property
    def state_dir(self) -> Path:
        """The folder of ledger and lock."""
        return self.ledger.parent


def command_parser(about: str | None, examples: str) -> argparse.ArgumentParser:
    """A parser with the options that every command has."""
    parser = argparse.ArgumentParser(
        description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = f"the configuration that runs here have ({DEFAULT_CONFIG})"
    parser.add_argument("--configfile", type=Path, metavar="FILE", help=what)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    return parser


def add_ledger_option(parser: argparse.ArgumentParser) -> None:
    """`--ledger`, for commands that can do without a configuration."""
    what = "the ledger itself, such as a backup; without --configfile all settings are defaults"
    parser.add_argument("--ledger", type=Path, metavar="FILE", help=what)


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    if (number := int(text)) < 1:
        raise ValueError(f"{number} is not above 0")
    return number


def find_place(options: argparse.Namespace, needs_config: bool = False) -> Place:
    """What a command's options and the working directory say.

    Where a ledger is named, or the working directory has no configuration, a command without
    `--configfile` goes by the defaults, unless it `needs_config` to find the service.

    Raises:
        ConfigError: the configuration can't be read or is wrong.
    """
    ledger: Path | None = getattr(options, "ledger", None)
    file: Path = options.configfile or DEFAULT_CONFIG
    if options.configfile is None and (ledger or not (needs_config or file.exists())):
        here = Path()
        settings = Settings.model_validate(
            {"paths": {"label_source_dir": here, "image_source_dir": here}}
        )
    else:
        settings = load_settings(_read_config(file), Path.cwd())
    return Place(settings, ledger or settings.paths.ledger)


def _read_config(file: Path) -> object:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{file} can't be read ({error}). Run this where snakemake runs, or name the "
            "configuration with --configfile."
        ) from None


def require_ledger(path: Path) -> Path:
    """The path of a ledger that exists; raises LedgerError when there is none."""
    if not path.exists():
        raise LedgerError(
            f"{path}: there is no ledger here. Run this where snakemake runs, or name the "
            "configuration with --configfile."
        )
    return path


def run_command(command: Callable[[], int]) -> int:
    """Carry out a command; a mistake or trouble becomes its message and exit code."""
    try:
        return command()
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)
        return error.exit_code
    except sqlite3.Error as error:
        print(
            f"pagewave: the ledger can't be used ({error}). Check permissions and free space of "
            "its folder; if another process holds it, try again.",
            file=sys.stderr,
        )
        return LedgerError.exit_code
    except BrokenPipeError:  # of `| head`, say: what it wanted it has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, Stopped):
        return INTERRUPTED


# Printing


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


def printer() -> Console:
    """A console for what the service and the ledger say: nothing in it is taken for markup."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table; a column named with `>` in front is flush right, None is an empty cell."""
    made = Table(title=title or None, title_justify="left")
    for name in columns:
        right = name.startswith(">")
        made.add_column(
            name.removeprefix(">"), justify="right" if right else "left", overflow="fold"
        )
    for row in rows:
        made.add_row(*("" if cell is None else printable(str(cell)) for cell in row))
    return made


def printable(text: str) -> str:
    """Text without what would move the cursor or change colours: models write anything."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def moment(seconds: float | None) -> str | None:
    """Unix seconds as UTC, to the second: 2026-10-07T12:00:00Z."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(seconds: float) -> str:
    """A span of time in its two largest units, such as `3 h 12 min`."""
    whole = max(0, int(seconds))
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    first = next((place for place, (_, size) in enumerate(units) if whole >= size), -1)
    parts: list[str] = []
    for name, size in units[first:][:2]:
        number, whole = divmod(whole, size)
        if number or not parts:
            parts.append(f"{number} {name}")
    return " ".join(parts)


def dollars(usd: float | None) -> str:
    """A price; a model without one has no price to show."""
    return "unknown" if usd is None else f"{usd:.4f}"
