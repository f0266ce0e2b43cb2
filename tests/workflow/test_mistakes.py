"""Mistakes in the configuration or the images end in one clear message, and cost nothing."""

import re
from pathlib import Path

import pytest

from helpers.library import REPO, Library


@pytest.mark.parametrize(
    ("section", "value", "code", "message"),
    [
        ("modle", {"name": "x"}, 2, "model"),
        ("execution", {"max_retries": "many"}, 2, "execution.max_retries"),
        ("prompt", {"registry_dir": str(REPO / "prompts"), "name": "poems"}, 2, "page_ocr"),
        (
            "prompt",
            {"registry_dir": str(REPO / "prompts"), "template_file": "v9.jinja"},
            2,
            "v1.1.jinja",
        ),
        ("filters", {"target_states": ["Ohoi"]}, 3, "Ohio"),
        ("engine", "gemini", 2, "GEMINI_API_KEY"),
    ],
)
def test_a_mistake_in_the_config_is_one_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    section: str,
    value: object,
    code: int,
    message: str,
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library:
        library.config[section] = value
        library.configure()
        output = library.run(code=code)
        assert message in output
        assert "Traceback" not in output
        assert not list(tmp_path.rglob("log.jsonl"))


def test_a_book_that_is_misspelt_is_one_message(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library:
        said = library.run("results/books/Ohio/Elm Scool/1850/book.json", code=3)
        assert "There is no book Ohio/Elm Scool/1850" in said
        assert "Did you mean Ohio/Elm School/1850?" in said
        assert "Traceback" not in said and not library.events("create")


def test_a_broken_image_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 2}) as library:
        image = next((tmp_path / "images").rglob("2.jpg"))
        image.write_bytes(b"no image")
        output = library.run(code=3)
        assert str(image.relative_to(tmp_path)) in output
        assert not list(tmp_path.rglob("log.jsonl"))


def test_dry_run_in_the_config_sends_nothing(tmp_path: Path) -> None:
    execution = {"dry_run": True}
    with Library(tmp_path, {"Ohio/Elm School/1850": 3}, execution=execution) as library:
        output = library.run()
        assert re.search(r"^ +3 +1 +1 +Ohio/Elm School/1850 ", output, re.MULTILINE)
        assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_a_chain_of_3000_pages_can_be_planned(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 3000}) as library:
        code, output = library.start("-n").wait()
        assert code == 0, output
        assert re.search(r"^ *3,000 +1 +1 +Ohio/Elm School/1850 ", output, re.MULTILINE)
        assert len(output.splitlines()) <= 60
