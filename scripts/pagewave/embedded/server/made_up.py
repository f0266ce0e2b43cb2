"""An answer in the shape of any page model, made up around the words that a reader read.

The readers know course catalogs alone. Where a request asks for another shape, the page's words go
into the field that is likely meant for them, and all else is as little as the shape allows: null,
an empty list, 0, the first of several choices. So the workflow can be tried with any page model.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Way = tuple[str, ...]

OF_CATALOGS = "raw_ocr"
"""The field by which the shape of a catalog's page is known."""
FOR_WORDS = (
    *("text", "words", "transcription", "transcript", "full_text", "raw_text", "body", "content"),
)
"""What a field for a page's words is likely called, the likeliest first."""
PAGE_NUMBER = "page_number"


def is_of_catalogs(schema: Schema | None) -> bool:
    """Is this the shape that the readers know (or does a request ask for none)?"""
    properties = (schema or {}).get("properties")
    return not properties or OF_CATALOGS in properties


def fitted(page: str, schema: Schema | None) -> str:
    """A reader's page (JSON text) in the shape that a request asks for.

    Args:
        schema: Gemini's response schema.
    """
    if schema is None or is_of_catalogs(schema):
        return page
    read = json.loads(page)
    words = "\n".join(block["text"] for block in read["raw_ocr"]["text_blocks"])
    return json.dumps(made_up(schema, words, read["page_info"][PAGE_NUMBER]), ensure_ascii=False)


def made_up(schema: Schema, words: str, page_number: str | None = None) -> Any:
    """A value of this shape that holds the words."""
    for_words = field_for_words(schema)

    def value(node: Schema, way: Way) -> Any:
        if way == for_words and way:
            return words
        kind = node.get("type")
        if kind == "STRING" and way[-1:] == (PAGE_NUMBER,) and page_number:
            return page_number
        if kind == "OBJECT" and (not node.get("nullable") or for_words[: len(way)] == way):
            return {name: value(each, (*way, name)) for name, each in node["properties"].items()}
        if node.get("nullable"):
            return None
        if "anyOf" in node:
            return value(node["anyOf"][0], way)
        if kind == "ARRAY":
            return [value(node["items"], (*way, "")) for _ in range(int(node.get("minItems", 0)))]
        if kind == "STRING":
            return node["enum"][0] if node.get("enum") else ""
        return False if kind == "BOOLEAN" else node.get("minimum", 0)

    return value(schema, ())


def field_for_words(schema: Schema) -> Way:
    """The way to the field that is likely meant for a page's words; empty where none is a text."""
    texts = [(way, node) for way, node in _fields(schema) if _is_free_text(node)]
    for name in FOR_WORDS:
        for way, _ in texts:
            if way[-1] == name:
                return way
    texts.sort(key=lambda text: bool(text[1].get("nullable")))
    return texts[0][0] if texts else ()


def _fields(node: Schema, way: Way = ()) -> Iterator[tuple[Way, Schema]]:
    """All fields, those of objects within too, but none of lists."""
    for name, each in node.get("properties", {}).items():
        yield (*way, name), each
        yield from _fields(each, (*way, name))


def _is_free_text(node: Schema) -> bool:
    return node.get("type") == "STRING" and not node.get("enum")
