"""What a page says of itself: its number, its kind, the school and the years."""

import re
from dataclasses import dataclass

from pagewave.embedded.reader.courses import Course
from pagewave.embedded.reader.headings import is_heading, usual_capitals
from pagewave.embedded.reader.paragraphs import LEADER, Line

_HEAD_ZONE = 240
_BLANK_LETTERS = 12
_MOST_TITLE_LINES = 25
_CAPITALS = 0.78

_HEAD = re.compile(
    r"^(?:(?P<first>\S{1,4})[.,]?\s+(?:\.\.\.\s+)?)?(?P<words>[A-Z][A-Z .,'&-]{5,}?)"
    r"(?:[.,]?\s+(?:\.\.\.\s+)?(?P<last>\S{1,4}))?$"
)
_NUMBER = re.compile(r"\d{1,3}|[ivxlc]{1,6}")
_FOOT_NUMBER = re.compile(r"^[-—(\[ ]*(\d{1,3}|[ivxlc]{2,6})[-—)\]. ]*$")
_SCHOOL = re.compile(r"\b(COLLEGE|SEMINARY|ACADEMY|UNIVERSITY|INSTITUTE|SCHOOL)\b", re.I)
_NO_NAME = frozenset({"OF", "OF THE", "THE", "IN", "AND", "AT"})
_SPAN = r"1[789]\d\d(?:\s?[-\u2013\u2014]\s?(?:1[789])?\d\d)"
_ACADEMIC_YEAR = re.compile(
    rf"\b{_SPAN}\b|(?<=ACADEMIC YEAR )1[789]\d\d\b|(?<=ACADEMICAL YEAR )1[789]\d\d\b", re.I
)
_YEAR = re.compile(r"\b1[789]\d\d\b")
_KINDS = (
    ("faculty", re.compile(r"\b(FACULTY|INSTRUCTORS|TEACHERS|TRUSTEES|OFFICERS)\b")),
    ("calendar", re.compile(r"\bCALENDAR\b")),
    ("students", re.compile(r"\b(STUDENTS|PUPILS|GRADUATES|CATALOGUE OF)\b")),
    ("admission", re.compile(r"\bADMISSION\b")),
    ("expenses", re.compile(r"\b(EXPENSES|TUITION|CHARGES|TERMS\.)")),
    ("regulations", re.compile(r"\b(REGULATIONS|DISCIPLINE|GOVERNMENT|EXAMINATIONS?)\b")),
)


@dataclass(frozen=True)
class Head:
    """A running head: its line, the words in it, and the number if it was read."""

    line: Line
    words: str
    number: str | None


@dataclass(frozen=True)
class Facts:
    """What a page says of itself; None where it does not."""

    page_number: str | None
    content_type: str
    school_name: str | None
    catalog_year: str | None
    academic_year: str | None


def running_head(lines: list[Line]) -> Head | None:
    """The line at the top with a number or the school's name in it, if there is one."""
    for line in lines[:3]:
        match = _HEAD.match(line.text)
        if not match or line.top > _HEAD_ZONE:
            continue
        numbers = [n.strip(".,") for n in match.group("first", "last") if n]
        number = next((n for n in numbers if _NUMBER.fullmatch(n)), None)
        if number or (line is lines[0] and _SCHOOL.search(match["words"])):
            return Head(line, match["words"], number)
    return None


def page_facts(
    lines: list[Line], head: Head | None, corner: str | None, courses: list[Course]
) -> Facts:
    """Gather what a page says of itself; `corner` is the number read by itself, if any."""
    content_type = _content_type(lines, courses)
    title_page = content_type == "title page"
    text = " ".join(line.text for line in lines)
    years = _YEAR.findall(text) if title_page else []
    academic_year = _ACADEMIC_YEAR.search(text)
    name = _school(lines) if title_page else _school_in(head.words) if head else None
    return Facts(
        page_number=None if title_page else _page_number(lines, head, corner),
        content_type=content_type,
        school_name=name,
        catalog_year=years[-1] if years else None,
        academic_year=academic_year[0] if academic_year else None,
    )


def is_capitals(text: str) -> bool:
    """Whether nearly all letters are capitals."""
    letters = [letter for letter in text if letter.isalpha()]
    return bool(letters) and sum(map(str.isupper, letters)) >= _CAPITALS * len(letters)


def _page_number(lines: list[Line], head: Head | None, corner: str | None) -> str | None:
    """The number in the head, or alone in the last line."""
    if corner or (head and head.number):
        return corner or (head.number if head else None)
    foot = _FOOT_NUMBER.match(lines[-1].text) if lines else None
    return foot[1] if foot else None


def _content_type(lines: list[Line], courses: list[Course]) -> str:
    """What the page mainly holds."""
    text = " ".join(line.text for line in lines)
    if sum(map(str.isalnum, text)) < _BLANK_LETTERS:
        return "blank"
    if courses:
        tables = all(c["level"] is None and c["textbooks"] for c in courses) and LEADER in text
        return "text-books" if tables and "TEXT" in text else "courses"
    if len(lines) <= _MOST_TITLE_LINES and is_capitals(text):
        return "title page"
    headings = [line.text.upper() for line in lines if is_heading(line.text)]
    for heading in headings:
        for kind, pattern in _KINDS:
            if pattern.search(heading):
                return kind
    return "other"


def _school(lines: list[Line]) -> str | None:
    """The school's name on a title page, which may be set over two or three lines."""
    for index, line in enumerate(lines):
        if not _SCHOOL.search(line.text):
            continue
        name = line.text
        for above in reversed(lines[:index]):
            if len(above.text.split()) > 2 or above.text.upper().strip(" .,") in _NO_NAME:
                break
            name = f"{above.text} {name}"
        return usual_capitals(name.strip(" .,"))
    return None


def _school_in(words: str) -> str | None:
    return usual_capitals(words.strip(" .,")) if _SCHOOL.search(words) else None
