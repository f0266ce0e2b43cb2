"""Doubts about a valid answer: is it what this page says?

Five guards, each of which fails the attempt, flags the answer or is off (section `quality` of the
configuration); `few_letters` flags at most. They are made for pages of old books, which repeat each
other: a running head, the last words of the page before, a cover and its title page are no reason
for doubt.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from pagewave.answers.line_pieces import pieces_of_lines
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
"""The guards that may fail an attempt, and the failure that each one means."""

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

# Few letters
SMALL_ANSWER = 0.75
"""Whose letters may be few is told from the answers' lengths: usual ones are not looked into."""
LEAST_PAGES = 4
"""Pages of print from which on it can be told how many letters a piece of a line has in a book."""
LEAST_PIECES = 80
"""Five lines or so. Title pages have 50, and so have woodcuts, maps and music without words."""
FEW = 0.4
"""Of what as much print usually has in this book. Prices and tables have 0.5; a page that lost two
letters of three has 0.3."""
FEW_BESIDE_SPARSE = 0.6
"""Of what the book's sparser pages have (the lower quartile): songs after a preface of prose."""


@dataclass(frozen=True)
class PageRead:
    """Another page of the book: its answer's file, its image, and a way to its text.

    `text` raises DataError where the file is broken or gone.
    """

    file: Path
    image: Path
    text: Callable[[], str]


@dataclass(frozen=True)
class Evidence:
    """What an answer is judged by; what takes time to find out is asked for only in doubt.

    `context`: what the prompt said of the page before, whose whole text is `page_before`.
    `neighbours`: images of pages around this one. `pages_read`: those of them that were read.
    `is_inked`: is there ink on the image for certain, from an earlier look at it?
    """

    key: str
    context: str | None
    image: Path
    page_before: Callable[[], str]
    neighbours: Callable[[], Sequence[Path]]
    pages_read: Callable[[], Sequence[PageRead]]
    is_inked: Callable[[], bool] = lambda: False


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
        if guards.few_letters != "off":
            found.append(_few_letters(answer, evidence))
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
    letters = _letters(answer.text)
    if letters < MIN_LETTERS:
        return None
    if evidence.is_inked():
        return None  # as was seen of most before they were sent; what follows takes longer
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


def _few_letters(answer: Answer, evidence: Evidence) -> Finding | None:
    if answer.page.declared() is not None:
        return None
    read = evidence.pages_read()
    if not _is_small_answer(answer, read):
        return None
    pieces = _pieces(evidence.image)
    if pieces < LEAST_PIECES:
        return None
    others = []
    for page in read:
        with suppress(DataError):  # a broken file is told of where it is needed
            others.append((_letters(page.text()), _pieces(page.image)))
    expected = letters_expected(pieces, others)
    letters = _letters(answer.text)
    if expected is None or letters >= expected.at_least:
        return None
    message = f"The answer holds {letters} letters and digits; on the pages around it so much print"
    return Finding("few_letters", f"{message} means about {expected.usual:.0f}.", False)


class Expected(NamedTuple):
    """How many letters so much print usually has, and how many it has at the very least."""

    usual: float
    at_least: float


def letters_expected(pieces: int, others: Sequence[tuple[int, int]]) -> Expected | None:
    """What so many pieces of lines mean in a book.

    Args:
        others: letters and pieces of lines of other pages of the book.

    Returns:
        None where too few of them have print to go by.
    """
    rates = sorted(letters / print_ for letters, print_ in others if print_ >= LEAST_PIECES)
    if len(rates) < LEAST_PAGES:
        return None
    usual, sparse = median(rates), rates[len(rates) // 4]
    return Expected(usual * pieces, min(FEW * usual, FEW_BESIDE_SPARSE * sparse) * pieces)


def _is_small_answer(answer: Answer, read: Sequence[PageRead]) -> bool:
    if len(read) < LEAST_PAGES:
        return False
    try:
        usual = median(page.file.stat().st_size for page in read)
    except OSError:
        return False
    return len(answer.page_json.encode()) < SMALL_ANSWER * usual


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _pieces(image: Path) -> int:
    """Pieces of lines of print; none where the image was moved since it was sent."""
    try:
        return _pieces_once(image, image.stat().st_mtime_ns)
    except (DataError, OSError):
        return 0


@lru_cache(maxsize=1024)
def _pieces_once(image: Path, modified: int) -> int:
    # It takes a tenth of a second, and a page is beside sixteen others.
    return pieces_of_lines(image)


def _ink(evidence: Evidence) -> float | None:
    try:
        return share_of_ink(evidence.image)
    except DataError:  # the image was moved since it was sent: no evidence
        return None
