"""Rolls the pages of a book up into book.json (everything, with provenance) and text.txt.

Where dead letters do not block, a book is written without them, or with the answers they had
before; both files name what is missing.
"""

import json
from datetime import UTC, datetime
from typing import Any

from ..dataset import Book, Page
from ..ledger import Ledger
from ..workbench import Workbench, write_atomically


def write_book(bench: Workbench, book: Book) -> None:
    """Write both files of a book.

    Raises:
        DataError: a page's file is missing or not what the page model says.
    """
    pages, missing, texts = [], [], []
    for page in book.pages:
        place = {
            "number": page.number,
            "key": page.key,
            "image": str(page.scan),
            "leaf": page.leaf or None,
        }
        reason = bench.why_dead(page.key) if bench.is_lost(page) else None
        answer = bench.earlier_answer(page) if reason else bench.read_page(page)
        if reason:
            missing.append({**place, "reason": reason, "earlier_answer": answer is not None})
        if answer is None:
            texts.append(f"[page {page.number}]\n[missing: not read, after {reason}]\n")
            continue
        pages.append(
            {
                **place,
                "provenance": provenance(bench.ledger, page),
                "page": answer.model_dump(mode="json"),
            }
        )
        texts.append(f"[page {page.number}]\n{answer.text()}\n")
    content = {
        "state": book.state,
        "school": book.school,
        "year": book.year,
        "page_count": len(pages),
        "missing": missing,
        "pages": pages,
    }
    book_file, text_file = bench.book_files(book)
    write_atomically(text_file, "\n".join(texts))
    write_atomically(book_file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def provenance(ledger: Ledger, page: Page) -> dict[str, Any] | None:
    """How a page's answer came about; None where its file was not written by pagewave."""
    rows = ledger.provenance(page.key)
    if not rows:
        return None
    row = dict(rows[0])
    row["flags"] = [flag._asdict() for flag in ledger.flags_of(row.pop("attempt_id"))]
    for told_elsewhere in ("key", "written_at", "run_id"):
        del row[told_elsewhere]
    row["generation_config"] = json.loads(row["generation_config"])
    row["prompt_version"] = row["prompt_template"].removesuffix(".jinja")
    row["read_at"] = datetime.fromtimestamp(row.pop("created_at"), UTC).isoformat()
    return row
