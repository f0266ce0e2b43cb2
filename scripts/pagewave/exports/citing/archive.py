"""The data package as a zip that is the same, byte for byte, whenever it is made of the same; and
the same opened again, as a zip or as the folder that it was unpacked to.

`manifest-sha256.txt` has the hash of each other file, as `sha256sum --check` takes it.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Self

from pagewave.errors import DataError

MANIFEST = "manifest-sha256.txt"
# The earliest that a zip can say; a time of making would make each one another.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_PIECE = 1 << 20


class Archive:
    """A zip that is being written; each file's name leads to its hash (hex) and size in bytes."""

    def __init__(self, file: Path) -> None:
        self._zip = zipfile.ZipFile(file, "w")
        self.files: dict[str, tuple[str, int]] = {}
        self._folders: set[str] = set()

    def add(self, name: str, content: str | bytes) -> None:
        """Add a file."""
        data = content.encode() if isinstance(content, str) else content
        self._add_folders(name)
        self._zip.writestr(_entry(name), data)
        self.files[name] = (hashlib.sha256(data).hexdigest(), len(data))

    def move(self, name: str, file: Path) -> None:
        """Add a file that was written elsewhere, and delete it there."""
        self._add_folders(name)
        hashed, size = hashlib.sha256(), 0
        with file.open("rb") as source, self._zip.open(_entry(name), "w", force_zip64=True) as to:
            while piece := source.read(_PIECE):
                hashed.update(piece)
                size += len(piece)
                to.write(piece)
        self.files[name] = (hashed.hexdigest(), size)
        file.unlink()

    def add_manifest(self) -> None:
        """Add the manifest, as the last of all."""
        self.add(MANIFEST, manifest({name: found[0] for name, found in self.files.items()}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._zip.close()
            return
        with suppress(Exception):  # a full disk is no fuller for it
            self._zip.close()

    def _add_folders(self, name: str) -> None:
        """Those that it is in: an RO-Crate that names a folder has it."""
        for place in reversed(PurePosixPath(name).parents[:-1]):
            if (folder := f"{place}/") not in self._folders:
                self._folders.add(folder)
                self._zip.writestr(_entry(folder, 0o40755), b"")


class Package:
    """A data package that was written before.

    Attributes:
        names: its files, the manifest among them.
        empty_folders: those in which no file is.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile | None) -> None:
        self._path = path
        self._zip = archive
        if archive:
            self.names = {name for name in archive.namelist() if name[-1] != "/"}
        else:
            found = (file for file in path.rglob("*") if file.is_file())
            self.names = {file.relative_to(path).as_posix() for file in found}
        folders = (
            {name[:-1] for name in archive.namelist() if name[-1] == "/"} if archive else set()
        )
        self.empty_folders = folders - {
            str(place) for name in self.names for place in PurePosixPath(name).parents
        }

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One file of it.

        Raises:
            DataError: it can't be read.
        """
        try:
            with self._zip.open(name) if self._zip else (self._path / name).open("rb") as file:
                yield file
        except KeyError:
            raise DataError("is missing") from None
        except (OSError, EOFError, ValueError, RuntimeError, zipfile.error, zlib.error) as error:
            raise DataError(f"can't be read ({error})") from error

    def read(self, name: str) -> bytes:
        """The content of one file; raises DataError as well."""
        with self.open(name) as file:
            return file.read()

    def sha256(self, name: str) -> str:
        """The hash of one file, hex; raises DataError as well."""
        with self.open(name) as file:
            hashed = hashlib.sha256()
            while piece := file.read(_PIECE):
                hashed.update(piece)
        return hashed.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[Package]:
    """A data package: a zip, or the folder that it was unpacked to.

    Raises:
        DataError: there is none.
    """
    if path.is_dir():
        yield Package(path, None)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(
            f"{path} can't be opened as a data package ({error}). Name the zip, or the folder that "
            "it was unpacked to."
        ) from error
    with archive:
        yield Package(path, archive)


def manifest(hashes: dict[str, str]) -> str:
    """A line for each file, its hash and its name, by name."""
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))


def hashes_in(text: str) -> dict[str, str]:
    """What a manifest says: hashes by name; lines of another kind are left out."""
    lines = (line.partition("  ") for line in text.splitlines())
    return {name: sha256 for sha256, _, name in lines if name}


def _entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.compress_type = zipfile.ZIP_STORED if entry.is_dir() else zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, wherever it is made
    entry.external_attr = mode << 16
    return entry
