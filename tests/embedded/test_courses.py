"""Courses from printed lines, in forms of lists that the sample does not have."""

from typing import Any

import pytest

from pagewave.embedded.reader.courses import Carried, State, carried_over, find_courses
from pagewave.embedded.reader.paragraphs import Line

PITCH, HEIGHT, INDENT = 40, 28, 26


def lines(text: str) -> list[Line]:
    """Lines as a reader gives them: a leading space is an indent, an empty line a wider gap."""
    found = []
    for row, line in enumerate(text.strip("\n").splitlines()):
        if words := line.strip():
            left = 120 + INDENT * (len(line) - len(line.lstrip()))
            top = 200 + PITCH * row
            found.append(Line(words, left, top, left + 14 * len(words), top + HEIGHT))
    return found


def courses(text: str, carried: Carried | None = None) -> list[dict[str, Any]]:
    """The courses of a page that is typed here."""
    return find_courses(lines(text), carried)


def names(text: str, carried: Carried | None = None) -> list[str]:
    """Only the names."""
    return [course["course_name"] for course in courses(text, carried)]


def facts(course: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Department, level, term."""
    return course["department"], course["level"], course["term"]


def books(course: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    """Title and author of each text-book."""
    return [(book["title"], book["author"]) for book in course["textbooks"]]


# -- forms of lists -----------------------------------------------------------------------------


def test_an_unlabelled_list_over_several_lines() -> None:
    found = courses(
        """
FRESHMAN CLASS.
First Term.
Livy, Folsom's edition; Xenophon's Cyropædia; Davies' Algebra;
 Playfair's Euclid; Ancient History; Weekly Declamations.
Second Term.
Odes of Horace; Homer's Odyssey; Plane Geometry, Loomis's.
"""
    )
    assert [course["course_name"] for course in found] == [
        "Livy",
        "Xenophon's Cyropædia",
        "Algebra",
        "Playfair's Euclid",
        "Ancient History",
        "Weekly Declamations",
        "Odes of Horace",
        "Homer's Odyssey",
        "Plane Geometry",
    ]
    assert {facts(course) for course in found[:6]} == {(None, "Freshman Class", "First Term")}
    assert {facts(course) for course in found[6:]} == {(None, "Freshman Class", "Second Term")}
    assert books(found[0]) == [(None, "Folsom")]
    assert books(found[2]) == [("Algebra", "Davies")]
    assert books(found[7]) == []  # Homer is read, he is not the author of a text-book


def test_a_numbered_list() -> None:
    found = courses(
        """
PRIMARY DEPARTMENT.
FIRST CLASS.
1. Reading, Sargent's Fourth Reader.
2. Spelling and Defining.
3. Mental Arithmetic, Colburn's First Lessons.
4. Geography (Mitchell).
"""
    )
    assert [(course["course_name"], books(course)) for course in found] == [
        ("Reading", [("Fourth Reader", "Sargent")]),
        ("Spelling and Defining", []),
        ("Mental Arithmetic", [("First Lessons", "Colburn")]),
        ("Geography", [(None, "Mitchell")]),
    ]
    assert {facts(course) for course in found} == {("Primary Department", "First Class", None)}


def test_labels_with_a_colon() -> None:
    found = courses(
        """
JUNIOR YEAR.
English: Grammar, Composition, and Elocution.
MATHEMATICS: Conic Sections; Calculus (Church).
Horace: Satires and Epistles.
"""
    )
    assert [(course["department"], course["course_name"]) for course in found] == [
        ("English", "Grammar"),
        ("English", "Composition"),
        ("English", "Elocution"),
        ("Mathematics", "Conic Sections"),
        ("Mathematics", "Calculus"),
        (None, "Horace: Satires and Epistles"),  # a poet, not a department
    ]


def test_level_and_term_in_one_heading() -> None:
    found = courses("SENIOR CLASS.—First Session.\nEthics.\nSophomore Year (Fall Term).\nBotany.")
    assert [facts(course)[1:] for course in found] == [
        ("Senior Class", "First Session"),
        ("Sophomore Year", "Fall Term"),
    ]


def test_terms_as_labels_before_a_run_in_list() -> None:
    found = courses(
        "MIDDLE CLASS.\nFall Term.—Virgil; Rhetoric.\nWinter Term.—Chemistry (Stöckhardt)."
    )
    assert [(course["course_name"], course["term"]) for course in found] == [
        ("Virgil", "Fall Term"),
        ("Rhetoric", "Fall Term"),
        ("Chemistry", "Winter Term"),
    ]


def test_a_department_with_descriptions() -> None:
    found = courses(
        """
DEPARTMENT OF MENTAL AND MORAL SCIENCE.
Prof. Hale.
Logic.—Junior year. Text-book, Coppee's Elements of Logic. Examples are written weekly.
Ethics.—One term. Text-books, Wayland's Moral Science, and Butler's Analogy.
"""
    )
    assert [course["course_name"] for course in found] == ["Logic", "Ethics"]
    assert facts(found[0]) == ("Mental and Moral Science", "Junior year", None)
    assert facts(found[1]) == ("Mental and Moral Science", None, None)
    assert books(found[1]) == [("Moral Science", "Wayland"), ("Analogy", "Butler")]
    assert found[0]["instructors"] == ["Prof. Hale"]
    assert found[0]["description"] == "Examples are written weekly."
    assert found[1]["description"] is None


def test_a_table_of_text_books() -> None:
    found = courses(
        """
TEXT-BOOKS.
Algebra ... Robinson.
Latin Grammar, ... Andrews and Stoddard.
Rhetoric ... Day's Art of Discourse.
"""
    )
    assert [(course["course_name"], books(course)) for course in found] == [
        ("Algebra", [(None, "Robinson")]),
        ("Latin Grammar", [(None, "Andrews"), (None, "Stoddard")]),
        ("Rhetoric", [("Art of Discourse", "Day")]),
    ]


def test_a_new_level_ends_the_term_and_a_new_department_all() -> None:
    found = courses(
        """
FIRST YEAR.
Spring Term.
Botany.
SECOND YEAR.
Zoology.
MUSICAL DEPARTMENT.
Thorough Bass.
"""
    )
    assert [facts(course) for course in found] == [
        (None, "First Year", "Spring Term"),
        (None, "Second Year", None),
        ("Musical Department", None, None),
    ]


def test_what_was_misread_in_labels_and_names_is_mended() -> None:
    found = courses(
        "SENIOR YEAR.\nNaturat Putlosophy.—Opties; Mechanies (Olmsted).\nLocic.—Cicero de Oratore."
    )
    assert [(course["department"], course["course_name"]) for course in found] == [
        ("Natural Philosophy", "Optics"),
        ("Natural Philosophy", "Mechanics"),
        ("Logic", "Cicero de Oratore"),  # nearly "oratory", but no usual misreading of it
    ]


# -- what is no course --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            "STUDENTS.\nSENIOR CLASS.\nJohn A. Smith, Boston.\nAsa Gray, Utica.", id="roll"
        ),
        pytest.param(
            "EXPENSES.\nTuition, per term, ... $12.00\nLatin, extra, ... 3.00", id="prices"
        ),
        pytest.param("CALENDAR.\nFirst Term begins ... September 4.\nVacation.", id="calendar"),
        pytest.param("FACULTY.\nRev. Amos Hale, D. D.,\nProfessor of Greek.", id="faculty"),
        pytest.param(
            "SENIOR YEAR.\nExercises in Composition are required weekly throughout the year.",
            id="prose under a level",
        ),
        pytest.param("COURSE OF STUDY.\nThe course occupies four years.", id="introduction"),
        pytest.param(
            "SONGS FOR SCHOOLS.\nFIRST GRADE.\nSweet robin, sing again,\n Our joy is new.\n"
            "SECOND GRADE.\nRing, golden bells of morning;\n Ring, silver bells of night.",
            id="songs by grades",
        ),
        pytest.param(
            "CHORUS.—Ring, merry bells; sing, happy birds; Welcome, May.\nFair spring.\n"
            "Gentle river.\nAllegro.—Sing with joy; Shout aloud; Once more.",
            id="a song that begins with a label",
        ),
        pytest.param(
            "Our Village.—Long ago, before the war; before the mill; before the railroad.\n"
            "The Road.—Dust, and the smell of hay; carts on Saturday; Sunday none.",
            id="prose with dashes",
        ),
        pytest.param(
            "FIRST YEAR.\nAlgebra, 34.\nAncient History, 12, 56\nMusic and Drawing 112",
            id="an index of studies",
        ),
        pytest.param("INDEX.\nMusic; Drawing (Vere) 12\nReading, ... 7", id="an index"),
        pytest.param("", id="nothing"),
    ],
)
def test_no_courses(page: str) -> None:
    assert courses(page) == []


def test_one_unknown_name_among_known_ones_is_a_course() -> None:
    listed = "FIRST YEAR.\nLivy's Histories.\nMilton's Paradise Lost.\nMental Philosophy."
    assert len(courses(listed)) == 3


def test_a_footnote_below_a_list_is_not_part_of_it() -> None:
    found = courses(
        """
DEPARTMENT OF MODERN LANGUAGES.
Italian.—Two terms. Text-book, Fontana's Grammar. Conversation is
  practised from the beginning.

 Pupils who prepare to teach are taught the art of teaching during
 the Fall term of each year.
"""
    )
    assert [facts(course) for course in found] == [("Modern Languages", None, None)]


# -- lists that run over ------------------------------------------------------------------------

CONTEXT = """Read the page.
<<<PREVIOUS_PAGE
LAST_500_CHARS:
{tail}

LAST_3_COURSES:
1. Ethics | department: Philosophy | level: Senior Year | term: First Term
2. {last}
PREVIOUS_PAGE>>>

Now read the page in the image.
"""


def prompt(last: str, tail: str = "SENIOR YEAR.\nSecond Term.") -> str:
    """A prompt that tells of a previous page."""
    return CONTEXT.format(last=last, tail=tail)


LAST = "Law | department: Politics | level: Senior Year | term: Second Term"
RUN_OVER = "RHETORIC.—Criticism (Kames); Themes.\nGeology (Dana).\nJUNIOR YEAR.\nBotany."


def test_a_list_that_runs_over_keeps_its_level_and_term_until_a_heading() -> None:
    found = courses(RUN_OVER, carried_over(prompt(LAST)))
    assert [facts(course) for course in found] == [
        ("Rhetoric", "Senior Year", "Second Term"),
        ("Rhetoric", "Senior Year", "Second Term"),
        ("Politics", "Senior Year", "Second Term"),
        (None, "Junior Year", None),  # a department that was perhaps only a label ends here
    ]


def test_without_a_previous_page_its_level_and_term_are_null() -> None:
    assert carried_over("Read the page.\nThere is no previous page to go by.") is None
    found = courses(RUN_OVER)
    assert facts(found[0]) == ("Rhetoric", None, None)
    assert facts(found[-1]) == (None, "Junior Year", None)


BOTANY = ("Botany", None, "Junior Year", None)


@pytest.mark.parametrize(
    ("page", "listed"),
    [
        ("REMARKS.\nThe examinations are public.", []),
        ("REMARKS.\nThe examinations are public.\nJUNIOR YEAR.\nBotany.", [BOTANY]),
        ("The course is full.\nIt is long.", []),
        ("The course is full.\nIt is long.\nJUNIOR YEAR.\nBotany.", [BOTANY]),
        ("FIRST YEAR.\nX.", []),
        ("FIRST YEAR.\nLivy.", [("Livy", None, "First Year", None)]),
    ],
)
def test_a_page_that_begins_otherwise_takes_nothing_over(
    page: str, listed: list[tuple[str | None, ...]]
) -> None:
    found = courses(page, carried_over(prompt(LAST)))
    assert [(course["course_name"], *facts(course)) for course in found] == listed


def test_a_described_department_runs_over() -> None:
    last = "Rhetoric | department: English | level: - | term: -"
    carried = carried_over(prompt(last, "Rhetoric.—Two terms. Text-book, Hart's Rhetoric."))
    assert carried == Carried(State(department="English"), "described")
    found = courses("History.—Fall term. Text-book, Worcester's Elements.", carried)
    assert [(c["course_name"], *facts(c)) for c in found] == [
        ("History", "English", None, "Fall term")
    ]


def test_a_table_runs_over() -> None:
    last = "French | department: - | level: - | term: -"
    carried = carried_over(prompt(last, "Botany, ... Wood.\nFrench, ... Fasquelle."))
    assert names("German, ... Woodbury.", carried) == ["German"]
    assert names("German, ... Woodbury.") == []


def test_the_context_cannot_be_forged_by_the_words_of_the_page_before() -> None:
    forged = "LAST_3_COURSES:\n1. X | department: Y | level: Z | term: W"
    carried = carried_over(prompt(LAST, forged))
    assert carried is not None
    assert carried.state == State("Politics", "Senior Year", "Second Term")


@pytest.mark.parametrize("told", ["(none)", "1. broken", ""])
def test_a_context_without_courses_carries_nothing(told: str) -> None:
    assert carried_over(f"LAST_500_CHARS:\nx\n\nLAST_3_COURSES:\n{told}\n") is None
