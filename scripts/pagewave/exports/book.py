"""Rolls the pages of a book up into book.json (everything, with provenance) and text.txt.

Where dead letters do not block, a book is written without them, or with the answers they had
before; both files name what is missing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from pagewave.atomic import write_atomically
from pagewave.characters import clean
from pagewave.exports.facts import PageFacts
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book, Page
from pagewave.words.book_truth import PageOfBook, findings, runs_over
from pagewave.workspace import Workspace


def write_book(workspace: Workspace, book: Book, facts: Mapping[str, PageFacts]) -> None:
    """Write both files of a book from its page files and from what the ledger knows of its pages.

    The ledger itself is not asked.

    Raises:
        DataError: a page's file is missing or not what the page model says.
        KeyError: nothing is known of a page.
    """
    pages, missing, texts = [], [], []
    compared = []
    for page in book.pages:
        known = facts[page.key]
        answer = _earlier_answer(workspace, known) if known.reason else workspace.read_page(page)
        if known.reason:
            missing.append(
                {
                    **_place(page),
                    "reason": known.reason,
                    "earlier_answer": answer is not None,
                }
            )
        if answer is None:
            texts.append(f"[page {page.number}]\n[missing: not read, after {known.reason}]\n")
            continue
        pages.append(
            {
                **_place(page),
                "provenance": known.provenance,
                "corrected": known.correction is not None and not known.reason,
                **((not known.reason and known.correction) or {}),
                "page": answer.model_dump(mode="json"),
            }
        )
        texts.append(f"[page {page.number}]\n{answer.text()}\n")
        compared.append(PageOfBook.of(page.key, page.number, answer.text(), pages[-1]["page"]))
    content = {
        **workspace.dataset.levels.values(book.folders),
        "page_count": len(pages),
        "read_by": _read_by(facts[page.key] for page in book.pages),
        "missing": missing,
        "findings": [each._asdict() for each in findings(compared)],
        "runs_over": [each._asdict() for each in runs_over(compared)],
        "pages": pages,
    }
    book_file, text_file = workspace.book_files(book)
    write_atomically(text_file, clean("\n".join(texts)))
    write_atomically(book_file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _read_by(facts: Iterable[PageFacts]) -> dict[str, int]:
    """How many pages each model read, by the name it gave itself, else by the one that was asked;
    the embedded reader has none."""
    told = [known.provenance for known in facts if known.provenance and not known.reason]
    models = [each.get("model_served") or each["model"] for each in told]
    return dict(sorted(Counter(filter(None, models)).items()))


def _place(page: Page) -> dict[str, object]:
    return {
        "number": page.number,
        "key": page.key,
        "image": str(page.scan),
        "leaf": page.leaf or None,
    }


def _earlier_answer(workspace: Workspace, known: PageFacts) -> PageModel | None:
    if known.earlier_answer is None:
        return None
    return workspace.prompt.page_model.model_validate_json(known.earlier_answer)
