"""What the name of a scan tells: its page, its book's year and words, left or right, a copy.

catalog 1859 p.12.jpg     catalog, 1859, page 12
Elm 1859-60 iv.tif        Elm, 1859, page iv
scan_0001_left.tif        the first of two pages on sheet 1
IMG_0012.jpg              a camera's counter: its order, and no page
1859 pp. 13-20.pdf        1859, pages 13 to 20
"""

import re
from dataclasses import dataclass, replace
from enum import Enum

from pagewave.pages.drawer.roman import from_roman

FIRST_YEAR, LAST_YEAR = 1500, 2099
"""A number of four digits between them may be a year."""
LONGEST_SPAN = 3
"""Years that one volume covers, such as 1859-61."""

CAMERAS = frozenset(
    [
        "img",
        "dsc",
        "dscn",
        "dscf",
        "pxl",
        "mvimg",
        "cimg",
        "pict",
        "sam",
        "sdc",
        "kic",
        "photo",
        "foto",
    ]
)
"""What cameras and phones put in front of a counter that knows nothing of pages."""
GENERIC = CAMERAS | {
    *("scan", "scans", "scanned", "image", "images", "bild", "pic", "picture", "page", "pages"),
    *("seite", "seiten", "file", "doc", "document", "sheet", "leaf", "new", "untitled"),
}
"""Words that name no book."""

_COPY = re.compile(r"(?i)[ _-]*(?:\(\d{1,2}\)|[-_ ](?:copy|kopie|copie)(?: ?\d+)?)$")
_MOMENT = re.compile(
    r"(?<!\d)((?:19|20)\d\d)-?(\d\d)-?(\d\d)[ _-]?(?:at )?"
    r"(\d\d)[.:-]?(\d\d)[.:-]?(\d\d)(\d{0,3})(?!\d)"
)
_SPAN = re.compile(r"(?<!\d)(\d{4})[-\u2013_/](\d{4}|\d{2})(?!\d)")
_PAGE_WORD = r"(?i)(?<![a-z])(?:pages?|pp?|pg|seiten?|s|fol|folio|bl)[ ._-]*"
_PAGE = re.compile(
    _PAGE_WORD + r"(\d{1,5})(?:\s*[-\u2013]\s*(\d{1,5}))?(?!\d)(?:\s*(?:of|von)\s*\d+)?"
)
_ROMAN_PAGE = re.compile(_PAGE_WORD + r"([ivxlc]+)(?![a-z])")
_SIDE_WORD = re.compile(
    r"(?i)(?<![a-z])(left|right|links|rechts|gauche|droite|recto|verso)(?![a-z])"
)
_SIDE_LETTER = re.compile(r"(?i)(?<!\d)(\d+)[ _-]?([lrabv])$")
_RANGE = re.compile(r"\s*(\d{1,5})\s*[-\u2013]\s*(\d{1,5})\s*")
_BY_PANASONIC = re.compile(r"(?i)p\d{7}")
_NUMBER = re.compile(r"\d+")
_LAST_ROMAN = re.compile(r"(?i)(?:^|(?<=[ _.-]))([ivxlc]{2,}|[ivx])$")


class Side(Enum):
    """Which half of a sheet, as its name says; what `r` stands for its partner tells."""

    LEFT = "left"
    RIGHT = "right"
    RECTO = "recto"
    VERSO = "verso"
    L = "l"
    R = "r"
    A = "a"
    B = "b"
    V = "v"


FIRST_OF = {
    Side.LEFT: Side.RIGHT,
    Side.RECTO: Side.VERSO,
    Side.L: Side.R,
    Side.A: Side.B,
    Side.R: Side.V,
}
"""Each half that comes first, and its partner."""

_SIDE_NAMES = {"links": "left", "gauche": "left", "rechts": "right", "droite": "right"}


@dataclass(frozen=True)
class Name:
    """What one name tells; None and empty for what it does not.

    `first` to `last` are pages, or a counter where `is_counter`. `span` is the year as it is
    written, where that is more than one.
    """

    words: str = ""
    year: int | None = None
    span: str = ""
    first: int | None = None
    last: int | None = None
    roman: int | None = None
    side: Side | None = None
    is_counter: bool = False
    is_copy: bool = False

    @property
    def tells_no_page(self) -> bool:
        """Is there neither a number nor a numeral that could be a page's, or a counter's?"""
        return self.first is None and self.roman is None


