"""The configuration as people write it: what is taken, and what they are told when it is wrong."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.prefect_application import SEED
from pagewave.config.keys import Secrets, load_secrets
from pagewave.config.service import Execution
from pagewave.config.settings import Settings, load_settings, require_key
from pagewave.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with the two source folders."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    return tmp_path


def load(folder: Path, text: str = "") -> Settings:
    """Settings of a YAML text, with the source folders added when it names no paths."""
    config = yaml.safe_load(text) or {}
    config.setdefault("paths", {"label_source_dir": "labels", "image_source_dir": "images"})
    return load_settings(config, folder)


def problems(folder: Path, text: str) -> list[str]:
    """What a person is told about a YAML text, a line each."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    first, *lines, last = str(caught.value).splitlines()
    assert first.startswith("The configuration has ")
    assert last == "config/README.md explains every key."
    return [line.removeprefix("  ") for line in lines]


def test_defaults_need_only_the_sources(folder: Path) -> None:
    settings = load(folder)
    assert settings.engine == "gemini"
    assert settings.paths.output_dir == Path("results/pages")
    assert settings.batch.poll_interval_seconds == 30
    assert settings.pricing.batch_usd_per_million_tokens == {}
    assert settings.model.name == "gemini-3.5-flash-lite"
    assert settings.warnings == ()


def test_seed_config_means_what_it_meant(folder: Path) -> None:
    settings = load(folder, SEED)
    given = yaml.safe_load(SEED)
    prefect = given.pop("prefect")
    dumped = json.loads(settings.model_dump_json())
    assert given
    for section, keys in given.items():
        for key, value in keys.items():
            if key == "generation_config":
                assert dumped[section][key] | value == dumped[section][key]
            else:
                assert dumped[section][key] == value, key
    assert settings.engine == "gemini"
    *of_prefect, of_the_model = settings.warnings
    assert [warning.split()[0] for warning in of_prefect] == [f"prefect.{k}" for k in prefect]
    assert "gemini-2.5-flash" in of_the_model
    assert "Set model.name: gemini-3.5-flash-lite" in of_the_model


@pytest.mark.parametrize("value", ["prefect:", "prefect: [1]"])
def test_odd_prefect_section_gives_one_warning(folder: Path, value: str) -> None:
    assert len(load(folder, value).warnings) == 1


