"""In which folder a command works: `pagewave` goes to the project around the one it is called in.

What a person types as a file starts at the folder in which they are, all the same.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pagewave.own_files import DEFAULT_CONFIG

ANYWHERE = frozenset({"init", "completion"})
"""Commands that need no project."""
NAMES_ITS_PLACE = ("--configfile", "--ledger")
"""Who names one of these says where things are: no project is looked for."""

_called_in: list[Path] = []


def go_to_project(arguments: Sequence[str]) -> None:
    """Make the nearest folder here or above that has a configuration the working directory.

    Nothing changes where there is none, or where the arguments name one.
    """
    here = Path.cwd()
    _called_in.clear()
    if any(word.split("=")[0] in NAMES_ITS_PLACE for word in arguments):
        return
    for folder in (here, *here.parents):
        if (folder / DEFAULT_CONFIG).is_file():
            if folder != here:
                _called_in.append(here)
                os.chdir(folder)
            return


def typed_path(text: str) -> Path:
    """A file that a person typed; for argparse."""
    return Path(*_called_in, text)
