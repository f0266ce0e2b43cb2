"""Ashgrove College, 1852-53: one column, year by year; the senior year runs over."""

from ashgrove_years import FRESHMAN, JUNIOR, SENIOR, SENIOR_RUN_OVER, SOPHOMORE
from printed import (
    Catalog,
    Display,
    Leader,
    Line,
    Paragraph,
    PrintedPage,
    Rule,
    Space,
    show,
)

TITLE = show(
    Space(110),
    Display("CATALOGUE", 74, 8),
    Space(16),
    Display("OF THE", 22),
    Space(16),
    Display("OFFICERS AND STUDENTS", 40),
    Space(18),
    Display("OF", 22),
    Space(22),
    Display("ASHGROVE COLLEGE,", 62, bold=True),
    Space(24),
    Display("FOR THE ACADEMIC YEAR", 26),
    Space(8),
    Display("1852-53.", 40),
    Space(60),
    Rule(),
    Space(380),
    Display("ASHGROVE:", 28),
    Display("PRINTED BY J. T. HOLLIS, COLLEGE STREET.", 21, 1),
    Display("1852.", 26),
)

FACULTY = show(
    Line("h1", "FACULTY."),
    Rule(),
    Line("h3", "[Rev. Josiah Penhallow, D. D., President,]"),
    Paragraph("p", "And Professor of Moral and Intellectual Philosophy."),
    Line("h3", "[Edmund Thayer Colby, A. M.,]"),
    Paragraph("p", "Professor of the Latin and Greek Languages and Literature."),
    Line("h3", "[Nathan W. Sturgis, A. M.,]"),
    Paragraph("p", "Professor of Mathematics and Natural Philosophy."),
    Line("h3", "[Amos Fairbank, M. D.,]"),
    Paragraph("p", "Professor of Chemistry, Mineralogy and Geology."),
    Line("h3", "[Rev. Lucius Brainard, A. M.,]"),
    Paragraph("p", "Professor of Rhetoric and Oratory."),
    Line("h3", "[Henry Oakes, A. B.,]"),
    Paragraph("p", "Tutor in Mathematics and in the Latin Language."),
    Space(20),
    Rule("thin"),
    Paragraph(
        "p",
        "[Nathan W. Sturgis,] *Librarian.* The Library is open on Wednesday and Saturday of each "
        "week, from one to three o'clock, for the delivery of books; and contains above four "
        "thousand volumes.",
    ),
    Paragraph(
        "p",
        "[Henry Oakes,] *Secretary of the Faculty,* to whom letters of inquiry concerning "
        "admission are to be addressed.",
    ),
)

AFTER_THE_COURSE = show(
    Space(12),
    Rule("thin"),
    Paragraph(
        "small",
        "Exercises in declamation and English composition are required of every student, in each "
        "year of the course, on alternate Saturdays.",
    ),
    Line("h1", "PUBLIC WORSHIP."),
    Paragraph(
        "p",
        "Prayers are attended in the Chapel every morning and evening, and all students are "
        "required to be present. On the Sabbath they attend public worship in the Chapel, unless "
        "they have leave to attend elsewhere.",
    ),
    Line("h1", "CABINET AND APPARATUS."),
    Paragraph(
        "p",
        "The Cabinet of Minerals contains about two thousand specimens, arranged and labelled for "
        "the use of the classes. The apparatus for illustrating the principles of Natural "
        "Philosophy and Chemistry has been lately enlarged by the liberality of friends of the "
        "College.",
    ),
)

REGULATIONS = show(
    Line("h1", "ADMISSION."),
    Paragraph(
        "p",
        "Candidates for admission to the Freshman Class are examined in the English, Latin and "
        "Greek Grammars, Virgil's Æneid, Cicero's Select Orations, the Greek Reader, Arithmetic, "
        "Geography, and Algebra as far as equations of the second degree.",
    ),
    Paragraph(
        "p",
        "Testimonials of good moral character are in all cases required; and those admitted from "
        "other Colleges must present certificates of dismission in good standing. No person is "
        "admitted to the Freshman Class who has not completed his fourteenth year.",
    ),
    Line("h1", "EXPENSES."),
    Leader("Tuition, per annum,", "$30.00"),
    Leader("Room rent and care of room,", "9.00"),
    Leader("Use of Library,", "3.00"),
    Leader("Ordinary repairs and contingencies,", "2.50"),
    Leader("Board, 38 weeks, from $1.25 to $2.00,", "62.00"),
    Leader("Fuel and lights,", "8.75"),
    Leader("Washing,", "7.00"),
    Space(12),
    Paragraph(
        "p",
        "Wood is furnished at cost to those who request it. Text-books may be purchased of the "
        "Librarian, or hired for a moderate sum by the term. Bills are payable at the close of "
        "each term, and a bond with sufficient sureties is to be lodged with the Treasurer on "
        "admission.",
    ),
    Line("h1", "EXAMINATIONS."),
    Paragraph(
        "p",
        "There are two public examinations of all the classes in each year, at the close of the "
        "First and Second Terms, in the presence of a Committee appointed by the Trustees.",
    ),
)

ASHGROVE = Catalog(
    state="Massachusetts",
    school="Ashgrove College",
    year=1852,
    face="oldstandard",
    body_size=25,
    pages=(
        PrintedPage("title page", TITLE, academic_year="1852-53"),
        PrintedPage("faculty", FACULTY, number=4),
        PrintedPage(
            "courses",
            show(Line("h1", "COURSE OF INSTRUCTION."), Rule())
            + FRESHMAN
            + show(Space(8))
            + SOPHOMORE,
            number=14,
        ),
        PrintedPage("courses", JUNIOR + show(Space(14)) + SENIOR, number=15),
        PrintedPage("courses", SENIOR_RUN_OVER + AFTER_THE_COURSE, number=16),
        PrintedPage("regulations", REGULATIONS, number=17),
    ),
)
