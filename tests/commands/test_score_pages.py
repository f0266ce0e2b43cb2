"""Scores by what the pages have in common: book, prompt, served model."""

import json
from pathlib import Path

from helpers.command_calls import printed, said
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import Player, in_one_process


def test_scores_are_told_by_book_prompt_and_who_read(tmp_path: Path) -> None:
    with EmbeddedProcess(tmp_path / "state/embedded") as server, in_one_process():
        library = Library(tmp_path, {"Ohio/Elm/1850": 2, "Ohio/Oak/1851": 1})
        assert Player(library, server).play() == "ok"
    pages = sorted((tmp_path / "results/pages").rglob("*/[0-9]*.json"))
    for file in pages:
        answer = json.loads(file.read_text("utf-8"))
        text = "\n".join(block["text"] for block in answer["raw_ocr"]["text_blocks"])
        truth = tmp_path / "truth" / file.relative_to(tmp_path / "results/pages")
        truth.parent.mkdir(parents=True, exist_ok=True)
        extra = " another" if "Oak" in str(file) else ""
        truth.write_text(json.dumps({"text": text + extra, "courses": answer["courses"] or []}))
    corrected = tmp_path / "corrections/Ohio/Elm/1850/2.json"
    corrected.parent.mkdir(parents=True)
    corrected.write_text("{}")
    found = said(library, "score-pages", "--truth", str(tmp_path / "truth"))
    assert len(pages) == len(found["pages"]) == 3
    books = {name: some["pages"] for name, some in found["by_book"].items()}
    assert books == {"Ohio/Elm/1850": 2, "Ohio/Oak/1851": 1}
    assert found["by_book"]["Ohio/Elm/1850"]["total_wer"] == 0 < found["total_wer"]
    models = {name: some["pages"] for name, some in found["by_model"].items()}
    assert models == {"the embedded reader": 2, "corrected by a person": 1}
    prompts = {name: some["pages"] for name, some in found["by_prompt"].items()}
    assert set(prompts) == {"page_ocr v1.1", "corrected by a person"}
    shown = printed(library, "score-pages", "--truth", str(tmp_path / "truth"))
    assert "the embedded reader" in shown and "Mean WER" in shown
