"""The HTML page of a comparison: whatever a model wrote is text, never markup."""

from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

from helpers.library import REPO
from pagewave.answers.scores import score
from pagewave.commands.trials.comparison import Pair, Reading
from pagewave.commands.trials.comparison_page import write_page
from pagewave.commands.trials.context import Context
from pagewave.commands.trials.sides import Choice, Side
from pagewave.commands.trials.summary import summarize
from pagewave.config.settings import Settings
from pagewave.pages.dataset import Page
from pagewave.pages.image_files import inspect
from pagewave.prompts.registry import load_prompt
from pagewave.prompts.request import Request

EVIL = "</div><script>alert(1)</script>\"'><img src=x onerror=alert(2)> & {{ 7*7 }}"


class Tags(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def course(name: str) -> dict[str, object]:
    """A course with what is compared of it."""
    return {"course_name": name, "department": EVIL, "level": None, "term": None}


def test_everything_is_escaped(tmp_path: Path) -> None:
    image = tmp_path / "1.jpg"
    Image.new("L", (40, 60), 200).save(image)
    truth = {"text": f"true {EVIL} words", "courses": [course(EVIL), course("Livy")]}
    read = {"courses": [course("Algebra"), course(EVIL)]}

    def reading(text: str) -> Reading:
        scored = score("p", truth, text, read["courses"])
        return Reading(read, text, score=scored, seconds=1.0, transport=EVIL, served=EVIL)

    page = Page((f"O{EVIL}", "S", "1850"), 1, image)
    context = Context(None, Page((EVIL, "S", "1850"), 0, image))
    pairs = [
        Pair(page, context, truth, reading(f"false {EVIL}"), reading(EVIL)),
        Pair(page, context, None, Reading({"courses": [course(EVIL)]}), reading(EVIL)),
        Pair(page, context, truth, Reading(None, error=EVIL), reading(EVIL)),
    ]
    prompts = [load_prompt(REPO / "prompts", "page_ocr", f"{v}.jinja") for v in ("v1", "v1.1")]
    request = Request(page.key, "", "", None, image, inspect(image))
    paths = {"label_source_dir": tmp_path, "image_source_dir": tmp_path}
    choices = [Choice(prompt, Settings.model_validate({"paths": paths})) for prompt in prompts]
    sides = (
        Side(choices[0], EVIL, 1, {page.key: request}),
        Side(choices[1], EVIL, 2, {page.key: request}),
    )
    path = tmp_path / "deep/page.html"
    write_page(path, EVIL, sides, pairs, summarize(pairs, 0), EVIL)

    content = path.read_text(encoding="utf-8")
    found = Tags(content)
    assert found.tags.count("img") == len(pairs)
    assert "script" not in found.tags
    assert not {name for name in found.attributes if name.startswith("on")}
    assert "default-src 'none'" in content
    assert found.text.count("alert(1)") >= 8
    assert "{{ 7*7 }}" in found.text
    assert "http:" not in content.replace("http-equiv", "")
