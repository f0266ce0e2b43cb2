"""The headings of a catalog: which class, term, department or teacher the entries below have."""

import re
from dataclasses import dataclass
from typing import Literal

_ORDINAL = r"first|second|third|fourth|fifth|sixth"
TERM = re.compile(
    rf"\b((?:{_ORDINAL}|fall|winter|spring|summer|autumn)(?:\s+and\s+\w+)?"
    r"\s+(?:term|session|semester|quarter)s?)\b",
    re.I,
)
LEVEL = re.compile(
    r"\b((?:fresh?man|sophomore|junior|senior|middle|preparatory|primary|academic|graduate"
    rf"|sub-?\s?(?:freshman|junior|senior)|{_ORDINAL})"
    r"\s+(?:year|class|grade|form))\b",
    re.I,
)
_DEPARTMENT_OF = re.compile(r"^DEPARTMENT\s+OF\s+(.+?)\.?$", re.I)
_DEPARTMENT = re.compile(r"^(.+\bDEPARTMENT)\.?$", re.I)
_TEXT_BOOKS = re.compile(r"^(?:LIST OF )?TEXT-?\s?BOOKS", re.I)
_COURSES = re.compile(
    r"courses? of (?:study|instruction|studies)|order of stud|departments? of study|^studies", re.I
)
_OTHER_MATTER = re.compile(
    r"\b(?:admission|apparatus|attendance|cabinet|calendar|charges|diplomas?|discipline|exercises"
    r"|contents|examinations?|expenses|faculty|government|graduates|index|information|library|location|names"
    r"|officers|prizes|pupils|regulations|remarks|residences?|students|summary|terms\.|trustees"
    r"|tuition|worship)",
    re.I,
)
_PERSON = re.compile(r"^(?:Mr|Miss|Mrs|Rev|Prof|Professor|Dr)\b\.?\s*[A-Z]", re.I)
_PERSON_ALONE = re.compile(
    r"^(?:Mr|Miss|Mrs|Rev|Prof|Professor|Dr)\.? (?:[A-Z][A-Za-z]*[., ]{0,2}){1,3}$"
)

_LONGEST = 60
_CAPITALS = 0.78

Kind = Literal[
    "department of", "department", "period", "person", "text-books", "courses", "other", "plain"
]


@dataclass(frozen=True)
class Heading:
    """A heading; the other fields say what it names, in usual capitals."""

    kind: Kind
    department: str | None = None
    level: str | None = None
    term: str | None = None
    person: str | None = None


def find_heading(text: str) -> Heading | None:
    """What a line is the heading of; None when it is no heading at all."""
    if not is_heading(text):
        return None
    bare = text.strip(" .,")
    if match := _DEPARTMENT_OF.match(bare):
        return Heading("department of", department=usual_capitals(match[1]))
    if match := _DEPARTMENT.match(bare):
        return Heading("department", department=usual_capitals(match[1]))
    level, term = LEVEL.search(text), TERM.search(text)
    if level or term:
        return Heading(
            "period",
            level=usual_capitals(level[1]) if level else None,
            term=usual_capitals(term[1]) if term else None,
        )
    if _PERSON.match(text):
        return Heading("person", person=usual_capitals(bare))
    if _TEXT_BOOKS.search(text):
        return Heading("text-books")
    if _COURSES.search(text):
        return Heading("courses")
    return Heading("other" if _OTHER_MATTER.search(text) else "plain")


def is_heading(text: str) -> bool:
    """Whether a line is a heading: in capitals, or nothing but a level, a term, a department."""
    letters = re.sub(r"[^A-Za-z]", "", re.sub(r"\(.*?\)", "", text))
    if len(text) > _LONGEST or not letters:
        return False
    rest = TERM.sub("", LEVEL.sub("", text))
    if rest != text and len(re.sub(r"[^A-Za-z]", "", rest)) < 2:
        return True
    if re.search(r";|—|\.\.\.", text):
        return False
    if _DEPARTMENT_OF.match(text) or _DEPARTMENT.match(text) or _PERSON_ALONE.match(text):
        return True
    return sum(map(str.isupper, letters)) / len(letters) > _CAPITALS


def only_term(text: str) -> str | None:
    """`Fall and winter terms`, when a text is nothing else."""
    return text if TERM.fullmatch(text) else None


def only_level(text: str) -> str | None:
    """`Senior year`, when a text is nothing else."""
    return text if LEVEL.fullmatch(text) else None


def usual_capitals(text: str) -> str:
    """`NATURAL SCIENCE` as `Natural Science`; `Smith's` keeps its small s."""
    titled = re.sub(r"[^\W\d_]+('[^\W\d_]+)?", lambda word: word[0].capitalize(), text)
    return re.sub(r"(?<=\s)(Of|And|The|In|On|For)\b", lambda word: word[0].lower(), titled)
