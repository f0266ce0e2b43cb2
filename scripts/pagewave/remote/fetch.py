"""The job that fetches a book's scans from where they lie: each once, whole or not at all.

What is there stays, so a job that was killed goes on where it was. A scan that is gone, or is no
image, fails alone: the record beside the files says why, and its page comes to know. Where a server
is in trouble as a whole the job fails, and nothing counts against any page.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pagewave import command_line
from pagewave import crash_points as crash
from pagewave.atomic import partial_of, write_atomically
from pagewave.config.data import Fetch
from pagewave.errors import ConfigError, DataError, PagewaveError
from pagewave.gemini.retries import Stopped
from pagewave.log import log
from pagewave.pages import scan_files
from pagewave.pages.dataset import Book, Page
from pagewave.pages.remote_scans import RECORD, FetchRecord, is_in_bucket, read_record
from pagewave.remote.web import FetchError, Web
from pagewave.wording import age, count, few
from pagewave.workspace import Workspace

USUAL_DPI = 300
PLUGINS = {
    "s3": ("snakemake_storage_plugin_s3", "s3"),
    "gs": ("snakemake_storage_plugin_gcs", "gcs"),
}
"""By the scheme of addresses: the module of Snakemake's plugin, and the extra that installs it."""
TROUBLED = 3
"""So many scans in a row that a server fails, and it is left alone."""


def awaited(pages: Iterable[Page]) -> dict[Path, str]:
    """Scans that are not here yet, and their addresses; in order."""
    return {page.scan: page.remote.url for page in pages if page.remote and page.is_awaited}


def fetch_book(
    book: Book, settings: Fetch, objects: Mapping[str, Path], stop: threading.Event
) -> None:
    """Fetch the scans of a book that are not here yet, then write the record of them.

    Args:
        objects: files that a storage plugin has brought, by their addresses.

    Raises:
        PagewaveError: a server is in trouble, the disk is full, or the run was stopped; what came
            stays.
    """
    wanted = awaited(book.pages)
    _Fetching(book, wanted, objects, Web(settings, stop), stop).run(settings.connections)


def notices_of_fetching(workspace: Workspace, books: Sequence[Book]) -> list[str]:
    """What is said before a run that fetches scans of these books first."""
    wanted = [url for book in books for url in awaited(book.pages).values()]
    if not wanted:
        return []
    hosts = sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, wanted)})
    by_web = sum(not is_in_bucket(url) for url in wanted)
    seconds = by_web / workspace.settings.fetch.max_requests_per_second
    lasts = f", in {age(seconds)} at the least" if seconds >= 60 else ""
    return [
        f"{count(len(wanted), 'scan')} of {count(len(books), 'book')} to be fetched first, from "
        f"{few(hosts, 3)}{lasts}. Until then tokens and price are guessed from the sizes stated."
    ]


def by_address(urls: Iterable[str], brought: Iterable[str]) -> dict[str, Path]:
    """The files that storage plugins have brought, by the addresses they are of.

    A plugin keeps an object below its own folder at `{bucket}/{key}`, and so are they joined.
    """
    files = list(map(str, brought))
    places = {url: "/" + url.partition("://")[2] for url in urls}
    return {
        url: Path(file) for url, place in places.items() for file in files if file.endswith(place)
    }


def require_plugins(urls: Iterable[str]) -> None:
    """Make sure that Snakemake can fetch from these buckets.

    Raises:
        ConfigError: a storage plugin is not installed; says how it is.
    """
    for scheme in sorted({urlsplit(url).scheme for url in urls} & PLUGINS.keys()):
        module, extra = PLUGINS[scheme]
        if find_spec(module) is None:
            raise ConfigError(
                f"{scheme}:// needs a storage plugin of Snakemake that is not installed. To "
                f"install it: {command_line.install(extra)}"
            )


class _Fetching:
    """One book being fetched."""

    def __init__(
        self,
        book: Book,
        wanted: Mapping[Path, str],
        objects: Mapping[str, Path],
        web: Web,
        stop: threading.Event,
    ) -> None:
        self._book = book
        self._wanted = wanted
        self._objects = objects
        self._web = web
        self._stop = stop
        self._lock = threading.Lock()
        self._fetched: dict[str, tuple[str, str]] = {}
        self._failed: dict[str, str] = {}
        self._passing: dict[str, str] = {}
        self._in_a_row = 0

    def run(self, connections: int) -> None:
        """All of it."""
        if not self._wanted:
            return
        folder = next(iter(self._wanted)).parent
        folder.mkdir(parents=True, exist_ok=True)
        before = read_record(folder)
        try:
            with ThreadPoolExecutor(connections) as pool:
                jobs = [pool.submit(self._fetch, *each) for each in self._wanted.items()]
            for job in jobs:
                job.result()
            if self._in_a_row >= TROUBLED or (self._passing and not self._fetched):
                name, why = list(self._passing.items())[-1]
                raise PagewaveError(
                    f"{self._book.id}: {name}: {why}. {count(len(self._fetched), 'scan')} of "
                    f"{len(self._wanted)} came and stay here. The same command fetches the rest."
                )
        except Stopped:
            raise PagewaveError(
                f"{self._book.id}: stopped. The same command goes on fetching."
            ) from None
        finally:
            failed = self._failed | self._passing
            record = FetchRecord(fetched=before.fetched | self._fetched, failed=failed)
            write_atomically(folder / RECORD, record.model_dump_json(indent=1) + "\n")
        urls = {scan.name: url for scan, url in self._wanted.items()}
        for name, why in failed.items():
            log.error("%s: %s: %s: %s. Others go on.", self._book.id, name, urls[name], why)

    def _fetch(self, scan: Path, url: str) -> None:
        if self._in_a_row >= TROUBLED:
            return
        if self._stop.is_set():
            raise Stopped
        partial = partial_of(scan)
        try:
            self._bring(url, partial)
            _refuse_other(partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            crash.point("file-half-written")
            partial.replace(scan)
        except FetchError as error:
            with self._lock:
                (self._passing if error.may_pass else self._failed)[scan.name] = str(error)
                self._in_a_row = self._in_a_row + 1 if error.may_pass else 0
        else:
            with self._lock:
                self._fetched[scan.name] = (url, sha256)
                self._in_a_row = 0
        finally:
            partial.unlink(missing_ok=True)

    def _bring(self, url: str, partial: Path) -> None:
        if not is_in_bucket(url):
            self._web.fetch(url, partial)
        elif brought := self._objects.get(url):
            shutil.copyfile(brought, partial)
        else:
            raise FetchError("was not brought from its bucket", may_pass=True)


def _refuse_other(path: Path) -> None:
    """Raises FetchError where what came is not a scan that can be read: of a server that is in
    trouble, or wants a login, it may be a web page."""
    try:
        problem = next((leaf.problem for leaf in scan_files.leaves(path, USUAL_DPI)), "has no page")
    except DataError as error:
        problem = str(error).removeprefix(str(path)).lstrip(": ")
    if not problem:
        return
    with path.open("rb") as file:
        start = file.read(200).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        problem = "a web page came in its place"
    raise FetchError(f"what came is no scan that can be read: {problem}")
