"""What the pages of a book say of each other: leaves that are missing, doubled or swapped, heads
that were misread, courses against the headings above them, and texts that run over a page.

It goes by printed page numbers, first lines and headings, without a model or a scan. Page models
that have no `page_info.page_number` or `courses` are looked at for the rest.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from rapidfuzz import fuzz

from pagewave.wording import few

HEAD_PAGES, HEAD_SHARE = 3, 0.25
"""A first line on so many pages, and on such a share of a book's, is its running head."""
SAME_HEAD = 75.0
"""So alike (rapidfuzz ratio, 0 to 100) is a running head that was misread."""
HEADING_WORDS = 6
SHOWN = 5
BELIEVED = 10
"""So many missing leaves are believed of a single number; more are a number that was misread."""
FIRST_OF_A_PART = 3
"""Up to this number a book's pages may be counted anew."""

_NUMBER = re.compile(r"^[\[(]?\s*(\d{1,4})\s*[\])]?\.?$")
_OUTER_NUMBER = re.compile(r"^\W*\d{1,4}\W+|\W+\d{1,4}\W*$|[\s.,:]+$")
_HEADINGS = {
    "term": re.compile(r"\b(term|session|semester|quarter)\b", re.IGNORECASE),
    "level": re.compile(r"\b(year|class)\b", re.IGNORECASE),
}
_WHICH = {
    "term": ("first", "second", "third", "fourth", "fall", "autumn", "winter", "spring", "summer"),
    "level": (
        *("first", "second", "third", "fourth", "freshman", "sophomore", "junior", "middle"),
        *("senior", "preparatory"),
    ),
}


class Kind(StrEnum):
    """What is odd about a book."""

    MISSING = "missing leaf"
    DOUBLED = "doubled leaf"
    SWAPPED = "swapped leaves"
    NUMBER = "page number out of sequence"
    HEAD = "running head differs"
    HEADING = "course against its heading"


class Finding(NamedTuple):
    """What is odd, at which page (its key), and which other page it is about."""

    kind: Kind
    page: str
    other: str | None
    what: str


class RunsOver(NamedTuple):
    """A text or a list that begins on one page and goes on on the next one."""

    page: str
    other: str
    text: str
    """The line that runs over, joined; of a list the heading under which it goes on."""


