"""Nothing, as models write it: a field left out, null for a list, "N/A" in place of null.

What a page model says of its fields decides. A field that may be null is null when it is left out,
or when its whole value is a word for nothing; a list that may not be null is empty. Words inside of
a list stay what they are: a page may print "None".
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from pagewave.answers.loose_json import Json
from pagewave.answers.repair import NAN

WORDS = frozenset({"null", "none", "n/a", "nan"})
"""What stands for nothing as a whole value, in whatever case."""
LISTS = (list, tuple, set, frozenset, Sequence, Iterable, Collection)

Path = tuple[str | int, ...]


@dataclass
class Nothing:
    """Takes what means nothing for nothing, and remembers where.

    `fills`: is what was left out null? Of an answer that was cut off it is not.
    `leave`: paths whose words are left as they are.
    """

    fills: bool
    leave: Collection[Path] = ()
    left_out: list[Path] = field(default_factory=list)
    null_lists: list[Path] = field(default_factory=list)
    null_items: list[Path] = field(default_factory=list)
    words: dict[Path, str] = field(default_factory=dict)

    def in_page(self, content: Json, model: type[BaseModel]) -> Json:
        """A page as its model means it; one without any of its fields is none, and stays so."""
        known = any(name in content for name, _ in _fields(model))
        return self._object(content, model, ()) if known else content

    def _value(self, value: Any, annotation: Any, path: Path) -> Any:
        options = list(_options(annotation))
        may_be_null = NoneType in options
        if value is NAN:
            if may_be_null:
                self.words[path] = "NaN"
            return None  # where that may not be, the model refuses it, instead of the text "nan"
        if isinstance(value, str) and may_be_null and _is_nothing(value, options):
            if path in self.leave:
                return value
            self.words[path] = value
            return None
        lists = [option for option in options if get_origin(option) in LISTS or option in LISTS]
        if value is None and lists and not may_be_null:
            self.null_lists.append(path)
            return []
        if isinstance(value, list) and len(lists) == 1:
            inside = [part for part in get_args(lists[0]) if part is not Ellipsis]
            if len(inside) == 1:
                return self._items(value, inside[0], path)
        models = [option for option in options if _is_model(option)]
        if isinstance(value, dict) and len(models) == 1:
            return self._object(value, models[0], path)
        return value

    def _items(self, values: list[Any], annotation: Any, path: Path) -> list[Any]:
        options = list(_options(annotation))
        found = [None if value is NAN else value for value in values]
        if None in found and options != [Any] and NoneType not in options:
            self.null_items.append(path)
            found = [value for value in found if value is not None]
        if any(map(_is_model, options)):
            return [self._value(v, annotation, (*path, n)) for n, v in enumerate(found)]
        return found

    def _object(self, content: Json, model: type[BaseModel], path: Path) -> Json:
        made = dict(content)
        # What a field's value may stand under in another spelling is not left out.
        known = names_of(model)
        fills = self.fills and not any(
            value not in (None, "", [], {}) for name, value in content.items() if name not in known
        )
        for name, info in _fields(model):
            if name in made:
                made[name] = self._value(made[name], info.annotation, (*path, name))
            elif fills and info.is_required() and NoneType in _options(info.annotation):
                self.left_out.append((*path, name))
                made[name] = None
        return made


def names_anywhere(model: type[BaseModel]) -> set[str]:
    """The names of a model's fields, and of those of all models in it."""
    models: list[Any] = [model]
    for one in models:  # grows meanwhile
        for _, info in _fields(one):
            models += [found for found in _models_in(info.annotation) if found not in models]
    return {name for one in models for name, _ in _fields(one)}


def names_of(model: type[BaseModel]) -> set[str]:
    """The names of a model's own fields, as JSON has them."""
    return {name for name, _ in _fields(model)}


def shown(paths: Iterable[Path]) -> str:
    """Paths in words: `courses.0.term, school_name and 3 more`."""
    names = [".".join(map(str, path)) for path in paths]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _is_nothing(value: str, options: Collection[Any]) -> bool:
    if value.strip().casefold() not in WORDS:
        return False
    literals = [option for option in options if get_origin(option) is Literal]
    return not any(value in get_args(literal) for literal in literals)


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        alias = info.validation_alias or info.alias
        yield (alias if isinstance(alias, str) else name), info


def _models_in(annotation: Any) -> Iterator[Any]:
    for option in _options(annotation):
        if _is_model(option):
            yield option
        for part in get_args(option):
            yield from _models_in(part)


def _is_model(annotation: Any) -> bool:
    is_class = isinstance(annotation, type) and get_origin(annotation) is None
    return is_class and issubclass(annotation, BaseModel) and not issubclass(annotation, RootModel)


def _options(annotation: Any) -> Iterator[Any]:
    """What a value may be: the members of a union, without what only decorates them."""
    if get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0])
    elif hasattr(annotation, "__value__"):  # `type X = …`, of Python 3.12
        yield from _options(annotation.__value__)
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _options(part)
    else:
        yield annotation
