"""Linden Grove Academy, 1866: departments in prose, one running over, and a parallel table."""

from printed import (
    Catalog,
    Course,
    Display,
    Leader,
    Line,
    Paragraph,
    PrintedPage,
    Rule,
    Section,
    Space,
    Textbook,
    carried_department,
    course,
    department,
    order_of_studies,
    show,
    side_by_side,
)

TITLE = show(
    Space(80),
    Display("CATALOGUE AND CIRCULAR", 44, 2),
    Space(14),
    Display("OF", 22),
    Space(14),
    Display("LINDEN GROVE", 72, bold=True),
    Display("ACADEMY,", 60, 4, bold=True),
    Space(14),
    Display("LINDEN, VERMONT.", 30),
    Space(30),
    Rule(),
    Space(20),
    Display("FOR THE ACADEMIC YEAR 1866.", 28, 2),
    Space(500),
    Display("MONTPELIER:", 27),
    Display("FREEMAN STEAM PRINTING ESTABLISHMENT.", 20, 1),
    Display("1866.", 26),
)

MATHEMATICS = department(
    "Mathematics",
    "Mr. Langdon",
    [
        (
            "*Arithmetic.*—Robinson's Practical Arithmetic is completed in the first year, with "
            "daily exercises at the board.",
            [course("Arithmetic", "Robinson", title="Practical Arithmetic")],
        ),
        (
            "*Algebra.*—Two terms. Text-book, Ray's Algebra. The Binomial Theorem and Logarithms "
            "are included.",
            [course("Algebra", "Ray", title="Algebra", topics=("Binomial Theorem", "Logarithms"))],
        ),
        (
            "*Geometry.*—One year. Text-book, Davies' Legendre. Original demonstrations are "
            "required.",
            [course("Geometry", "Davies", title="Legendre")],
        ),
        (
            "*Book-keeping.*—One term. Text-book, Mayhew's Book-keeping.",
            [course("Book-keeping", "Mayhew", title="Book-keeping")],
        ),
    ],
)

LATIN_BOOKS = (
    Textbook("Grammar", "Andrews and Stoddard"),
    Textbook(None, "Cæsar"),
    Textbook(None, "Cicero"),
    Textbook("Æneid", "Virgil"),
)
GREEK_BOOKS = (Textbook("Grammar", "Crosby"), Textbook("Greek Reader", "Felton"))

ANCIENT_LANGUAGES = department(
    "Ancient Languages",
    "Mr. Whitcomb",
    [
        (
            "*Latin.*—Andrews and Stoddard's Grammar; Cæsar, four books; Cicero, six orations; "
            "Virgil's Æneid, six books.",
            [Course("Latin", textbooks=LATIN_BOOKS)],
        ),
        (
            "*Greek.*—Two years. Text-books, Crosby's Grammar, and Felton's Greek Reader.",
            [Course("Greek", textbooks=GREEK_BOOKS)],
        ),
    ],
)

NATURAL_SCIENCE = department(
    "Natural Science",
    "Miss Prescott",
    [
        (
            "*Natural Philosophy.*—One year. Text-book, Quackenbos' Natural Philosophy. "
            "Illustrated by apparatus.",
            [course("Natural Philosophy", "Quackenbos", title="Natural Philosophy")],
        ),
        (
            "*Chemistry.*—Two terms. Text-book, Youmans' Chemistry. Lectures, with experiments "
            "before the class.",
            [course("Chemistry", "Youmans", title="Chemistry")],
        ),
        (
            "*Botany.*—Spring term. Text-book, Gray's Lessons in Botany. Each pupil prepares an "
            "herbarium.",
            [course("Botany", "Gray", title="Lessons in Botany", term="Spring term")],
        ),
        (
            "*Astronomy.*—One term. Text-book, Burritt's Geography of the Heavens.",
            [course("Astronomy", "Burritt", title="Geography of the Heavens")],
        ),
        (
            "*Physiology.*—Two terms. Text-book, Cutter's Anatomy and Physiology, with the use of "
            "charts and of a skeleton.",
            [course("Physiology", "Cutter", title="Anatomy and Physiology")],
        ),
        (
            "*Geology.*—One term. Text-book, Hitchcock's Elementary Geology. The class makes "
            "excursions to the quarries and ledges of the neighborhood.",
            [course("Geology", "Hitchcock", title="Elementary Geology")],
        ),
    ],
)

ENGLISH_LITERATURE = department(
    "English Literature",
    "Miss Alden",
    [
        (
            "*Grammar.*—One year. Text-book, Kerl's English Grammar.",
            [course("Grammar", "Kerl", title="English Grammar")],
        ),
        (
            "*Rhetoric.*—Two terms. Text-book, Hart's Manual of Composition and Rhetoric.",
            [course("Rhetoric", "Hart", title="Manual of Composition and Rhetoric")],
        ),
        (
            "*Composition.*—One term. Text-book, Quackenbos' First Lessons. Written exercises are "
            "read and corrected in the presence of the class.",
            [course("Composition", "Quackenbos", title="First Lessons")],
        ),
    ],
)

