"""What a judged sample says of the whole collection: a file that exports carry.

It stands for page files as they were when the sample was drawn, which it names by their hashes.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pagewave.atomic import write_atomically
from pagewave.config.data import Paths
from pagewave.pages.dataset import Dataset
from pagewave.words.audit.kept import Kept

FILE = "certificate.json"
METHOD = (
    "Stratified random sample, prediction-powered estimate (PPI++, arXiv:2311.01453), gamma "
    "interval (Fay and Feuer 1997), 95 %."
)
FIGURES = {
    "cer": "character error rate: edits a printed character, lines left out and made up included",
    "made_up": "characters of lines that stand on no page, of those that were read",
    "left_out": "characters of lines that were left out, of those that are printed",
    "unreadable": "lines that people could not read either, of those that were read",
    "course_precision": "courses that stand on their page, of those that were read",
    "course_recall": "courses that were read, of those that stand on pages",
}
"""What each figure is a share of."""


class Figure(BaseModel):
    """A share of the collection with its 95 % interval; `judged`: lines, or pages of courses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float
    judged: int


class Certificate(Kept):
    """How accurate a collection is, and what that is said of."""

    instead = "`pagewave audit --certify` makes it again."

    version: Literal[1] = 1
    made_at: str
    method: str
    seed: int
    lines: int = Field(description="Of the collection.")
    pages_without: int = Field(description="Pages that were read, and of which nothing is said.")
    figures: dict[str, Figure]
    meanings: dict[str, str]
    pages: dict[str, str] = Field(description="The SHA-256 of each page's file that it is about.")

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_atomically(path, self.as_text())

    def as_text(self) -> str:
        """What its file holds."""
        return self.model_dump_json(indent=1) + "\n"

    def changed(self, file_of: Callable[[str], Path | None]) -> list[str]:
        """The pages whose files are not what they were, or are gone.

        Args:
            file_of: where the file of a page is, by its key; None where there is no such page.
        """
        return [key for key, sha256 in self.pages.items() if _sha256(file_of(key)) != sha256]


@dataclass(frozen=True)
class Audited:
    """A certificate beside the page files of today."""

    certificate: Certificate
    file_of: Callable[[str], Path | None]

    @cached_property
    def changed(self) -> int:
        """Of how many of its pages the files are not what they were, or are gone."""
        return len(self.certificate.changed(self.file_of))


def file_of(paths: Paths, dataset: Dataset) -> Callable[[str], Path | None]:
    """Where the file of a page is, by its key; None where there is no such page."""
    files = {page.key: paths.page_file(page.name) for page in dataset.pages}
    return files.get


def _sha256(path: Path | None) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else None
    except OSError:
        return None


def told(figures: Mapping[str, Figure]) -> list[tuple[str, str, str, int]]:
    """Each figure for people: its name, value and interval in percent, how many were judged."""
    return [
        (
            "CER" if name == "cer" else name.replace("_", " "),
            f"{figure.value:.2%}",
            f"{100 * figure.low:.2f} to {100 * figure.high:.2f}",
            figure.judged,
        )
        for name, figure in figures.items()
    ]
