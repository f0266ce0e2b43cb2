"""Whoever comes from the Prefect application: its folder beside ours, its config.yaml as it is."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helpers.library import REPO, Library
from helpers.prefect_application import SEED
from pagewave.config.elsewhere import with_its_own_paths

THEIRS = "gemini-ocr-batch"
BOOKS = ("Alabama/Elm School/1850", "California/Oak, & Co/1851")
CONFIG = {
    # Its batches are looked at every 30 seconds, which would be long here.
    **{name: section for name, section in yaml.safe_load(SEED).items() if name != "batch"},
    "paths": {
        "label_source_dir": "dataset/label_to_curricular",
        "image_source_dir": "dataset/raw_image_dataset",
        "output_dir": "dataset/output_results",
    },
}
READ_THERE = {
    "raw_ocr": {
        "text_blocks": [
            {"block_id": 1, "position": "top", "text": "As read there", "font_style": "plain"}
        ],
        "layout_description": "",
    },
    "page_info": {"page_number": None, "is_complete_page": True, "content_type": "text"},
    "school_name": None,
    "catalog_year": None,
    "academic_year": None,
    "courses": [],
}


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Library]:
    """Our folder, in which nothing is; beside it theirs, with two books, a page read."""
    theirs = tmp_path / THEIRS
    theirs.mkdir()
    (tmp_path / "pagewave").mkdir()
    with Library(tmp_path / "pagewave", {}) as here, Library(theirs, dict.fromkeys(BOOKS, 2)):
        (theirs / "dataset").mkdir()
        (theirs / "labels").rename(theirs / "dataset/label_to_curricular")
        (theirs / "images").rename(theirs / "dataset/raw_image_dataset")
        (theirs / "config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
        prompts = theirs / "prompts/page_ocr"
        prompts.mkdir(parents=True)
        for template in (REPO / "prompts/page_ocr").glob("*.jinja"):
            shutil.copy(template, prompts)
        there = theirs / "dataset/output_results" / BOOKS[0] / "1.json"
        there.parent.mkdir(parents=True)
        there.write_text(json.dumps(READ_THERE))
        (here.root / "config.yaml").unlink()
        here.configfile = f"../{THEIRS}/config.yaml"
        yield here


def files_of(folder: Path) -> set[str]:
    """All files in a folder, but what tests themselves leave."""
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    return {name for name in found if not name.startswith(("output/", ".cache/", ".snakemake/"))}


def test_its_config_is_read_where_it_lies_and_pages_go_where_they_went(ours: Library) -> None:
    theirs = ours.root.parent / THEIRS
    before = files_of(theirs)
    looked_at = ours.run("-n")
    assert f"its paths start at ../{THEIRS}" in looked_at
    assert f"../{THEIRS}/prompts/page_ocr has no page.py" in looked_at
    assert "prefect.schedule_interval_minutes has no effect" in looked_at
    assert "docs/deployment.md" in looked_at
    assert "3 to send" in looked_at
    assert (files_of(theirs), files_of(ours.root)) == (before, set())

    ours.run("--config", "engine=embedded", "embedded={reader: echo}")
    pages = theirs / "dataset/output_results"
    written = {f"{book}/{number}.json" for book in BOOKS for number in (1, 2)}
    assert files_of(pages) == written | {".pagewave.json"}
    assert files_of(theirs) - before == {
        f"dataset/output_results/{name}" for name in files_of(pages)
    } - {f"dataset/output_results/{BOOKS[0]}/1.json"}
    # What was read there stays, goes on to the next page, and is in the book.
    assert json.loads((pages / BOOKS[0] / "1.json").read_text()) == READ_THERE
    assert sum(ours.inferences().values()) == 3
    assert ours.book(BOOKS[0])["page_count"] == 2
    ((told,),) = ours.ledger("SELECT previous_context FROM record WHERE key LIKE 'Alabama:%:2'")
    assert "As read there" in told
    # Their prompt, as they wrote it.
    stored = {text for (text,) in ours.ledger("SELECT template FROM prompt")}
    assert stored == {(theirs / "prompts/page_ocr/v1.1.jinja").read_text()}


def test_paths_start_there_only_where_all_sources_are_there_and_none_here(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there / "labels", there / "scans", there / "prompts"):
        folder.mkdir(parents=True)
    paths = {"label_source_dir": "labels", "image_source_dir": "scans", "state_dir": "/abs"}
    config = {"paths": paths, "prompt": {"registry_dir": "prompts", "name": "page_ocr"}}
    file = there / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    taken, told = with_its_own_paths(config, [file], here)
    moved = {"label_source_dir": "../there/labels", "image_source_dir": "../there/scans"}
    assert taken["paths"] == paths | moved
    assert taken["prompt"] == {"registry_dir": "../there/prompts", "name": "page_ocr"}
    assert len(told) == 1
    # What was typed over the file starts here, as ever.
    typed = config | {"paths": paths | {"output_dir": "mine"}}
    assert with_its_own_paths(typed, [file], here)[0]["paths"]["output_dir"] == "mine"
    (there / "prompts").rmdir()
    assert with_its_own_paths(config, [file], here)[0]["prompt"] == config["prompt"]

    as_it_is = (config, [])
    assert with_its_own_paths(config, [], here) == as_it_is
    assert with_its_own_paths(config, [file, file], here) == as_it_is
    assert with_its_own_paths(config, [file], there) == as_it_is
    (here / "scans").mkdir()
    assert with_its_own_paths(config, [file], here) == as_it_is
    (here / "scans").rmdir()
    (there / "labels").rmdir()
    assert with_its_own_paths(config, [file], here) == as_it_is
