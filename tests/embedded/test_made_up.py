"""What the embedded reader answers for page models that are not of catalogs."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.letters import PAGE_PY
from pagewave.config.settings import Settings
from pagewave.embedded.server.echo import read
from pagewave.embedded.server.made_up import field_for_words, fitted
from pagewave.errors import ConfigError
from pagewave.prompts.for_embedded import embedded_notices
from pagewave.prompts.registry import Prompt, load_prompt
from pagewave.prompts.schema import response_schema

READ = read("Box 1:12", "", 1)
FIELDS = "    words: str\n"


def prompt_of(tmp_path: Path, source: str = PAGE_PY) -> Prompt:
    """A prompt with this page model."""
    folder = tmp_path / "prompts/letters"
    folder.mkdir(parents=True)
    (folder / "page.py").write_text(source)
    (folder / "v1.jinja").write_text("Read.")
    return load_prompt(tmp_path / "prompts", "letters", "v1.jinja")


def settings_of(engine: str = "embedded") -> Settings:
    """Settings with this engine."""
    paths = {"label_source_dir": ".", "image_source_dir": "."}
    return Settings.model_validate({"engine": engine, "paths": paths})


def test_an_answer_has_the_page_models_shape_and_the_pages_words(tmp_path: Path) -> None:
    prompt = prompt_of(tmp_path)
    page = prompt.page_model.model_validate_json(fitted(READ, response_schema(prompt.page_model)))
    assert page.text().startswith("Page Box 1:12.")
    told: dict[str, Any] = page.model_dump()
    assert (told["page_number"], told["kind"], told["enclosures"]) == ("12", "draft", [])
    assert (told["sender"], told["date"], told["place"]) == (None, None, "")


def test_catalogs_are_answered_as_ever_and_so_is_who_asks_for_no_shape(tmp_path: Path) -> None:
    from helpers.library import REPO

    model = load_prompt(REPO / "prompts", "page_ocr", "v1.1.jinja").page_model
    assert fitted(READ, response_schema(model)) is READ
    assert fitted(READ, None) is READ


@pytest.mark.parametrize(
    ("fields", "way"),
    [
        ("    title: str\n    transcription: str | None", ("transcription",)),
        ("    note: str | None\n    title: str", ("title",)),
        ("    note: str | None\n    count: int", ("note",)),
        ("    inner: Inner | None\n    note: str", ("inner", "text")),
        ("    count: int", ()),
    ],
)
def test_words_go_into_the_field_that_is_likely_meant_for_them(
    tmp_path: Path, fields: str, way: tuple[str, ...]
) -> None:
    source = (
        "from pydantic import BaseModel\nfrom pagewave.page_model import PageModel\n"
        "class Inner(BaseModel):\n    text: str\n"
        f"class Page(PageModel):\n{fields}\n"
        "    def text(self): return ''\n    def context(self): return ''\n"
    ).replace("    def text(self): return ''\n", "    def text(self) -> str:\n        return ''\n")
    prompt = prompt_of(tmp_path, source)
    schema = response_schema(prompt.page_model)
    assert field_for_words(schema) == way
    answer = json.loads(fitted(READ, schema))
    for name in way:
        answer = answer[name]
    assert not way or answer.startswith("Page Box 1:12.")
    prompt.page_model.model_validate_json(fitted(READ, schema))


def test_what_is_made_up_is_said_before_anything_is_read(tmp_path: Path) -> None:
    prompt = prompt_of(tmp_path)
    [notice] = embedded_notices(settings_of(), prompt)
    assert "prompt letters's page model" in notice
    assert "`words`" in notice
    assert embedded_notices(settings_of("gemini"), prompt) == []


def test_a_page_model_that_takes_no_made_up_page_is_refused_with_its_fields(
    tmp_path: Path,
) -> None:
    source = PAGE_PY.replace("date: datetime.date | None", "date: datetime.date")
    with pytest.raises(ConfigError, match="date: Input should be a valid date") as refused:
        embedded_notices(settings_of(), prompt_of(tmp_path, source))
    assert "engine: gemini" in str(refused.value)
