"""What was read of a page, as a person reads it: text, then the lists and fields of its model."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from pagewave.characters import clean
from pagewave.config.settings import Settings
from pagewave.errors import ConfigError
from pagewave.exports.schema import Column, Schema, schema_of
from pagewave.ledger import LogRow
from pagewave.page_model import PageModel
from pagewave.workspace import chosen_prompt


class Reading:
    """Reads answers as the page model of the configuration has them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, rows: Sequence[LogRow], batch_on_file: str | None) -> dict[str, Any] | None:
        """What is on file of a page, or will be; None where nothing was read.

        `lists` are those of the page model that hold anything here, each with the columns that do.
        `raw` is the answer itself (JSON), where it is of another page model.

        Args:
            rows: the attempts at the page, oldest first.
            batch_on_file: the name of the batch whose answer its file holds.
        """
        good = [row for row in rows if row.page is not None]
        correction = next((row.corrected for row in rows if row.corrected), None)
        if not good and correction is None:
            return None
        row = next((row for row in good if row.batch_name == batch_on_file), (good or rows)[-1])
        answer = correction or row.page or ""
        facts = {"corrected": correction is not None, "doubts": json.loads(row.flags)}
        # Looked for anew each time: a page model may be put in order while we watch.
        try:
            page = chosen_prompt(self._settings).page_model.model_validate_json(answer)
        except (ConfigError, ValidationError):
            return {**facts, "raw": answer}
        return facts | _told(page)


def _told(page: PageModel) -> dict[str, Any]:
    schema, content = schema_of(type(page)), page.model_dump(mode="json")
    text = clean(page.text())
    return {
        "text": text,
        "lists": list(_lists(schema, content, text)),
        "fields": [
            [column.name, words]
            for column in schema.tables[0].columns
            if column.field and (words := _words(_at(content, column.field.split("."))))
            if not _is_same(words, text)
        ],
    }


def _lists(schema: Schema, content: Any, text: str) -> Iterable[dict[str, Any]]:
    """Those that hold anything, but for one that is nothing but the text, piece by piece."""
    for table in schema.tables[1:]:
        items = _at(content, table.path) or []
        prefix = f"{'.'.join(table.path)}[]."
        columns = [each for each in table.columns if each.field.startswith(prefix)]
        rows = [[_words(_at(item, _path(c, prefix))) for c in columns] for item in items]
        filled = [place for place, _ in enumerate(columns) if any(row[place] for row in rows)]
        if rows and not any(_is_same("".join(column), text) for column in zip(*rows, strict=True)):
            yield {
                "name": table.name,
                "meaning": table.meaning,
                "columns": [columns[place].name for place in filled],
                "rows": [[row[place] for place in filled] for row in rows],
            }


def _is_same(words: str, text: str) -> bool:
    return "".join(words.split()) == "".join(text.split())


def _path(column: Column, prefix: str) -> list[str]:
    return column.field.removeprefix(prefix).split(".")


def _at(value: Any, path: Iterable[str]) -> Any:
    for name in path:
        value = None if value is None else value[name]
    return value


def _words(value: Any) -> str:
    """A value in words: lists and objects without brackets."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(filter(None, map(_words, value)))
    if isinstance(value, dict):
        return ", ".join(filter(None, map(_words, value.values())))
    return clean(str(value))
