"""A page out of its two halves: what both show is there once, and nothing is lost."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from helpers.result_lines import KEY, MODEL, make_line, page, response
from pagewave.answers.alike import alike, doubled, merged, overlap
from pagewave.answers.halves import JOINED, joined
from pagewave.answers.result_line import Answer, Failure, page_key_of, parse_line
from pagewave.halves import LOWER, UPPER, line_key, split_line_key
from pagewave.page_model import PageModel

LINES = [f"Line {number} of a page of many lines." for number in range(1, 21)]


def half(content: Any, model: type[PageModel] = MODEL) -> Answer | Failure:
    """What a half's line is taken for."""
    return parse_line(make_line(response(json.dumps(content))), model)


def whole(upper: Any, lower: Any, model: type[PageModel] = MODEL) -> Answer | Failure:
    """What two halves come to."""
    return joined({UPPER: half(upper, model), LOWER: half(lower, model)}, model)


def read(upper: Any, lower: Any, model: type[PageModel] = MODEL) -> Any:
    """The JSON of the page that they are."""
    result = whole(upper, lower, model)
    assert isinstance(result, Answer), result
    return json.loads(result.page_json)


def blocks(content: Any) -> list[tuple[int, str]]:
    """Ids and texts of a page's blocks."""
    return [(block["block_id"], block["text"]) for block in content["raw_ocr"]["text_blocks"]]


@pytest.mark.parametrize(
    ("upper", "lower", "texts"),
    [
        # the strip is a block of its own in both halves
        (["\n".join(LINES[:8]), *LINES[8:11]], [*LINES[8:11], "\n".join(LINES[11:])], None),
        # it ends a block of the one and begins one of the other
        (
            ["\n".join(LINES[:11])],
            ["\n".join(LINES[8:])],
            ["\n".join(LINES[:11]), "\n".join(LINES[11:])],
        ),
        # three blocks of the one are one of the other
        ([*LINES[:11]], ["\n".join(LINES[8:])], [*LINES[:11], "\n".join(LINES[11:])]),
        # nothing in common, as where the cut goes through white paper
        (
            ["\n".join(LINES[:10])],
            ["\n".join(LINES[10:])],
            ["\n".join(LINES[:10]), "\n".join(LINES[10:])],
        ),
        # the last line of the one is cut through, and so is the first of the other
        (
            [*LINES[:11], "Iine l2 cf"],
            ["oi a pagc", *LINES[9:]],
            [*LINES[:11], "Iine l2 cf", *LINES[11:]],
        ),
        # a letter was read otherwise
        ([*LINES[:11]], [LINES[9].replace("many", "mamy"), *LINES[10:]], LINES),
        # the lower half shows nothing but the strip
        (LINES, ["\n".join(LINES[18:])], LINES),
        # one of the halves is blank
        ([], LINES, LINES),
        (LINES, [], LINES),
    ],
)
def test_the_words_of_both_halves_are_there_once(
    upper: list[str], lower: list[str], texts: list[str] | None
) -> None:
    content = read(page(*upper), page(*lower))
    if texts is not None:
        assert [text for _, text in blocks(content)] == texts
    assert [number for number, _ in blocks(content)] == [*range(1, len(blocks(content)) + 1)]
    lines = MODEL.model_validate(content).text().split("\n")
    assert [line for line in lines if "Iine" not in line] == LINES


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_however_a_page_is_cut_and_put_into_blocks_its_lines_are_there_once(
    data: st.DataObject,
) -> None:
    strip = data.draw(st.integers(1, 4), label="lines that both show")
    above, below = (data.draw(st.integers(strip + 4, 12)) for _ in range(2))
    lines = [f"Line {number} of a page that was cut." for number in range(above + below - strip)]

    def in_blocks(some: list[str]) -> list[str]:
        ends = data.draw(st.sets(st.integers(1, len(some) - 1)), label="ends of blocks")
        places = [0, *sorted(ends), len(some)]
        return ["\n".join(some[a:b]) for a, b in itertools.pairwise(places)]

    content = read(page(*in_blocks(lines[:above])), page(*in_blocks(lines[above - strip :])))
    assert MODEL.model_validate(content).text().split("\n") == lines


LEFT = [f"Of the left column, line {number}." for number in range(1, 11)]
RIGHT = [f"Of the right column, line {number}." for number in range(1, 11)]


@pytest.mark.parametrize("as_blocks", [True, False])
def test_of_two_columns_nothing_is_doubled_though_both_are_cut(as_blocks: bool) -> None:
    def column(lines: list[str]) -> list[str]:
        return lines if as_blocks else ["\n".join(lines)]

    upper = page(*column(LEFT[:6]), *column(RIGHT[:6]))
    lower = page(*column(LEFT[4:]), *column(RIGHT[4:]))
    content = read(upper, lower)
    expected = [*LEFT[:6], *RIGHT[:6], *LEFT[6:], *RIGHT[6:]]
    assert MODEL.model_validate(content).text().split("\n") == expected


