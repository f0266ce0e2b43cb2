"""Tables for spreadsheets, which take a text that begins like a formula for one, and run it."""

FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a formula begins with, in full width too (owasp.org/www-community/attacks/CSV_Injection)."""


def harmless(cell: object) -> object:
    """The cell; a text that could be a formula with an apostrophe in front. Numbers stay."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
