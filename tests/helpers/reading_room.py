"""Books of letters with scans, and the reading room made of them, without Snakemake."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from helpers.audited import tree, words
from helpers.letters import Letters
from pagewave.config.settings import changed
from pagewave.exports.site.made import RECORD, SO_FAR
from pagewave.exports.site.room import value_of
from pagewave.exports.site.site import Site
from pagewave.pages.dataset import Dataset
from pagewave.words.audit.certificate import FIGURES, Certificate, Figure
from pagewave.words.tree import Finding


class ReadingRoom(Letters):
    """Letters whose pages have scans; `site` is the folder of the reading room."""

    def __init__(
        self, root: Path, books: Mapping[str, Sequence[dict[str, Any] | None] | None]
    ) -> None:
        super().__init__(root, books)
        with_scans = []
        for book in self.dataset.books:
            pages = [replace(page, scan=self.scan(page.key)) for page in book.pages]
            with_scans.append(replace(book, pages=tuple(pages)))
        self.dataset = Dataset(tuple(with_scans))
        for page in self.dataset.pages:
            draw_scan(page.scan, page.key)
        self.folder = self.settings.paths.site_dir

    def scan(self, key: str) -> Path:
        """Where the scan of a page is."""
        return self.root / "scans" / f"{key.replace(':', '/')}.png"

    def site(self, **options: Any) -> Site:
        """The reading room, with these keys of `site`."""
        settings = changed(self.settings, {f"site.{name}": v for name, v in options.items()})
        return Site(settings, self.dataset, self.model)

    def make(self, **options: Any) -> Site:
        """Write all books that there are, then the shelf."""
        site = self.site(**options)
        for book in self.dataset.books:
            if (self.settings.paths.books_dir / book.id / "book.json").exists():
                site.write_book(book.id)
        site.write()
        return site

    def begin(self, book_id: str, answers: Sequence[dict[str, Any] | None]) -> None:
        """Let a book be read as far as this: None where a page is not read yet."""
        book = self.dataset.book(book_id)
        numbers = range(1, len(answers) + 1)
        pages = tuple(replace(book.pages[0], number=n, stem=str(n)) for n in numbers)
        others = [
            each if each is not book else replace(book, pages=pages) for each in self.dataset.books
        ]
        self.dataset = Dataset(tuple(others))
        for page, answer in zip(pages, answers, strict=True):
            if answer is not None:
                file = self.settings.paths.output_dir / f"{page.name}.json"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(answer))

    def say(
        self,
        book_id: str,
        findings: Sequence[Mapping[str, Any]],
        runs_over: Sequence[Mapping[str, Any]],
        doubts: Mapping[int, tuple[float, Sequence[Finding]]],
    ) -> None:
        """Let a book's pages say this of each other, and trees of words have these doubts."""
        file = self.settings.paths.books_dir / book_id / "book.json"
        said = {"findings": list(findings), "runs_over": list(runs_over)}
        file.write_text(json.dumps(json.loads(file.read_bytes()) | said))
        self.settings = changed(self.settings, {"words.languages": ["eng"]})
        for number, (doubt, faults) in doubts.items():
            key = f"{book_id.replace('/', ':')}:{number}"
            whole = tree(key, [words("Dear Bo", doubt, 50)])
            place = self.settings.paths.words_dir / book_id / f"{number}.json"
            whole.model_copy(update={"doubt": doubt, "findings": tuple(faults)}).write(place)

    def certify(self, low: float = 0.004) -> None:
        """Write a certificate of two pages of Elm, one of which was changed since."""
        named = {"cer": Figure(value=0.0065, low=low, high=0.009, judged=400)}
        elm = [page.key for page in self.dataset.books[0].pages[:2]]
        Certificate(
            made_at="2026-01-02T03:04:05Z",
            method="As it is done.",
            seed=1,
            lines=12_345,
            pages_without=1,
            figures=named,
            meanings={"cer": FIGURES["cer"]},
            pages={elm[0]: self.page_sha256(elm[0]), elm[1]: "a" * 64},
        ).write(self.settings.paths.audit_dir / "certificate.json")

    def value(self, file: str) -> Any:
        """What a file of data in the reading room hands over."""
        return value_of((self.folder / file).read_bytes())

    def files(self) -> dict[str, int]:
        """All files of the reading room, and when each was last written."""
        files = (file for file in self.folder.rglob("*") if file.is_file())
        return {str(f.relative_to(self.folder)): f.stat().st_mtime_ns for f in files}


def draw_scan(file: Path, words: str, size: tuple[int, int] = (480, 640)) -> None:
    """A scan that says these words."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, "#efe6d2")
    ImageDraw.Draw(image).text((40, 60), words, "#332211")
    image.save(file)


def is_whole(room: ReadingRoom, book_id: str) -> bool:
    """Is a book there, and all that it names?"""
    folder = room.folder / book_id
    if not (folder / "index.html").exists():
        return False
    for entry in room.value(f"{book_id}/book.js")["pages"]:
        if entry.get("waiting"):
            continue
        content = room.value(f"{book_id}/pages/{entry['n']}.js")
        for image in (entry.get("image"), content["image"]):
            if image and not all(
                (folder / f"images/{image[0]}{kind}.webp").exists() for kind in ("", "-small")
            ):
                return False
    records = [file for name in (RECORD, SO_FAR) if (file := folder / name).exists()]
    return all(json.loads(file.read_bytes()) for file in records)