def test_what_a_page_says_twice_is_not_taken_for_what_both_halves_show() -> None:
    terms = ["First Term.", "Second Term.", "Third Term."]
    upper = page("FRESHMAN YEAR.", *terms, *LINES[:3])
    lower = page(*terms, *LINES[5:8])
    content = read(upper, lower)
    said = MODEL.model_validate(content).text().split("\n")
    assert said == ["FRESHMAN YEAR.", *terms, *LINES[:3], *terms, *LINES[5:8]]


def test_a_line_that_is_printed_again_behind_the_strip_is_there_twice() -> None:
    again = [*LINES[:11], LINES[10], *LINES[11:]]
    content = read(page(*LINES[:11]), page(*LINES[9:11], LINES[10], *LINES[11:]))
    assert [text for _, text in blocks(content)] == again


def course(name: str, **fields: Any) -> dict[str, Any]:
    """A course as page_ocr has it."""
    empty = dict.fromkeys(("department", "level", "term", "description", "topics", "instructors"))
    return {"course_name": name, **empty, "textbooks": [], **fields}


def test_an_item_that_both_halves_show_is_one_and_the_fuller() -> None:
    cut_off = course("Geometry", level="Freshman", description="Loomis")
    fuller = course("Geometry", level="Freshman", description="Loomis's Elements, in six books.")
    upper = page(*LINES[:11], courses=[course("Latin"), cut_off], school_name=" ")
    lower = page(*LINES[9:], courses=[fuller, course("Greek")], school_name="Elm College")
    content = read(upper, lower)
    assert content["courses"] == [course("Latin"), fuller, course("Greek")]
    assert content["school_name"] == "Elm College"


def test_courses_of_one_name_that_differ_are_two() -> None:
    first, second = course("Algebra", level="Freshman"), course("Algebra", level="Sophomore")
    upper, lower = page(*LINES[:11], courses=[first]), page(*LINES[9:], courses=[second])
    assert read(upper, lower)["courses"] == [first, second]


def test_without_a_line_in_common_no_item_is_taken_for_another() -> None:
    upper, lower = (
        page(LINES[0], courses=[course("Algebra")]),
        page(LINES[9], courses=[course("Algebra")]),
    )
    assert len(read(upper, lower)["courses"]) == 2


class Plain(PageModel):
    """A page model of another kind: one text, and words of it in a list."""

    words: str
    title: str | None = None
    names: list[str] = Field(default=[])
    number: int | None = None

    def text(self) -> str:
        return self.words

    def context(self) -> str:
        return self.words


def test_any_page_model_is_joined_by_what_its_text_says() -> None:
    upper = {"words": "\n".join(LINES[:11]), "title": "A page", "names": ["Ann", "Bob"]}
    lower = {
        "words": "\n".join(LINES[9:]),
        "title": "Of many",
        "names": ["Bob", "Cid"],
        "number": 7,
    }
    assert read(upper, lower, Plain) == {
        "words": "\n".join(LINES),
        "title": "A page",
        "names": ["Ann", "Bob", "Cid"],
        "number": 7,
    }
    single = {"words": "One."}, {"words": "Two."}
    assert read(*single, Plain)["words"] == "One.\nTwo."


class Short(Plain):
    """One whose text may be of so many lines alone."""

    def model_post_init(self, context: object) -> None:
        if self.words.count("\n") > 12:
            raise ValueError("too many lines for a card")


class Narrow(Plain):
    """One that takes two names at most."""

    names: list[str] = Field(default=[], max_length=2)


@pytest.mark.parametrize(
    ("model", "upper", "lower", "said"),
    [
        (
            Short,
            {"words": "\n".join(LINES[:10])},
            {"words": "\n".join(LINES[10:])},
            "too many lines",
        ),
        (
            Narrow,
            {"words": LINES[0], "names": ["Ann", "Bob"]},
            {"words": LINES[9], "names": ["Cid", "Dan"]},
            "names: List should have at most 2 items",
        ),
    ],
)
def test_halves_that_are_no_page_are_a_failure_that_says_why(
    model: type[PageModel], upper: Any, lower: Any, said: str
) -> None:
    result = whole(upper, lower, model)
    assert isinstance(result, Failure)
    assert result.error_type == "ValidationError"
    assert result.message.startswith("Its two halves can't be joined: ")
    assert said in result.message
    assert result.usage and result.usage.prompt_tokens == 6000


