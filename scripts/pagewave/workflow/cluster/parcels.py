"""Parcels: what a job needs on a machine that shares no disk with the head, and what it made there.

Each is one tar file in a bucket. The head packs the first one; the job unpacks it into a folder of
its own, works there as it would in the run's, and packs what is new in it or has changed; the head
puts that in its place.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ValidationError

from pagewave.atomic import partial_of
from pagewave.errors import PagewaveError
from pagewave.pages.dataset import Book

IMAGES, WORDS, EXPORTS = "images", "words", "exports"
"""The kinds of jobs that parcels are for (rules/apart.smk)."""
CONTENTS = "parcel.json"
"""The first file of a parcel: what else is in it."""


class Given(BaseModel):
    """What a job is given beside its files: whose run it is, its kind and what of it, the settings,
    and the books with their pages as the head sees them."""

    run: str
    kind: str
    of: list[str]
    settings: dict[str, Any]
    books: list[Book]
    changed_ns: dict[str, int] = {}
    """When each file was changed (Unix ns): manifests of images and words say it of scans."""


class Made(BaseModel):
    """What a job gives back beside its files."""

    removed: list[str] = []
    """Of the files that it was given, those that are to be there no more."""


def pack(parcel: Path, given: Given, files: Mapping[str, Path]) -> None:
    """Pack files for a job, under the names that they are to have there.

    Raises:
        PagewaveError: one can't be read, or the disk is full.
    """
    with _explaining(parcel):
        changed = {name: path.stat().st_mtime_ns for name, path in files.items()}
    _write(parcel, given.model_copy(update={"changed_ns": changed}), files)


def unpack(parcel: Path, folder: Path) -> Given:
    """Lay out in a folder what a job was given; each file is as old as it was."""
    with tarfile.open(parcel) as archive:
        given = Given.model_validate_json(_contents(archive))
        archive.extractall(folder, filter="data")
    for name, changed_ns in given.changed_ns.items():
        os.utime(folder / name, ns=(changed_ns, changed_ns))
    return given


def pack_made(parcel: Path, given: Given, folder: Path) -> None:
    """Pack what in this folder is new or changed since it was laid out."""
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    made = {
        name: path
        for name, path in there.items()
        if name != CONTENTS and path.stat().st_mtime_ns != given.changed_ns.get(name)
    }
    _write(parcel, Made(removed=sorted(given.changed_ns.keys() - there.keys())), made)


def put_in_place(parcel: Path, places: Sequence[Path]) -> None:
    """Put what a job made where it belongs, each file whole or not at all, hidden records last.

    Args:
        places: files and folders that it may write; relative to the working directory.

    Raises:
        PagewaveError: it is no such parcel, names another place, or the disk is full.
    """

    def checked(name: str) -> Path:
        path = PurePosixPath(name)
        if ".." in path.parts or not any(path.is_relative_to(place) for place in places):
            raise PagewaveError(f"{parcel}: {name} is no file of this job; nothing of it was used.")
        return Path(path)

    with _explaining(parcel), tarfile.open(parcel) as archive:
        made = Made.model_validate_json(_contents(archive))
        members = {checked(each.name): each for each in archive if each.name != CONTENTS}
        removed = [checked(name) for name in made.removed]
        for path in sorted(members, key=lambda path: (path.name.startswith("."), path)):
            content = archive.extractfile(members[path])
            if content is None:
                raise PagewaveError(f"{parcel}: {path} is no plain file.")
            path.parent.mkdir(parents=True, exist_ok=True)
            with _written_whole(path) as partial, partial.open("wb") as file:
                shutil.copyfileobj(content, file)
                file.flush()
                os.fsync(file.fileno())
        for path in removed:
            path.unlink(missing_ok=True)


def _write(parcel: Path, contents: BaseModel, files: Mapping[str, Path]) -> None:
    text = contents.model_dump_json().encode()
    about = tarfile.TarInfo(CONTENTS)
    about.size = len(text)
    with (
        _explaining(parcel),
        _written_whole(parcel) as partial,
        tarfile.open(partial, "w") as archive,
    ):
        archive.addfile(about, io.BytesIO(text))
        for name, path in sorted(files.items()):
            archive.add(path.resolve(), name, recursive=False)  # of a link, what it leads to


def _contents(archive: tarfile.TarFile) -> bytes:
    first = archive.next()
    content = archive.extractfile(first) if first and first.name == CONTENTS else None
    if content is None:
        raise tarfile.ReadError(f"it does not begin with {CONTENTS}")
    return content.read()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@contextmanager
def _written_whole(path: Path) -> Iterator[Path]:
    partial = partial_of(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _explaining(parcel: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, tarfile.TarError, ValidationError) as error:
        raise PagewaveError(
            f"{parcel} can't be packed or unpacked ({error}). Check the disk's space, then run the "
            "same command again."
        ) from error
