"""From the lines of a page to its courses: a few rules about how catalogs were set.

Headings set the state (level, term, department, instructor) that the entries below them share.
A demonstration, not a parser of all catalogs: it knows the usual forms of lists and tables.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from .cleaning import plain_text

LEADER = "..."
"""Stands in a line for the gap that leader dots filled."""

_TERM = re.compile(
    r"\b((?:first|second|third|fall|winter|spring|summer|autumn)(?:\s+and\s+\w+)?"
    r"\s+(?:term|session|semester)s?)\b",
    re.I,
)
_LEVEL = re.compile(
    r"\b((?:fresh?man|sophomore|junior|senior|middle|preparatory|sub-?freshman|first|second|third"
    r"|fourth)\s+(?:year|class))\b",
    re.I,
)
_DEPARTMENT = re.compile(r"^DEPARTMENT\s+OF\s+(.+?)\.?$|^(.+\bDEPARTMENT)\.?$", re.I)
_TEXT_BOOKS = re.compile(r"^TEXT-?\s?BOOKS", re.I)
_SECTION = re.compile(
    r"courses? of (study|instruction|studies)|order of stud|departments? of study", re.I
)
_OTHER_MATTER = re.compile(
    r"\b(expenses|calendar|admission|examinations?|faculty|terms\.|remarks|location|discipline"
    r"|library|trustees|students)\b",
    re.I,
)
_PERSON = re.compile(r"^(?:Mr|Miss|Mrs|Rev|Prof|Professor|Dr)\b\.?\s*[A-Z]", re.I)
_PERSON_ALONE = re.compile(r"^(?:Mr|Miss|Mrs|Rev|Prof|Dr)\.? [A-Z][A-Z. ]+$")
_PROSE = re.compile(
    r"\b(are|is|was|will|shall|may|must|has|have|who|which|throughout|by|every|each|not)\b"
)
_LABEL = re.compile(r"^([A-Z][\w ,.&'-]{2,34}?)(?:[.,]?\s*[—-]{1,2}\s*|:\s+)(?=[A-Z])(.+)$")
_LABEL_DASH = re.compile(r"^([A-Z][\w ,.&'-]{2,34}?)[.,]?\s*[—-]{1,2}\s*(?=[A-Z])(.+)$")
_IN_BRACKETS = re.compile(r"^(.*?)\s*\(([A-Z][^()]*)\)?$")
_POSSESSIVE = re.compile(
    r"^((?:[A-Z][\w.]*\s+(?:and\s+)?)*[A-Z]\w*?)(?:'s|(?<=s)')\s+(?=[A-ZÆ])(.+)$"
)
_EXERCISES = re.compile(r"^(.+?), with (Exercises in (.+?)) \(([^()]+)\)$")
_SCHOOLBOOK = re.compile(r"\b(Grammar|Reader|Arithmetic|Algebra|Geometry|Speller)$")
_CLASSICS = frozenset(
    {"xenophon", "homer", "æschylus", "virgil", "cicero", "demosthenes", "horace"}
)
_MAX_HEADING = 60
_MAX_UNLABELLED = 110
_INDENT = 8
_SAME_EDGE = 12
_SAME_COLUMN = 160


@dataclass(frozen=True)
class Line:
    """A printed line: its words and its box in pixels."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    paragraph: int = 0

    @property
    def height(self) -> int:
        """How high the box is."""
        return self.bottom - self.top


@dataclass(frozen=True)
class State:
    """What the headings so far say of the entries below them."""

    department: str | None = None
    level: str | None = None
    term: str | None = None
    instructors: tuple[str, ...] = ()


@dataclass
class _Paragraph:
    """Lines that belong to one entry, joined."""

    text: str
    left: int
    last: Line
    lines: int = 1


@dataclass
class _Book:
    title: str | None
    author: str | None

    def as_json(self) -> dict[str, str | None]:
        return {"title": self.title, "author": self.author}


Course = dict[str, Any]


def find_courses(lines: list[Line], carried: State | None = None) -> list[Course]:
    """The courses that the lines list, in their order, with the keys of the page's schema.

    Args:
        lines: the page's lines in reading order, without the running head.
        carried: the state at the end of the previous page; it holds when this page's first entry
            is a course and not a heading, that is, when a list runs over.
    """
    paragraphs = _paragraphs(lines)
    parser = _Parser()
    if paragraphs:
        parser.carry_over(carried, paragraphs[0].text)
    for paragraph in paragraphs:
        parser.take(paragraph.text)
    return parser.courses


