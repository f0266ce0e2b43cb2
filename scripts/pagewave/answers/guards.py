"""Doubts about a valid answer: is it what this page says?

Four guards, each of which fails the attempt, flags the answer or is off (section `quality` of the
configuration). They are made for pages of old books, which repeat each other: a running head, the
last words of the page before, a cover and its title page are no reason for doubt.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from pagewave.answers.loops import MIN_CHARS_WITHOUT_LETTERS, find_loop, find_loop_in_json
from pagewave.answers.result_line import Answer, Failure, loop_message
from pagewave.config.reading import Quality
from pagewave.errors import DataError, ErrorType
from pagewave.ledger import Flag
from pagewave.pages.ink import share_of_ink

ERROR_TYPES: dict[str, ErrorType] = {
    "repetition": "Repetition",
    "echo": "Echo",
    "empty_on_ink": "EmptyOnInk",
    "text_on_blank": "TextOnBlank",
}
"""The guards, and the failure that each one means."""

# Echo
ECHO_SHARE = 0.8
"""An answer is an echo when so many of its words are the context's, in the same order."""
ECHO_WORDS = 40
"""With fewer words two lists of studies may be that much alike (the context has about 80): then
only the context as a whole is an echo."""
LABELS = frozenset({"page", "key", "id", "record"})
"""Words that may stand around a key, as in `Page: …` or `{"key": …}`."""

# Ink, as shares of the image
PRINT = 0.01
"""About six lines of print; folds, hairs and library stamps stay below."""
BLANK = 0.0003
"""A dozen letters; on blank paper of the sample's kind, 0.00003 is found."""
MIN_LETTERS = 20
"""A page number or a short running head may be less ink than that."""
SMALL_FILE = 0.75
"""Blank paper makes a file of half to two thirds of the size of the pages around it."""


@dataclass(frozen=True)
class Evidence:
    """What an answer is judged by; what takes time to find out is asked for only in doubt.

    `context`: what the prompt said of the page before, whose whole text is `page_before`.
    `neighbours`: images of pages around this one.
    """

    key: str
    context: str | None
    image: Path
    page_before: Callable[[], str]
    neighbours: Callable[[], Sequence[Path]]


class Finding(NamedTuple):
    """What a guard found; where there may be a good reason for it, it is not certain."""

    guard: str
    message: str
    certain: bool


def judge(answer: Answer, evidence: Evidence, guards: Quality) -> Answer | Failure:
    """The answer with its further flags, or the failure that it is.

    A finding that is not certain is flagged at most: to buy the page again would not help.
    """
    flags = []
    for finding in _findings(answer, evidence, guards):
        if finding.certain and getattr(guards, finding.guard) == "fail":
            return Failure(
                key=answer.key,
                error_type=ERROR_TYPES[finding.guard],
                message=finding.message,
                traceback="",
                raw_text=answer.page_json,
                raw_json=None,
                usage=answer.usage,
                served=answer.served,
            )
        flags.append(Flag(finding.guard, finding.message))
    return replace(answer, flags=(*answer.flags, *flags))


def _findings(answer: Answer, evidence: Evidence, guards: Quality) -> list[Finding]:
    found = [
        _loop(answer) if guards.repetition != "off" else None,
        _echo(answer.text, evidence) if guards.echo != "off" else None,
    ]
    if any(map(str.isalnum, answer.text)):
        if guards.text_on_blank != "off":
            found.append(_text_on_blank(answer, evidence))
    elif guards.empty_on_ink != "off":
        found.append(_empty_on_ink(answer, evidence))
    return [finding for finding in found if finding]


def _loop(answer: Answer) -> Finding | None:
    # Like courses may follow each other, so outside of the text it takes more to be a loop.
    loop = find_loop(answer.text) or find_loop_in_json(answer.page_json, MIN_CHARS_WITHOUT_LETTERS)
    return Finding("repetition", loop_message(loop), True) if loop else None


def _echo(text: str, evidence: Evidence) -> Finding | None:
    """Is the text that of the request: the page's key, or what it said of the page before?"""
    words = _words(text)
    named, key = _without_labels(words), _without_labels(_words(evidence.key))
    if named and named == key * (len(named) // len(key)):
        return Finding("echo", "The answer's text is the page's key.", True)
    context = _words(evidence.context or "")
    if not context or (len(words) < ECHO_WORDS and words != context):
        return None
    shared = LCSseq.similarity(words, context)
    if shared < ECHO_SHARE * len(words):
        return None
    before = _words(evidence.page_before())
    both = LCSseq.similarity(words, before)
    # What the context adds is not on the page before; and of a long page it holds but the end.
    same_page = both >= shared and both >= ECHO_SHARE * len(before)
    share = f"{shared} of the answer's {len(words)} words are what the prompt quotes of the page"
    if same_page:
        message = f"{share} before, which says nothing else either."
        return Finding("echo", message, False) if len(words) >= ECHO_WORDS else None
    return Finding("echo", f"{share} before.", True)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _without_labels(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in LABELS]


def _empty_on_ink(answer: Answer, evidence: Evidence) -> Finding | None:
    declared = answer.page.declared()
    if declared == "unreadable" or (ink := _ink(evidence)) is None:
        return None
    message = f"The answer holds no text, but {ink:.2%} of the image is ink"
    if declared is None and ink >= BLANK:
        return Finding("empty_on_ink", f"{message}.", ink >= PRINT)
    if declared == "blank" and ink >= PRINT:
        # Covers and marbled paper are no print, and called blank with good reason.
        return Finding("empty_on_ink", f"{message}; the answer calls the page blank.", False)
    return None


def _text_on_blank(answer: Answer, evidence: Evidence) -> Finding | None:
    letters = sum(map(str.isalnum, answer.text))
    if letters < MIN_LETTERS:
        return None
    if answer.page.declared() != "blank" and not _is_small_file(evidence):
        return None
    ink = _ink(evidence)
    if ink is None or ink >= BLANK:
        return None
    message = f"The answer holds {letters} letters and digits, but only {ink:.3%} of the image"
    return Finding("text_on_blank", f"{message} is ink.", True)


def _is_small_file(evidence: Evidence) -> bool:
    """May the page be blank? Told from sizes alone, so that hardly any image is decoded."""
    try:
        sizes = [path.stat().st_size for path in evidence.neighbours()]
        return not sizes or evidence.image.stat().st_size < SMALL_FILE * median(sizes)
    except OSError:
        return False


def _ink(evidence: Evidence) -> float | None:
    try:
        return share_of_ink(evidence.image)
    except DataError:  # the image was moved since it was sent: no evidence
        return None
