"""Words against a truth: wrong in their order, and found in any."""

import pytest

from pagewave.answers.scores import score
from pagewave.answers.word_scores import WordCounts, count_words, words_in


@pytest.mark.parametrize(
    ("truth", "read", "counts"),
    [
        ("Livy and Algebra", "Livy and Algebra", (3, 3, 0, 3)),
        ("Livy and Algebra", "Livy and Algcbra", (3, 3, 1, 2)),
        ("Livy and Algebra", "Livy Algebra", (3, 2, 1, 2)),
        ("Livy Algebra", "Livy and more Algebra", (2, 4, 2, 2)),
        ("Livy Algebra", "Algebra Livy", (2, 2, 2, 2)),
        ("Livy Livy", "Livy", (2, 1, 1, 1)),
        ("Livy", "", (1, 0, 1, 0)),
        ("", "Livy", (0, 1, 1, 0)),
    ],
)
def test_errors_are_in_order_and_the_bag_is_in_any(
    truth: str, read: str, counts: tuple[int, ...]
) -> None:
    assert count_words(truth, read) == WordCounts(*counts)


def test_where_lines_end_counts_for_nothing() -> None:
    """The usual way, line by line or by spaces, has hardly a word of this page right."""
    truth = "Second Term.\u2014Trigonometry;\nChemistry (Youmans); Rhe-\ntoric (Quackenbos)"
    read = "Second Term.\u2014Trigonometry; Chemistry\n(Youmans); Rhetoric (Quackenbos)"
    lines = zip(truth.split("\n"), read.split("\n"), strict=False)
    assert [one == other for one, other in lines] == [False, False]
    assert len(set(truth.split(" ")) & set(read.split(" "))) == 2  # of six
    assert count_words(truth, read).errors == 0
    assert score("p", {"text": truth, "courses": []}, read, []).word_error_rate == 0


def test_quotes_dashes_and_leader_dots_are_no_words_of_their_own() -> None:
    assert words_in("Tuition . . . . \u2014 $30.00 \u2019tis") == ["Tuition", "$30.00", "'tis"]
    assert words_in(". . . .\n\u2014") == []


def test_a_comma_that_was_misread_is_a_wrong_word() -> None:
    assert count_words("Livy, Horace", "Livy. Horace").errors == 1
