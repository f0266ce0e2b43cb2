"""The words for a catalog: what stands on a page, and the courses that a reader should find in it.

Text marks: `*italic*`, `[Small Capitals]`. The builders below print an entry and list its courses
from the same call, so that the print and its truth cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Textbook:
    """A text-book as printed: `Davies' Legendre` is Textbook("Legendre", "Davies")."""

    title: str | None = None
    author: str | None = None


@dataclass(frozen=True)
class Course:
    """One course, field for field as in the schema of a page."""

    course_name: str
    department: str | None = None
    level: str | None = None
    term: str | None = None
    description: str | None = None
    topics: tuple[str, ...] | None = None
    instructors: tuple[str, ...] | None = None
    textbooks: tuple[Textbook, ...] = ()


@dataclass(frozen=True)
class Space:
    """White space, in pixels of the page."""

    height: float


@dataclass(frozen=True)
class Line:
    """One centered line in the type of a style of `typesetting.LINE_STYLES`."""

    style: Literal["h1", "h2", "h3", "bold"]
    text: str


@dataclass(frozen=True)
class Display:
    """One centered line of a title page; size and letter spacing in pixels."""

    text: str
    size: float
    tracking: float = 3.0
    bold: bool = False


@dataclass(frozen=True)
class Paragraph:
    """A paragraph in a style of `typesetting.PARAGRAPH_STYLES`."""

    style: Literal["p", "hang", "item", "small"]
    text: str


@dataclass(frozen=True)
class Leader:
    """Two ends of a line with a row of dots between them."""

    left: str
    right: str


@dataclass(frozen=True)
class Rule:
    """A printed rule."""

    kind: Literal["swell", "thin", "double"] = "swell"


@dataclass(frozen=True)
class Columns:
    """Two columns with a hairline between them."""

    left: tuple[Item, ...]
    right: tuple[Item, ...]


Item = Space | Line | Display | Paragraph | Leader | Rule | Columns


@dataclass(frozen=True)
class Section:
    """A stretch of print and the courses in it, in reading order; `+` puts one after another."""

    items: tuple[Item, ...]
    courses: tuple[Course, ...] = ()

    def __add__(self, other: Section) -> Section:
        return Section(self.items + other.items, self.courses + other.courses)


@dataclass(frozen=True)
class PrintedPage:
    """A page; `number` is the printed one and None where none is printed (title pages)."""

    content_type: str
    body: Section
    number: int | None = None
    academic_year: str | None = None


@dataclass(frozen=True)
class Catalog:
    """A book of the sample: its folder names, its type face and its pages."""

    state: str
    school: str
    year: int
    face: Literal["oldstandard", "didot", "baskervald"]
    body_size: float
    pages: tuple[PrintedPage, ...]

    @property
    def running_head(self) -> str:
        """What stands at the top of every numbered page."""
        return f"{self.school.upper()}."


Entry = tuple[str, Sequence[Course]]
"""What is printed, and the courses in it."""

Term = tuple[str, Sequence[Entry]]
"""The name of a term, and its entries."""


def show(*items: Item) -> Section:
    """Print without courses."""
    return Section(items)


def course(
    name: str,
    author: str | None = None,
    *,
    title: str | None = None,
    topics: tuple[str, ...] | None = None,
    level: str | None = None,
    term: str | None = None,
) -> Course:
    """A course, with its text-book when an author or title is given."""
    books = (Textbook(title, author),) if author or title else ()
    return Course(name, level=level, term=term, topics=topics, textbooks=books)


def labelled(department: str, printed: str, *courses: Course) -> Entry:
    """College style: the department as a label in small capitals before its courses."""
    return f"[{department}.]—{printed}", [replace(c, department=department) for c in courses]


def simple(name: str, author: str | None = None) -> Entry:
    """`Algebra (Loomis)`: a course and perhaps its author in parentheses."""
    return (f"{name} ({author})" if author else name), [course(name, author)]


def possessive(author: str, title: str) -> Entry:
    """`Butler's Analogy`: a course that is a book."""
    name = f"{author}'s {title}"
    return name, [course(name, author, title=title)]


def college_year(level: str, terms: Sequence[Term]) -> Section:
    """A year of a college: its heading, then its terms with an entry on each line."""
    return sum(
        (college_term(level, *term) for term in terms), show(Line("h2", f"{level.upper()}."))
    )


def college_term(level: str, term: str, entries: Sequence[Entry]) -> Section:
    """A term of a college with its heading."""
    return show(Line("h3", f"[{term}.]")) + carried_term(level, term, entries)


def carried_term(level: str, term: str, entries: Sequence[Entry]) -> Section:
    """The entries of a term alone, as where a list runs over onto a new page."""
    items = tuple(Paragraph("item", printed) for printed, _ in entries)
    return Section(items, tuple(_placed(entries, level, term)))


def seminary_class(level: str, terms: Sequence[Term], *, runs_over: bool = False) -> Section:
    """A class of a seminary: a paragraph for each term, entries separated by semicolons.

    With `runs_over` the last paragraph ends in a semicolon, to go on on the next page.
    """
    section = show(Line("h2", f"{level.upper()}."))
    for number, (term, entries) in enumerate(terms, 1):
        end = ";" if runs_over and number == len(terms) else "."
        text = f"*{term}.*—{_run_in(entries)}{end}"
        section += Section((Paragraph("hang", text),), tuple(_placed(entries, level, term)))
    return section


def carried_class(level: str, term: str, entries: Sequence[Entry]) -> Section:
    """What is left of a seminary's term on the page after the one that bears its heading."""
    return Section(
        (Paragraph("hang", f"{_run_in(entries)}."),), tuple(_placed(entries, level, term))
    )


