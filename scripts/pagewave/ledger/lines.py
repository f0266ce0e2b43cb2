"""Result lines as the ledger keeps them: compressed, where that makes them smaller.

A line of 1 KB and more would not fit into SQLite's page with others, and take 4 KB of its own.
"""

import zlib

MARK = b"\n"
"""Begins what is compressed: no line of a file begins with its own end. What was kept before lines
were compressed has no mark, and is read as it is."""
LEVEL = 6


def packed(line: bytes) -> bytes:
    """A line as it is kept."""
    small = MARK + zlib.compress(line, LEVEL)
    return small if len(small) < len(line) else line


def unpacked(kept: bytes | str) -> bytes:
    """The line that is kept so; what was damaged comes back as it is, and is no line then."""
    kept = kept.encode() if isinstance(kept, str) else bytes(kept)
    if not kept.startswith(MARK):
        return kept
    try:
        return zlib.decompress(kept[len(MARK) :])
    except zlib.error:
        return kept
