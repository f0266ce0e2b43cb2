"""What the browser is told of a page: its words with their places, and what is said of them."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from pagewave.commands.browser.review.changes import line_text
from pagewave.commands.browser.review.journal import Entry
from pagewave.commands.browser.review.opened import Opened, Seen
from pagewave.config.data import Paths
from pagewave.exports.site.room import alone
from pagewave.pages.json_files import problem_of
from pagewave.words.tree import Source

MOST_ENTRIES = 30
"""Of what was done to a page, the newest."""


def page(opened: Opened, paths: Paths, from_doubt: float) -> dict[str, Any]:
    """All that is shown of a page.

    `lines` are lists of words: number, text now, text in the tree, box, doubt, what the engine saw,
    source and state. `content` and `tables` are as the reading room has them, `page` is the file.
    """
    content, tables, problem = _content(opened, paths)
    return {
        "key": opened.page.key,
        "base": opened.base,
        "number": opened.page.number,
        "width": opened.tree.width,
        "height": opened.tree.height,
        "doubt": opened.doubt,
        "from_doubt": from_doubt,
        "left": opened.left,
        "problem": problem,
        "content": content,
        "tables": tables,
        "page": opened.value,
        "lines": [
            {"text": line_text(opened, line), "words": [_word(seen) for seen in line]}
            for line in opened.lines
        ],
        "findings": [
            {
                "kind": str(finding.kind),
                "text": finding.text,
                "box": finding.box,
                "other": finding.other,
                "said": opened.is_said(finding.text, finding.box, None),
            }
            for finding in opened.tree.findings
        ],
        "done": entries(opened.journal.standing[-MOST_ENTRIES:]),
    }


def entries(done: Sequence[Entry]) -> list[dict[str, Any]]:
    """What people did, oldest first."""
    return [
        {
            "id": entry.id,
            "at": entry.at,
            "by": entry.by,
            "was": entry.change.was if entry.change else None,
            "now": entry.change.now if entry.change else " ".join(entry.said),
            "changes": entry.change is not None,
            "undoes": entry.undoes,
        }
        for entry in done
    ]


def _content(opened: Opened, paths: Paths) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    problems = []
    if opened.is_of_other_reading:
        problems.append(
            "The page file was changed since the places of its words were found: some may be wrong "
            "until the next run has found them again."
        )
    if opened.unplaced:
        problems.append(f"{opened.unplaced} words of the text have no place here yet.")
    try:
        answer = opened.model.model_validate(opened.value)
    except ValidationError as error:
        problems.append(f"The page file is not what the page model says: {problem_of(error)}.")
        return {"corrected": opened.is_corrected}, [], " ".join(problems)
    content, tables = alone(answer, opened.page.key, paths)
    return content | {"corrected": opened.is_corrected}, tables, " ".join(problems)


def _word(seen: Seen) -> dict[str, Any]:
    word = seen.word
    return {
        "n": seen.number,
        "text": seen.now,
        "was": word.text,
        "box": word.box,
        "doubt": word.doubt,
        "seen": word.seen,
        "eye": word.source == Source.EYE and not seen.places,
        "state": seen.state,
    }