def test_settings_never_change(folder: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(folder).engine = "embedded"


def test_all_problems_come_together(folder: Path) -> None:
    found = problems(
        folder,
        """
        engine: openai
        executon: {}
        max_retries: 2
        paths: {label_source_dir: gone, output_dir: images/out}
        execution: {max_retries: 0, batch_size_limt: 5}
        filters: {target_years: {start: 1900, end: 1800}}
        """,
    )
    assert sorted(found) == sorted(
        [
            'engine: "openai" given, expected "gemini" or "embedded"',
            "executon: unknown key; did you mean execution?",
            "max_retries: unknown key; did you mean execution.max_retries "
            "(a key of the section execution)?",
            "paths.image_source_dir: missing, expected a path: Scans, "
            "{state}/{school}/{year}/{page}.jpg or in another format; a PDF or TIFF may hold "
            "several pages. They are never changed.",
            "execution.max_retries: 0 given, expected a whole number from 1 to 100",
            "execution.batch_size_limt: unknown key; did you mean batch_size_limit?",
            'filters.target_years: {"start": 1900, "end": 1800}: '
            "start 1900 comes after end 1800; swap them",
            f"paths.label_source_dir: there is no folder gone in {folder}",
        ]
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("execution: [1]", "execution: [1] given, expected a mapping (keys with values)"),
        ("execution: 5", "execution: 5 given, expected a mapping (keys with values)"),
        (
            "execution: {max_retries: three}",
            'execution.max_retries: "three" given, expected a whole number from 1 to 100',
        ),
        (
            "execution: {max_retries: null}",
            "execution.max_retries: null given, expected a whole number from 1 to 100",
        ),
        (
            "execution: {max_retries: yes}",
            "execution.max_retries: true given, expected a whole number from 1 to 100",
        ),
        (
            "execution: {max_retries: 2.5}",
            "execution.max_retries: 2.5 given, expected a whole number from 1 to 100",
        ),
        (
            "execution: {dry_run: perhaps}",
            'execution.dry_run: "perhaps" given, expected true or false',
        ),
        (
            "execution: {dry_run: {a: 1}}",
            'execution.dry_run: {"a": 1} given, expected true or false',
        ),
        (
            "batch: {poll_interval_seconds: 0}",
            "batch.poll_interval_seconds: 0 given, expected a number above 0, 3600 at most",
        ),
        (
            "batch: {poll_interval_seconds: .nan}",
            "batch.poll_interval_seconds: NaN given, expected a number above 0, 3600 at most",
        ),
        (
            "batch: {display_name_prefix: Schöne Bücher}",
            'batch.display_name_prefix: "Schöne Bücher": expected up to 60 of A-Z a-z 0-9 . _ - '
            "and spaces, no space in front",
        ),
        ("filters: {target_states: Ohio}", 'filters.target_states: "Ohio" given, expected a list'),
        # YAML reads an unquoted NO as false.
        ("filters: {target_states: [NO]}", "filters.target_states[0]: false given, expected text"),
        (
            "filters: {target_years: [1850, 1860]}",
            "filters.target_years: [1850, 1860] given, expected a mapping (keys with values), or",
        ),
        (
            "filters: {target_years: {start: 1850.5}}",
            "filters.target_years.start: 1850.5 given, expected a whole number from 0 to 9999, or",
        ),
        (
            "model: {generation_config: {temperature: 3}}",
            "model.generation_config.temperature: 3 given, expected a number from 0 to 2, or null",
        ),
        (
            "model: {generation_config: {response_mime_type: text/plain}}",
            'model.generation_config.response_mime_type: "text/plain" given, expected "application',
        ),
        ("model: {name: my model}", 'model.name: "my model": expected a model\'s name such as'),
        ("prompt: {name: ../x}", 'prompt.name: "../x": expected a plain name without folders'),
        (
            "retry: {after: {Truncatd: {}}}",
            "retry.after.Truncatd: unknown name; did you mean Truncated?",
        ),
        (
            "retry: {generation_config: [{temprature: 1}]}",
            "retry.generation_config[0].temprature: unknown key; did you mean temperature?",
        ),
        ("pricing: {as_of: soon}", 'pricing.as_of: "soon" given, expected a date such as 2026-'),
        (
            "pricing: {batch_usd_per_million_tokens: {m: {input: -1, output: 1}}}",
            "pricing.batch_usd_per_million_tokens.m.input: -1 given, expected a number, 0 or more",
        ),
        (
            "pricing: {batch_usd_per_million_tokens: [1]}",
            "pricing.batch_usd_per_million_tokens: [1] given, expected a mapping",
        ),
        (
            "execution.max_retries: 4",
            "execution.max_retries: unknown key; write it without the dot, as execution: "
            "{max_retries: ...}",
        ),
        (
            "qqq: 1",
            "qqq: unknown key; known here: engine, paths, filters, fetch, images, execution",
        ),
        ("7: 1", "7: unknown key; known here: engine, paths"),
    ],
)
def test_each_mistake_is_told_in_plain_words(folder: Path, text: str, told: str) -> None:
    (found,) = problems(folder, text)
    assert found.startswith(told)
    for jargon in ("pydantic", "http", "type=", "input_", "Traceback"):
        assert jargon not in found


@pytest.mark.parametrize("config", [None, [], "text", 5])
def test_no_mapping_at_all(folder: Path, config: object) -> None:
    with pytest.raises(ConfigError, match="no mapping"):
        load_settings(config, folder)


def test_long_values_are_shortened(folder: Path) -> None:
    (found,) = problems(folder, f"execution: {{max_retries: {'x' * 500}}}")
    assert len(found) < 150


