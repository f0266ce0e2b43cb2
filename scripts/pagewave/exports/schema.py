"""Which tables a page model makes, and what each column is: worked out of its fields alone.

One table has a row a page; each list of objects in the model makes another, with a row an object.
Names are fields' paths joined by `_`, so that a field that is added renames no other.
"""

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum, StrEnum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from pagewave.levels import DEFAULT, YEAR, Levels
from pagewave.page_model import PageModel

PAGES = "pages"
CODEBOOK = "codebook"
PRINTED = ("page_number", "printed_page")
"""A field of this name is the page's printed number, which all tables have."""


class Kind(StrEnum):
    """What a column holds; any cell may be empty."""

    TEXT = "text"
    INTEGER = "whole number"
    NUMBER = "number"
    BOOLEAN = "true or false"
    DATE = "date"
    JSON = "JSON"


@dataclass(frozen=True)
class Column:
    """A column: `field` is where the page model has it (`courses[].term`), empty where it is ours.

    `choices` are the values that a field takes, where it names them.
    """

    name: str
    kind: Kind
    meaning: str = ""
    field: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table: `path` leads to its list in the page model, empty for the table of pages."""

    name: str
    columns: tuple[Column, ...]
    meaning: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """All tables of a page model, that of pages first; `printed` leads to the printed number."""

    tables: tuple[Table, ...]
    printed: tuple[str, ...] = ()

    @property
    def levels(self) -> Levels:
        """What the folders of its books are called: the columns between key and page."""
        names = [column.name for column in self.tables[0].columns]
        return Levels(tuple(names[names.index("key") + 1 : names.index("page")]))


_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_READING = (
    Column("corrected", Kind.BOOLEAN, "Did a person change what was read?"),
    Column("flags", Kind.TEXT, "What makes the answer doubtful, joined by '; '; empty: nothing."),
    Column("model_served", Kind.TEXT, "The model that read the page, as it named itself."),
    Column("link", Kind.TEXT, "The page in the reading room; empty: its book is not finished."),
)
_PAGE = (
    Column(
        "missing", Kind.TEXT, "Why the page was not read; empty where it was. Count without these."
    ),
    *_READING,
    Column("text", Kind.TEXT, "All words of the page, in reading order, line by line."),
    Column("text_joined", Kind.TEXT, "The same, words divided at line ends joined."),
)
_NUMBER = Column("number", Kind.INTEGER, "1 for the first of its page, then 2, 3, …")
CODEBOOK_TABLE = Table(
    CODEBOOK,
    (
        Column("table", Kind.TEXT, "The table's name."),
        Column("column", Kind.TEXT, "The column's name."),
        Column("stata", Kind.TEXT, "Its name in Stata, which takes 32 characters."),
        Column("type", Kind.TEXT, "What it holds."),
        Column("meaning", Kind.TEXT, "What it means: for fields, what the model was told."),
        Column("values", Kind.TEXT, "The values that it takes, if they are named."),
        Column("field", Kind.TEXT, "Where the page files have it; empty: added by pagewave."),
    ),
    "What each column of the other tables is.",
)


def _place(levels: Levels) -> tuple[Column, ...]:
    """The columns that say which page a row is of."""
    folders = (
        Column(name, Kind.INTEGER if name == YEAR else Kind.TEXT, f"The book's {ordinal} folder.")
        for name, ordinal in zip(levels.names, _ORDINALS, strict=False)
    )
    return (
        Column("key", Kind.TEXT, f"The page's key, {levels.key_form}; joins the tables."),
        *folders,
        Column("page", Kind.INTEGER, "The page's number in its book, by its scan."),
    )


@cache
def schema_of(model: type[PageModel], levels: Levels = DEFAULT) -> Schema:
    """The tables of a page model, over books that lie in such folders."""
    fields = list(_fields(model))
    printed = next(
        (f for f in fields if f.path[-1] in PRINTED and not f.items and f.kind != Kind.JSON), None
    )
    place = _place(levels)
    if printed:
        number = Column("printed_page", printed.kind, printed.meaning, ".".join(printed.path))
        place = (*place, number)
    names = {CODEBOOK}
    pages = Table(
        _free(PAGES, names),
        _with_fields((*place, *_PAGE), [f for f in fields if not f.items and f is not printed]),
        "A row a page, read or not.",
    )
    lists = []
    for field in fields:
        if field.items:
            of_item = [f.inside(field.path) for f in _fields(field.items) if f.path]
            columns = _with_fields((*place, _NUMBER, *_READING), of_item)
            name = _free("_".join(field.path), names)
            lists.append(Table(name, columns, field.meaning or _about(field.items), field.path))
    return Schema((pages, *lists), printed.path if printed else ())


@dataclass(frozen=True)
class _Field:
    """A field that is not itself an object; `items`: the objects of which it is a list."""

    path: tuple[str, ...]
    kind: Kind
    meaning: str
    choices: tuple[str, ...] = ()
    items: type[BaseModel] | None = None
    inner: str = ""

    def inside(self, path: tuple[str, ...]) -> "_Field":
        """The same, of the objects of a list."""
        kind = Kind.JSON if self.items else self.kind
        inner = f"{'.'.join(path)}[].{'.'.join(self.path)}"
        return _Field(self.path, kind, self.meaning, self.choices, None, inner)


def _fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[_Field]:
    """All fields of a model, those of objects within it too; a model within itself is one."""
    for name, field in model.model_fields.items():
        kind = _bare(field.annotation)
        where = (*path, name)
        meaning = field.description or ""
        if _is_model(kind) and not _holds_itself(kind):
            yield from _fields(kind, where)
        elif get_origin(kind) in (list, Sequence) and _is_model(item := _bare(_item(kind))):
            yield _Field(where, Kind.JSON, meaning, items=item)
        else:
            yield _Field(where, _kind(kind), meaning, _choices(kind))


def _with_fields(ours: Sequence[Column], fields: Sequence[_Field]) -> tuple[Column, ...]:
    """Our columns and those of the fields; one that is called as ours gets a word in front."""
    taken = {column.name.casefold() for column in ours}
    found = list(ours)
    for field in fields:
        name = "_".join(field.path)
        name = _free(name if name.casefold() not in taken else f"read_{name}", taken)
        where = field.inner or ".".join(field.path)
        found.append(Column(name, field.kind, field.meaning, where, field.choices))
    return tuple(found)


def _free(name: str, taken: set[str]) -> str:
    """The name, numbered where it is taken: in SQL and in file names Term and term are one."""
    found, number = name, 1
    while found.casefold() in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found.casefold())
    return found


def _bare(annotation: Any) -> Any:
    """A type without `Annotated` and `| None`; several others stay as they are."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            rest = [each for each in get_args(annotation) if each is not type(None)]
            if len(rest) != 1:
                return annotation
            annotation = rest[0]
        else:
            return annotation


