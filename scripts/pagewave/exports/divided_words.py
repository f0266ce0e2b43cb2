"""Joins words that are divided at line ends, as the book itself writes them.

`Geo-` and `metry` are one word; of `text-` and `book` only the book knows whether it writes
`text-book`: what stands within its lines decides, and where nothing does the hyphen goes.
"""

import re
from collections import Counter
from collections.abc import Iterable

# Hyphen-minus, hyphen, soft hyphen, and the signs that old prints and transcribers divide with.
_SURE = "\u00ad\u00ac\u2e17"
_APOSTROPHE = "\u2019"
_DIVIDED = re.compile(
    rf"(?P<first>\w[\w'{_APOSTROPHE}]*)(?P<sign>[-\u2010{_SURE}])[ \t]*\n"
    rf"[ \t]*(?P<second>\w[\w'{_APOSTROPHE}]*)(?P<rest>\S*)[ \t]*\n?"
)
_AT_A_LINE_END = re.compile(rf"[-\u2010{_SURE}][ \t]*\n")
"""Looked for first: it is found much sooner than a divided word is."""
_WORD = re.compile(rf"\w[\w'{_APOSTROPHE}]*(?:[-\u2010]\w[\w'{_APOSTROPHE}]*)*")


class Joiner:
    """Joins the divided words of one book, of which these are the texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = texts
        self._words: Counter[str] | None = None

    def join(self, text: str) -> str:
        """The text with each divided word whole, at the end of the line where it began."""
        if not _AT_A_LINE_END.search(text):
            return text
        return _DIVIDED.sub(self._joined, text)

    def whole(self, before: str, behind: str) -> str | None:
        """What two words are in one, the first a line's last, the second the next one's first.

        None where they are two.
        """
        joined = self.join(f"{before}\n{behind}")
        return None if "\n" in joined else joined

    def _joined(self, found: re.Match[str]) -> str:
        word = (
            found["first"] + self._sign(*found.group("first", "second", "sign")) + found["second"]
        )
        goes_on = found.end() < len(found.string) or found[0].endswith("\n")
        return word + found["rest"] + ("\n" if goes_on else "")

    def _sign(self, first: str, second: str, sign: str) -> str:
        if sign in _SURE:
            return ""
        # A number, a name or a capital behind it: 1852-53, Anglo-Saxon.
        if not second[0].islower() or not first[-1].isalpha():
            return sign
        if self._words is None:
            words = (word for text in self._texts for word in _WORD.findall(text))
            self._words = Counter(word.casefold().replace("\u2010", "-") for word in words)
        with_sign = self._words[f"{first}-{second}".casefold()]
        return sign if with_sign > self._words[f"{first}{second}".casefold()] else ""
