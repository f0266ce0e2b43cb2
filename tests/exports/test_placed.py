"""Every word of a page has a place in formats of libraries, and no box leaves the page."""

from helpers.sample import BOOK
from helpers.trees import placed_word, trees_of
from pagewave.exports.divided_words import Joiner
from pagewave.exports.placed import place_words
from pagewave.words.tree import Block, Line, Source, Word


def _placed(*lines: list[Word]) -> list[list[tuple[int, ...]]]:
    blocks = (Block(lines=tuple(Line(words=tuple(words)) for words in lines)),)
    tree = trees_of(BOOK)[0].model_copy(update={"blocks": blocks, "width": 100, "height": 100})
    found = place_words(tree, Joiner([]))
    return [[tuple(word.box) for word in line.words] for block in found for line in block.lines]


def test_a_word_without_a_place_is_given_what_its_neighbours_leave() -> None:
    line = [
        placed_word("a", 10, 10, 20, 20),
        placed_word("bb"),
        placed_word("cc"),
        placed_word("d", 60, 12, 70, 22),
    ]
    assert _placed(line) == [
        [(10, 10, 20, 20), (20, 10, 40, 22), (40, 10, 60, 22), (60, 12, 70, 22)]
    ]


def test_lines_without_a_place_stand_between_their_neighbours() -> None:
    first, last = [placed_word("a", 10, 10, 90, 20)], [placed_word("d", 10, 60, 50, 70)]
    assert _placed(first, [placed_word("b")], [placed_word("c")], last)[1:3] == [
        [(10, 20, 90, 30)],  # as high as the others
        [(10, 40, 90, 50)],
    ]


def test_a_page_of_which_no_place_is_known_is_filled_in_order() -> None:
    assert _placed([placed_word("a")], [placed_word("b"), placed_word("c")]) == [
        [(0, 0, 100, 2)],
        [(0, 50, 50, 52), (50, 50, 100, 52)],
    ]


def test_no_box_leaves_the_page_or_has_no_inside() -> None:
    tops = [placed_word("a", 90, 90, 100, 100), *(placed_word("b") for _ in range(5))]
    for line in _placed(tops, [placed_word("c", -5, -5, 5, 5), placed_word("d", 200, 0, 210, 9)]):
        for left, top, right, bottom in line:
            assert 0 <= left < right <= 100 and 0 <= top < bottom <= 100


def test_what_only_the_engine_saw_is_in_no_format() -> None:
    seen = placed_word("dust", 1, 1, 5, 5, source=Source.EYE)
    assert _placed([seen], [placed_word("a", 10, 10, 20, 20), seen]) == [[(10, 10, 20, 20)]]