def test_empty_sections_and_open_years_are_defaults(folder: Path) -> None:
    settings = load(
        folder, "execution:\nmodel:\nfilters: {target_states: null, target_years: {start: 1850}}"
    )
    assert settings.execution.max_retries == 3
    assert settings.filters.target_states == []
    assert settings.filters.target_years and settings.filters.target_years.end is None


def test_values_as_snakemake_hands_them_on_from_the_command_line(folder: Path) -> None:
    settings = load_settings(
        {
            "engine": "embedded",
            "paths": {"label_source_dir": "labels", "image_source_dir": "images"},
            "execution": {"max_retries": "5", "dry_run": "true"},
            "filters": {"target_years": "null", "target_states": ["Ohio"]},
            "model": {"generation_config": {"temperature": "0.5", "top_k": "~"}},
            "pathvars": {"results": "out"},
        },
        folder,
    )
    assert settings.execution.max_retries == 5
    assert settings.execution.dry_run is True
    assert settings.filters.target_years is None
    assert settings.model.generation_config.temperature == 0.5


def test_the_config_that_was_handed_over_is_not_changed(folder: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(SEED) | {"engine": "embedded", "batch": {}}
    before = json.dumps(config)
    load_settings(config, folder)
    assert json.dumps(config) == before


def test_polling_follows_the_engine(folder: Path) -> None:
    embedded = load(folder, "engine: embedded").batch
    assert (embedded.poll_interval_seconds, embedded.max_poll_attempts) == (0.2, 864_000)
    own = load(folder, "engine: embedded\nbatch: {poll_interval_seconds: 1}").batch
    assert own.poll_interval_seconds == 1
    (found,) = problems(folder, "engine: embedded\nbatch: [1]")
    assert found.startswith("batch: [1] given")


def test_a_deadline_below_a_day_is_a_warning(folder: Path) -> None:
    text = "batch: {poll_interval_seconds: 20, max_poll_attempts: 3600}"
    (warning,) = load(folder, text).warnings
    assert "is 20 hours" in warning


def test_own_prices_go_over_those_of_the_table(folder: Path) -> None:
    pricing = load(
        folder,
        "pricing: {batch_usd_per_million_tokens: {new: {input: 1, output: 2}, "
        "gemini-2.5-pro: {input: 0, output: 0}}}",
    ).pricing
    now = 1_795_000_000.0  # November 2026

    def prices(model: str) -> tuple[float, float] | None:
        found = pricing.of(model, now)
        return found and (found.input, found.output)

    assert prices("new") == (1, 2)
    assert prices("gemini-2.5-pro") == (0, 0)
    assert prices("gemini-2.5-pro-001") == (0, 0)
    assert prices("gemini-2.5-flash") == (0.15, 1.25)
    assert prices("gemini-99-imaginary") is None


def test_model_names_are_the_same_with_and_without_prefix(folder: Path) -> None:
    assert load(folder, "model: {name: models/gemini-2.5-pro}").model.name == "gemini-2.5-pro"


# Paths


def paths_yaml(**paths: str) -> str:
    return json.dumps(
        {"paths": {"label_source_dir": "labels", "image_source_dir": "images"} | paths}
    )


def test_source_that_is_a_file(folder: Path) -> None:
    (folder / "file").touch()
    (found,) = problems(folder, paths_yaml(label_source_dir="file"))
    assert found == "paths.label_source_dir: file is a file, expected a folder"


@pytest.mark.parametrize("output", ["labels", "labels/out", "images/../labels/x", "alias/x"])
def test_output_in_a_source_is_refused(folder: Path, output: str) -> None:
    (folder / "alias").symlink_to("labels")
    (found,) = problems(folder, paths_yaml(output_dir=output))
    assert found.endswith("lies in paths.label_source_dir; choose a folder outside")


def test_output_beside_or_around_a_source_is_fine(folder: Path) -> None:
    load(folder, paths_yaml(output_dir="labels-out"))
    load(folder, paths_yaml(output_dir="."))


def test_output_that_cannot_be_made(folder: Path) -> None:
    (folder / "file").touch()
    (found,) = problems(folder, paths_yaml(books_dir="file/books"))
    assert found == f"paths.books_dir: file/books cannot be made, {folder / 'file'} is a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_output_without_permission(folder: Path) -> None:
    (folder / "locked").mkdir(mode=0o500)
    (found,) = problems(folder, paths_yaml(books_dir="locked/books"))
    assert "no permission in" in found


def test_loading_makes_no_folder(folder: Path) -> None:
    before = sorted(folder.iterdir())
    load(folder)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("path", "why"), [("a{b}", "takes for a wildcard"), ("a\\b", "backslash"), ("a\nb", "U+000A")]
)
def test_paths_that_snakemake_cannot_carry(folder: Path, path: str, why: str) -> None:
    (found,) = problems(folder, paths_yaml(output_dir=path))
    assert why in found