@dataclass(frozen=True)
class PageOfBook:
    """A page as it is compared; `number` is that of its file."""

    key: str
    number: int
    text: str
    printed: str | None = None
    courses: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, key: str, number: int, text: str, answer: Mapping[str, Any]) -> "PageOfBook":
        """Made of what a page file says, whatever its page model."""
        info = answer.get("page_info")
        printed = info.get("page_number") if isinstance(info, Mapping) else None
        listed = answer.get("courses")
        named = listed if isinstance(listed, list) else []
        courses = [each for each in named if isinstance(each, Mapping)]
        return cls(key, number, text, str(printed) if printed else None, courses)

    @property
    def lines(self) -> list[str]:
        """Its lines that hold anything."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]


def findings(pages: Sequence[PageOfBook]) -> list[Finding]:
    """All that is odd, page by page."""
    order = {page.key: at for at, page in enumerate(pages)}
    found = [*_numbers(pages), *_heads(pages), *_headings(pages)]
    return sorted(found, key=lambda each: (order[each.page], each.kind))


# Printed page numbers


class _Numbered(NamedTuple):
    page: PageOfBook
    value: int


def _numbers(pages: Sequence[PageOfBook]) -> Iterator[Finding]:
    numbered = [
        _Numbered(page, int(match[1]))
        for page in pages
        if (match := _NUMBER.match((page.printed or "").strip()))
    ]
    if len(numbered) < 3:
        return
    steps = [
        two.value - one.value
        for one, two in pairwise(numbered)
        if two.page.number == one.page.number + 1
    ]
    # A scan of an opening has two pages.
    step = max(1, round(median(steps))) if steps else 1
    runs = _runs(numbered, step)
    at = 1
    while at < len(runs) - 1:
        before, here, behind = runs[at - 1 : at + 2]
        after_next = runs[at + 2] if at + 2 < len(runs) else None
        if _offset(before, step) == _offset(behind, step) and len(here) == 1:
            yield _odd_one(here[0], before[-1], step)
            runs[at - 1 : at + 2] = [[*before, *behind]]
        elif after_next and _is_swapped(before, here, behind, after_next, step):
            yield Finding(
                Kind.SWAPPED,
                here[0].page.key,
                behind[0].page.key,
                f"{here[0].value} is printed on it, and {behind[0].value} on the next",
            )
            runs[at - 1 : at + 3] = [[*before, *after_next]]
        else:
            at += 1
    for before, behind in pairwise(runs):
        yield from _break(before, behind, step)


def _offset(run: Sequence[_Numbered], step: int) -> int:
    return run[0].value - step * run[0].page.number


def _runs(numbered: Sequence[_Numbered], step: int) -> list[list[_Numbered]]:
    """Pages that follow each other as they are numbered."""
    runs = [[numbered[0]]]
    for each in numbered[1:]:
        if _offset([each], step) == _offset(runs[-1], step):
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def _is_swapped(
    before: Sequence[_Numbered],
    one: Sequence[_Numbered],
    two: Sequence[_Numbered],
    behind: Sequence[_Numbered],
    step: int,
) -> bool:
    offset = _offset(before, step)
    is_between = len(one) == len(two) == 1 and _offset(behind, step) == offset
    return is_between and {_offset(one, step), _offset(two, step)} == {offset - step, offset + step}


def _odd_one(odd: _Numbered, before: _Numbered, step: int) -> Finding:
    expected = before.value + step * (odd.page.number - before.page.number)
    what = f"{odd.value} is printed on it, as it was read; {expected} would follow"
    return Finding(Kind.NUMBER, odd.page.key, before.page.key, what)


def _break(
    before: Sequence[_Numbered], behind: Sequence[_Numbered], step: int
) -> Iterator[Finding]:
    """What it means that numbers go on otherwise."""
    last, first = before[-1], behind[0]
    earlier = {each.value: each for each in before}
    twice = [(each, earlier[each.value]) for each in behind if each.value in earlier]
    gap = _offset(behind, step) - _offset(before, step)
    if gap > 0 and (len(behind) > 1 or gap <= BELIEVED * step):
        lacking = list(range(first.value - gap, first.value))
        named = few([str(number) for number in lacking], SHOWN)
        what = f"{first.value} follows {last.value}: {named} would stand before it"
        yield Finding(Kind.MISSING, first.page.key, last.page.key, what)
    elif twice and 2 * len(twice) >= min(len(before), len(behind)) and first.value > 1:
        for each, other in twice:
            what = f"{each.value} is printed on both"
            yield Finding(Kind.DOUBLED, each.page.key, other.page.key, what)
    elif twice and twice[0][0] is first and first.value == last.value:
        what = f"{first.value} is printed on both"
        yield Finding(Kind.DOUBLED, first.page.key, last.page.key, what)
    elif gap > 0 or (first.value > FIRST_OF_A_PART and first.value <= last.value):
        yield _odd_one(first, last, step)


# Running heads


def head_of(page: PageOfBook) -> str:
    """Its first line without a page number."""
    return _OUTER_NUMBER.sub("", page.lines[0]).strip() if page.lines else ""


def running_heads(pages: Sequence[PageOfBook]) -> set[str]:
    """The first lines that stand on many pages of a book."""
    counted = Counter(head for page in pages if (head := head_of(page)))
    least = max(HEAD_PAGES, HEAD_SHARE * len(pages))
    return {head for head, pages_with in counted.items() if pages_with >= least}


def _heads(pages: Sequence[PageOfBook]) -> Iterator[Finding]:
    known = running_heads(pages)
    for page in pages:
        head = head_of(page)
        if not head or head in known:
            continue
        alike = max(known, key=lambda each: fuzz.ratio(each, head), default="")
        if alike and fuzz.ratio(alike, head) >= SAME_HEAD:
            other = next(each.key for each in pages if head_of(each) == alike)
            what = f"{head!r} is its first line, {alike!r} that of other pages"
            yield Finding(Kind.HEAD, page.key, other, what)


# Courses and headings


def _which(text: str, field: str) -> set[str]:
    """Which term or year a text names."""
    words = set(re.findall(r"[a-z]+", text.casefold()))
    return words & set(_WHICH[field])


class _Heading(NamedTuple):
    field: str
    text: str


def _heading(lines: Sequence[str]) -> _Heading | None:
    """The last of these lines that is a heading of a term or year, or begins with one."""
    for line in reversed(lines):
        begin = re.split(r"[\u2014\u2013]|\.\s", line)[0].strip()
        if len(begin.split()) <= HEADING_WORDS:
            for field in _HEADINGS:
                if _HEADINGS[field].search(begin) and _which(begin, field):
                    return _Heading(field, begin)
    return None


def _heading_of(lines: Sequence[str], field: str) -> str | None:
    """The heading of a term or year that holds behind these lines; a new year ends a term."""
    for at in range(len(lines), 0, -1):
        found = _heading(lines[at - 1 : at])
        if found and found.field == field:
            return found.text
        if found and field == "term":
            return None
    return None


def _headings(pages: Sequence[PageOfBook]) -> Iterator[Finding]:
    for page in pages:
        for course in page.courses:
            name = " ".join(str(course.get("course_name") or "").split())
            above = _above(page, name) if name else None
            for field in _HEADINGS:
                said = course.get(field)
                heading = _heading_of(above or (), field)
                if not said or not heading or not (names := _which(str(said), field)):
                    continue
                if not names & _which(heading, field):
                    what = f"{name!r} has the {field} {str(said)!r}, and stands under {heading!r}"
                    yield Finding(Kind.HEADING, page.key, None, what)


def _above(page: PageOfBook, name: str) -> list[str] | None:
    """The lines before the only place that has a course's name; None where it is not clear."""
    lines = [line.casefold() for line in page.lines]
    at = [n for n, line in enumerate(lines) if name.casefold() in line]
    if len(at) != 1:
        return None
    before = page.lines[at[0]][: lines[at[0]].index(name.casefold())]
    return [*page.lines[: at[0]], before]


