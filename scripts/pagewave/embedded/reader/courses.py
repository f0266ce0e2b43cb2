"""From the lines of a page to its courses: a few rules about how catalogs were set.

Headings set the state (level, term, department, instructor) that the entries below them share. A
list that runs over from the page before goes on in that page's state. A demonstration, not a parser
of all catalogs: it knows the usual forms of lists and tables.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pagewave.embedded.reader.entries import (
    Book,
    book_by,
    colon_label,
    is_ancient,
    labelled,
    read_description,
    read_entry,
    split_list,
)
from pagewave.embedded.reader.headings import (
    Heading,
    find_heading,
    is_heading,
    only_level,
    only_term,
    usual_capitals,
)
from pagewave.embedded.reader.paragraphs import LEADER, Line, join_lines
from pagewave.embedded.reader.subjects import is_subject, mended_label, mended_name, plain_text

Course = dict[str, Any]

Form = Literal["list", "described", "table"]
"""How a list is set: entries; subjects with a description each; rows with leader dots."""

_SENTENCE = re.compile(
    r"\b(?:are|is|was|were|will|shall|may|must|has|have|had|who|which|throughout|by|every|each|not"
    r"|been|be|that|their|they|its)\b"
)
_STUDENT = re.compile(r"^[A-Z][a-z]+ (?:[A-Z]\.? )?[A-Z][a-z]+,? (?:\.\.\. )?[A-Z][a-z]+\.?$")
_CARRIED = re.compile(r"\s*\d+\.\s(.*) \| department: (.*?) \| level: (.*?) \| term: (.*?)\s*$")
_PAGE_AFTER = re.compile(r"[\s,]\d{1,3}\.?$")
_LEAST_STUDIES = 0.5
"""Least share of a page's courses that are named with the words of a school, or after an ancient
author: of the sample's pages all but one course are. Verses under `FIRST GRADE` are not."""

_LONGEST_UNLABELLED = 110
_LONGEST_CELL = 60


@dataclass(frozen=True)
class State:
    """What the headings so far say of the entries below them."""

    department: str | None = None
    level: str | None = None
    term: str | None = None
    instructors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Carried:
    """How the previous page ended: the state of its last course, and how its list was set."""

    state: State
    form: Form | None = None


def find_courses(lines: Iterable[Line], carried: Carried | None = None) -> list[Course]:
    """The courses that the lines list, in their order, with the keys of the page's schema.

    Args:
        lines: the page's lines in reading order, without the running head.
        carried: how the previous page ended; it holds when this page begins with an entry and not
            with a heading or prose, that is, when a list runs over.
    """
    texts = join_lines(lines)
    parser = _Parser()
    if texts and not is_heading(texts[0]):
        parser.carry_over(texts[0], carried)
    for text in texts:
        parser.take(text)
    return parser.courses if _are_studies(parser.courses) else []


def carried_over(prompt: str) -> Carried | None:
    """How the previous page ended, from the context in a prompt; None when it tells no course.

    The words of that page may hold anything, so its courses start at the last line that says so.
    """
    before, found, after = prompt.rpartition("\nLAST_3_COURSES:\n")
    if not found:
        return None
    last = None
    for line in after.splitlines():
        match = _CARRIED.match(line)
        if not match:
            break
        last = [None if value == "-" else value for value in match.groups()]
    if last is None:
        return None
    name, department, level, term = last
    tail = before.rpartition("LAST_500_CHARS:")[2]
    return Carried(State(department, level, term), _form_of(tail, name, department))


def _form_of(tail: str, name: str | None, department: str | None) -> Form | None:
    """How a page's last list was set, by what stands around its last course in its last words."""
    words = plain_text(tail).lower()
    if name and re.search(rf"{re.escape(name.lower())}[.,]? \.\.\. ", words):
        return "table"
    if name and re.search(rf"{re.escape(name.lower())}\.?\s?[—=-]", words):
        return "described"
    if department and re.search(rf"{re.escape(department.lower())}\.?\s?[—=-]", words):
        return "list"
    return None