def department(name: str, instructor: str, entries: Sequence[Entry]) -> Section:
    """Academy style: a department's heading, its teacher, and a description of each subject."""
    items: list[Item] = [
        Line("h2", f"DEPARTMENT OF {name.upper()}."),
        Line("h3", f"[{instructor}.]"),
    ]
    return Section(tuple(items)) + carried_department(name, (instructor,), entries)


def carried_department(
    name: str, instructors: tuple[str, ...] | None, entries: Sequence[Entry]
) -> Section:
    """The subjects alone; a page that does not name the teacher has None for `instructors`."""
    courses = [
        replace(c, department=name, instructors=instructors) for _, cs in entries for c in cs
    ]
    return Section(tuple(Paragraph("hang", printed) for printed, _ in entries), tuple(courses))


def order_of_studies(name: str, terms: Sequence[tuple[str, str, Sequence[str]]]) -> Section:
    """A column of a table of studies: (level, term, subjects) after the department's name."""
    section = show(Line("bold", f"{name.upper()}."))
    for level, term, subjects in terms:
        section += show(Line("h3", f"[{level}, {term}.]"))
        items = tuple(Paragraph("item", f"{s}.") for s in subjects)
        section += Section(items, tuple(Course(s, name, level, term) for s in subjects))
    return section


def side_by_side(left: Section, right: Section) -> Section:
    """Two columns; the left one is read to its end before the right one."""
    return Section((Columns(left.items, right.items),), left.courses + right.courses)


def textbook_table(rows: Sequence[tuple[str, str, Sequence[Textbook]]]) -> Section:
    """Subject, dots, what is printed for its text-books: (subject, printed, text-books) a row."""
    return Section(
        tuple(Leader(f"{subject},", f"{printed}.") for subject, printed, _ in rows),
        tuple(Course(subject, textbooks=tuple(books)) for subject, _, books in rows),
    )


def _placed(entries: Sequence[Entry], level: str, term: str) -> list[Course]:
    return [replace(c, level=level, term=term) for _, courses in entries for c in courses]


def _run_in(entries: Sequence[Entry]) -> str:
    return "; ".join(printed for printed, _ in entries)
