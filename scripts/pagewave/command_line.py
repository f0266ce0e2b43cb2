"""Commands for a person to paste: quoted for the shell, complete, and such that they are found.

They name the configuration that this process goes by, and what is not found from the folder in
which they are pasted is named in full: a workflow runs in other folders than its own too.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path

from pagewave.command_names import OF_SCRIPTS
from pagewave.own_files import IS_INSTALLED, PROFILES, SCRIPTS, SNAKEFILE
from pagewave.own_files import ROOT as PROJECT

TYPED = "PAGEWAVE_TYPED"
"""Set for a run that `pagewave run` has started: what was typed behind `pagewave`, quoted."""
WITHOUT_LEDGER = (
    *("monitor", "pages", "plan", "rebuild_ledger", "try_prompt", "compare_prompts"),
    *("iiif", "bucket"),
)
"""Commands that go by the configuration alone: they have no `--ledger`."""


@dataclass(frozen=True)
class _Place:
    """What this process goes by: `config` for all commands, `section` and `ledger` for ours alone.

    `folder` is where it works, if that is not where it was called; `snakefile` what it carries out,
    if that is not ours.
    """

    config: Sequence[str] = ()
    ledger: Sequence[str] = ()
    folder: Path | None = None
    section: Sequence[str] = ()
    snakefile: str | None = None


_places = [_Place()]
_by_name: list[bool] = []
"""Was this process started as `pagewave …`?"""


def called_by_name() -> None:
    """From now on commands are printed as `pagewave …`, as this process was started so."""
    _by_name[:] = [True]


def _is_by_name() -> bool:
    return bool(_by_name) or TYPED in os.environ


def remember(
    config: Sequence[str] = (),
    ledger: Sequence[str] = (),
    folder: Path | None = None,
    section: Sequence[str] = (),
    snakefile: str | None = None,
) -> None:
    """From now on commands are printed for a process that goes by these arguments.

    Args:
        config: such as `--configfile FILE`.
        ledger: such as `--ledger FILE`.
        folder: the working directory, where that is not the one it was called in.
        section: such as `--section KEY`: where the configuration holds that of another workflow.
        snakefile: the one of another workflow that loads ours.
    """
    _places[1:] = [_Place(config, ledger, folder, section, snakefile)]


def to_configure(files: Iterable[str], values: Iterable[str] = ()) -> list[str]:
    """The arguments that name a configuration: of files, and with values over them."""
    given = {"--configfile": list(files), "--config": list(values)}
    return [word for name, words in given.items() if words for word in (name, *words)]


def forget() -> None:
    """As if nothing had been remembered: for tests, of which many share a process."""
    del _places[1:], _by_name[:]


def script(name: str, *arguments: str, config: Sequence[str] = ()) -> str:
    """A command of ours: `pagewave status --watch`, or `python scripts/status.py --watch` for those
    who call `snakemake` and scripts themselves.

    Args:
        config: instead of what is remembered.
    """
    place = _places[-1]
    file = SCRIPTS / f"{name}.py"
    # Installed from a wheel there are no scripts.
    if _is_by_name() or not file.exists():
        words = [_program("pagewave"), *OF_SCRIPTS.get(name, name).split()]
    else:
        words = [_program("python"), _here(file)]
    ledger = () if name in WITHOUT_LEDGER else place.ledger
    settings = config or [*place.config, *place.section, *ledger]
    return _typed([*words, *settings, *arguments])


def pagewave(*arguments: str, folder: Path | None = None) -> str:
    """A command that has no script, such as `pagewave import scans`; `folder`: to be run there."""
    words = [_program("pagewave", anywhere=folder is not None), *arguments]
    there = f"cd {shlex.quote(str(folder))} && " if folder else ""
    return there + shlex.join(words) if there else _typed(words)


def module(name: str, *arguments: str) -> str:
    """A module as a program, such as `python -m pagewave.embedded`."""
    # Not every environment has this very pagewave installed.
    found = f"PYTHONPATH={shlex.quote(str(SCRIPTS))} " if len(_places) > 1 else ""
    return _typed([_program("python"), "-m", name, *arguments], found)


def snakemake(
    *arguments: str, config: Sequence[str] = (), profile: bool = True, there: bool = True
) -> str:
    """A run such as `snakemake --profile profiles/local results/…`.

    Args:
        config: as in `script`.
        profile: with the profile for this machine, as all that reads needs.
        there: false within a command that is in the right folder already.
    """
    place = _places[-1]
    by_name = _is_by_name()  # `pagewave run` finds our Snakefile and the profile by itself
    words = [_program("pagewave"), "run"] if by_name else [_program("snakemake")]
    if place.snakefile and not (by_name and place.snakefile == SNAKEFILE.name):
        words += ["-s", place.snakefile]
    # A configuration with a section for us is that of a workflow here, which Snakemake finds.
    elif not by_name and not _is_here() and not place.section and SNAKEFILE.exists():
        words += ["-s", str(SNAKEFILE)]
    # Targets last: one after --configfile would be taken for a second such file.
    words += config or place.config
    words += ["--profile", _here(PROFILES / "local")] if profile and not by_name else []
    return _typed([*words, *arguments]) if there else shlex.join([*words, *arguments])


def install(extra: str) -> str:
    """What installs the packages of an extra, such as `pip install -e '.[tables]'`."""
    if IS_INSTALLED:
        # From where the wheel came nobody knows, so what the extra needs is named itself; pipx and
        # uv make environments without pip.
        here = [_program("python"), "-m", "pip", "install"]
        pip = here if find_spec("pip") else ["uv", "pip", "install", "--python", sys.executable]
        return _typed([*pip, *_needed_for(extra)])
    project = "." if _is_here() else str(PROJECT)
    constraints = _here(PROJECT / "constraints.txt")
    words = [_program("python"), "-m", "pip", "install", "-e", f"{project}[{extra}]"]
    return _typed([*words, "-c", constraints])


def _needed_for(extra: str) -> list[str]:
    try:
        all_needed = requires("pagewave") or []
    except PackageNotFoundError:
        all_needed = []
    split = [needed.partition(";") for needed in all_needed]
    mark = f'extra == "{extra}"'
    return [name.strip() for name, _, when in split if when.strip().replace("'", '"') == mark]


def option(name: str, value: str) -> list[str]:
    """An option and its value, which may begin with a hyphen."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def again() -> str:
    """What was typed to start this process as `snakemake` or `pagewave run`, quoted anew."""
    if TYPED in os.environ:
        return f"{shlex.quote(_program('pagewave'))} {os.environ[TYPED]}"
    return shlex.join([_program("snakemake"), *sys.argv[1:]])


def _typed(words: Sequence[str], before: str = "") -> str:
    folder = _places[-1].folder
    there = f"cd {shlex.quote(str(folder))} && " if folder else ""
    return there + before + shlex.join(words)


def _is_here() -> bool:
    return len(_places) == 1 or Path.cwd().resolve() == PROJECT


def _here(path: Path) -> str:
    """A path of the project: as short as it can be where the project is the working directory."""
    return str(path.relative_to(PROJECT)) if _is_here() else str(path)


def _program(name: str, anywhere: bool = False) -> str:
    """A program beside this Python: by its name alone where the shell finds that very one.

    `anywhere`: found from other folders too.
    """
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    is_found = found is not None and os.path.abspath(found) == str(beside)  # noqa: PTH100
    if (len(_places) == 1 and not _is_by_name()) or is_found or not beside.exists():
        return name
    here = Path.cwd()
    if anywhere:
        return str(beside)
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)
