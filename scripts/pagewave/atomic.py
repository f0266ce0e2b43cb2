"""Files written whole or not at all, and lines added to them, whatever happens meanwhile."""

import os
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.errors import PagewaveError

PARTIAL = ".partial"
"""Ends the name of a file that is being written."""


def partial_of(path: Path) -> Path:
    """The name of a file while it is being written."""
    return path.with_name(f".{path.name}{PARTIAL}")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a crash leaves the old one, the new one or none: never half of one.

    Raises:
        PagewaveError: the disk is full, or something else is in the way.
    """
    partial = partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        crash.point("file-half-written")
        partial.replace(path)
    except OSError as error:
        raise PagewaveError(
            f"{path} can't be written: {error.strerror}. Check the disk's space and the folder's "
            "permissions, then run the same command again: what was read is in the ledger."
        ) from error


def append_line(path: Path, line: str) -> None:
    """Add a line to a file; it is on the disk when this returns, and the file's name as well.

    Half a line that a crash left before it stays apart from it.

    Raises:
        PagewaveError: the disk is full, or something else is in the way.
    """
    try:
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else f"\n{line}"
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(path.parent)
    except OSError as error:
        raise PagewaveError(
            f"{path} can't be written: {error.strerror}. Check the disk's space and the folder's "
            "permissions."
        ) from error


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file on the disk as well."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def remove_partial_files(folder: Path) -> None:
    """Remove what crashes left of files in subfolders that nobody writes again."""
    for partial in folder.glob(f"*/.*{PARTIAL}"):
        partial.unlink(missing_ok=True)
