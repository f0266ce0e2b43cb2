"""Characters that no page prints, and no terminal or spreadsheet should meet: models write them.

Answers are cleaned when they are understood, and once more on their way to a text file, a table or
a terminal: older answers were not.
"""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Vertical tab, form feed, carriage return and next line end a line, as Unicode has it (UAX 14).
_LINE_ENDS = (0x0B, 0x0C, 0x0D, 0x85)
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_LONE_SURROGATES = range(0xD800, 0xE000)
# Overrides, embeddings and isolates show words in another order than they stand in (UAX 9).
_DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))

FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a formula begins with, in full width too (owasp.org/www-community/attacks/CSV_Injection)."""

_CLEAN: dict[int, str | None] = {
    **dict.fromkeys(_CONTROLS, REPLACEMENT),
    **dict.fromkeys(_LONE_SURROGATES, REPLACEMENT),
    **dict.fromkeys(_LINE_ENDS, "\n"),
    **dict.fromkeys(_DIRECTIONS),
}
del _CLEAN[ord("\t")], _CLEAN[ord("\n")]


def clean(text: str) -> str:
    """The text without control characters, tabs and newlines left alone.

    What ends a line becomes a newline; what turns the direction of words goes; all other controls
    and lone surrogates become U+FFFD, so that it shows that something stood there.
    """
    if text.isprintable():  # no control, nor anything else that is not seen
        return text
    return text.replace("\r\n", "\n").translate(_CLEAN)


def count_unclean(text: str) -> int:
    """How many characters `clean` changes or removes; carriage returns are not worth a word."""
    return 0 if text.isprintable() else sum(map(_is_unclean, text))


def harmless(cell: object) -> object:
    """The cell: a text without controls, with an apostrophe in front where it could be a formula.

    Numbers stay.
    """
    if not isinstance(cell, str):
        return cell
    text = clean(cell)
    return f"'{text}" if cell.startswith(FORMULA) or text.startswith(FORMULA) else text


def _is_unclean(character: str) -> bool:
    return ord(character) in _CLEAN and character != "\r"