# What runs over


def runs_over(pages: Sequence[PageOfBook]) -> list[RunsOver]:
    """Texts and lists of courses that go on on the next page."""
    heads = running_heads(pages)
    return [
        found
        for one, two in pairwise(pages)
        if two.number == one.number + 1 and (found := _runs_over(one, two, heads))
    ]


def _body(page: PageOfBook, heads: Iterable[str]) -> list[str]:
    """Its lines without running head and page number."""
    lines = page.lines
    if lines and (head_of(page) in heads or _NUMBER.match(lines[0])):
        lines = lines[1:]
    return lines[:-1] if lines and _NUMBER.match(lines[-1]) else lines


def _runs_over(one: PageOfBook, two: PageOfBook, heads: Iterable[str]) -> RunsOver | None:
    above, below = _body(one, heads), _body(two, heads)
    if not above or not below:
        return None
    last, first = above[-1], below[0]
    if first[0].islower() and not last.endswith("."):
        is_divided = last.endswith(("-", "\u00ad"))
        text = last.rstrip("-\u00ad") + first if is_divided else f"{last} {first}"
        return RunsOver(one.key, two.key, text)
    heading = _heading(above)
    begins = next((n for n, line in enumerate(below) if _heading([line])), len(below))
    names = [str(course.get("course_name") or "") for course in two.courses]
    listed = [n for n in names if n and any(line.startswith(n) for line in below[:begins])]
    if heading and listed and one.courses:
        return RunsOver(one.key, two.key, heading.text)
    return None
