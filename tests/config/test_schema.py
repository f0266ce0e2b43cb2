"""config/schema.json, by which editors complete keys, says what the models say."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pagewave.config.problems import known_keys
from pagewave.config.schema import config_schema, schema_text
from pagewave.config.settings import Settings, load_settings
from pagewave.errors import ConfigError

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config/schema.json"
EXAMPLES = re.findall(
    r"```yaml\n(.*?)```", (ROOT / "config/README.md").read_text(encoding="utf-8"), re.DOTALL
)
SAMPLE = (ROOT / "config/config.yaml").read_text(encoding="utf-8")
PATHS = {"label_source_dir": "labels", "image_source_dir": "images"}


@pytest.fixture(scope="module")
def validator() -> Any:
    """Says what an editor would say."""
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def test_the_file_is_what_the_models_make() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text(), (
        "To renew it: PYTHONPATH=scripts python -m pagewave.config.schema > config/schema.json"
    )


def test_the_sample_config_names_it() -> None:
    assert SAMPLE.startswith("# yaml-language-server: $schema=schema.json\n")


def test_every_key_has_its_description() -> None:
    definitions = config_schema()["definitions"]

    def described(schema: dict[str, Any], path: list[str]) -> str:
        for name in path[:-1]:
            schema = definitions[schema["properties"][name]["$ref"].rpartition("/")[2]]
        return str(schema["properties"][path[-1]]["description"])

    keys = [(path, field) for path, field in known_keys(Settings) if "." in path]
    assert len(keys) > 60
    for path, field in keys:
        if not path.startswith("filters.target_years."):  # may be null: behind an `anyOf`
            assert described(config_schema(), path.split(".")) == field.description


@pytest.mark.parametrize("text", [SAMPLE, *EXAMPLES])
def test_what_the_manual_shows_has_no_fault(text: str, validator: Any) -> None:
    config = yaml.safe_load(text)
    # An example need not repeat the folders; YAML's dates are texts to an editor.
    config["paths"] = PATHS | config.get("paths", {})
    assert not list(validator.iter_errors(json.loads(json.dumps(config, default=str))))


BOTH = [
    ({}, True),
    ({"filters": {"target_states": None, "target_years": None}}, True),
    ({"pricing": {"batch_usd_per_million_tokens": None}}, True),
    ({"pricing": {"batch_usd_per_million_tokens": {"mine": {"input": 1, "output": 2}}}}, True),
    ({"pathvars": {"results": "elsewhere"}}, True),
    ({"retry": {"after": {"Truncated": {"seed": 1}}}}, True),
    ({"execution": {"max_retries": 0}}, False),
    ({"execution": {"max_retrys": 2}}, False),
    ({"engine": "openai"}, False),
    ({"retry": {"after": {"Nonsense": {"seed": 1}}}}, False),
    ({"pricing": {"batch_usd_per_million_tokens": {"mine": {"input": 1}}}}, False),
]


@pytest.mark.parametrize(("config", "is_right"), BOTH)
def test_editor_and_run_agree(
    config: dict[str, Any], is_right: bool, validator: Any, tmp_path: Path
) -> None:
    for folder in PATHS.values():
        (tmp_path / folder).mkdir()
    config = {"paths": PATHS, **config}
    assert (not list(validator.iter_errors(config))) == is_right
    if is_right:
        load_settings(config, tmp_path)
    else:
        with pytest.raises(ConfigError):
            load_settings(config, tmp_path)


def test_labels_are_not_needed_where_all_scans_are_read(validator: Any, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    config = {"paths": {"image_source_dir": "images"}, "filters": {"labels": "all"}}
    assert not list(validator.iter_errors(config))
    load_settings(config, tmp_path)
    assert list(validator.iter_errors({"paths": {}}))
