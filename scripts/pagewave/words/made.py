"""Are words looked for, and which file tells that those of a book are? For what reads trees."""

from pathlib import Path

from pagewave.config.settings import Settings
from pagewave.pages.dataset import Book

RECORD = ".pagewave.json"
"""In a book's folder of trees; written last, so that it is newer than all of them."""


def are_looked_for(settings: Settings) -> bool:
    """Does the configuration ask where words stand?"""
    return bool(getattr(getattr(settings, "words", None), "languages", ()))


def record_of(settings: Settings, book: Book) -> Path:
    """The file that is made once all trees of a book are."""
    return settings.paths.words_dir / book.id / RECORD
