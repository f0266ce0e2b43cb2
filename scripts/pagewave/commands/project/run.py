"""Read what is to be read: snakemake with the profile of this machine, and all of its options.

Without targets all books of the configuration. Ctrl-C stops it; the same command goes on. Of what
can be given behind it, `snakemake --help` tells all."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pagewave.command_line import TYPED
from pagewave.commands.command import Parser, no_project, plain_parser, run_command
from pagewave.own_files import DEFAULT_CONFIG, PROFILES, SNAKEFILE

EXAMPLES = """examples:
  %(prog)s                                                    all that is to be read
  %(prog)s -n                                                 every wave, tokens, USD; sends nothing
  %(prog)s "results/books/Ohio/Merrivale Female Seminary/1859/book.json"
  %(prog)s --config 'execution={max_cost_usd_total: 20}'      never spend more than that
  %(prog)s --report report.html                               what the runs brought"""

SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")
"""Where Snakemake looks for one."""
NAMES_ITS_PLACE = frozenset(
    ("--configfile", "--configfiles", "-s", "--snakefile", "-d", "--directory")
).union(("-h", "--help", "-v", "--version"))
"""With these Snakemake needs no configuration in this folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Become snakemake; returns only where help was asked for."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = plain_parser(__doc__, EXAMPLES)
    parser.usage = "%(prog)s [OPTION OF SNAKEMAKE …] [TARGET …]"
    if given in (["-h"], ["--help"]) or Parser.asked:
        parser.parse_args(given)
    if not is_anywhere(given):
        return run_command(_refuse)
    environment = os.environ | {TYPED: shlex.join(["run", *given])}
    words = [sys.executable, "-P", "-m", "snakemake", *snakemake_options(given), *given]
    sys.stdout.flush()
    os.execve(sys.executable, words, environment)


def is_anywhere(given: Sequence[str]) -> bool:
    """Is there something to run here, or does what was typed say where?"""
    named = any(word.split("=")[0] in NAMES_ITS_PLACE for word in given)
    return named or DEFAULT_CONFIG.exists() or any(map(os.path.isfile, SNAKEFILES))


def _refuse() -> int:
    raise no_project()


def snakemake_options(given: Sequence[str]) -> list[str]:
    """What has to be said beside what was typed: our Snakefile and profile, where none is there."""
    names = {word.split("=")[0] for word in given}
    added = []
    if not names & {"-s", "--snakefile"} and not any(map(os.path.isfile, SNAKEFILES)):
        added += ["-s", str(SNAKEFILE)]
    if "--profile" not in names and "SNAKEMAKE_PROFILE" not in os.environ:
        own = Path("profiles/local")
        added += ["--profile", str(own if own.is_dir() else PROFILES / "local")]
    return added