def carried_state(prompt: str) -> State | None:
    """The department, level and term of the last course of the previous page, if any is told."""
    _, found, after = prompt.rpartition("LAST_3_COURSES:")
    if not found:
        return None
    state = None
    for line in after.lstrip("\n").splitlines():
        match = re.match(
            r"\s*\d+\.\s.*\| department: (.*?) \| level: (.*?) \| term: (.*?)\s*$", line
        )
        if not match:
            break
        department, level, term = (None if value == "-" else value for value in match.groups())
        state = State(department, level, term)
    return state


@dataclass
class _Parser:
    """Reads paragraph after paragraph; `form` is how the list at hand is set."""

    state: State = field(default_factory=State)
    form: str | None = None
    active: bool = False
    courses: list[Course] = field(default_factory=list)

    def carry_over(self, carried: State | None, first: str) -> None:
        """Start in the previous page's state when its list runs over to this page.

        Where no previous page is known, only a labelled entry counts as a list running over.
        """
        runs_over = _looks_like_entry(first) if carried else _LABEL_DASH.match(first)
        if not runs_over or _is_heading(first):
            return
        carried = carried or State()
        self.state, self.active = carried, True
        label = _LABEL_DASH.match(first)
        self.form = "list"
        described = carried.level is None or "ext-book" in first
        if described and label and carried.department and not label[1].isupper():
            self.form = "department"

    def take(self, text: str) -> None:
        """Read one paragraph."""
        if _is_heading(text):
            self._heading(text)
        elif self.active and self.form == "table":
            self._table_row(text)
        elif self.active and self.form == "department":
            self._described(text)
        elif self.active:
            self._list(text)

    def _heading(self, text: str) -> None:
        bare = text.strip(" .")
        department = _DEPARTMENT.match(bare)
        if department:
            name = _titled(department[1] or department[2])
            self.state, self.active = State(name), True
            self.form = "department" if department[1] else "list"
        elif _LEVEL.search(text) or _TERM.search(text):
            self._period(text)
        elif _PERSON.match(text):
            self.state = replace(self.state, instructors=(_titled(bare),))
        elif _TEXT_BOOKS.search(text):
            self.state, self.active, self.form = State(), True, "table"
        elif _SECTION.search(text):
            self.active = False
        elif _OTHER_MATTER.search(text):
            self.active, self.form = False, None

    def _period(self, text: str) -> None:
        level, term = _LEVEL.search(text), _TERM.search(text)
        if level:
            self.state = replace(self.state, level=_titled(level[1]), term=None)
        if term:
            self.state = replace(self.state, term=_titled(term[1]))
        if self.form != "list":  # a year outside a department ends the department before it
            self.state = replace(self.state, department=None, instructors=())
            self.form = "years"
        self.active = True

    def _table_row(self, text: str) -> None:
        """`Latin Grammar, ... Andrews and Stoddard.`"""
        if LEADER not in text:
            return
        name, authors = (part.strip(" .,") for part in text.split(LEADER, 1))
        books = [_book_by(author) for author in re.split(r"\s+and\s+", authors)]
        self._add(name, self.state, books)

    def _described(self, text: str) -> None:
        """`Botany.—Spring term. Text-book, Gray's Lessons in Botany.`"""
        label = _LABEL_DASH.match(text)
        if not label:
            return
        books = []
        for part in re.split(r"[;.]\s+|,\s+(?:and\s+)?(?=[A-Z])", label[2]):
            book = _possessive(re.sub(r"^(and\s+)?Text-?books?,?\s*", "", part).strip(" .,"))
            if book and book.title:
                book.title = re.split(r",| is | are ", book.title)[0].strip(" .")
                books.append(book)
        term, level = _TERM.search(label[2]), _LEVEL.search(label[2])
        state = replace(
            self.state, term=term[1] if term else None, level=_described_level(level, label[2])
        )
        self._add(label[1], state, books, label[2].strip())

    def _list(self, text: str) -> None:
        """`LATIN.—Livy; Odes of Horace (Anthon).` or `First Term.—Algebra (Loomis); Botany.`"""
        state = self.state
        label = _LABEL.match(text) if text.split(":")[0].isupper() else _LABEL_DASH.match(text)
        if label:
            name, text = label[1].strip(" ."), label[2]
            if _TERM.fullmatch(name):
                state = self.state = replace(self.state, term=_titled(name))
            else:
                state = replace(self.state, department=_titled(name))
        elif not _looks_like_entry(text):
            return
        for entry in re.split(r";\s*", text):
            self._entry(entry.strip(" .,;"), state)

    def _entry(self, entry: str, state: State) -> None:
        if len(entry) < 3:
            return
        exercises = _EXERCISES.match(entry)
        if exercises:
            self._add(exercises[1], state, [])
            self._add(exercises[3], state, [_Book(exercises[2], exercises[4])])
            return
        bracketed = _IN_BRACKETS.match(entry)
        name, books = entry, []
        if bracketed:
            name, books = bracketed[1], [_book_by(bracketed[2].strip(" .,"))]
        elif book := _possessive(entry):
            if book.title and _SCHOOLBOOK.search(book.title):
                name = book.title
            if (book.author or "").lower() not in _CLASSICS:
                books = [book]
        name, _, rest = name.partition(", with ")
        self._add(name, state, books, f"with {rest}" if rest else None)

    def _add(
        self, name: str, state: State, books: list[_Book], description: str | None = None
    ) -> None:
        self.courses.append(
            {
                "course_name": name.strip(" .,:;"),
                "department": state.department,
                "level": state.level,
                "term": state.term,
                "description": description,
                "topics": None,
                "instructors": list(state.instructors) or None,
                "textbooks": [book.as_json() for book in books],
            }
        )


