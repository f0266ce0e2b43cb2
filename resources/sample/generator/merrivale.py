"""Merrivale Female Seminary, 1858-59: two columns, terms run in; a term runs over mid-sentence."""

from printed import (
    Catalog,
    Display,
    Leader,
    Line,
    Paragraph,
    PrintedPage,
    Rule,
    Space,
    Textbook,
    carried_class,
    possessive,
    seminary_class,
    show,
    side_by_side,
    simple,
    textbook_table,
)

TITLE = show(
    Space(90),
    Display("SEVENTH ANNUAL", 34),
    Space(10),
    Display("CATALOGUE", 78, 6),
    Space(10),
    Display("OF THE", 22),
    Space(20),
    Display("MERRIVALE", 66, 6, bold=True),
    Display("FEMALE SEMINARY,", 52, bold=True),
    Space(16),
    Display("MERRIVALE, OHIO,", 30),
    Space(30),
    Rule(),
    Space(20),
    Display("FOR THE YEAR ENDING JUNE 23, 1859.", 28, 2),
    Space(430),
    Display("CINCINNATI:", 27),
    Display("WRIGHTSON & DOANE, PRINTERS, 167 WALNUT STREET.", 20, 1),
    Display("1859.", 26),
)

PREPARATORY = seminary_class(
    "Preparatory Class",
    [
        (
            "First Term",
            [
                simple("Arithmetic", "Colburn"),
                simple("Geography", "Mitchell"),
                simple("Reading and Spelling"),
                simple("Penmanship"),
            ],
        ),
        (
            "Second Term",
            [
                simple("Arithmetic, completed", "Greenleaf"),
                simple("English Grammar", "Brown"),
                simple("History of the United States", "Willson"),
                simple("Vocal Music"),
            ],
        ),
    ],
)

JUNIOR = seminary_class(
    "Junior Class",
    [
        (
            "First Term",
            [
                simple("Algebra", "Loomis"),
                simple("Analysis of the English Language", "Greene"),
                simple("Physical Geography", "Warren"),
                simple("Latin Grammar and Reader", "Andrews"),
            ],
        ),
        (
            "Second Term",
            [
                simple("Algebra, continued"),
                simple("Physiology", "Cutter"),
                simple("Ancient History", "Worcester"),
                simple("Cæsar", "Anthon"),
                simple("Drawing"),
            ],
        ),
    ],
)

MIDDLE = seminary_class(
    "Middle Class",
    [
        (
            "First Term",
            [
                simple("Geometry", "Davies"),
                simple("Natural Philosophy", "Olmsted"),
                simple("Botany", "Wood"),
                simple("Virgil", "Bowen"),
                simple("French", "Fasquelle"),
            ],
        ),
        (
            "Second Term",
            [
                simple("Trigonometry"),
                simple("Chemistry", "Youmans"),
                simple("Rhetoric", "Quackenbos"),
                simple("Modern History", "Weber"),
                simple("French Reader", "Collot"),
                simple("Zoology", "Agassiz"),
                simple("Bookkeeping", "Mayhew"),
                simple("Ancient Geography", "Mitchell"),
                simple("Perspective Drawing"),
            ],
        ),
    ],
)

SENIOR = seminary_class(
    "Senior Class",
    [
        (
            "First Term",
            [
                simple("Mental Philosophy", "Wayland"),
                simple("Astronomy", "Robinson"),
                simple("Logic", "Hedge"),
                possessive("Milton", "Paradise Lost"),
                simple("Cicero's Orations", "Anthon"),
                simple("Universal History", "Weber"),
                simple("Elocution", "Russell"),
            ],
        ),
        (
            "Second Term",
            [
                simple("Moral Science", "Wayland"),
                simple("Evidences of Christianity", "Alexander"),
                simple("Geology", "Hitchcock"),
                simple("Elements of Political Economy", "Wayland"),
                simple("English Literature", "Cleveland"),
                simple("Trigonometry, reviewed"),
            ],
        ),
    ],
    runs_over=True,
)

# The page before breaks off in the middle of the term, after a semicolon.
SENIOR_RUN_OVER = carried_class(
    "Senior Class",
    "Second Term",
    [
        possessive("Butler", "Analogy"),
        simple("Criticism", "Kames"),
        simple("Domestic Economy", "Beecher"),
        simple("Lectures on the History of Art"),
    ],
)

ABOUT_THE_COURSE = Paragraph(
    "p",
    "The regular course occupies three years, besides the preparatory studies. Pupils who do not "
    "desire a diploma may select from the studies of any class for which they are prepared.",
)

ABOUT_THE_HIGHER_CLASSES = Paragraph(
    "p",
    "The studies of the Middle and Senior Classes are pursued chiefly by recitation, with lectures "
    "upon the several branches of Natural Science. Latin and French may be exchanged, the one for "
    "the other, at the request of parents; and a pupil who gives her whole time to Music or to "
    "Painting may omit one study of each term.",
)

