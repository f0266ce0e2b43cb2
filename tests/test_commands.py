"""What a person runs: mistakes end in one clear message, and cost nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from library import REPO, Library

from pagewave.ledger import FailureRow, Ledger, PlannedPage, Record

KEY = "Ohio:Elm: School:1850:1"


def failed_ledger(path: Path) -> None:
    """A ledger with one failure of a page whose school has a colon in its name."""
    ledger = Ledger.open(path)
    ledger.start_run("r1", "embedded", "m", [PlannedPage(KEY, 1, 1, 0)], [])
    ledger.add_prompt("p", "page_ocr", "v1.jinja", "text")
    record = Record(KEY, "f", 1, None, "{}", "1.jpg", "a")
    batch = ledger.add_intent("b1", "embedded", "m", "p", "r1", 1, 1, [record])
    failures = [FailureRow(KEY, 1, True, "Truncated", "cut off")]
    ledger.commit_results(batch.id, "SUCCEEDED", None, [], failures)
    ledger.close()


def clear(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run clear_failure_counts.py."""
    command = [sys.executable, str(REPO / "scripts/clear_failure_counts.py"), "--ledger", str(path)]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "cleared"),
    [
        (("--all",), True),
        (("--key", KEY), True),
        (("--states", "Ohio", "--year-start", "1850", "--year-end", "1850"), True),
        (("--schools", "Elm: School"), True),
        (("--states", "Vermont"), False),
        (("--year-start", "1851"), False),
        (("--all", "--dry-run"), False),
    ],
)
def test_failures_are_cleared(tmp_path: Path, options: tuple[str, ...], cleared: bool) -> None:
    path = tmp_path / "ledger.sqlite"
    failed_ledger(path)
    result = clear(path, *options)
    assert result.returncode == 0, result.stderr
    assert (KEY not in Ledger.peek(path).failure_counts("embedded")) == cleared
    assert (KEY in result.stdout) == (cleared or "--dry-run" in options)


def test_clearing_nothing_in_particular_is_refused(tmp_path: Path) -> None:
    assert clear(tmp_path / "none.sqlite", "--all").returncode == 2
    assert "say which pages" in clear(tmp_path / "none.sqlite").stderr


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
        assert "lane 1 wave 3: 1 page of 1 book" in output
        assert not (tmp_path / "state").exists()


def test_a_chain_of_3000_pages_can_be_planned(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 3000}) as library:
        output = library.run("-n")
        assert "lane 1 wave 3000: 1 page of 1 book" in output
