"""Which words are marked as different, wrong or missing."""

from pagewave.commands.trials.words import Mark, marked


def words(marks: list[Mark], kind: str) -> list[str]:
    """The words with a mark of this kind."""
    return [mark.word for mark in marks if getattr(mark, kind)]


def test_words_that_the_other_has_not_are_marked() -> None:
    marks = marked("FRESHMAN YEAR.\nLivy and Algebra", "FRESHMAN YEAR. Livy, Algebra", None)
    assert words(marks, "differs") == ["Livy", "and"]
    assert words(marks, "wrong") == []
    assert "".join(m.word + m.space for m in marks) == "FRESHMAN YEAR.\nLivy and Algebra"


def test_quotes_dashes_dots_and_line_ends_count_for_nothing() -> None:
    one = "Butler\u2019s . . . . Analogy\nMental Philo-\nsophy \u2014 Wayland"
    other = "Butler's ... Analogy Mental Philo-sophy-Wayland"
    marks = marked(one, other, other)
    assert words(marks, "differs") == words(marks, "wrong") == []
    assert "".join(m.word + m.space for m in marks) == one


def test_what_the_truth_has_instead_is_told() -> None:
    marks = marked("Algcbra Livy, extra", "Algcbra Livy, extra", "Algebra and Livy, not")
    assert [(m.word, m.true) for m in marks if m.wrong] == [
        ("Algcbra", "Algebra and"),
        ("extra", "not"),
    ]
    marks = marked("Algebra Livy extra", "Algebra Livy extra", "Algebra and Livy")
    assert [(m.word, m.missing) for m in marks if m.missing] == [("Livy", "and")]
    assert [(m.word, m.true) for m in marks if m.wrong] == [("extra", "")]


def test_what_is_missing_at_the_end_has_a_mark_of_its_own() -> None:
    assert marked("one", "one", "one two three")[-1] == Mark("", "", missing="two three")
    assert marked("", "", "all of it") == [Mark("", "", missing="all of it")]
    assert marked("", "something", None) == []
