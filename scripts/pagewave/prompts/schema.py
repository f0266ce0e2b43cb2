"""A page model as Gemini's response schema, and JSON text that is the same for equal values."""

import json
from functools import cache
from typing import Any

from pagewave.errors import ConfigError
from pagewave.page_model import PageModel

Json = dict[str, Any]


def canonical_json(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@cache
def response_schema(page_model: type[PageModel]) -> Json:
    """A page model as Gemini's `responseSchema`, a subset of OpenAPI 3.0. Not to be changed.

    Not as `responseJsonSchema`, which batches were seen to ignore (crmne/ruby_llm#894).

    Raises:
        ConfigError: the subset cannot express a field; names it.
    """
    schema = page_model.model_json_schema()
    return _Converter(page_model, schema.get("$defs", {})).convert(schema, "", ())


@cache
def schema_bytes(page_model: type[PageModel]) -> int:
    return len(canonical_json(response_schema(page_model)).encode())


class _Converter:
    """Turns pydantic's JSON Schema into the subset: upper-case types, `nullable`, no references."""

    # Constraints that the subset shares with JSON Schema. Pydantic checks all of them afterwards.
    SHARED = ("description", "minItems", "maxItems", "minimum", "maximum")
    SCALARS = ("string", "integer", "number", "boolean")

    def __init__(self, page_model: type[PageModel], definitions: Json) -> None:
        self._model_name = page_model.__name__
        self._definitions = definitions

    def convert(self, node: Json, where: str, parents: tuple[str, ...]) -> Json:
        """The schema of one field; `parents` are the definitions that it stands in."""
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if name in parents:
                raise self._refusal(where, f"{name} contains itself")
            outer = {key: value for key, value in node.items() if key != "$ref"}
            return self.convert({**self._definitions[name], **outer}, where, (*parents, name))
        shared = {key: node[key] for key in self.SHARED if key in node}
        if "anyOf" in node:
            return {**self._any_of(node["anyOf"], where, parents), **shared}
        kind = node.get("type")
        if kind == "object":
            return {**self._object(node, where, parents), **shared}
        if kind == "array":
            if "items" not in node:
                raise self._refusal(where, "it is a tuple, or a list of anything")
            items = self.convert(node["items"], f"{where}[]", parents)
            return {"type": "ARRAY", "items": items, **shared}
        values = node.get("enum", [node["const"]] if "const" in node else None)
        if values is not None:
            if not all(isinstance(value, str) for value in values):
                raise self._refusal(where, "only texts can be a choice of fixed values")
            return {"type": "STRING", "format": "enum", "enum": values, **shared}
        if kind not in self.SCALARS:
            raise self._refusal(where, f"its type ({kind or 'any'}) has no counterpart")
        return {"type": kind.upper(), **shared}

    def _any_of(self, choices: list[Json], where: str, parents: tuple[str, ...]) -> Json:
        wanted = [choice for choice in choices if choice.get("type") != "null"]
        nullable = {"nullable": True} if len(wanted) < len(choices) else {}
        converted = [self.convert(choice, where, parents) for choice in wanted]
        if len(converted) == 1:
            return {**converted[0], **nullable}
        return {"anyOf": converted, **nullable}

    def _object(self, node: Json, where: str, parents: tuple[str, ...]) -> Json:
        if not node.get("properties"):
            raise self._refusal(where, "it is a dictionary, or a model without fields")
        properties = {
            name: self.convert(child, f"{where}.{name}" if where else name, parents)
            for name, child in node["properties"].items()
        }
        # Gemini writes the fields in this order: the transcription before what is drawn from it.
        schema: Json = {
            "type": "OBJECT",
            "properties": properties,
            "propertyOrdering": list(properties),
        }
        if "required" in node:
            schema["required"] = node["required"]
        return schema

    def _refusal(self, where: str, why: str) -> ConfigError:
        return ConfigError(
            f"Page model {self._model_name}, field {where or '(the model itself)'}: Gemini's "
            f"response schema cannot express it: {why}. Change it in the prompt's page.py."
        )