@pytest.mark.parametrize("path", ["", "  "])
def test_empty_path(folder: Path, path: str) -> None:
    (found,) = problems(folder, paths_yaml(output_dir=path))
    assert found.endswith("given, expected a path")


def test_home_in_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    settings = load(folder, paths_yaml(label_source_dir="~/labels"))
    assert settings.paths.label_source_dir == folder / "labels"


def test_home_of_nobody(folder: Path) -> None:
    (found,) = problems(folder, paths_yaml(output_dir="~no-such-user/x"))
    assert found.endswith("there is no such user's home; write the path in full")


# Secrets


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "BRAINTRUST_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("BRAINTRUST_PROJECT_NAME", raising=False)


def gemini_key(folder: Path) -> str | None:
    key = load_secrets(folder).gemini_api_key
    return key.get_secret_value() if key else None


@pytest.mark.usefixtures("no_keys")
def test_no_env_file_means_no_keys(tmp_path: Path) -> None:
    assert load_secrets(tmp_path) == Secrets()


@pytest.mark.usefixtures("no_keys")
def test_environment_wins_over_file_and_our_name_over_the_sdks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "google")
    assert gemini_key(tmp_path) == "google"
    (tmp_path / ".env").write_text("GEMINI_API_KEY='fi$le'\nBRAINTRUST_PROJECT_NAME=my books\n")
    assert gemini_key(tmp_path) == "fi$le"
    monkeypatch.setenv("GEMINI_API_KEY", "environment")
    assert gemini_key(tmp_path) == "environment"
    assert load_secrets(tmp_path).braintrust_project_name == "my books"
    assert "BRAINTRUST_PROJECT_NAME" not in os.environ


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize(
    "value", ["", "your-key", "YOUR_API_KEY_HERE", "<key>", "changeme", "xxxx", "...", "  "]
)
def test_placeholders_are_no_keys(tmp_path: Path, value: str) -> None:
    (tmp_path / ".env").write_text(f"GEMINI_API_KEY={value}\nGOOGLE_API_KEY={value}\n")
    assert gemini_key(tmp_path) is None


