"""Jobs on machines that share no disk with the head: what each gets, and where what it made goes.

What is done there is in `apart_job`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from pagewave.config.settings import Settings
from pagewave.errors import ConfigError
from pagewave.exports.exports import NOTES, Exports
from pagewave.pages.dataset import Book
from pagewave.pages.remote_scans import RECORD
from pagewave.prompts.registry import found_registry
from pagewave.words.book import BookWords
from pagewave.workflow.cluster.head import RemoteJobs
from pagewave.workflow.cluster.orphans import ANNOUNCED
from pagewave.workflow.cluster.parcels import IMAGES, WORDS, Given, pack, put_in_place
from pagewave.workspace import JOBS, Workspace

FOLDER = "parcels"
"""Where they are in the bucket, below its prefix."""
_PROMPTS = "prompts"
_USED = (
    *("label_source_dir", "image_source_dir", "fetched_dir", "prepared_dir", "output_dir"),
    *("books_dir", "words_dir", "exports_dir", "audit_dir", "logs_dir"),
)


def refuse_paths(settings: Settings) -> None:
    """Refuse folders that can't be in the same place on another machine.

    Raises:
        ConfigError: one is not below the working directory.
    """
    for name in _USED:
        path: Path = getattr(settings.paths, name)
        if path.is_absolute() or ".." in path.parts:
            raise ConfigError(
                f"paths.{name} is {path}: where jobs share no disk, folders have the same names on "
                "all machines, so they must be below the working directory. A link does: "
                f"ln -s {path} {path.name}, then paths.{name}: {path.name}"
            )


class Apart:
    """The parcels of a run, on its head.

    A job is called by its kind and what it is of: images by the number of their job, words by
    their book, exports by their form and maybe a book.
    """

    def __init__(
        self,
        workspace: Workspace,
        folder: Path,
        jobs: RemoteJobs,
        exports: Exports,
        words: BookWords,
    ) -> None:
        self._workspace = workspace
        self._settings = workspace.settings
        self._folder = folder
        self._jobs = jobs
        self._exports = exports
        self._words = words

    def made(self, kind: str, *of: str) -> str:
        """Where Snakemake finds what this job made; a rule has a pattern of it."""
        return f"{FOLDER}/{self._folder.name}/{kind}/{'/'.join(map(_as_key, of))}/made.tar"

    def pack(self, kind: str, of: Sequence[str], parcel: Path) -> None:
        """Pack what a job needs; raises PagewaveError where something is not there."""
        books = self._books(kind, of)
        files = [self._folder / JOBS / ANNOUNCED, *self._read(kind, of, books)]
        named = {file.as_posix(): file for file in files if file.is_file()}
        prompt = self._settings.prompt
        folder = found_registry(prompt.registry_dir, prompt.name) / prompt.name
        named |= {f"{_PROMPTS}/{prompt.name}/{f.name}": f for f in folder.iterdir() if f.is_file()}
        settings = self._settings.model_dump(mode="json")
        settings["prompt"]["registry_dir"] = _PROMPTS
        given = Given(
            run=self._folder.name,
            kind=kind,
            of=[*of, str(self._report(of))] if kind == IMAGES else [*of],
            settings=settings,
            books=[*books],
        )
        pack(parcel, given, named)

    def put_in_place(self, kind: str, of: Sequence[str], parcel: Path) -> None:
        """Take over what a job made; raises PagewaveError where that is not to be used."""
        if kind == IMAGES:
            places = self._places_of_images(of)
        elif kind == WORDS:
            places = [Path(self._words.book_file(of[0])).parent]
        else:
            places = self._exports.places(*of)
            self._exports.keep_edited_of(*of)
        put_in_place(parcel, places)

    def _books(self, kind: str, of: Sequence[str]) -> Sequence[Book]:
        dataset = self._workspace.dataset
        if kind == IMAGES:
            return self._jobs.books(int(of[0]))
        ids = of if kind == WORDS else of[1:]
        return [dataset.book(book_id) for book_id in ids] or dataset.books

    def _report(self, of: Sequence[str]) -> Path:
        return self._jobs.report_of(int(of[0]))

    def _places_of_images(self, of: Sequence[str]) -> list[Path]:
        images = self._workspace.images
        folders = [images.manifest_file(book.id).parent for book in self._books(IMAGES, of)]
        return [*folders, self._report(of)]

    def _read(self, kind: str, of: Sequence[str], books: Sequence[Book]) -> list[Path]:
        """What a job of this kind reads, as far as it is there."""
        paths, pages = self._settings.paths, [page for book in books for page in book.pages]
        scans = list({page.scan for page in pages})
        trees = [tree for book in books for tree in (paths.words_dir / book.id).glob("*.json")]
        if kind == IMAGES:
            # What an earlier job made is not made again; of scans that never came it is said why.
            folders = [self._workspace.images.manifest_file(book.id).parent for book in books]
            made = [image for folder in folders for image in folder.glob("*.jpg")]
            return [*scans, *made, *(paths.fetched_dir / book.id / RECORD for book in books)]
        if kind == WORDS:
            return [*scans, *trees, *map(self._workspace.page_file, pages)]
        programs = (name.rpartition(":")[0] for name in self._settings.exports)
        found = [self._workspace.book_files(book)[0] for book in books]
        found += [paths.exports_dir / of[0] / NOTES, *paths.audit_dir.rglob("*")]
        found += [Path(program) for program in programs if program.endswith(".py")]
        return [*found, *scans, *trees] if self._exports.form(of[0]).reads_words else found


def of_name(name: str) -> list[str]:
    """What a job is of, from the part of its parcels' names that says so."""
    return [unquote(part.replace("=", "%")) for part in name.split("/")]


def _as_key(part: str) -> str:
    """Letters that every bucket takes: no `?`, `#` or space, and no further folder."""
    return quote(part, safe="").replace("%", "=")
