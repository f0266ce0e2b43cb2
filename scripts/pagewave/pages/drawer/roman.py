"""Roman numerals, as front matter is numbered by."""

_VALUES = {"m": 1000, "cm": 900, "d": 500, "cd": 400, "c": 100, "xc": 90, "l": 50}
_VALUES |= {"xl": 40, "x": 10, "ix": 9, "v": 5, "iv": 4, "i": 1}

MOST = 199
"""Front matter is shorter: beyond it, letters such as `mix` are words."""


def to_roman(number: int) -> str:
    """12 → xii; for numbers above 0."""
    written = ""
    for letters, value in _VALUES.items():
        times, number = divmod(number, value)
        written += letters * times
    return written


def from_roman(text: str) -> int | None:
    """xii → 12; None for what is no numeral as it is written today, or above MOST."""
    return _KNOWN.get(text.lower())


_KNOWN = {to_roman(number): number for number in range(1, MOST + 1)}
