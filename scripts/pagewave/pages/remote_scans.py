"""Scans that lie elsewhere: the list of a book's, which a command writes into its image folder.

A run fetches them into `paths.fetched_dir` before it makes images; from then on they are scans like
others. The list is the only thing that says where they came from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

from pagewave.config.types import FileName, unfit_for_snakemake
from pagewave.errors import DataError

LIST = "remote_scans.json"
"""The list's name, in the folder where the book's scans would lie."""

RECORD = "fetched.json"
"""The name of the record of what was fetched, beside the files."""

WEB = ("http", "https")
BUCKETS = ("s3", "gs")
"""Schemes of addresses: by the web, and by storage plugins of Snakemake."""

USUAL_SIZE = (2480, 3508)
"""Pixels of a page of which no size is stated, until it is fetched: A4 at 300 dpi."""


def is_in_bucket(url: str) -> bool:
    """Is it fetched by a storage plugin, and not by the web?"""
    return urlsplit(url).scheme in BUCKETS


def _address(url: str) -> str:
    parts = urlsplit(url)  # raises ValueError
    if parts.scheme not in WEB + BUCKETS or not parts.netloc:
        raise ValueError("expected an address that begins with https://, http://, s3:// or gs://")
    if is_in_bucket(url) and (reason := unfit_for_snakemake(url)):
        raise ValueError(reason)
    return url


def _visible(name: str) -> str:
    if name.startswith(".") or (reason := unfit_for_snakemake(name)):
        raise ValueError(reason if not name.startswith(".") else "begins with a dot")
    return name


class RemoteScan(BaseModel):
    """Where a page's scan is, and what is said of it.

    `file` is the name that it gets here, `leaf` which page of that file it is (0: it is this page
    alone). `width` and `height`: of the image as it will come, in pixels, 0 where they are not
    stated. `label`: the page's printed number, or what stands for it. `canvas`: its IIIF id.
    `version`: what a bucket calls the state of the object that was listed.
    """

    model_config = ConfigDict(frozen=True)

    file: Annotated[FileName, AfterValidator(_visible)]
    url: Annotated[str, AfterValidator(_address)]
    leaf: int = 0
    width: int = 0
    height: int = 0
    label: str = ""
    canvas: str = ""
    version: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, stated or usual."""
        return (self.width, self.height) if self.width and self.height else USUAL_SIZE


class RemoteBook(BaseModel):
    """A book's list: its scans by the stems of its pages, and from what it was made."""

    model_config = ConfigDict(frozen=True)

    source: str
    title: str = ""
    rights: str = ""
    pages: dict[str, RemoteScan]

    @model_validator(mode="after")
    def _numbered(self) -> RemoteBook:
        for stem in self.pages:
            if not (stem.isascii() and stem.isdigit()):
                raise ValueError(f"page {stem!r} is no number")
        return self


def read_list(folder: Path) -> RemoteBook:
    """The list in a book's folder of scans.

    Raises:
        DataError: it can't be read, or is none; names the entry.
    """
    file = folder / LIST
    try:
        return RemoteBook.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(
            f"{file}: {place}: {first['msg']}. The command that wrote it makes it anew once the "
            "file is moved away."
        ) from None


class FetchRecord(BaseModel):
    """What became of a book's scans when they were fetched, by the names of their files.

    `fetched`: address and SHA-256 (hex). `failed`: why a file is not there, in words.
    """

    fetched: dict[str, tuple[str, str]] = {}
    failed: dict[str, str] = {}


def read_record(folder: Path) -> FetchRecord:
    """The record beside fetched scans; an empty one where there is none, or none that is whole."""
    try:
        return FetchRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return FetchRecord()