def read_name(stem: str) -> Name:
    """What a file's name tells, without its suffix."""
    text, found = stem, Name()
    if copy := _COPY.search(text):
        text, found = text[: copy.start()], replace(found, is_copy=True)
    if moment := _MOMENT.search(text):
        # When it was, to the millisecond: the order of its pages.
        taken = int("".join(moment.groups()[:6]) + moment[7].ljust(3, "0"))
        rest = _without(text, moment)
        return replace(found, first=taken, last=taken, is_counter=True, words=_words(rest))
    text, found = _read_side(text, found)
    text, found = _read_span(text, found)
    text, found = _read_page(text, found)
    text, found = _read_numbers(text, found)
    return replace(found, words=_words(text))


def read_folder(name: str) -> Name:
    """What a folder's name tells: the words of a book and its year, or the side of all in it."""
    if side := _SIDE_WORD.fullmatch(name.strip()):
        return Name(side=_side(side[1]))
    text, found = _read_span(name, Name())
    years = [m for m in _NUMBER.finditer(text) if _is_year(m[0])]
    if found.year is None and years:
        text, found = _without(text, years[-1]), replace(found, year=int(years[-1][0]))
    return replace(found, words=_words(text))


def _read_side(text: str, found: Name) -> tuple[str, Name]:
    if word := _SIDE_WORD.search(text):
        return _without(text, word), replace(found, side=_side(word[1]))
    letter = _SIDE_LETTER.search(text)
    if letter and not (letter[2] in "vV" and _is_year(letter[1])):  # that would be page v
        return text[: letter.end(1)], replace(found, side=Side(letter[2].lower()))
    return text, found


def _side(word: str) -> Side:
    return Side(_SIDE_NAMES.get(word.lower(), word.lower()))


def _read_span(text: str, found: Name) -> tuple[str, Name]:
    for span in _SPAN.finditer(text):
        first, last = int(span[1]), int(span[2])
        if len(span[2]) == 2:
            last += first // 100 * 100
        if _is_year(span[1]) and first < last <= first + LONGEST_SPAN:
            return _without(text, span), replace(found, year=first, span=span[0])
    return text, found


def _read_page(text: str, found: Name) -> tuple[str, Name]:
    if page := _PAGE.search(text):
        first = int(page[1])
        last = int(page[2]) if page[2] else first
        return _without(text, page), replace(found, first=first, last=last)
    if (page := _RANGE.fullmatch(text)) and int(page[1]) < int(page[2]):
        return "", replace(found, first=int(page[1]), last=int(page[2]))
    if (page := _ROMAN_PAGE.search(text)) and (number := from_roman(page[1])):
        return _without(text, page), replace(found, roman=number)
    return text, found


def _read_numbers(text: str, found: Name) -> tuple[str, Name]:
    """The year and the page among numbers that no word explains."""
    has_page = found.first is not None or found.roman is not None
    page = None if has_page else _LAST_ROMAN.search(text)
    # A single letter is a numeral where it stands alone, or behind a year.
    before = text[: page.start()].rstrip(" _-.") if page else ""
    is_alone = page is not None and (
        len(page[1]) > 1 or found.year is not None or _is_year(before[-4:]) or not _words(before)
    )
    if page and is_alone and (number := from_roman(page[1])):
        text, found, has_page = _without(text, page), replace(found, roman=number), True
    if found.year is None:
        numbers = list(_NUMBER.finditer(text))
        named = bool(_words(_NUMBER.sub(" ", text)))
        years = [m for m in numbers if _is_year(m[0])]
        # One number alone is a year only where words of a book stand beside it, or a page.
        if years and (has_page or len(numbers) > 1 or named):
            year = years[0]
            text, found = _without(text, year), replace(found, year=int(year[0]))
    if not has_page and (numbers := list(_NUMBER.finditer(text))):
        page = numbers[-1]
        first_word = re.match("[a-z]*", text.strip().lower())
        by_panasonic = bool(_BY_PANASONIC.fullmatch(text.strip()))
        is_counter = by_panasonic or bool(first_word and first_word[0] in CAMERAS)
        number = int(page[0])
        found = replace(found, first=number, last=number, is_counter=is_counter)
        text = "" if by_panasonic else _without(text, page)
    return text, found


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and FIRST_YEAR <= int(digits) <= LAST_YEAR


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"


def _words(text: str) -> str:
    """The words that name a book, with one space between."""
    words = re.split(r"[\s_.]+|(?<=\w)-(?=\s|$)|(?:^|(?<=\s))-+", text)
    kept = [word.strip("-\u2013\u2014,;()[]") for word in words if word]
    return " ".join(word for word in kept if word and word.lower() not in GENERIC)
