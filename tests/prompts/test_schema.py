"""A page model as the response schema that goes with each request."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from pagewave.errors import ConfigError
from pagewave.page_model import PageModel
from pagewave.prompts.registry import load_prompt
from pagewave.prompts.schema import response_schema

PROMPT = load_prompt(Path(__file__).parents[2] / "prompts", "page_ocr", "v1.1.jinja")


class Plain(PageModel):
    def text(self) -> str:
        return ""

    def context(self) -> str:
        return ""


class Tree(BaseModel):
    name: str
    children: "list[Tree]"


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Number(Enum):
    ONE = 1


class Part(BaseModel):
    """A part."""

    name: str


def test_the_schema_of_page_ocr_is_fixed() -> None:
    schema = response_schema(PROMPT.page_model)
    assert (
        schema["propertyOrdering"]
        == schema["required"]
        == [
            "raw_ocr",
            "page_info",
            "school_name",
            "catalog_year",
            "academic_year",
            "courses",
        ]
    )
    assert schema["properties"]["page_info"] == {
        "type": "OBJECT",
        "description": "Facts about the page as a whole.",
        "properties": {
            "page_number": {
                "type": "STRING",
                "nullable": True,
                "description": "The page number as printed, such as '14' or 'xii'; "
                "null when none is printed.",
            },
            "is_complete_page": {
                "type": "BOOLEAN",
                "description": "False when part of the page is cut off, covered or missing "
                "in the image.",
            },
            "content_type": {
                "type": "STRING",
                "description": "What the page mainly holds, in a word or two, such as 'courses', "
                "'faculty', 'calendar', 'expenses', 'title page', 'blank', 'unreadable'.",
            },
        },
        "propertyOrdering": ["page_number", "is_complete_page", "content_type"],
        "required": ["page_number", "is_complete_page", "content_type"],
    }
    course = schema["properties"]["courses"]["items"]["properties"]
    assert course["topics"]["items"] == {"type": "STRING"}
    assert course["topics"]["nullable"] is True
    assert "nullable" not in course["textbooks"]
    assert course["textbooks"]["items"]["propertyOrdering"] == ["title", "author"]


def _fields(schema: Any) -> set[str]:
    """All keys used in a schema, names of properties left out."""
    if isinstance(schema, list):
        return set().union(*map(_fields, schema))
    if not isinstance(schema, dict):
        return set()
    children = [
        child
        for key, value in schema.items()
        for child in (value.values() if key == "properties" else [value])
    ]
    return set(schema).union(*map(_fields, children))


def test_the_schema_has_only_fields_of_the_subset() -> None:
    assert _fields(response_schema(PROMPT.page_model)) == {
        "type",
        "description",
        "nullable",
        "properties",
        "propertyOrdering",
        "required",
        "items",
    }


def test_the_sdk_knows_every_field_of_the_schema() -> None:
    from google.genai import types

    schema = types.Schema.model_validate(response_schema(PROMPT.page_model))
    assert schema.properties is not None
    assert list(schema.properties) == schema.property_ordering


def test_kinds_of_fields() -> None:
    class Kinds(Plain):
        """A page."""

        model_config = ConfigDict(extra="forbid")

        text_: str = Field(title="Words", examples=["a"])
        count: Annotated[int, Field(ge=1, le=9)]
        share: float | None
        choice: Literal["a", "b"]
        only: Literal["a"]
        size: Size | None
        part: Part = Field(description="The first part.")
        other: Part | None
        some: Annotated[list[Part], Field(min_length=1, max_length=3)]
        either: str | int | None
        optional: str = "x"

    part = {
        "type": "OBJECT",
        "properties": {"name": {"type": "STRING"}},
        "propertyOrdering": ["name"],
        "required": ["name"],
        "description": "A part.",
    }
    schema = response_schema(Kinds)
    assert schema.pop("properties") == {
        "text_": {"type": "STRING"},
        "count": {"type": "INTEGER", "minimum": 1, "maximum": 9},
        "share": {"type": "NUMBER", "nullable": True},
        "choice": {"type": "STRING", "format": "enum", "enum": ["a", "b"]},
        "only": {"type": "STRING", "format": "enum", "enum": ["a"]},
        "size": {"type": "STRING", "format": "enum", "enum": ["small", "large"], "nullable": True},
        "part": {**part, "description": "The first part."},
        "other": {**part, "nullable": True},
        "some": {"type": "ARRAY", "items": part, "minItems": 1, "maxItems": 3},
        "either": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}], "nullable": True},
        "optional": {"type": "STRING"},
    }
    names = [*Kinds.model_fields]
    assert schema == {
        "type": "OBJECT",
        "description": "A page.",
        "propertyOrdering": names,
        "required": names[:-1],
    }


class Recursive(Plain):
    trees: list[Tree]


class WithDictionary(Plain):
    counts: dict[str, int]


class WithTuple(Plain):
    pair: tuple[str, int]


class WithAnything(Plain):
    part: list[Any]


class WithNumberChoice(Plain):
    choice: Literal[1, 2]


class WithNumberEnum(Plain):
    choice: Number


class WithNull(Plain):
    nothing: None


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Recursive, r"Recursive, field trees\[\]\.children\[\]: .*Tree contains itself"),
        (WithDictionary, r"field counts: .*dictionary"),
        (WithTuple, r"field pair: .*tuple"),
        (WithAnything, r"field part(\[\])?: .*any"),
        (WithNumberChoice, r"field choice: .*only texts"),
        (WithNumberEnum, r"field choice: .*only texts"),
        (WithNull, r"field nothing: .*null"),
        (Plain, r"Plain, field \(the model itself\): .*without fields"),
    ],
)
def test_what_gemini_cannot_express_is_named(model: type[PageModel], said: str) -> None:
    with pytest.raises(ConfigError, match=said + r".*page\.py"):
        response_schema(model)
