"""Names of columns as Stata takes them: 32 characters, letters, digits and `_`, no reserved word.

Source: Stata's manual, [U] 11.3 Naming conventions.
"""

import re
from collections.abc import Sequence

from pagewave.exports.schema import Column

LONGEST = 32
_RESERVED = frozenset(
    {
        *("_all", "_b", "_coef", "_cons", "_n", "_N", "_pi", "_pred", "_rc", "_skip"),
        *("byte", "double", "float", "if", "in", "int", "long", "strL", "using", "with"),
    }
)


def stata_names(columns: Sequence[Column]) -> list[str]:
    """A name for each column, no two alike, whatever their case."""
    taken: set[str] = set()
    found = []
    for column in columns:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", column.name)
        is_taken = plain in _RESERVED or re.fullmatch(r"str\d+", plain)
        plain = f"v_{plain}" if is_taken or not re.match(r"[A-Za-z_]", plain) else plain
        name, number = plain[:LONGEST], 1
        while name.casefold() in taken:
            number += 1
            end = f"_{number}"
            name = plain[: LONGEST - len(end)] + end
        taken.add(name.casefold())
        found.append(name)
    return found
