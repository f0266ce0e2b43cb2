"""The bundled sample as a library to run commands over, with what its tests share."""

import json
from pathlib import Path
from typing import Any

from helpers.library import REPO, Library

SAMPLE = REPO / "resources/sample"
TRUTH = SAMPLE / "truth"
BOOK = "Vermont/Linden Grove Academy/1866"
KEY = "Vermont:Linden Grove Academy:1866:{}"
"""Page 4 of this book lists courses under a heading of page 3."""

NO_CONTEXT = "v1-no-context.jinja"


def sample_library(root: Path, **sections: dict[str, Any]) -> Library:
    """The sample's book of Linden Grove, read by the real reader; nothing is read yet."""
    paths = {
        "label_source_dir": str(SAMPLE / "labels"),
        "image_source_dir": str(SAMPLE / "images"),
    }
    own: dict[str, dict[str, Any]] = {
        "paths": paths,
        "filters": {"target_states": ["Vermont"]},
        "embedded": {"reader": "ocr"},
        "prompt": {"registry_dir": str(registry(root))},
    }
    return Library(root, {}, **(own | sections))


def registry(root: Path) -> Path:
    """A copy of the prompts, with a version that leaves the previous page out."""
    made = root / "prompts"
    folder = made / "page_ocr"
    folder.mkdir(parents=True)
    for file in (REPO / "prompts/page_ocr").iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    text = (folder / "v1.jinja").read_text(encoding="utf-8")
    (folder / NO_CONTEXT).write_text(text.replace("{% if previous_context %}", "{% if false %}"))
    return made


def write_true_page(library: Library, number: int) -> None:
    """A page file with what the truth says, as if the page had been read well."""
    truth = json.loads((TRUTH / BOOK / f"{number}.json").read_text(encoding="utf-8"))
    page = {
        "raw_ocr": {
            "text_blocks": [
                {"block_id": 1, "position": "top", "text": truth["text"], "font_style": "regular"}
            ],
            "layout_description": "",
        },
        **{name: truth[name] for name in ("page_info", "school_name", "catalog_year")},
        **{name: truth[name] for name in ("academic_year", "courses")},
    }
    file = library.page_file(KEY.format(number))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(page), encoding="utf-8")
