"""Files that are nobody else's business: the ledger with all that was read, requests, the lock."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

Access = Literal["owner", "group"]
"""Who may read and write them."""

FOLDERS = {"owner": 0o700, "group": 0o2770}  # what is made in a group's folder is the group's
FILES = {"owner": 0o600, "group": 0o660}


def keep_private(folder: Path, access: Access, shared: bool = False) -> None:
    """Let nobody else into a folder and what is in it, however it came there.

    What belongs to somebody else of the group stays as that person left it.

    Args:
        shared: the folder holds other things too, which are left alone: of it only what has the
            name of a file of ours is kept private, and the folder stays open.
    """
    for path in [*([] if shared else [folder]), *_inside(folder, shared)]:
        with suppress(OSError):  # gone by now, or on a disk without permissions
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid():
                continue
            mode = (FOLDERS if stat.S_ISDIR(found.st_mode) else FILES)[access]
            if stat.S_IMODE(found.st_mode) != mode:
                path.chmod(mode)


OURS = (
    "ledger*.sqlite*",
    ".ledger*",
    "lock",
    "requests",
    "results/*.lock",
    "results/*.jsonl",
    "embedded",
)
"""What pagewave makes in a state folder."""


def _inside(folder: Path, shared: bool) -> Iterator[Path]:
    found = [path for name in OURS for path in folder.glob(name)] if shared else [folder]
    for path in found:
        if shared:
            yield path
        if path.is_dir() and not path.is_symlink():
            for here, folders, files in os.walk(path):  # passes over what vanishes meanwhile
                yield from (Path(here, name) for name in [*folders, *files])
