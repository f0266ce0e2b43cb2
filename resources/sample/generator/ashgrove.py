"""Ashgrove College, 1852-53: one column, year by year; the senior year runs over onto a new page."""

from printed import (
    Catalog,
    Course,
    Display,
    Leader,
    Line,
    Paragraph,
    PrintedPage,
    Rule,
    Space,
    Textbook,
    carried_term,
    college_year,
    course,
    labelled,
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

FRESHMAN = college_year(
    "Freshman Year",
    [
        (
            "First Term",
            [
                labelled(
                    "Latin",
                    "Livy, with Exercises in Latin Composition (Arnold).",
                    course("Livy"),
                    course("Latin Composition", "Arnold", title="Exercises in Latin Composition"),
                ),
                labelled(
                    "Greek",
                    "Xenophon's Anabasis; Sophocles' Greek Grammar.",
                    course("Xenophon's Anabasis"),
                    course("Greek Grammar", "Sophocles", title="Greek Grammar"),
                ),
                labelled(
                    "Mathematics",
                    "Algebra (Davies' Bourdon).",
                    course("Algebra", "Davies", title="Bourdon"),
                ),
            ],
        ),
        (
            "Second Term",
            [
                labelled(
                    "Latin",
                    "Horace: Odes and Epodes (Anthon).",
                    course("Horace: Odes and Epodes", "Anthon"),
                ),
                labelled("Greek", "Homer's Iliad (Owen).", course("Homer's Iliad", "Owen")),
                labelled(
                    "Mathematics",
                    "Plane Geometry (Legendre).",
                    course("Plane Geometry", "Legendre"),
                ),
                labelled(
                    "Rhetoric",
                    "English Grammar; Declamation.",
                    course("English Grammar"),
                    course("Declamation"),
                ),
            ],
        ),
    ],
)

SOPHOMORE = college_year(
    "Sophomore Year",
    [
        (
            "First Term",
            [
                labelled(
                    "Latin",
                    "Cicero de Officiis (Thacher).",
                    course("Cicero de Officiis", "Thacher"),
                ),
                labelled(
                    "Greek",
                    "Demosthenes on the Crown (Champlin).",
                    course("Demosthenes on the Crown", "Champlin"),
                ),
                labelled(
                    "Mathematics",
                    "Solid Geometry; Plane Trigonometry (Loomis).",
                    course("Solid Geometry"),
                    course("Plane Trigonometry", "Loomis"),
                ),
            ],
        ),
        (
            "Second Term",
            [
                labelled(
                    "Latin",
                    "Tacitus: Germania and Agricola (Tyler).",
                    course("Tacitus: Germania and Agricola", "Tyler"),
                ),
                labelled(
                    "Mathematics",
                    "Surveying and Navigation (Gummere).",
                    course("Surveying and Navigation", "Gummere"),
                ),
                labelled(
                    "Rhetoric",
                    "Elements of Rhetoric (Whately).",
                    course("Elements of Rhetoric", "Whately"),
                ),
                labelled("Natural Science", "Botany (Gray).", course("Botany", "Gray")),
            ],
        ),
    ],
)

JUNIOR = college_year(
    "Junior Year",
    [
        (
            "First Term",
            [
                labelled(
                    "Mathematics",
                    "Analytical Geometry (Loomis).",
                    course("Analytical Geometry", "Loomis"),
                ),
                labelled(
                    "Greek", "Æschylus' Prometheus Bound.", course("Æschylus' Prometheus Bound")
                ),
                labelled(
                    "Natural Philosophy",
                    "Mechanics; Hydrostatics (Olmsted).",
                    course("Mechanics"),
                    course("Hydrostatics", "Olmsted"),
                ),
                labelled(
                    "Logic",
                    "Elements of Logic (Whately).",
                    course("Elements of Logic", "Whately"),
                ),
            ],
        ),
        (
            "Second Term",
            [
                labelled(
                    "Mathematics",
                    "Differential and Integral Calculus (Church).",
                    course("Differential and Integral Calculus", "Church"),
                ),
                labelled(
                    "Natural Philosophy",
                    "Optics; Astronomy (Olmsted).",
                    course("Optics"),
                    course("Astronomy", "Olmsted"),
                ),
                labelled(
                    "Chemistry",
                    "Chemistry, with Lectures and Experiments (Silliman).",
                    course("Chemistry", "Silliman"),
                ),
            ],
        ),
    ],
)

SENIOR = college_year(
    "Senior Year",
    [
        (
            "First Term",
            [
                labelled(
                    "Mental Philosophy",
                    "Intellectual Philosophy (Abercrombie).",
                    course("Intellectual Philosophy", "Abercrombie"),
                ),
                labelled(
                    "Political Science",
                    "Political Economy (Wayland); Constitution of the United States (Story).",
                    course("Political Economy", "Wayland"),
                    course("Constitution of the United States", "Story"),
                ),
                labelled(
                    "Natural Science",
                    "Geology (Hitchcock); Mineralogy (Dana).",
                    course("Geology", "Hitchcock"),
                    course("Mineralogy", "Dana"),
                ),
            ],
        ),
        (
            "Second Term",
            [
                labelled(
                    "Moral Philosophy",
                    "Moral Science (Wayland); Butler's Analogy.",
                    course("Moral Science", "Wayland"),
                    course("Butler's Analogy", "Butler", title="Analogy"),
                ),
            ],
        ),
    ],
)

# The heading of this list stands on the page before: only the context tells its year and term.
SENIOR_RUN_OVER = carried_term(
    "Senior Year",
    "Second Term",
    [
        labelled(
            "Rhetoric",
            "Lectures on Rhetoric (Blair); Original Declamations.",
            course("Lectures on Rhetoric", "Blair"),
            course("Original Declamations"),
        ),
        labelled(
            "Natural Science",
            "Zoology (Agassiz and Gould).",
            Course("Zoology", textbooks=(Textbook(None, "Agassiz and Gould"),)),
        ),
        labelled(
            "Political Science",
            "International Law (Wheaton); Guizot's History of Civilization.",
            course("International Law", "Wheaton"),
            course("Guizot's History of Civilization", "Guizot", title="History of Civilization"),
        ),
        labelled("Greek", "Plato's Gorgias (Woolsey).", course("Plato's Gorgias", "Woolsey")),
    ],
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