def _kind(kind: Any) -> Kind:
    if get_origin(kind) is Literal:
        return Kind.TEXT if all(isinstance(each, str) for each in get_args(kind)) else Kind.JSON
    if not isinstance(kind, type):
        return Kind.JSON
    if issubclass(kind, Enum) and all(isinstance(each.value, str) for each in kind):
        return Kind.TEXT
    if issubclass(kind, bool):
        return Kind.BOOLEAN
    if issubclass(kind, int):
        return Kind.INTEGER
    if issubclass(kind, float):
        return Kind.NUMBER
    if issubclass(kind, date) and not issubclass(kind, datetime):
        return Kind.DATE
    is_text = issubclass(kind, str | datetime | time)
    return Kind.TEXT if is_text else Kind.JSON


def _choices(kind: Any) -> tuple[str, ...]:
    if get_origin(kind) is Literal:
        return tuple(map(str, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(str(each.value) for each in kind)
    return ()


def _item(kind: Any) -> Any:
    return next(iter(get_args(kind)), None)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _holds_itself(model: type[BaseModel], seen: frozenset[Any] = frozenset()) -> bool:
    """A model that can't be laid out in columns; Gemini's schema refuses it, others may not."""
    if model in seen:
        return True
    inner = (_bare(field.annotation) for field in model.model_fields.values())
    return any(_holds_itself(each, seen | {model}) for each in inner if _is_model(each))


def _about(model: type[BaseModel]) -> str:
    """A model's docstring, if it has one of its own."""
    return " ".join((model.__dict__.get("__doc__") or "").split())
