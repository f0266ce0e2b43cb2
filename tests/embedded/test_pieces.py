"""Lines that were read in two pieces: put together where dots, or their nearness, say so."""

from pagewave.embedded.reader.cleaning import Leader
from pagewave.embedded.reader.paragraphs import Line
from pagewave.embedded.reader.pieces import join_leaders, join_pieces


def line(text: str, left: int, top: int) -> Line:
    """A line of letters 10 wide, 20 high."""
    return Line(text, left, top, left + 10 * len(text), top + 20, paragraph=left)


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


TWO_COLUMNS = [
    line("Alpha", 100, 100),
    line("Beta", 100, 130),
    line("12", 900, 103),  # the sheet is a little askew
    line("34", 900, 133),
]


def test_what_a_leader_leads_to_is_on_its_line() -> None:
    leaders = [Leader((180, 115), (880, 118)), Leader((160, 145), (880, 148))]
    joined = join_leaders(TWO_COLUMNS, leaders, 1)
    assert texts(joined) == ["Alpha ... 12", "Beta ... 34"]
    assert (joined[0].left, joined[0].right, joined[0].paragraph) == (100, 920, 100)


def test_leaders_are_measured_in_the_pixels_of_the_image() -> None:
    assert texts(join_leaders(TWO_COLUMNS, [Leader((540, 345), (2640, 354))], 3)) == [
        "Alpha ... 12",
        "Beta",
        "34",
    ]


def test_a_leader_that_leads_to_nothing_changes_nothing() -> None:
    for leader in (
        Leader((180, 300), (880, 300)),  # on no line
        Leader((400, 115), (500, 118)),  # far from both
        Leader((180, 115), (500, 118)),  # far from what follows
    ):
        assert join_leaders(TWO_COLUMNS, [leader], 1) == TWO_COLUMNS
    whole = [line("Alpha ... 12", 100, 100)]
    assert join_leaders(whole, [Leader((160, 115), (190, 115))], 1) == whole
    assert join_leaders([], [Leader((160, 115), (190, 115))], 1) == []


def test_of_two_entries_side_by_side_each_gets_its_number() -> None:
    lines = [
        line("Alpha", 100, 100),
        line("12", 400, 100),
        line("Gamma", 500, 100),
        line("56", 800, 100),
    ]
    leaders = [Leader((170, 115), (380, 115)), Leader((570, 115), (780, 115))]
    assert texts(join_leaders(lines, leaders, 1)) == ["Alpha ... 12", "Gamma ... 56"]


def test_pieces_close_to_each_other_are_one_line() -> None:
    pieces = [line("The", 100, 100), line("Below", 100, 130), line("end", 180, 102)]
    assert texts(join_pieces(pieces)) == ["The end", "Below"]


def test_a_leader_with_dots_left_in_it_is_one() -> None:
    read = ["Algebra, ... ... Loomis.", "Botany. ... . ... Wood.", "Joy . ... .. 12", "A. B. C."]
    lines = [line(text, 100, 100 + 40 * row) for row, text in enumerate(read)]
    meant = ["Algebra, ... Loomis.", "Botany. ... Wood.", "Joy ... 12", "A. B. C."]
    assert texts(join_pieces(lines)) == meant
