"""What all commands share: how they find the ledger, what they print, and how they end."""

import argparse
import contextlib
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
from pagewave.commands.folders import typed_path
from pagewave.commands.selection import nearest
from pagewave.config.data import Paths
from pagewave.config.settings import Settings, load_settings
from pagewave.errors import ConfigError, LedgerError, PagewaveError
from pagewave.gemini.retries import Stopped
from pagewave.ledger.identity import levels_of, refuse_other_levels
from pagewave.levels import DEFAULT
from pagewave.own_files import DEFAULT_CONFIG

MOST_SECONDS = 86_400
"""A day: longer nobody waits for a look."""
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


class ParserAsked(Exception):
    """In place of parsing a command line: who calls a command wants its parser alone."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


class Parser(argparse.ArgumentParser):
    """A command's parser; while `asked` is true, a command comes no further than to have it made.

    So docs and completions are made of what each command says itself.
    """

    asked = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse; raises ParserAsked in place of it."""
        if Parser.asked:
            raise ParserAsked(self)
        return super().parse_known_args(args, namespace)


def parser_of(main: Callable[[], int]) -> argparse.ArgumentParser:
    """The parser of a command, which is not carried out."""
    Parser.asked = True
    try:
        main()
    except ParserAsked as asked:
        return asked.parser
    finally:
        Parser.asked = False
    raise AssertionError(f"{main.__module__} parses nothing")


def plain_parser(about: str | None, examples: str) -> argparse.ArgumentParser:
    """A parser for a command without a configuration."""
    return Parser(
        description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def command_parser(about: str | None, examples: str) -> argparse.ArgumentParser:
    """A parser with the options that every command has."""
    parser = plain_parser(about, examples)
    what = f"the configuration that runs here have ({DEFAULT_CONFIG})"
    parser.add_argument("--configfile", nargs="+", type=typed_path, metavar="FILE", help=what)
    what = "values over it, as for snakemake"
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help=what)
    what = "the part of it that is pagewave's, where it is that of another workflow"
    parser.add_argument("--section", metavar="KEY", help=what)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    return parser


def add_ledger_option(parser: argparse.ArgumentParser) -> None:
    """`--ledger`, for commands that can do without a configuration."""
    what = "the ledger itself, such as a backup; without --configfile all settings are defaults"
    parser.add_argument("--ledger", type=typed_path, metavar="FILE", help=what)


def add_page_option(
    parser: argparse._ActionsContainer, *old_names: str, dest: str = "page", **options: Any
) -> None:
    """`--page KEY`, as every command names pages; its old names work, and are not shown."""
    parser.add_argument("--page", dest=dest, metavar="KEY", **options)
    hidden = options | {"help": argparse.SUPPRESS, "default": argparse.SUPPRESS}
    for name in old_names:
        parser.add_argument(name, dest=dest, metavar="KEY", **hidden)


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)


def seconds(text: str) -> float:
    """A span of time above 0, in seconds, for argparse."""
    with contextlib.suppress(ValueError):
        if 0 < (span := float(text)) <= MOST_SECONDS:
            return span
    raise argparse.ArgumentTypeError(f"{text} is no number of seconds, up to {MOST_SECONDS:,}")


def find_place(options: argparse.Namespace, needs_config: bool = False) -> Place:
    """What a command's options and the working directory say.

    Where a ledger is named, or the working directory has no configuration, a command without
    `--configfile` goes by the defaults, unless it `needs_config` to find the service.

    Raises:
        ConfigError: the configuration can't be read or is wrong.
    """
    ledger: Path | None = getattr(options, "ledger", None)
    _remember(options, ledger)
    is_given = options.configfile or options.config or options.section
    if not is_given and (ledger or not (needs_config or DEFAULT_CONFIG.exists())):
        settings = _defaults(ledger)
    else:
        settings = load_settings(_config_of(options), Path.cwd(), options.configfile or ())
    place = Place(settings, ledger or settings.paths.ledger)
    refuse_other_levels(levels_of(place.ledger), settings.paths.tree)
    return place


def _defaults(ledger: Path | None) -> Settings:
    """Settings where no configuration is: what a ledger knows itself, its levels, is as there."""
    given = {"label_source_dir": Path(), "image_source_dir": Path()}
    paths = Paths.model_validate(given)
    known = levels_of(ledger or paths.ledger) or DEFAULT
    return Settings.model_validate({"paths": given | {"levels": list(known.names)}})


def _remember(options: argparse.Namespace, ledger: Path | None) -> None:
    """Commands that are printed name the same configuration, or the same ledger."""
    command_line.remember(
        command_line.to_configure(map(str, options.configfile or ()), options.config),
        ["--ledger", str(ledger)] if ledger else [],
        section=["--section", options.section] if options.section else [],
    )


def _config_of(options: argparse.Namespace) -> Any:
    """The configuration that the options name, put together as Snakemake does it.

    Raises:
        ConfigError: it can't be read, or has no such section.
    """
    files = options.configfile or [DEFAULT_CONFIG]
    if len(files) == 1 and not options.config and not options.section:
        return _read_config(files[0])
    config: dict[str, Any] = {}
    for part in [*map(_read_config, files), *map(_read_value, options.config)]:
        _lay_over(config, part if isinstance(part, dict) else {})
    if not options.section:
        return config
    if not isinstance(config.get(options.section), dict):
        known = [name for name, value in config.items() if isinstance(value, dict)]
        raise ConfigError(
            f"The configuration has no section {options.section}. {nearest(options.section, known)}"
        )
    return config[options.section]


def _read_value(entry: str) -> object:
    key, separator, value = entry.partition("=")
    try:
        if separator:
            return {key: yaml.safe_load(value)}
    except yaml.YAMLError:
        pass
    raise ConfigError(f"--config {entry}: expected KEY=VALUE, as for snakemake.")


def _lay_over(config: dict[str, Any], values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            _lay_over(config[key], value)
        else:
            config[key] = value


def _read_config(file: Path) -> object:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        if file == DEFAULT_CONFIG and isinstance(error, FileNotFoundError):
            raise no_project() from None
        raise ConfigError(
            f"{file} can't be read ({error}). Run this where snakemake runs, or name the "
            "configuration with --configfile."
        ) from None


def no_project() -> ConfigError:
    """What is wrong where there is no configuration, here or above."""
    return ConfigError(
        f"{DEFAULT_CONFIG} can't be read: there is no project in {Path.cwd()}, nor in a folder "
        "above it. Go to one, or name the configuration with --configfile. To make one: "
        f"{command_line.pagewave('init', 'FOLDER')}"
    )


def require_ledger(path: Path) -> Path:
    """The path of a ledger that exists; raises LedgerError when there is none."""
    if path.exists():
        return path
    if DEFAULT_CONFIG.exists():
        then = f"The first run makes it. What it would read: {command_line.script('plan')}"
    else:
        then = (
            f"There is no project in {Path.cwd()}, nor in a folder above it: go to one, or name "
            "its configuration with --configfile."
        )
    raise LedgerError(f"{path}: there is no ledger here: nothing was read yet. {then}")


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