class Listed(Plain):
    """Whose text is made of its names, and holds none of them as it is."""

    items: list[dict[str, int]] = Field(default=[])

    def text(self) -> str:
        return "\n".join(f"* {name}" for name in self.names)


def test_lines_that_stand_nowhere_as_they_are_can_not_be_left_out() -> None:
    upper, lower = {"words": "", "names": LINES[:11]}, {"words": "", "names": LINES[9:]}
    assert read(upper, lower, Listed)["names"] == [*LINES[:11], *LINES[9:]]


def test_numbers_that_do_not_count_are_left_as_they_are() -> None:
    upper = {"words": "", "names": LINES[:2], "items": [{"id": 4}, {"id": 7}]}
    lower = {"words": "", "names": LINES[2:4], "items": [{"id": 1}]}
    assert read(upper, lower, Listed)["items"] == [{"id": 4}, {"id": 7}, {"id": 1}]
    upper["items"] = [{"id": 4}, {"id": 5}]
    assert read(upper, lower, Listed)["items"] == [{"id": 4}, {"id": 5}, {"id": 6}]


def test_words_that_would_be_lost_are_told() -> None:
    class Title(Plain):
        def text(self) -> str:
            return "\n".join(self.names[:2])

    result = whole(
        {"words": "", "names": ["Ann", "Bob"]}, {"words": "", "names": ["Cid", "Dan"]}, Title
    )
    assert isinstance(result, Failure)
    assert "2 lines of their text would be lost, the first: 'Cid'" in result.message


def test_both_halves_are_counted_whatever_became_of_one() -> None:
    good = half(page(*LINES[:11]))
    bad = parse_line(make_line(response("{", finishReason="MAX_TOKENS")), MODEL)
    refused = parse_line(make_line(None, error={"code": 8, "message": "busy"}), MODEL)
    for lower, tokens in ((bad, 6000), (refused, 3000)):
        result = joined({UPPER: good, LOWER: lower}, MODEL)
        assert isinstance(result, Failure) and isinstance(lower, Failure)
        assert result.message == f"Of its lower half: {lower.message}"
        assert result.error_type == lower.error_type
        assert result.inferred and result.usage and result.usage.prompt_tokens == tokens
    neither = joined({UPPER: refused, LOWER: refused}, MODEL)
    assert isinstance(neither, Failure)
    assert not neither.inferred and neither.usage is None


def test_a_page_that_was_joined_says_so() -> None:
    result = whole(page(*LINES[:11]), page(*LINES[9:]))
    assert isinstance(result, Answer)
    flag = result.flags[-1]
    assert flag.what == JOINED
    assert "2 lines that both show" in flag.message
    assert result.usage.output_tokens == 800


def test_a_line_of_a_half_belongs_to_its_page() -> None:
    for name in (UPPER, LOWER):
        assert split_line_key(line_key(KEY, name)) == (KEY, name)
        assert page_key_of(make_line(key=line_key(KEY, name))) == KEY
    assert split_line_key(KEY) == (KEY, None) and page_key_of(make_line()) == KEY
    assert page_key_of(b"?") is None


def test_digits_make_lines_differ_and_letters_do_not() -> None:
    assert alike("Trigonometry and Surveying, Loomis", "Trigonometry and Surveving, Loomis")
    assert not alike("Trigonometry and Surveying, 4 hours", "Trigonometry and Surveying, 5 hours")
    assert not alike("Livy", "Levy")
    # One letter in twenty is a slip, one in nineteen another word.
    assert alike("Loomis, Trigonometry", "Loomls, Trigonometry")
    assert not alike("Loomis Trigonometry", "Loomls Trigonometry")


def test_one_short_line_proves_no_overlap() -> None:
    assert overlap(["First.", "do."], ["do.", "Last."]) == 0
    assert overlap(["First.", "The middle of it"], ["The middle of it", "Last."]) == 1
    assert merged(["a", "b"], ["b", "c"]) == ["a", "b", "c"]


def test_in_two_columns_both_strips_are_found() -> None:
    upper, lower = [*LEFT[:6], *RIGHT[:6]], [*LEFT[4:], *RIGHT[4:]]
    assert doubled(upper, lower) == [range(2), range(6, 8)]


def test_a_name_that_is_part_of_another_makes_two_items() -> None:
    first, second = {"name": "Latin"}, {"name": "Latin Prose"}
    assert merged([first], [second]) == [first, second]


def test_an_item_of_which_one_half_lacks_a_list_is_one() -> None:
    has, lacks = {"name": "Latin", "books": ["Livy"]}, {"name": "Latin", "books": None}
    assert merged([has], [lacks]) == merged([lacks], [has]) == [has]
