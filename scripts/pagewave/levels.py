"""The levels of the tree: how the folders are called in which a book's pages lie.

`paths.levels` says it; all that names them (keys, columns, filters, rules, commands) asks here. A
page's key is its folders and its number, joined by colons: `Ohio:Elm:1850:1`, or `Box 1:12`. The
level called `year` holds whole numbers, every other one names.
"""

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 5
YEAR = "year"
"""The level whose folders are numbers, in every table and range."""

LONGEST = 30
"""Characters of a level's name: Stata takes 32."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")

TAKEN = frozenset(
    [
        # Other columns of the tables, and what JSON says of a book or page beside its place.
        *("key", "page", "number", "missing", "corrected", "correction", "flags", "model"),
        *("model_served", "link", "text", "text_joined", "printed_page", "printed", "answer"),
        *("provenance", "id", "pages", "book", "books", "file", "image", "leaf", "page_count"),
        *("read_by", "batch_id", "run", "lane", "wave", "engine", "error", "fingerprint"),
        *("finish_reason", "usd", "attempt", "attempts", "read", "flagged", "stand", "levels"),
        # Columns of tables of failures and of drawers.
        *("record_key", "attempt_number", "counted", "created_at", "cleared_at", "model_name"),
        *("error_message", "generation_config"),
        # What log rows say (tracking/rows.py, commands/trials/experiment.py).
        *("batch_display_name", "model_stage", "service_tier", "image_sha256", "error_type"),
        *("error_traceback", "raw_response_text", "raw_response_json", "prompt_name"),
        *("prompt_template", "prompt_version", "prompt_sha256", "previous_context", "page_id"),
        *("input_tokens", "output_tokens", "seconds", "transport"),
        # What SQL and Snakemake's wildcards have words of their own for.
        *("rowid", "append", "clear", "copy", "count", "extend", "fromdict", "get", "index"),
        *("insert", "items", "keys", "pop", "remove", "reverse", "sort", "update", "values"),
    ]
)
"""Names that no level may have."""

OWN_NAMES = frozenset({"reading-room", "index.html", "notes", "pages", "books", "codebook"})
"""What lies beside the books, or beside files of them, where these have one level alone."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The names of a tree's levels, the outermost first."""

    names: tuple[str, ...] = ("state", "school", "year")

    def __len__(self) -> int:
        return len(self.names)

    # What they are called

    @property
    def form(self) -> str:
        """`state/school/year`, as help texts and errors have it."""
        return "/".join(self.names)

    @property
    def key_form(self) -> str:
        """`state:school:year:page`."""
        return ":".join((*self.names, "page"))

    @property
    def pattern(self) -> str:
        """`{state}/{school}/{year}`, as rules and docs have it."""
        return "/".join(f"{{{name}}}" for name in self.names)

    @property
    def in_messages(self) -> str:
        """`{wildcards.state}/…`, as the messages of rules have it."""
        return "/".join(f"{{wildcards.{name}}}" for name in self.names)

    @property
    def constraints(self) -> dict[str, str]:
        """What each wildcard of the pattern may hold."""
        return {name: r"\d+" if name == YEAR else "[^/]+" for name in self.names}

    # What a book's folders say

    def values(self, folders: Sequence[str]) -> dict[str, str | int]:
        """A book's folders by level, a year as a number.

        Raises:
            ValueError: they are more or fewer than the levels, or the year is no number.
        """
        named = zip(self.names, folders, strict=True)
        return {name: int(folder) if name == YEAR else folder for name, folder in named}

    def spoken(self, folders: Sequence[str]) -> list[str]:
        """A book as one says it: `Elm`, `Ohio`, `1850`, the nearest name first, the year last."""
        named = list(zip(self.names, folders, strict=True))
        names = [folder for name, folder in reversed(named) if name != YEAR]
        return names + [folder for name, folder in named if name == YEAR]

    def heading(self, folders: Sequence[str]) -> str:
        """The name that tells most: that of the innermost level that is no year."""
        return folders[self.innermost]

    def beside(self, folders: Sequence[str]) -> list[str]:
        """All the others, the outermost first."""
        return [each for at, each in enumerate(folders) if at != self.innermost]

    @property
    def innermost(self) -> int:
        """Which level tells most of a book: the last one that is no year."""
        return max((at for at, name in enumerate(self.names) if name != YEAR), default=0)

    def lacks_year(self, parts: int) -> bool:
        """Are these so many folders all but the innermost, and that is the year?"""
        return self.names[-1] == YEAR and 0 < parts == len(self.names) - 1

    # Keys

    def folders(self, key: str) -> tuple[str, ...]:
        """A book's folders by the key of one of its pages.

        Names may hold colons: those that are too many belong to the innermost level that is no
        year. What is no key of these levels gives as many parts as it has.
        """
        *parts, _ = key.split(":")
        more = len(parts) - len(self.names)
        if more <= 0 or self.names == (YEAR,):
            return tuple(parts)
        at = self.innermost
        return (*parts[:at], ":".join(parts[at : at + more + 1]), *parts[at + more + 1 :])

    def parts(self, key: str) -> dict[str, str | int]:
        """What a key says, by level, and `page`.

        Raises:
            ValueError: it is no key of these levels.
        """
        return self.values(self.folders(key)) | {"page": int(key.rpartition(":")[2])}

    def order(self, key: str) -> tuple[str | int, ...]:
        """What keys are sorted by: numbers as numbers."""
        return tuple(self.parts(key).values())

    # What is wrong

    def unfit(self, folders: Sequence[str]) -> str | None:
        """Why these can't be a book's folders, beside what single names are; None: they can."""
        if len(folders) != len(self.names):
            return f"has {len(folders)} of {len(self.names)} levels: expected {self.form}"
        if len(folders) == 1 and folders[0] in OWN_NAMES:
            return f"is called {folders[0]!r}, as files of pagewave's own are; rename it"
        for name, folder in zip(self.names, folders, strict=True):
            if name == YEAR and not is_year(folder):
                return f"{folder} is no year; expected a number such as 1852"
        return None


DEFAULT = Levels()


def is_year(text: str) -> bool:
    """Is this a year as a folder has it: a whole number, without zeros in front?"""
    return text.isascii() and text.isdecimal() and str(int(text)) == text


def problem_of_names(names: Sequence[str]) -> str | None:
    """Why these can't be levels, in words; None: they can."""
    if not 1 <= len(names) <= MOST:
        return f"expected one to {MOST} names, such as [archive, box, folder]"
    for name in names:
        if not _NAME.fullmatch(name) or len(name) > LONGEST:
            return (
                f"{name!r} can't be a level's name; expected a word such as box: letters a to z, "
                f"digits and _, {LONGEST} characters at most"
            )
        if keyword.iskeyword(name) or name in TAKEN:
            return f"{name!r} has a meaning of its own in tables or rules; choose another name"
    if len(set(names)) < len(names):
        return "two levels have the same name"
    return None