def _paragraphs(lines: list[Line]) -> list[_Paragraph]:
    """Hanging lines go to the entry above them; hyphens at the ends of lines are closed."""
    out: list[_Paragraph] = []
    for line in lines:
        text = plain_text(line.text)
        if not re.search(r"[A-Za-z]{2}", text):
            continue
        if out and _continues(out[-1], line, text):
            above = out[-1]
            hyphenated = above.text.endswith("-") and text[:1].islower()
            above.text = above.text[:-1] + text if hyphenated else f"{above.text} {text}"
            above.last, above.lines = line, above.lines + 1
        else:
            out.append(_Paragraph(text, line.left, line))
    return out


def _continues(above: _Paragraph, line: Line, text: str) -> bool:
    """Whether a line goes on with the entry above it."""
    drop = line.top - above.last.top
    if _is_heading(text) or _is_heading(above.text) or not 0 < drop < 3.2 * line.height:
        return False
    shift = abs(line.left - above.last.left)
    hanging = above.lines > 1 and line.left > above.left + _SAME_EDGE and shift < _SAME_EDGE
    closed = above.text.endswith(".") or LEADER in text
    indented = line.left > above.left + _INDENT
    open_end = above.text.endswith(("-", ";", ",")) or above.lines > 1
    return hanging or (shift < _SAME_COLUMN and not closed and (indented or open_end))


def _is_heading(text: str) -> bool:
    """Whether a line is a heading: in capitals, or nothing but a level, a term, a department."""
    letters = re.sub(r"[^A-Za-z]", "", re.sub(r"\(.*?\)", "", text))
    if len(text) > _MAX_HEADING or not letters or re.search(r";|—|\.\.\.", text):
        return False
    if _DEPARTMENT.match(text) or _PERSON_ALONE.match(text):
        return True
    if len(_TERM.sub("", _LEVEL.sub("", text)).strip(" ,.;")) < 3:
        return True
    return sum(letter.isupper() for letter in letters) / len(letters) > 0.78


def _looks_like_entry(text: str) -> bool:
    """Whether a paragraph may list courses: labelled, or short and not a sentence."""
    if _LABEL_DASH.match(text):
        return True
    if LEADER in text or not text[:1].isupper() or _PROSE.search(text):
        return False
    return len(text) <= _MAX_UNLABELLED or text.count(";") > 1


def _possessive(text: str) -> _Book | None:
    """`Butler's Analogy` is a book with its author."""
    match = _POSSESSIVE.match(text)
    return _Book(match[2], match[1]) if match else None


def _book_by(text: str) -> _Book:
    """What stands for a book: `Loomis`, or `Davies' Bourdon`."""
    return _possessive(text) or _Book(None, text)


def _described_level(level: re.Match[str] | None, text: str) -> str | None:
    """The level a description begins with; `in the first year` says how long, not for whom."""
    return level[1] if level and text.startswith(level[0]) else None


def _titled(text: str) -> str:
    """`NATURAL SCIENCE` as `Natural Science`."""
    return re.sub(r"\b(Of|And|The|In)\b", lambda word: word[0].lower(), text.title())
