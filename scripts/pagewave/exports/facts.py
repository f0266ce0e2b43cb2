"""What the ledger knows of a book's pages: all that a book needs beside its page files.

Where books are put together on other machines, which have no ledger, the head hands it to them in a
file.
"""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from pagewave.atomic import write_atomically
from pagewave.errors import PagewaveError
from pagewave.ledger import Ledger
from pagewave.pages.dataset import Book, Page
from pagewave.workspace import JOBS, Workspace


class PageFacts(BaseModel):
    """What is known of a page.

    `provenance` is None where its file was not written by pagewave. `reason` says why the book does
    without it, None where it does not; then `earlier_answer` is the answer that it had before, as
    JSON. `correction` is what a person made of it, in few words.
    """

    provenance: dict[str, Any] | None
    reason: str | None = None
    earlier_answer: str | None = None
    correction: dict[str, Any] | None = None


_FILE = TypeAdapter(dict[str, PageFacts])


def facts_of(workspace: Workspace, book: Book) -> dict[str, PageFacts]:
    """The facts of all pages of a book, by key."""
    keys = [page.key for page in book.pages]
    rows = {row["key"]: row for row in workspace.ledger.files.provenance(*keys)} if keys else {}
    return {page.key: _facts_of(workspace, page, rows.get(page.key)) for page in book.pages}


def facts_file(run: Path, book: Book) -> Path:
    """Where the head of the run with this folder hands them over."""
    return run / JOBS / "facts" / f"{book.id}.json"


def write_facts(path: Path, facts: dict[str, PageFacts]) -> None:
    """Hand facts to a job that has no ledger."""
    write_atomically(path, _FILE.dump_json(facts))


def read_facts(path: Path) -> dict[str, PageFacts]:
    """The facts that the head handed over.

    Raises:
        PagewaveError: it did not, or the file is damaged.
    """
    try:
        return _FILE.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PagewaveError(
            f"{path}: what the ledger knows of the pages can't be read ({error}). Run the same "
            "command again."
        ) from error


def _facts_of(workspace: Workspace, page: Page, found: sqlite3.Row | None) -> PageFacts:
    reason = workspace.why_dead(page.key) if workspace.is_missing(page) else None
    earlier = workspace.earlier_answer(page) if reason else None
    return PageFacts(
        provenance=_provenance(workspace.ledger, found) if found else None,
        reason=reason,
        earlier_answer=earlier.model_dump_json() if earlier else None,
        correction=_correction(workspace, page),
    )


def _correction(workspace: Workspace, page: Page) -> dict[str, Any] | None:
    """When a person corrected the page, which answer, and where; None where nobody did."""
    found = workspace.corrections.of(page)
    return (
        found.model_dump(include={"corrected_at", "corrects", "fields_changed"}) if found else None
    )


def _provenance(ledger: Ledger, found: sqlite3.Row) -> dict[str, Any]:
    """How a page's answer came about."""
    row = dict(found)
    row["flags"] = [flag._asdict() for flag in ledger.answers.flags(row.pop("attempt_id"))]
    for told_elsewhere in ("key", "written_at", "run_id"):
        del row[told_elsewhere]
    row |= _models(row)
    row["generation_config"] = json.loads(row["generation_config"])
    row["prompt_version"] = row["prompt_template"].removesuffix(".jinja")
    row["read_at"] = datetime.fromtimestamp(row.pop("created_at"), UTC).isoformat()
    return row


def _models(row: dict[str, Any]) -> dict[str, str | None]:
    """Which model read: the embedded reader has none, and gives back the name that it is asked for.

    That name is a part of the fingerprint: `model_asked` keeps it for `rebuild-ledger`.
    """
    if row["engine"] == "gemini":
        return {}
    served = None if row["model_served"] == row["model"] else row["model_served"]
    return {"model": None, "model_served": served, "model_asked": row["model"]}
