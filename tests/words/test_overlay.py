"""A reading over what an eye saw: places, ink, doubts, findings. The eye's part is made by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pagewave.words.doubt import clarity_of
from pagewave.words.eyes import Seen, SeenWord, Sheet
from pagewave.words.findings import findings_of, with_the_book
from pagewave.words.overlay import lay
from pagewave.words.page import tree_of
from pagewave.words.tree import Kind, PageTree, Source, Word

LINES = [
    "The school stands upon a hill",
    "Board may be had in private families",
    "Tuition is payable in advance",
    "Each pupil brings towels and bedding",
]
NEXT = ["Lectures upon chemistry are given weekly", "Examinations close the winter term"]


class HandMade:
    """An eye that is named only."""

    name, language = "by hand", "eng"

    def see(self, image: Any) -> Seen:
        """Never asked."""
        raise NotImplementedError


def seen(lines: Sequence[str], unread: Sequence[str] = (), confidence: float = 0.95) -> Seen:
    """A page with a line each 30 pixels, letters 10 wide; `unread` has ink and was not seen."""
    words: list[SeenWord] = []
    ink = np.zeros((40 + 30 * len(lines), 500), np.bool_)
    for number, line in enumerate(lines):
        x, top = 20, 20 + 30 * number
        for text in line.split():
            box = (x, top, x + 10 * len(text), top + 16)
            ink[top : top + 16 : 2, x : box[2]] = True
            if text not in unread:
                words.append(SeenWord(text, box_of(*box), confidence, number, 0))
            x = box[2] + 10
    return Seen(tuple(words), Sheet(ink.shape[1], ink.shape[0]), ink)


def box_of(*edges: int) -> Any:
    """A box."""
    from pagewave.words.tree import Box

    return Box(*edges)


def tree(key: str, reading: Sequence[str], page: Seen) -> PageTree:
    """The tree of a page."""
    text = "\n".join(reading)
    return tree_of(key, text, page, HandMade(), reading_sha256="a", scan_sha256="b")


def word(of: PageTree, text: str) -> Word:
    """The word of a tree."""
    return next(word for word in of.words() if word.text == text)


def test_a_page_read_right_has_every_word_at_its_place_and_hardly_a_doubt() -> None:
    found = tree("b:1", LINES, seen(LINES))
    assert [line.text for line in found.lines()] == LINES
    assert all(word.source == Source.BOTH and word.box for word in found.words())
    assert word(found, "school").box == (60, 20, 120, 36)
    assert found.doubt < 0.02 and found.findings == ()


def test_another_word_is_doubted_and_more_so_where_the_eye_is_sure() -> None:
    reading = [LINES[0].replace("school", "chapel"), *LINES[1:]]
    sure, unsure = (word(tree("b:1", reading, seen(LINES, (), c)), "chapel") for c in (0.95, 0.3))
    assert (sure.seen, sure.box) == ("school", (60, 20, 120, 36))
    assert sure.doubt > 0.5 and sure.doubt > unsure.doubt
    year = ["Founded in the year 1852 by friends", *LINES[1:]]
    reading = [year[0].replace("1852", "1862"), *LINES[1:]]
    sure, unsure = (word(tree("b:1", reading, seen(year, (), c)), "1862") for c in (0.95, 0.3))
    assert sure.doubt > 0.5 > unsure.doubt


def test_how_well_the_eye_reads_is_told_by_what_it_saw() -> None:
    missed = clarity_of(lay("\n".join(LINES), seen(LINES, unread=["private"])))
    reading = [LINES[0].replace("school", "chapel"), *LINES[1:]]
    assert missed > clarity_of(lay("\n".join(reading), seen(LINES)))


def test_a_word_that_the_eye_missed_is_put_where_its_ink_is() -> None:
    found = tree("b:1", LINES, seen(LINES, unread=["private"]))
    place = word(found, "private")
    assert place.source == Source.READING and place.box is not None
    assert abs(place.box.left - 210) < 12 and abs(place.box.right - 280) < 12
    made_up = tree("b:1", [LINES[0] + " chapel", *LINES[1:]], seen(LINES))
    assert word(made_up, "chapel").doubt > place.doubt


def test_a_line_left_out_is_named_with_its_place_and_its_words_stand_in_the_tree() -> None:
    found = tree("b:1", [LINES[0], *LINES[2:]], seen(LINES))
    [finding] = found.findings
    assert (finding.kind, finding.text) == (Kind.LEFT_OUT, LINES[1])
    assert finding.box == (20, 50, 380, 66)
    lines = [[w.text for w in line.words] for line in found.lines()]
    assert lines[1] == LINES[1].split()
    assert {w.source for w in list(found.lines())[1].words} == {Source.EYE}
    assert word(found, "families").doubt > 0.5
    assert [line.text for line in found.lines()][1] == ""


def test_words_left_out_stand_in_their_line_also_at_its_beginning() -> None:
    found = tree("b:1", [LINES[0], "may be had in families", *LINES[2:]], seen(LINES))
    line = list(found.lines())[1]
    assert [word.text for word in line.words] == LINES[1].split()
    assert [w.text for w in line.words if w.source == Source.EYE] == ["Board", "private"]
    none = tree("b:1", [], seen(LINES))
    assert [[w.text for w in line.words] for line in none.lines()] == [x.split() for x in LINES]


def test_lines_without_ink_are_named_as_made_up_or_as_doubled() -> None:
    made_up = "Professor Harding lectured daily upon optics"
    reading = [*LINES[:2], made_up, LINES[2], LINES[2], LINES[3]]
    found = findings_of(lay("\n".join(reading), seen(LINES)))
    assert [(f.kind, f.text) for f in found] == [
        (Kind.INVENTED, made_up),
        (Kind.DOUBLED, LINES[2]),
    ]


def test_a_line_that_the_eye_could_not_read_is_not_called_made_up() -> None:
    overlay = lay("\n".join(LINES), seen(LINES, unread=LINES[2].split()))
    assert findings_of(overlay) == []


def test_small_words_that_the_eye_missed_beside_large_ones_are_not_called_made_up() -> None:
    large = ["CATALOGUE", "ASHGROVE COLLEGE", "OFFICERS AND STUDENTS"]
    words: list[SeenWord] = []
    ink = np.zeros((600, 900), np.bool_)
    for number, line in enumerate([*large, "printed by me", "seen well"]):
        size = 3 if number < len(large) else 1
        x, top = 20, 20 + 100 * number
        for text in line.split():
            box = box_of(x, top, x + 10 * size * len(text), top + 16 * size)
            ink[box.top : box.bottom : 2, box.left : box.right] = True
            if "printed" not in line:
                words.append(SeenWord(text, box, 0.95, number, number))
            x = box.right + 10 * size
    page = Seen(tuple(words), Sheet(900, 600), ink)
    made_up = "mountain river spring"
    laid = tree("a", [*large, "printed by me", "seen well", made_up], page)
    assert [finding.text for finding in laid.findings] == [made_up]
    doubts = {word.text: word.doubt for word in laid.words()}
    assert max(doubts[text] for text in ("printed", "by", "me")) < 0.5 < doubts["river"]


def test_lines_of_the_next_page_are_named_with_it_whoever_is_asked_first() -> None:
    pages = {
        "b:1": tree("b:1", [*LINES, NEXT[0]], seen(LINES)),
        "b:2": tree("b:2", NEXT, seen(NEXT)),
    }
    found = with_the_book(pages)
    [finding] = found["b:1"].findings
    assert (finding.kind, finding.other) == (Kind.PAST_THE_LEAF, "b:2")
    assert with_the_book(found) == found
    # Alone again, it is no more than made up.
    [finding] = with_the_book({"b:1": found["b:1"]})["b:1"].findings
    assert (finding.kind, finding.other) == (Kind.INVENTED, None)


@pytest.mark.parametrize("scanned_twice", [False, True])
def test_a_page_read_as_its_neighbour_is_told_from_one_that_was_scanned_twice(
    scanned_twice: bool,
) -> None:
    other = [*NEXT, "The library holds eight hundred volumes", "Vacation begins in August"]
    pages = {
        "b:1": tree("b:1", LINES, seen(LINES)),
        "b:2": tree("b:2", LINES, seen(LINES if scanned_twice else other)),
    }
    found = with_the_book(pages)
    kind = Kind.DOUBLED if scanned_twice else Kind.WRONG_PAGE
    assert (found["b:2"].findings[0].kind, found["b:2"].findings[0].other) == (kind, "b:1")
    assert bool(found["b:1"].findings) == scanned_twice


def test_a_paragraph_in_one_line_is_lines_as_they_are_printed() -> None:
    found = tree("b:1", [" ".join(LINES)], seen(LINES))
    assert [line.text for line in found.lines()] == LINES


def test_blank_lines_part_blocks_and_an_empty_page_has_none() -> None:
    found = tree("b:1", [*LINES[:2], "", *LINES[2:]], seen(LINES))
    assert [len(block.lines) for block in found.blocks] == [2, 2]
    empty = tree("b:1", [], seen([]))
    assert (empty.blocks, empty.doubt) == ((), 0.0)
