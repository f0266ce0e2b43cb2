"""Markdown: a file a book, a heading a page, lines as printed, divided words joined.

All that Markdown would obey is escaped: what was read stays words.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter

_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_AT_START = re.compile(r"^(\s*)([-+=:]|\d+(?=[.)]))")


class Markdown(Exporter):
    """`{state}/{school}/{year}.md`."""

    name = "markdown"
    suffixes = (".md",)
    per = "book"

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write one book."""
        [book] = books
        parts = [f"# {', '.join(map(_escaped, book.names))}\n"]
        for page in book.pages:
            parts.append(f"## Page {page.number}\n")
            if page.answer is None:
                parts.append(f"*Missing: {_escaped(page.missing or '')}.*\n")
            else:
                # Two spaces end a line that is one.
                lines = (_escaped(line) for line in book.joined(page).splitlines())
                parts.append("".join(f"{line}  \n" if line else "\n" for line in lines))
        files[0].write_text("\n".join(parts), encoding="utf-8")


def _escaped(line: str) -> str:
    """A line that shows what it says."""
    text = _SIGNS.sub(r"\\\1", line.strip())
    start = _AT_START.match(text)
    if start is None:
        return text
    rest = text[start.end() :]
    return f"{start[2]}\\{rest}" if start[2].isdecimal() else f"\\{start[2]}{rest}"
