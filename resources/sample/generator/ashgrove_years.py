"""The four years of Ashgrove College, term by term."""

from printed import Course, Textbook, carried_term, college_year, course, labelled

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
                    "Latin",
                    "Quintilian (Hart); Juvenal.",
                    course("Quintilian", "Hart"),
                    course("Juvenal"),
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
                    "Greek",
                    "Thucydides (Owen); Greek Composition.",
                    course("Thucydides", "Owen"),
                    course("Greek Composition"),
                ),
                labelled(
                    "Modern Languages",
                    "French Grammar (Fasquelle); Telemachus.",
                    course("French Grammar", "Fasquelle"),
                    course("Telemachus"),
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
                    "Greek",
                    "Euripides: Alcestis (Woolsey).",
                    course("Euripides: Alcestis", "Woolsey"),
                ),
                labelled(
                    "Modern Languages",
                    "German Grammar (Woodbury).",
                    course("German Grammar", "Woodbury"),
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
                labelled(
                    "Latin",
                    "Lucretius; Cicero de Oratore.",
                    course("Lucretius"),
                    course("Cicero de Oratore"),
                ),
                labelled(
                    "Natural Philosophy",
                    "Meteorology (Brocklesby).",
                    course("Meteorology", "Brocklesby"),
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
