"""Words of a page against its truth: how many are wrong in their order, and how many in any order.

A page is one text: where its lines end counts for nothing, nor does a word divided there. Counted
line by line, or by spaces alone, a page whose lines were joined would have hardly a word right.
"""

import re
from collections import Counter
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

_DASH = "[-\u2013\u2014]"
WORD = re.compile(rf"(?:[.·…]\s*){{3,}}|\S+(?:(?:(?<={_DASH})\s+|\s+(?={_DASH}))\S+)*")
"""A word as printed. What a dash divides, also over the end of a line, is one ("Philo-", newline,
"sophy"), as `normal_text` joins it; leader dots are words that count for nothing."""


@dataclass(frozen=True, slots=True)
class WordCounts:
    """Words of one page or many: true ones, read ones, `errors` (substituted, left out or made up
    in reading order), and those `common` to both in whatever order.
    """

    true: int
    read: int
    errors: int
    common: int


NO_WORDS = WordCounts(0, 0, 0, 0)


def normal_text(text: str) -> str:
    """Text as it is compared: one kind of quote and dash, no leader dots, single spaces."""
    for found, plain in (("\u2019", "'"), ("\u2018", "'"), ("\u201c", '"'), ("\u201d", '"')):
        text = text.replace(found, plain)
    text = re.sub("[\u2014\u2013]", "-", text)
    text = re.sub(r"(\s*[.·…]){3,}", " ", text)
    text = re.sub(r"\s*-+\s*", "-", text)
    return re.sub(r"\s+", " ", text).strip()


def compared_word(word: str) -> str:
    """A word as it is compared: as `normal_text` has it, without its dashes.

    So `Geo-` and `metry`, `Geo-metry` and `Geometry` are the same. What `normal_text` empties is no
    word.
    """
    return normal_text(word).replace("-", "")


def words_in(text: str) -> list[str]:
    """The words of a whole page as they are compared, in order."""
    return [word for found in WORD.findall(text) if (word := compared_word(found))]


def count_words(truth: str, read: str) -> WordCounts:
    """Compare two texts of the same page word by word."""
    true_words, read_words = words_in(truth), words_in(read)
    return WordCounts(
        true=len(true_words),
        read=len(read_words),
        errors=Levenshtein.distance(true_words, read_words),
        common=(Counter(true_words) & Counter(read_words)).total(),
    )
