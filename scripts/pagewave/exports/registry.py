"""Finds exporters by the names that the configuration gives: ours, or a user's own."""

import difflib
import importlib
import importlib.util
import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pagewave import command_line
from pagewave.errors import ConfigError
from pagewave.exports.exporter import Exporter
from pagewave.prompts.registry import load_file

OF_BOOKS = {
    "csv": "csv_files:CsvFiles",
    "codebook": "codebook:Codebook",
    "sqlite": "sqlite:Sqlite",
    "excel": "excel:Excel",
    "parquet": "parquet:Parquet",
    "stata": "stata:Stata",
    "duckdb": "duckdb_file:DuckDb",
    "text": "text:Text",
    "markdown": "markdown:Markdown",
    "jsonl": "jsonl:JsonLines",
    "crate": "crate:Crate",
}
OF_WORDS = {
    "alto": "alto:Alto",
    "page_xml": "page_xml:PageXml",
    "hocr": "hocr:Hocr",
    "pdf": "pdf:Pdf",
    "iiif": "iiif:Iiif",
    "mets": "mets:Mets",
}
"""Those that say where words stand."""
FORMS = OF_BOOKS | OF_WORDS
"""The forms that come with pagewave, and where each is in `forms/`."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def find_exporters(names: Sequence[str], folder: Path) -> list[Exporter]:
    """The exporters that the configuration names, in its order, each once.

    Args:
        names: of ours, or `module:Class`, or `path/to/file.py:Class`.
        folder: where relative paths start.

    Raises:
        ConfigError: there is none of a name, or what it needs is not installed.
    """
    found: dict[str, Exporter] = {}
    for name in dict.fromkeys(names):
        exporter = _exporter(name, folder)
        if exporter.name in found:
            raise ConfigError(
                f"exports: {name} calls itself {exporter.name!r}, and so does another form; "
                "their files would be the same. Give its class another `name`."
            )
        found[exporter.name] = exporter
    return list(found.values())


def refuse_unfit(
    exporters: Sequence[Exporter], words_are_looked_for: bool, address: str | None
) -> None:
    """Refuse forms that need what the configuration does not give.

    Args:
        words_are_looked_for: is it known where words stand?
        address: where what is made is published (`citation.url`).

    Raises:
        ConfigError: there is one.
    """
    names = [exporter.name for exporter in exporters if exporter.reads_words]
    if names and not words_are_looked_for:
        raise ConfigError(
            f"exports: {', '.join(names)} cannot be made while nobody looks where words stand on "
            "their pages. Name the books' languages in words.languages, such as [eng], or take it "
            "out of exports."
        )
    names = [exporter.name for exporter in exporters if exporter.needs_address]
    if names and not address:
        raise ConfigError(
            f"exports: {', '.join(names)} names addresses on the web. Set citation.url to the one "
            "at which results are published, or take it out of exports."
        )


def _exporter(name: str, folder: Path) -> Exporter:
    if name in FORMS:
        found: type[Exporter] = _attribute(f"pagewave.exports.forms.{FORMS[name]}", name, folder)
    elif ":" in name:
        found = _checked(_attribute(name, name, folder), name)
    else:
        near = difflib.get_close_matches(name, FORMS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(FORMS)}."
        raise ConfigError(
            f"exports: there is no form {name!r}; {hint} One of your own is written as "
            "file.py:Class or module:Class (docs/exports.md)."
        )
    missing = [each for each in found.packages if not _is_there(each)]
    if missing and name in FORMS:
        raise ConfigError(
            f"exports: {name} needs {', '.join(missing)}: {command_line.install('tables')}"
        )
    if missing:
        raise ConfigError(f"exports: {name} needs {', '.join(missing)}, which is not installed.")
    return found()


def _attribute(name: str, given: str, folder: Path) -> Any:
    """What `module:Class` or `file.py:Class` stands for."""
    module_name, _, attribute = name.rpartition(":")
    if module_name.endswith(".py"):
        module: Any = load_file(folder / Path(module_name).expanduser())
    else:
        try:
            module = importlib.import_module(module_name)
        except Exception as error:  # whatever a user's module raises
            raise ConfigError(
                f"exports: {given}: {module_name} can't be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ConfigError(f"exports: {given}: {module_name} has no {attribute}.") from None


def _checked(found: Any, given: str) -> type[Exporter]:
    """A user's class, if it is an exporter."""
    if not isinstance(found, type) or not issubclass(found, Exporter):
        raise ConfigError(
            f"exports: {given} is no class derived from {Exporter.__module__}.Exporter."
        )
    missing = [f"{name}()" for name in sorted(found.__abstractmethods__)]
    missing += [name for name in ("name", "suffixes") if not hasattr(found, name)]
    if inspect.isabstract(found) or missing:
        raise ConfigError(f"exports: {given} lacks {', '.join(missing)}.")
    if not _NAME.fullmatch(found.name):
        raise ConfigError(
            f"exports: {given} has the name {found.name!r}; expected small letters, digits and _."
        )
    suffixes = found.suffixes
    is_right = isinstance(suffixes, tuple) and all(
        isinstance(each, str) and re.fullmatch(r"\.[A-Za-z0-9._-]+", each) for each in suffixes
    )
    if not (suffixes and is_right and found.per in ("library", "book")):
        raise ConfigError(
            f"exports: {given}: expected `suffixes` such as ('.txt',), and `per` to be 'library' "
            "or 'book'."
        )
    if found.reads_words and found.per != "book":
        raise ConfigError(f"exports: {given} reads words, so it must have `per = 'book'`.")
    return found


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of what it is in
        return False
