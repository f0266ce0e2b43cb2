"""Words of a reading paired with those that an eye saw."""

from pagewave.words.align import align, cuts
from pagewave.words.folding import key_of, marks_of

LEFT_TEXT = "the senior class will study rhetoric and logic in autumn"
RIGHT_TEXT = "all pupils bring bedding towels and four napkins from home"
LEFT, RIGHT = LEFT_TEXT.split(), RIGHT_TEXT.split()


def pairs(reading: str, eye: str) -> list[tuple[str, str]]:
    """What is paired, as words."""
    ours, theirs = reading.split(), eye.split()
    found = align([key_of(word) for word in ours], [key_of(word) for word in theirs])
    return [
        (" ".join(ours[at] for at in pair.reading), " ".join(theirs[at] for at in pair.eye))
        for pair in found
    ]


def test_ligatures_and_the_long_s_are_folded_to_compare_and_marks_are_no_letters() -> None:
    assert key_of("o\ufb03ce,") == key_of("Office") == "office"
    assert key_of("Di\u017fcour\u017fes") == "discourses"
    assert key_of("fa\u00e7ade") == "facade" and key_of("\u2014") == ""
    assert marks_of("\u201cnow\u201d,") == marks_of('"now",') == '"",'


def test_columns_in_another_order_are_paired_all_the_same() -> None:
    found = align(LEFT + RIGHT, RIGHT + LEFT)
    assert {pair.reading[0]: pair.eye[0] for pair in found} == {
        **{at: at + len(RIGHT) for at in range(len(LEFT))},
        **{at + len(LEFT): at for at in range(len(RIGHT))},
    }


def test_columns_that_the_eye_read_line_by_line_across_are_paired() -> None:
    across = [word for at in range(0, 10, 5) for word in LEFT[at : at + 5] + RIGHT[at : at + 5]]
    found = align(LEFT + RIGHT, across)
    ours = LEFT + RIGHT
    assert len(found) == len(ours)
    assert all(ours[pair.reading[0]] == across[pair.eye[0]] for pair in found)


def test_a_word_parted_at_the_end_of_a_line_is_one() -> None:
    found = pairs("lessons in geography for beginners", "lessons in geo- graphy for beginners")
    assert ("geography", "geo- graphy") in found
    found = pairs("lessons in geo- graphy for beginners", "lessons in geography for beginners")
    assert ("geo- graphy", "geography") in found


def test_words_that_the_eye_ran_together_are_parted_by_their_letters() -> None:
    assert ("of the", "ofthe") in pairs("the end of the winter term", "the end ofthe winter term")
    one, other = cuts(["of", "the"], "ofthe")
    assert (one.start, one.end, other.start, other.end) == (0, 0.4, 0.4, 1)


def test_a_wholly_other_word_between_sure_ones_is_paired_with_what_stands_there() -> None:
    found = pairs("Professor Whitney teaches logic daily", "Professor Harding teaches logic daily")
    assert ("Whitney", "Harding") in found


def test_a_made_up_text_is_paired_with_nothing_though_another_stands_there() -> None:
    made_up_text = "zebras gallop over dusty yellow plains whenever thunder rolls"
    there_text = "tuition payable quarterly in advance includes fuel lights washing"
    made_up, there = made_up_text.split(), there_text.split()
    found = align(LEFT + made_up + RIGHT, LEFT + there + RIGHT)
    assert {at for pair in found for at in pair.reading} == {
        *range(len(LEFT)),
        *range(len(LEFT) + len(made_up), len(LEFT + made_up + RIGHT)),
    }


def test_of_a_line_that_is_read_twice_one_is_paired_as_a_whole() -> None:
    found = align(LEFT + RIGHT + RIGHT + LEFT[::-1], LEFT + RIGHT + LEFT[::-1])
    missing = set(range(40)) - {at for pair in found for at in pair.reading}
    assert missing in (set(range(10, 20)), set(range(20, 30)))


def test_nothing_to_pair_is_no_fault() -> None:
    assert align([], ["a"]) == [] == align(["", ""], [])
    assert align(["word"], ["", "word"])[0].eye == (1,)