@dataclass
class _Parser:
    """Reads paragraph after paragraph.

    `form` is None while no list is open. `borrowed`: the department is that of the previous page's
    last course, which may have been no more than that course's label.
    """

    state: State = field(default_factory=State)
    form: Form | None = None
    borrowed: bool = False
    courses: list[Course] = field(default_factory=list)

    def carry_over(self, first: str, carried: Carried | None) -> None:
        """Open the list of the previous page, when this page's first words go on with it.

        Where no previous page is known, only what can hardly be anything else counts as a list.
        """
        if carried and carried.form == "table" and LEADER in first:
            self.state, self.form = carried.state, "table"
            return
        label = labelled(first)
        unmistakable = label or (first.count(";") > 1 and "(" in first)
        if not _looks_like_entry(first) or not (carried or unmistakable):
            return
        self.state, self.borrowed = (carried.state, True) if carried else (State(), False)
        form = carried.form if carried else None
        self.form = form if form in ("list", "described") else "list"
        if label and not form and self.state.department and _is_description(label[1]):
            self.form = "described"

    def take(self, text: str) -> None:
        """Read one paragraph."""
        heading = find_heading(text)
        if heading:
            self._heading(heading)
        elif self.form == "table":
            self._row(text)
        elif self.form == "described":
            self._described(text)
        elif self.form == "list":
            self._list(text)

    def _heading(self, heading: Heading) -> None:
        match heading.kind:
            case "department of" | "department":
                self.borrowed = False
                self.state = State(mended_label(heading.department or ""))
                self.form = "described" if heading.kind == "department of" else "list"
            case "period":
                self._period(heading)
            case "person":
                person = (heading.person,) if heading.person else ()
                self.state = replace(self.state, instructors=person)
            case "text-books":
                self.state, self.form = State(), "table"
            case "courses" | "other":
                self.state, self.form = State(), None
            case "plain":
                pass

    def _period(self, heading: Heading) -> None:
        """A new level ends the term before it; a list by departments keeps its department."""
        if heading.level:
            self.state = replace(self.state, level=heading.level, term=None)
        if heading.term:
            self.state = replace(self.state, term=heading.term)
        if self.form in (None, "table") or (self.borrowed and heading.level):
            self.state = replace(self.state, department=None, instructors=())
            self.borrowed = False
        self.form = "list"

    def _row(self, text: str) -> None:
        """`Latin Grammar, ... Andrews and Stoddard.`"""
        name, leader, authors = (part.strip(" .,") for part in text.partition(LEADER))
        if leader is None or not authors or len(text) > 2 * _LONGEST_CELL:
            return
        if re.search(r"[$\d]", authors):  # prices and dates
            return
        books = [book_by(author) for author in re.split(r"\s+and\s+", authors)]
        self._add(mended_name(name), self.state, books)

    def _described(self, text: str) -> None:
        """`Botany.—Spring term. Text-book, Gray's Lessons in Botany.`"""
        label = labelled(text)
        if not label:
            return
        books, sentences = read_description(label[1])
        term = next(filter(None, map(only_term, sentences)), None)
        level = next(filter(None, map(only_level, sentences)), None)
        told = ". ".join(s for s in sentences if s not in (term, level))
        state = replace(self.state, term=term or self.state.term, level=level or self.state.level)
        self._add(mended_name(label[0]), state, books, f"{told}." if told else None)

    def _list(self, text: str) -> None:
        """`LATIN.—Livy; Odes of Horace (Anthon).` or `First Term.—Algebra (Loomis); Botany.`"""
        state, commas = self.state, False
        if label := labelled(text):
            state, text = self._under(label[0]), label[1]
        elif (label := colon_label(text)) and _names_subjects(label[0]):
            state, text, commas = self._under(label[0]), label[1], True
        elif not _looks_like_entry(text):
            return
        for part in split_list(text, commas=commas):
            for entry in read_entry(part):
                self._add(entry.name, state, entry.books, entry.description)

    def _under(self, label: str) -> State:
        """The state of the entries after a label: a term, a level, or a department."""
        if only_term(label):
            self.state = replace(self.state, term=usual_capitals(label))
            return self.state
        if only_level(label):
            self.state = replace(self.state, level=usual_capitals(label), term=None)
            return self.state
        return replace(self.state, department=mended_label(usual_capitals(label)))

    def _add(
        self, name: str, state: State, books: Iterable[Book], description: str | None = None
    ) -> None:
        self.courses.append(
            {
                "course_name": name,
                "department": state.department,
                "level": state.level,
                "term": state.term,
                "description": description,
                "topics": None,
                "instructors": list(state.instructors) or None,
                "textbooks": [{"title": book.title, "author": book.author} for book in books],
            }
        )


def _looks_like_entry(text: str) -> bool:
    """Whether a paragraph may list courses: labelled, or short and not a sentence."""
    if labelled(text):
        return True
    if LEADER in text or not re.match(r"\(?\d|[A-ZÆ]", text) or _STUDENT.match(text):
        return False
    if _SENTENCE.search(text) or _PAGE_AFTER.search(text):
        return False
    return len(text) <= _LONGEST_UNLABELLED or text.count(";") > 1


def _are_studies(courses: list[Course]) -> bool:
    """Whether what was found under a catalog's headings are courses, and no songs or prose."""
    studies = sum(map(_is_study, courses))
    return studies >= _LEAST_STUDIES * len(courses)


def _is_study(course: Course) -> bool:
    told = f"{course['course_name']} {course['department'] or ''}"
    words = (word.removesuffix("'s").rstrip("'") for word in re.findall(r"[\w'-]+", told))
    return any(is_subject(word) or is_ancient(word) for word in words)


def _is_description(text: str) -> bool:
    """Whether a label's text describes it, so that the label is the course."""
    books, sentences = read_description(text)
    return bool(_SENTENCE.search(text)) or "ext-book" in text or (not sentences and not books)


def _names_subjects(label: str) -> bool:
    """Whether a label before a colon is a department: `ENGLISH`, and not `Horace`."""
    words = [word for word in label.split() if word.lower() not in ("and", "&", "of")]
    return label.isupper() or all(is_subject(word) for word in words)
