"""Names and addresses that several descriptions of a data package share."""

import datetime
import time
from collections.abc import Mapping
from typing import Any

from pagewave.config.citation import Citation, Creator
from pagewave.levels import Levels
from pagewave.wording import count

NO_LICENSE = "No licence was named: ask those who made the data before you use it."


def title_of(citation: Citation, summary: Mapping[str, Any], levels: Levels) -> str:
    """The title that was given, or one that follows from the books."""
    if citation.title:
        return citation.title
    books = list(summary["pages_by_book"])
    if len(books) == 1:
        names = ", ".join(levels.spoken(books[0].split("/")))
        return f"{names}: text read from page images"
    return f"{count(len(books), 'book')}: text read from page images"


def description_of(citation: Citation, summary: Mapping[str, Any]) -> str:
    """The description that was given, or one that follows from the numbers."""
    if citation.description:
        return citation.description
    return (
        f"What a program read from images of {count(summary['pages'], 'page')} of "
        f"{count(summary['books'], 'book')}, page by page and as tables; "
        f"{summary['pages_missing']} of them are missing."
    )


def published_on(citation: Citation, summary: Mapping[str, Any]) -> str:
    """The day of publication: as given, else of the newest page; without any page, today."""
    if citation.date:
        return citation.date.isoformat()
    times = [each["last_read_at"] for each in summary["readings"]]
    found = max(filter(None, [*times, summary["last_corrected_at"]]), default=None)
    return found[:10] if found else datetime.date.fromtimestamp(time.time()).isoformat()


def license_address(license: str) -> str:
    """A licence's address: SPDX's page of it, or the URL that was given."""
    return license if "://" in license else f"https://spdx.org/licenses/{license}"


def doi_address(doi: str) -> str:
    """A DOI as a URL."""
    return f"https://doi.org/{doi}"


def is_person(creator: Creator) -> bool:
    """Has it a family name in front of a comma, or an ORCID? Organizations have neither."""
    return "," in creator.name or creator.orcid is not None
