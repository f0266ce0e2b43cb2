"""Lines of a result file, made by hand, and what they are taken for."""

import json
from pathlib import Path
from typing import Any

from pagewave.answers.result_line import ERROR_TYPES, Answer, Failure, parse_line
from pagewave.page_model import PageModel
from pagewave.prompts.registry import load_prompt

MODEL = load_prompt(Path(__file__).parents[2] / "prompts", "page_ocr", "v1.jinja").page_model
KEY = "Ohio:Ashgrove College:1852:14"


def page(*texts: str, **changes: Any) -> dict[str, Any]:
    """A page_ocr page with these blocks."""
    blocks = [
        {"block_id": number, "position": "top", "text": text, "font_style": "regular"}
        for number, text in enumerate(texts, 1)
    ]
    return {
        "raw_ocr": {"text_blocks": blocks, "layout_description": "One column."},
        "page_info": {"page_number": "14", "is_complete_page": True, "content_type": "courses"},
        "school_name": None,
        "catalog_year": None,
        "academic_year": None,
        "courses": [],
        **changes,
    }


PAGE_JSON = json.dumps(page("FRESHMAN YEAR.", "LATIN.—Livy."), ensure_ascii=False)
USAGE = {
    "promptTokenCount": 3000,
    "candidatesTokenCount": 400,
    "thoughtsTokenCount": 50,
    "totalTokenCount": 3450,
}


def response(*texts: str, **changes: Any) -> dict[str, Any]:
    """A GenerateContentResponse with these parts; changes go over its candidate."""
    parts = [{"text": text} for text in texts]
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
    return {"candidates": [{**candidate, **changes}], "usageMetadata": USAGE}


def make_line(answer: Any = None, **fields: Any) -> bytes:
    """The line of a result file."""
    entry = {"key": KEY, **({} if answer is None else {"response": answer}), **fields}
    return json.dumps(entry, ensure_ascii=False).encode()


def parse(answer: Any = None, model: type[PageModel] = MODEL, **fields: Any) -> Answer | Failure:
    """What such a line is taken for."""
    return parse_line(make_line(answer, **fields), model)


def answered(result: Answer | Failure) -> Answer:
    """It is an answer."""
    assert isinstance(result, Answer), result
    return result


def failed(result: Answer | Failure, error_type: str) -> Failure:
    """It is a failure of this type, and complete."""
    assert isinstance(result, Failure), result
    assert result.error_type == error_type, result.message
    assert result.error_type in ERROR_TYPES
    assert result.message
    assert result.traceback.startswith("Traceback")
    return result
