"""The table of models as a command prints it, and what the service lists for a key."""

import json
from pathlib import Path

import pytest

from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from pagewave.commands.models import main
from pagewave.config.models import table

LITE = "gemini-3.5-flash-lite"


def test_without_a_key_the_table_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(f" {name} " in printed for name in table().model)
    assert "2026-12-01 \u2192 gemini-3.5-flash-lite" in printed
    assert "the service was not asked" in printed
    assert main(["--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["models"][LITE]["listed"] is None
    assert report["models"]["gemini-3.8-flash"]["prices"][1]["from"] == "2027-01-01"


def test_with_a_key_the_service_is_asked_what_it_lists(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", quiet_server.token)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", quiet_server.base_url)
    library = Library(tmp_path, {"Ohio/Elm/1850": 1})
    library.config["engine"] = "gemini"
    own = {"my-model": {"input": 1, "output": 1}}
    library.configure(pricing={"batch_usd_per_million_tokens": own})
    report = said(library, "models")
    assert set(report["listed_by_the_service"]) == set(table().model)
    assert report["models"][LITE]["listed"] is True
