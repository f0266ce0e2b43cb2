"""config/README.md and config/config.yaml say what the models say."""

from __future__ import annotations

import datetime
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from pagewave.answers.result_line import ERROR_TYPES
from pagewave.commands.models import markdown
from pagewave.config.keys import Secrets, load_secrets
from pagewave.config.models import table
from pagewave.config.problems import expected, known_keys, place_of
from pagewave.config.settings import Settings, load_settings
from pagewave.config.types import Section
from pagewave.errors import ErrorType

ROOT = Path(__file__).parents[2]
README = (ROOT / "config/README.md").read_text(encoding="utf-8")


def default_of(path: str, field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    value = field.default
    if isinstance(value, Section | dict | list):
        value = to_jsonable_python(value, exclude_none=True)
    elif isinstance(value, Path | datetime.date):
        return f"`{value}`"
    return (
        f"`{json.dumps(value)}`".replace('"', "")
        if isinstance(value, str)
        else (f"`{json.dumps(value)}`")
    )


def rows() -> dict[str, str]:
    """The README's table row of every key."""
    return {
        path: f"| `{path}` | {expected(place_of(field))} | {default_of(path, field)} "
        f"| {field.description} |"
        for path, field in known_keys(Settings)
    }


@pytest.mark.parametrize("path", rows())
def test_readme_has_every_key_with_type_default_and_meaning(path: str) -> None:
    assert rows()[path] in README.splitlines()


def test_readme_has_no_key_that_does_not_exist() -> None:
    in_tables = re.findall(r"^\| `([a-z_]+(?:\.[a-z_]+)*)` \| .* \|.*\|.*\|$", README, re.MULTILINE)
    assert set(in_tables) == set(rows())


def test_readme_tables_are_in_the_order_of_the_models() -> None:
    places = [README.index(row) for row in rows().values()]
    assert places == sorted(places)


def test_the_page_on_models_shows_the_table_of_models() -> None:
    page = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    assert len(table().model) > 10
    assert markdown() in page  # python scripts/models.py --markdown
    assert f"As of {table().as_of}" in page
    for model in table().model.values():
        assert model.source in page, model.name


def test_readme_and_retry_know_the_errors_that_answers_can_have() -> None:
    assert set(get_args(ErrorType)) == ERROR_TYPES != set()
    explained = README.partition("The errors of `retry.after`")[2]
    assert {name for name in ERROR_TYPES if f"`{name}`" in explained} == ERROR_TYPES


def test_every_model_and_key_has_a_description() -> None:
    descriptions = {path: field.description or "" for path, field in known_keys(Settings)}
    assert "batch.poll_interval_seconds" in descriptions
    assert [path for path, text in descriptions.items() if not text.endswith(".")] == []


def _examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("text", _examples())
def test_yaml_examples_are_valid(text: str, tmp_path: Path) -> None:
    load_settings(_with_sources(yaml.safe_load(text), tmp_path), tmp_path)


def test_sample_config_is_valid(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    settings = load_settings(_with_sources(config, tmp_path), tmp_path)
    assert settings.engine == "embedded"
    assert settings.warnings == ()


def test_sample_config_keeps_the_defaults_but_for_engine_and_sources(tmp_path: Path) -> None:
    """So that a copy of it with another engine means what the manual says of the defaults."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    config["engine"] = "gemini"
    settings = load_settings(_with_sources(config, tmp_path), tmp_path)
    bare = {name: config["paths"][name] for name in ("label_source_dir", "image_source_dir")}
    assert settings == load_settings({"paths": bare}, tmp_path)


def test_every_line_of_the_sample_config_is_explained() -> None:
    lines = (ROOT / "config/config.yaml").read_text(encoding="utf-8").splitlines()
    values = [
        (before, line)
        for before, line in pairwise(lines)
        if line and not line.strip().startswith("#") and not line.endswith(":")
    ]
    unexplained = {
        line.strip().partition(":")[0]
        for before, line in values
        if not before.strip().startswith("#")
    }
    assert len(values) > len(unexplained)
    # One comment explains these together, with the key before them.
    assert unexplained == {"name", "template_file"}


def test_env_example_names_the_keys_and_holds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = {name.upper() for name in Secrets.model_fields}
    assert set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE)) == names != set()
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    assert load_secrets(tmp_path) == Secrets()


def _with_sources(config: dict[str, dict[str, str]], folder: Path) -> dict[str, dict[str, str]]:
    """Makes the source folders that the configuration names."""
    paths = config.setdefault("paths", {})
    for name in ("label_source_dir", "image_source_dir"):
        (folder / paths.setdefault(name, name)).mkdir(parents=True)
    return config
