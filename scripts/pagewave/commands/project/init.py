"""Make a project: a folder with a configuration, a place for scans, for keys and for results.

Many projects can lie beside each other; all are read by the one pagewave that is installed. What is
in the folder already stays as it is."""

import argparse
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import jinja2

from pagewave.atomic import write_atomically
from pagewave.command_line import pagewave
from pagewave.commands.command import plain_parser, run_command
from pagewave.errors import DataError
from pagewave.levels import DEFAULT, Levels, problem_of_names
from pagewave.own_files import DEFAULT_CONFIG, PROFILES, ROOT

EXAMPLES = """examples:
  %(prog)s my-books
  %(prog)s letters --levels archive box folder     where they are not catalogs of schools
  %(prog)s try-it --sample     with three invented catalogs, read on this machine without a key"""

SNAKEFILE = '''"""Reads the books of this folder with pagewave; rules of your own may follow."""

from pagewave.own_files import SNAKEFILE


module pagewave:
    snakefile:
        str(SNAKEFILE)


use rule * from pagewave
'''
"""As snakefmt has it."""

IGNORED = """\
.env
.snakemake/
/logs/
/results/
/state/
"""

LINK = re.compile(r"\[([^]]+)]\(\.\./([^)#]+)[^)]*\)")
"""A link of config/README.md to another file of pagewave: its text, the file."""

KEYS_MODE = 0o600
"""Of .env: nobody else reads it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, make the folder, say what comes next; returns the exit code."""
    parser = plain_parser(__doc__, EXAMPLES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="is made where it is not there")
    what = "who reads: Google's Gemini, or a reader on this machine (gemini)"
    parser.add_argument("--engine", choices=("gemini", "embedded"), default="gemini", help=what)
    what = "what the folders are called in which a book lies, the outermost first, such as box, or "
    what += "archive box folder (state school year)"
    parser.add_argument(
        "--levels", nargs="+", default=list(DEFAULT.names), metavar="LEVEL", help=what
    )
    what = "take pagewave's sample along, 18 pages of three books"
    parser.add_argument("--sample", action="store_true", help=what)
    options = parser.parse_args(arguments)
    if reason := problem_of_names(options.levels):
        parser.error(f"--levels: {reason}")
    if options.sample and tuple(options.levels) != DEFAULT.names:
        parser.error("--sample comes as state/school/year: leave out --levels")
    return run_command(lambda: _init(options))


def _init(options: argparse.Namespace) -> int:
    folder: Path = options.folder
    if (folder / DEFAULT_CONFIG).exists():
        raise DataError(
            f"{folder} is a project already: it has {DEFAULT_CONFIG}. Nothing was changed. To take "
            f"in scans: {pagewave('import', 'FOLDER', folder=_elsewhere(folder))}"
        )
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file. Name a folder.")
    kept = [name for name, text in _files(options).items() if not _write(folder / name, text)]
    _copy(PROFILES, folder / "profiles")
    if not options.sample:
        (folder / "scans").mkdir(exist_ok=True)
    (folder / ".env").chmod(KEYS_MODE)
    if options.sample:
        _copy(ROOT / "resources/sample", folder / "resources/sample", but="generator")
    # Last: who has it has all.
    _write(folder / DEFAULT_CONFIG, _config(options))
    if kept:
        print(f"Left as they are: {', '.join(kept)}.")
    _say_next(options)
    return 0


def _files(options: argparse.Namespace) -> dict[str, str]:
    return {
        "Snakefile": SNAKEFILE,
        ".gitignore": IGNORED,
        ".env": _read(ROOT / ".env.example"),
        # What it links to beside itself does not lie here.
        "config/README.md": LINK.sub(_told, _read(ROOT / "config/README.md")),
        "config/schema.json": _read(ROOT / "config/schema.json"),
    }


def _told(link: re.Match[str]) -> str:
    text, file = link.groups()
    return f"pagewave's {file}" if text == file else f"{text} (pagewave's {file})"


def _config(options: argparse.Namespace) -> str:
    if options.sample:
        return _read(ROOT / DEFAULT_CONFIG)
    template = _read(Path(__file__).with_name("config.yaml.jinja"))
    environment = jinja2.Environment(keep_trailing_newline=True, autoescape=False)
    return environment.from_string(template).render(
        engine=options.engine, levels=Levels(tuple(options.levels))
    )


def _say_next(options: argparse.Namespace) -> None:
    folder = options.folder
    print(f"{folder} is a project now; its settings: {folder / DEFAULT_CONFIG}")
    if options.sample:
        print(f"Next: {pagewave('run', folder=_elsewhere(folder))}")
        return
    if options.engine == "gemini":
        print(f"Put your GEMINI_API_KEY into {folder / '.env'}.")
    print(f"Next: {pagewave('import', 'FOLDER-OF-SCANS', folder=_elsewhere(folder))}")


def _elsewhere(folder: Path) -> Path | None:
    """The folder, unless it is the one in which the command was called."""
    return None if folder.resolve() == Path.cwd() else folder


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> bool:
    """Write a file, unless there is one; was it written?"""
    if path.exists():
        return False
    write_atomically(path, text)
    return True


def _copy(source: Path, target: Path, but: str = "") -> None:
    """Copy a folder; what is there already stays as it is."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_file() and not place.exists() and but not in path.relative_to(source).parts:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
