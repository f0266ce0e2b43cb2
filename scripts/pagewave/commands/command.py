"""What all commands share: how they find the ledger, what they print, and how they end."""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pagewave import command_line
from pagewave.config.settings import Settings, load_settings
from pagewave.errors import ConfigError, LedgerError, PagewaveError
from pagewave.gemini.retries import Stopped

DEFAULT_CONFIG = Path("config/config.yaml")
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
    _remember(options, ledger)
    file: Path = options.configfile or DEFAULT_CONFIG
    if options.configfile is None and (ledger or not (needs_config or file.exists())):
        here = Path()
        settings = Settings.model_validate(
            {"paths": {"label_source_dir": here, "image_source_dir": here}}
        )
    else:
        settings = load_settings(_read_config(file), Path.cwd())
    return Place(settings, ledger or settings.paths.ledger)


def _remember(options: argparse.Namespace, ledger: Path | None) -> None:
    """Commands that are printed name the same configuration, or the same ledger."""
    config = ["--configfile", str(options.configfile)] if options.configfile else []
    command_line.remember(config, ["--ledger", str(ledger)] if ledger else [])


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


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=1, ensure_ascii=False))