@pytest.mark.usefixtures("no_keys")
def test_env_file_of_a_windows_editor(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfGEMINI_API_KEY=abc\r\n")
    assert gemini_key(tmp_path) == "abc"


@pytest.mark.usefixtures("no_keys")
def test_a_key_with_a_space_is_told_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GEMINI_API_KEY='secret value'\n")
    with pytest.raises(ConfigError) as caught:
        load_secrets(tmp_path)
    assert "GEMINI_API_KEY" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("no_keys")
def test_unreadable_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"GEMINI_API_KEY=\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"\.env cannot be read.*lines such as NAME=value"):
        load_secrets(tmp_path)


@pytest.mark.usefixtures("no_keys")
def test_a_folder_named_env_is_no_key_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert load_secrets(tmp_path) == Secrets()


@pytest.mark.usefixtures("no_keys")
def test_secrets_never_show(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GEMINI_API_KEY=abc123\nBRAINTRUST_API_KEY=def456\n")
    secrets = load_secrets(tmp_path)
    shown = f"{secrets!r} {secrets} {secrets.model_dump()} {secrets.model_dump_json()}"
    assert "abc123" not in shown
    assert "def456" not in shown


def test_gemini_needs_a_key_and_embedded_none(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"GEMINI_API_KEY.*\.env"):
        require_key(load(folder), Secrets())
    assert require_key(load(folder, "engine: embedded"), Secrets()) == ""
    assert require_key(load(folder), Secrets.model_validate({"gemini_api_key": "k"})) == "k"


def test_corrections_never_lie_where_page_files_do(folder: Path) -> None:
    paths = {"label_source_dir": "labels", "image_source_dir": "images"}
    paths |= {"output_dir": "pages", "corrections_dir": "./pages"}
    with pytest.raises(ConfigError, match=r"paths\.corrections_dir: pages is paths\.output_dir"):
        load_settings({"engine": "embedded", "paths": paths}, folder)


# The road, and by when


def _loaded(folder: Path, **execution: object) -> Settings:
    (folder / "scans").mkdir(exist_ok=True)
    paths = {"label_source_dir": "scans", "image_source_dir": "scans"}
    return load_settings({"paths": paths, "execution": execution}, folder)


@pytest.mark.parametrize(
    ("given", "hours"),
    [
        (36, 36.0),
        (1.5, 1.5),
        ("36", 36.0),
        (datetime.date(2026, 12, 24), None),
        ("2026-12-24", None),
        ("2026-12-25T00:00", None),
        (datetime.datetime(2026, 12, 25), None),
    ],
)
def test_a_deadline_is_hours_from_the_beginning_or_a_date_whose_end_counts(
    given: object, hours: float | None
) -> None:
    deadline = Execution.model_validate({"deadline": given}).deadline
    assert deadline is not None
    christmas = datetime.datetime(2026, 12, 25).timestamp()
    assert deadline.at(1000.0) == (christmas if hours is None else 1000.0 + hours * 3600)


@pytest.mark.parametrize("given", [0, -1, 9000, "soon", True, [3], "2026-13-01"])
def test_no_other_deadline_is_taken(given: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"execution\.deadline: .*expected hours above 0, 8760"):
        _loaded(tmp_path, transport="auto", max_cost_usd=5, deadline=given)


@pytest.mark.parametrize("transport", ["batch", "flex", "standard"])
def test_a_deadline_without_auto_or_without_a_budget_is_an_error_that_says_what_to_set(
    transport: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        _loaded(tmp_path, transport=transport, deadline=24)
    assert "set execution.transport: auto, or leave it out" in str(refused.value)
    assert "execution.deadline: needs a budget" in str(refused.value)
    with pytest.raises(ConfigError, match="a problem"):
        _loaded(tmp_path, transport=transport, deadline=24, max_cost_usd=1)


@pytest.mark.parametrize("budget", ["max_cost_usd", "max_cost_usd_total"])
def test_auto_with_a_deadline_takes_either_budget(budget: str, tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, transport="auto", deadline=24, **{budget: 5})
    assert loaded.execution.deadline == "24"
    assert _loaded(tmp_path, transport="auto").execution.expected_road == "flex"
    with pytest.raises(ConfigError, match=r"a problem:\n.*deadline: needs a budget"):
        _loaded(tmp_path, transport="auto", deadline=24)


def test_auto_is_refused_for_a_model_that_is_not_read_by_flex(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    paths = {"label_source_dir": "scans", "image_source_dir": "scans"}
    model = {"name": "gemini-4-argon"}
    config = {"paths": paths, "execution": {"transport": "auto"}, "model": model}
    with pytest.raises(ConfigError, match="gemini-4-argon is not read by flex; choose batch"):
        load_settings(config, tmp_path)
