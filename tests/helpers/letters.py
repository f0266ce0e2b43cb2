"""Books of letters, whose page model is not ours: what exports make of any page model."""

import hashlib
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pagewave.config.settings import Settings, load_settings
from pagewave.exports.book import write_book
from pagewave.exports.exports import Exports
from pagewave.exports.facts import PageFacts
from pagewave.exports.registry import find_exporters
from pagewave.ledger import Ledger
from pagewave.pages.dataset import Book, Dataset, Page
from pagewave.prompts.registry import load_prompt
from pagewave.workspace import Workspace

PAGE_PY = textwrap.dedent(
    '''
    import datetime
    from typing import Literal

    from pydantic import BaseModel, Field

    from pagewave.page_model import PageModel

    class Person(BaseModel):
        name: str | None = Field(description="The name as written.")
        town: str | None

    class Enclosure(BaseModel):
        """What came with a letter."""

        what: str = Field(description="What it is.")
        pieces: int | None
        weight: float
        sent: datetime.date | None
        kept: bool
        marks: list[str]
        givers: list[Person]

    class Page(PageModel):
        page_number: str | None = Field(description="The number in the corner.")
        sender: Person | None
        date: datetime.date | None = Field(description="When it was written, where " + "that " * 20)
        place: str
        year: int | None
        kind: Literal["draft", "copy"]
        enclosures: list[Enclosure] = Field(description="All that came with it.")
        a_name_that_is_longer_than_any_that_stata_takes: int | None
        words: str

        def text(self) -> str:
            return self.words

        def context(self) -> str:
            return ""
    '''
)

SECRETS = {
    "image": "/home/anna/scans/1.jpg",
    "batch": "batches/secret-batch",
    "usd": 0.123,
    "generation_config": {"endpoint": "https://secret.example"},
}
"""Of a page's provenance, what is nobody's business."""
PROVENANCE = {
    "engine": "gemini",
    "model": "gemini-x",
    "model_served": "gemini-x-001",
    "flags": [{"guard": "Echo", "detail": "/home/anna"}],
    "attempt": 2,
    "fingerprint": "f00d" * 16,
    "image_sha256": "beef" * 16,
    "prompt_name": "letters",
    "prompt_version": "v1",
    "prompt_sha256": "cafe" * 16,
    "read_at": "2026-03-04T05:06:07.250000+00:00",
    "prompt_tokens": 1111,
    **SECRETS,
}


CORRECTION = {
    "corrected_at": "2026-03-05T00:00:00Z",
    "corrects": {
        "attempt": 2,
        "batch": "batches/secret-batch",
        "fingerprint": "f00d" * 16,
        "sha256": "fade" * 16,
    },
    "fields_changed": ["sender"],
}
"""Of a page that a person corrected."""


def enclosure(**changes: Any) -> dict[str, Any]:
    """An enclosure of a letter."""
    return {
        "what": "a key",
        "pieces": 2,
        "weight": 0.5,
        "sent": "1852-01-02",
        "kept": True,
        "marks": ["\u017f", "x"],
        "givers": [{"name": "Bo", "town": None}],
        **changes,
    }


def letter(**changes: Any) -> dict[str, Any]:
    """A page: a letter."""
    return {
        "page_number": "xii",
        "sender": {"name": "Ann", "town": "Elm"},
        "date": "1852-03-01",
        "place": "Elm",
        "year": 1852,
        "kind": "draft",
        "enclosures": [],
        "a_name_that_is_longer_than_any_that_stata_takes": 7,
        "words": "Dear Bo",
        **changes,
    }


class Letters:
    """Books with their files, put together by pagewave itself; `books` maps ids to pages.

    A page that is None is a dead letter; a book that is None has no file.
    """

    def __init__(
        self,
        root: Path,
        books: Mapping[str, Sequence[dict[str, Any] | None] | None],
        model: str = PAGE_PY,
        citation: Mapping[str, Any] | None = None,
        scans: Path = Path("/home/anna/scans"),
    ) -> None:
        self.root = root
        (root / "prompts/letters").mkdir(parents=True)
        (root / "prompts/letters/page.py").write_text(model, encoding="utf-8")
        (root / "prompts/letters/v1.jinja").write_text("Read.", encoding="utf-8")
        (root / "scans").mkdir()
        self.settings: Settings = load_settings(
            {
                "paths": {
                    "image_source_dir": str(root / "scans"),
                    **{
                        f"{n}_dir": str(root / "results" / n)
                        for n in ("books", "exports", "site", "words")
                    },
                    "output_dir": str(root / "results/pages"),
                    "audit_dir": str(root / "audit"),
                },
                "filters": {"labels": "all"},
                "citation": dict(citation or {}),
            },
            root,
        )
        prompt = load_prompt(root / "prompts", "letters", "v1.jinja")
        self.model = prompt.page_model
        self.dataset = Dataset(
            tuple(_book(name, pages or [None], scans) for name, pages in books.items())
        )
        self._workspace = Workspace(self.settings, self.dataset, Ledger.absent(), prompt)
        for name, pages in books.items():
            if pages is not None:
                self.put(name, pages)

    def put(self, name: str, pages: Sequence[dict[str, Any] | None]) -> None:
        """Write a book's page files, and its own; page 2 of a book is a corrected one."""
        book, facts = self.dataset.book(name), {}
        for page, content in zip(book.pages, pages, strict=True):
            corrected = CORRECTION if page.number == 2 else None
            reason = None if content else "3 failures, the last one APIError: see /home/anna"
            facts[page.key] = PageFacts(provenance=PROVENANCE, reason=reason, correction=corrected)
            file = self.root / "results/pages" / f"{page.name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content))
        write_book(self._workspace, book, facts)

    def page_sha256(self, key: str) -> str:
        """The hash of a page's file."""
        file = self.settings.paths.output_dir / f"{key.replace(':', '/')}.json"
        return hashlib.sha256(file.read_bytes()).hexdigest()

    def exports(self, *names: str) -> Exports:
        """The exports of these forms."""
        exporters = find_exporters(names, self.root)
        return Exports(
            self.settings.paths, self.dataset, self.model, exporters, self.settings.citation
        )

    def write(self, *names: str) -> Path:
        """Write all files of these forms; the folder of exports."""
        exports = self.exports(*names)
        for form in exports.forms:
            for book in self.dataset.books if form.is_per_book else [None]:
                exports.write(form.name, book and book.id)
        return self.settings.paths.exports_dir


def _book(name: str, pages: Sequence[object], scans: Path) -> Book:
    folders = tuple(name.split("/"))
    numbers = range(1, len(pages) + 1)
    files = (scans / name / f"{number}.jpg" for number in numbers)
    return Book(folders, tuple(map(Page, [folders] * len(numbers), numbers, files)))
