"""Which words of a text are not those of another: what a comparison shows side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rapidfuzz.distance import Levenshtein

from pagewave.answers.word_scores import WORD, normal_text


@dataclass(frozen=True)
class Mark:
    """A word of a text and the space behind it, as printed.

    Attributes:
        differs: the other reading has not this word here.
        wrong: the truth has not; `true` is what it has instead of this and the other wrong words
            beside it, "" for nothing.
        missing: words of the truth that should stand before this one.
    """

    word: str
    space: str
    differs: bool = False
    wrong: bool = False
    true: str = ""
    missing: str = ""


def marked(
    text: str, other: str, truth: str | None, compared: Callable[[str], str] = normal_text
) -> list[Mark]:
    """The words of `text`, marked where they are not those of the other text or of the truth.

    Words are compared as they are scored: quotes, dashes, leader dots and line breaks don't count.
    A last mark without a word says what is missing at the end. `compared` makes of a word what is
    compared of it.
    """
    found = list(WORD.finditer(text))
    starts = [match.start() for match in found] + [len(text)]
    # What is read as one run of dots has the space behind it in the word itself.
    shown = [match[0].rstrip() for match in found]
    plain = [compared(word) for word in shown]
    counted = [word for word in plain if word]
    differing = _compare(counted, other, compared)
    against_truth = _Differences({}, {})
    if truth is not None:
        against_truth = _compare(counted, truth, compared)
    marks = []
    numbers = iter(range(len(counted)))
    for place, word in enumerate(shown):
        number = next(numbers) if plain[place] else -1
        marks.append(
            Mark(
                word,
                text[starts[place] + len(word) : starts[place + 1]],
                differs=number in differing.replaced,
                wrong=number in against_truth.replaced,
                true=against_truth.replaced.get(number, ""),
                missing=against_truth.missing.get(number, ""),
            )
        )
    if at_end := against_truth.missing.get(len(counted)):
        marks.append(Mark("", "", missing=at_end))
    return marks


@dataclass(frozen=True)
class _Differences:
    """By word number: what stands in the other text instead ("" for nothing), or before it."""

    replaced: dict[int, str]
    missing: dict[int, str]


def _compare(words: Sequence[str], other: str, compared: Callable[[str], str]) -> _Differences:
    others = [plain for match in WORD.findall(other) if (plain := compared(match))]
    found = _Differences({}, {})
    steps = Levenshtein.opcodes(words, others)
    # Neighbouring changes are one: which word was read for which of several nobody can tell.
    for same, changes in groupby(steps, key=lambda step: step.tag == "equal"):
        if same:
            continue
        block = list(changes)
        first, last = block[0].src_start, block[-1].src_end
        instead = " ".join(others[block[0].dest_start : block[-1].dest_end])
        if first == last:
            found.missing[first] = instead
        found.replaced.update(dict.fromkeys(range(first, last), instead))
    return found