# The page before names the department and its teacher; this one neither.
ENGLISH_RUN_OVER = carried_department(
    "English Literature",
    None,
    [
        (
            "*English Literature.*—Senior year. Text-book, Cleveland's Compendium. Selections from "
            "Shakspeare and Milton are read.",
            [course("English Literature", "Cleveland", title="Compendium", level="Senior year")],
        ),
        (
            "*History.*—Fall and winter terms. Text-book, Worcester's Elements of History.",
            [
                course(
                    "History",
                    "Worcester",
                    title="Elements of History",
                    term="Fall and winter terms",
                )
            ],
        ),
    ],
)

MODERN_LANGUAGES = department(
    "Modern Languages",
    "Mr. Duval",
    [
        (
            "*French.*—Two years. Text-books, Fasquelle's French Course, and Collot's Reader.",
            [
                Course(
                    "French",
                    textbooks=(
                        Textbook("French Course", "Fasquelle"),
                        Textbook("Reader", "Collot"),
                    ),
                )
            ],
        ),
        (
            "*German.*—One year. Text-book, Woodbury's New Method.",
            [course("German", "Woodbury", title="New Method")],
        ),
        (
            "*Italian.*—Two terms. Text-book, Fontana's Grammar. Conversation is practised from "
            "the beginning.",
            [course("Italian", "Fontana", title="Grammar")],
        ),
    ],
) + show(
    Space(14),
    Rule("thin"),
    Paragraph(
        "small",
        "Pupils who are preparing to teach receive instruction in the art of teaching during the "
        "Fall term of each year, without additional charge.",
    ),
)

CLASSICAL = order_of_studies(
    "Classical Department",
    [
        ("First Year", "Fall Term", ["Latin Grammar", "Arithmetic", "Ancient Geography"]),
        ("First Year", "Spring Term", ["Latin Reader", "Algebra", "History of Greece"]),
        ("Second Year", "Fall Term", ["Cæsar", "Greek Grammar", "Algebra"]),
        ("Second Year", "Spring Term", ["Virgil", "Anabasis", "Geometry"]),
        ("Third Year", "Fall Term", ["Cicero's Orations", "Homer's Iliad", "Geometry"]),
    ],
)

ENGLISH = order_of_studies(
    "English Department",
    [
        ("First Year", "Fall Term", ["Arithmetic", "English Grammar", "Penmanship"]),
        ("First Year", "Spring Term", ["Higher Arithmetic", "Physiology", "Reading"]),
        ("Second Year", "Fall Term", ["Algebra", "Natural Philosophy", "Physical Geography"]),
        ("Second Year", "Spring Term", ["Botany", "Book-keeping", "Composition"]),
        ("Third Year", "Fall Term", ["Chemistry", "Moral Science", "Rhetoric"]),
    ],
)

ORDER_OF_STUDIES = (
    show(Line("h1", "ORDER OF STUDIES."), Rule("double"))
    + side_by_side(CLASSICAL, ENGLISH)
    + show(Rule("double"))
)

INFORMATION: Section = show(
    Line("h1", "LOCATION."),
    Paragraph(
        "p",
        "The Academy is pleasantly situated upon an eminence commanding a view of the village and "
        "of the valley of the Lamont, and is accessible by daily stages from the Vermont Central "
        "Railroad. The situation is remarkably healthful, and free from the temptations of larger "
        "places.",
    ),
    Line("h1", "DISCIPLINE."),
    Paragraph(
        "p",
        "The government is mild but firm. Pupils are expected to be in their rooms after seven "
        "o'clock in the evening; to abstain from profane language, from the use of tobacco within "
        "the buildings, and from whatever may disturb the quiet of others. A record of deportment "
        "is kept, and forwarded to parents at the close of every term.",
    ),
    Line("h1", "LIBRARY AND CABINET."),
    Paragraph(
        "p",
        "A Library of six hundred volumes is open to all members of the school. The Cabinet "
        "contains some three hundred specimens of the minerals of the State, and has received "
        "during the year valuable additions from friends of the institution, to whom the Trustees "
        "return their thanks.",
    ),
    Line("h1", "EXPENSES."),
    Leader("Common English Branches,", "$5.00"),
    Leader("Higher English,", "6.00"),
    Leader("Languages,", "7.00"),
    Leader("Board in families, per week,", "3.00"),
)

LINDEN = Catalog(
    state="Vermont",
    school="Linden Grove Academy",
    year=1866,
    face="baskervald",
    body_size=27,
    pages=(
        PrintedPage("title page", TITLE, academic_year="1866"),
        PrintedPage(
            "courses",
            show(Line("h1", "DEPARTMENTS OF STUDY."), Rule())
            + MATHEMATICS
            + show(Space(8))
            + ANCIENT_LANGUAGES,
            number=6,
        ),
        PrintedPage("courses", NATURAL_SCIENCE + show(Space(8)) + ENGLISH_LITERATURE, number=7),
        PrintedPage("courses", ENGLISH_RUN_OVER + show(Space(8)) + MODERN_LANGUAGES, number=8),
        PrintedPage("courses", ORDER_OF_STUDIES, number=9),
        PrintedPage("general information", INFORMATION, number=12),
    ),
)