UNDER_THE_COLUMNS = show(
    Space(18),
    Rule("thin"),
    Paragraph(
        "small",
        "Exercises in Composition weekly, and in Vocal Music daily, throughout the course. "
        "Instruction upon the Piano Forte and Guitar is given at an extra charge, by competent "
        "teachers residing in the family.",
    ),
)

REMARKS = show(
    Space(16),
    Rule(),
    Line("h2", "REMARKS."),
    Paragraph(
        "p",
        "It is the design of the Trustees to furnish to young ladies an education as thorough as "
        "that which is afforded to the other sex by our best Academies. The examinations at the "
        "close of each term are public, and are conducted both orally and in writing.",
    ),
    Paragraph(
        "p",
        "A diploma is conferred upon those who complete satisfactorily the whole course. Pupils "
        "entering in advance of the Junior Class must sustain an examination in the studies "
        "previously pursued.",
    ),
    Line("h2", "GOVERNMENT."),
    Paragraph(
        "p",
        "The pupils reside in the family of the Principal, and are at all times under the care of "
        "the teachers. Letters and visits are subject to the direction of parents. It is desired "
        "that pupils be present at the opening of the term, and remain until its close.",
    ),
)

TEXTBOOKS = (
    show(Line("h1", "TEXT-BOOKS."), Rule())
    + textbook_table(
        [
            (
                "Arithmetic",
                "Colburn and Greenleaf",
                [Textbook(None, "Colburn"), Textbook(None, "Greenleaf")],
            ),
            ("Algebra", "Loomis", [Textbook(None, "Loomis")]),
            ("Geometry", "Davies' Legendre", [Textbook("Legendre", "Davies")]),
            ("Geography", "Mitchell", [Textbook(None, "Mitchell")]),
            ("Physical Geography", "Warren", [Textbook(None, "Warren")]),
            ("English Grammar", "Goold Brown", [Textbook(None, "Goold Brown")]),
            ("Rhetoric", "Quackenbos", [Textbook(None, "Quackenbos")]),
            ("Physiology", "Cutter", [Textbook(None, "Cutter")]),
            ("Botany", "Wood", [Textbook(None, "Wood")]),
            ("Chemistry", "Youmans", [Textbook(None, "Youmans")]),
            ("Natural Philosophy", "Olmsted", [Textbook(None, "Olmsted")]),
            ("Astronomy", "Robinson", [Textbook(None, "Robinson")]),
            ("Mental Philosophy", "Wayland", [Textbook(None, "Wayland")]),
            (
                "Latin Grammar",
                "Andrews and Stoddard",
                [Textbook(None, "Andrews"), Textbook(None, "Stoddard")],
            ),
            ("French", "Fasquelle", [Textbook(None, "Fasquelle")]),
        ]
    )
    + show(
        Space(20),
        Paragraph(
            "p",
            "Parents are requested to furnish pupils with such standard works of reference as they "
            "may have at home; as, a Bible, a Dictionary, and an Atlas, both ancient and modern.",
        ),
    )
)

CALENDAR = show(
    Line("h1", "CALENDAR."),
    Rule(),
    Leader("First Term begins", "September 9, 1858."),
    Leader("First Term closes", "January 28, 1859."),
    Leader("Second Term begins", "February 7, 1859."),
    Leader("Public Examination", "June 20 and 21."),
    Leader("Anniversary Exercises", "June 23, 1859."),
    Line("h1", "TERMS."),
    Leader("Board and Tuition, per Term of twenty weeks,", "$65.00"),
    Leader("Tuition in the Preparatory Class,", "8.00"),
    Leader("Tuition in the higher Classes,", "12.00"),
    Leader("Lessons upon the Piano Forte,", "15.00"),
    Leader("Use of Instrument,", "3.00"),
    Leader("Oil Painting,", "12.00"),
    Leader("Washing, per dozen,", ".50"),
    Space(10),
    Paragraph(
        "p",
        "One half of the bill is payable in advance, and the remainder at the middle of the Term. "
        "No deduction is made for absence, except in cases of protracted illness.",
    ),
    Paragraph(
        "p",
        "Each young lady will provide her own towels, napkins, and napkin ring; and every article "
        "of clothing must be distinctly marked with the name of the owner.",
    ),
)

MERRIVALE = Catalog(
    state="Ohio",
    school="Merrivale Female Seminary",
    year=1859,
    face="didot",
    body_size=24,
    pages=(
        PrintedPage("title page", TITLE),
        PrintedPage(
            "courses",
            show(Line("h1", "COURSE OF STUDY."), ABOUT_THE_COURSE, Rule())
            + side_by_side(PREPARATORY, JUNIOR)
            + UNDER_THE_COLUMNS,
            number=9,
        ),
        PrintedPage(
            "courses",
            show(Line("h1", "HIGHER CLASSES."), ABOUT_THE_HIGHER_CLASSES, Rule())
            + side_by_side(MIDDLE, SENIOR),
            number=10,
        ),
        PrintedPage("courses", SENIOR_RUN_OVER + REMARKS, number=11),
        PrintedPage("text-books", TEXTBOOKS, number=12),
        PrintedPage("calendar", CALENDAR, number=15),
    ),
)
