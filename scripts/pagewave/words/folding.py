"""Words as they are compared: what is set or typed in two ways is the same word.

For comparison only. Ligatures, the long s and capitals stay in the text as they are.
"""

import unicodedata


def key_of(word: str) -> str:
    """Letters and digits of a word, small, without ligatures, long s and accents; "" of a mark."""
    plain = unicodedata.normalize("NFKD", word.casefold()).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def marks_of(word: str) -> str:
    """What of a word is neither letter nor digit nor accent, quotes and dashes of all kinds alike,
    without the hyphen at its end."""
    plain = unicodedata.normalize("NFKD", word).translate(_ALIKE)
    kept = (mark for mark in plain if not mark.isalnum() and not unicodedata.combining(mark))
    return "".join(kept).removesuffix("-")


_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b`\u00b4", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
)
