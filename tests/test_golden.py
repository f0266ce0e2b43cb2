"""What may never change by itself: a changed fingerprint would buy every page again.

Fingerprints, recipes, request lines and row ids as they were when the first pages were paid for.
Where one of these tests fails, the code is wrong and not the literal.
"""

import hashlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pagewave.config.settings import Settings, load_settings
from pagewave.pages.dataset import scan
from pagewave.pages.prepared import PreparedImages
from pagewave.prompts.registry import Prompt, load_prompt
from pagewave.prompts.request import build_request, generation_config, jsonl_line, recipe
from pagewave.prompts.schema import response_schema
from pagewave.tracking import rows
from pagewave.waves import submit as submission

REPO = Path(__file__).parents[1]
CONTEXT = "LAST_500_CHARS:\nMr. Hale. Latin Grammar\n\nLAST_3_COURSES:\n(none)"
BOOK = "Vermont/Linden Grove Academy/1866"


def settings_of(engine: str) -> Settings:
    """The sample as it was configured first, with every setting of a model that is hashed."""
    sample = REPO / "resources/sample"
    config: dict[str, Any] = {
        "engine": engine,
        "paths": {
            "label_source_dir": str(sample / "labels"),
            "image_source_dir": str(sample / "images"),
        },
        "model": {
            "name": "gemini-2.5-flash",
            "generation_config": {"temperature": 0.1, "max_output_tokens": 8192},
        },
        "prompt": {
            "registry_dir": str(REPO / "prompts"),
            "name": "page_ocr",
            "template_file": "v1.1.jinja",
        },
    }
    return load_settings(config, REPO)


def prompt_of(settings: Settings) -> Prompt:
    """The prompt that comes with the project."""
    choice = settings.prompt
    return load_prompt(choice.registry_dir, choice.name, choice.template_file)


def golden(engine: str) -> dict[str, Any]:
    """What determines the answers of three pages."""
    settings = settings_of(engine)
    prompt = prompt_of(settings)
    images = PreparedImages(settings)
    schema = response_schema(prompt.page_model)
    pages = {}
    for page in scan(settings).book(BOOK).pages[:3]:
        image, facts = images.inspect(page)
        context = CONTEXT if page.number > 1 else None
        request = build_request(page, prompt, context, settings, image, facts)
        config = generation_config(settings, 1, ())
        line = jsonl_line(request, "https://host/v1beta/files/abc", config, schema)
        pages[page.number] = (request.fingerprint, hashlib.sha256(line).hexdigest())
    return {"recipe": recipe(settings, prompt), "pages": pages}


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (
            "embedded",
            {
                "recipe": "699b734a",
                "pages": {
                    1: (
                        "b35ef6cb4801f5b8d17b3b1a2dde88f6b832383ee1eb0855452141a027651e8d",
                        "0812a51766c0825d01efd6c7d5686408ce9af8e5c887259e703e7079eee2f0f9",
                    ),
                    2: (
                        "317d60036d5d7a09da935e648b4b1bd93fca154c2bf5a2b3597a7de20ca0898a",
                        "9e46eb4ae639caf42e366a7b50e3d076b575a0b3327cb75fd238d67ccb363345",
                    ),
                    3: (
                        "34eab65ff196d6ba29d530ab6ec2a01a6f2befb6ff061267859009eebd0711c7",
                        "977de3ab1293b3106ffd79b50f4db3042868ea03d85c2c1ddf0399a4b69e8f33",
                    ),
                },
            },
        ),
        (
            "gemini",
            {
                "recipe": "72ba49c0",
                "pages": {
                    1: (
                        "9e3c369d662623343854f8c627d73aeb00c9f0b03246887dc37fb2d85133549d",
                        "0812a51766c0825d01efd6c7d5686408ce9af8e5c887259e703e7079eee2f0f9",
                    ),
                    2: (
                        "a68209ef9f3b44d515a96330cfa9b1bdd8d2080e3e78b76c854b92f50f56838e",
                        "9e46eb4ae639caf42e366a7b50e3d076b575a0b3327cb75fd238d67ccb363345",
                    ),
                    3: (
                        "760c08f1828156b3601b8ab75bca908ae4c920abadeef4e31390f311b92c7a7d",
                        "977de3ab1293b3106ffd79b50f4db3042868ea03d85c2c1ddf0399a4b69e8f33",
                    ),
                },
            },
        ),
    ],
)
def test_fingerprints_and_request_lines(engine: str, expected: dict[str, Any]) -> None:
    assert golden(engine) == expected


def test_display_names_and_row_ids() -> None:
    session = SimpleNamespace(
        settings=settings_of("gemini"), prompt=prompt_of(settings_of("gemini"))
    )
    name = submission._display_name(session, "2026-01-02T03-04-05", 2, 7)  # type: ignore[arg-type]
    assert re.fullmatch(r"pagewave-2026-01-02T03-04-05-lane2-wave7-72ba49c0-[0-9a-f]{8}", name)
    row_id = rows.row_id("run-1-lane1-wave1-00000000-00000000", "Ohio:Elm:1850:1")
    assert str(row_id) == "f76c5b4e-1c72-5679-97a9-de177974d66a"
